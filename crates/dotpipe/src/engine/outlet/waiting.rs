//! The writes that wait: in the order in which they came, until they are placed and the quota lets them
//! complete, or until they are taken back.

use std::sync::Arc;

use dotpipe_ring::{Revoked, Stream};

use super::{Outlet, quota};
use crate::engine::operation::Outcome;
use crate::exact::Result;
use crate::win32::Win32Error;

/// The longest piece that is copied before the reader is told of it, so that both copy at once.
const PIECE: usize = 32 << 10;

/// A write that waits: to be placed, to complete, or both.
pub(super) struct Write {
    id: u64,
    len: u32,
    /// The number of its last byte among all that were issued.
    pub(super) end: u64,
    place: Place,
    source: Source,
    report: Report,
}

enum Place {
    /// Its entry is not in the ring.
    Outside,
    /// Its entry has been begun.
    Entry(Stream),
}

pub(super) enum Source {
    /// All of it has been placed, or the thread that sleeps in it holds the data.
    Elsewhere,
    /// The data.
    Owned(Vec<u8>),
}

pub(super) enum Report {
    /// A pending operation waits for its completion.
    Owned(Arc<Outcome<usize>>),
    /// A thread sleeps in it; `Some`: it has been cancelled.
    Thread(Option<Win32Error>),
    /// It has been reported complete (an empty message, the question of a transaction); it only has
    /// to be placed.
    Done,
}

/// What became of a thread's write.
pub(in crate::engine) enum Turn {
    /// It is over.
    Over(Result<usize>),
    /// It still waits.
    Wait,
}

impl Outlet {
    /// Queues a thread's write, which had to wait.
    pub(in crate::engine) fn queue_thread(&mut self, id: u64, len: usize) -> Result<()> {
        self.queue(id, len, Source::Elsewhere, Report::Thread(None))
    }

    /// Queues a pending write, which had to wait.
    pub(in crate::engine) fn queue_owned(
        &mut self,
        id: u64,
        data: Vec<u8>,
    ) -> Result<Arc<Outcome<usize>>> {
        let outcome = Outcome::new();
        if data.is_empty() {
            outcome.complete(Ok(0));
            self.queue(id, 0, Source::Owned(data), Report::Done)?;
        } else {
            let len = data.len();
            self.queue(id, len, Source::Owned(data), Report::Owned(outcome.clone()))?;
        }
        Ok(outcome)
    }

    /// Queues an empty message behind writes that are not placed yet. It is complete all the same.
    pub(in crate::engine) fn queue_empty(&mut self) -> Result<()> {
        self.queue(0, 0, Source::Owned(Vec::new()), Report::Done)
    }

    pub(super) fn queue(
        &mut self,
        id: u64,
        len: usize,
        source: Source,
        report: Report,
    ) -> Result<()> {
        let len = u32::try_from(len).map_err(|_| Win32Error::INVALID_PARAMETER)?;
        self.issued += u64::from(len);
        let end = self.issued;
        self.writes.push_back(Write {
            id,
            len,
            end,
            place: Place::Outside,
            source,
            report,
        });
        self.announce();
        Ok(())
    }

    /// Whether writes stand in the queue that are not placed whole.
    pub(super) fn has_unplaced(&self) -> bool {
        self.writes.iter().any(|write| !write.is_placed())
    }

    /// Tells the reader how much is written that it cannot see in the ring.
    fn announce(&mut self) {
        let outside = |write: &&Write| matches!(write.place, Place::Outside);
        let bytes = self
            .writes
            .iter()
            .filter(outside)
            .map(|write| u64::from(write.len))
            .sum();
        self.producer.set_unplaced(bytes);
    }

    /// Places as much as there is room for of the write at `place` in the queue, from `data`: all of
    /// it. True when that was the last of it.
    fn feed(&mut self, place: usize, data: &[u8]) -> Result<bool> {
        let write = &mut self.writes[place];
        if let Place::Outside = write.place {
            if write.len == 0 {
                if !self.publish(&[])? {
                    return Ok(false);
                }
                self.writes.remove(place);
                return Ok(true);
            }
            match self.producer.begin(write.len) {
                Ok(Some(stream)) => write.place = Place::Entry(stream),
                Ok(None) => return Ok(false),
                Err(corrupt) => return Err(self.give_up(corrupt)),
            }
            self.announce();
        }
        loop {
            let write = &mut self.writes[place];
            let Place::Entry(stream) = &mut write.place else {
                return Ok(true);
            };
            let rest = &data[stream.placed()..];
            if rest.is_empty() {
                return Ok(true);
            }
            match self.producer.feed(stream, rest, PIECE) {
                Ok((0, _)) => return Ok(false),
                Ok((_, ring)) => self.link.ring_if(ring),
                Err(corrupt) => return Err(self.give_up(corrupt)),
            }
        }
    }

    /// Places and completes what can be placed and completed without a thread's help, and arms the
    /// bell for the rest. True when a thread's write could go on.
    pub(in crate::engine) fn settle(&mut self) -> bool {
        if self.writes.is_empty() && self.flushes.is_empty() {
            if self.asked.is_nothing() {
                self.link.own.want_progress(0, 0);
            }
            return false;
        }
        // The second round, after arming, sees what came in between.
        let first = self.settle_once();
        self.arm();
        let second = self.settle_once();
        first.unwrap_or(true) || second.unwrap_or(true)
    }

    fn settle_once(&mut self) -> Result<bool> {
        // First whether the other side has gone, then how far it came: what it read counts.
        let ending = self.link.ending();
        self.refresh()?;
        let mut thread_can_go_on = !self.flushes.is_empty();
        let mut place = 0;
        let mut all_placed = true;
        while place < self.writes.len() {
            // Nothing more is placed once nobody reads it: a write that was half placed may be gone
            // already, and the next one must not begin in the middle of it.
            if ending.is_none() && all_placed && !self.writes[place].is_placed() {
                match std::mem::replace(&mut self.writes[place].source, Source::Elsewhere) {
                    Source::Elsewhere => {
                        all_placed = false;
                        thread_can_go_on = true;
                    }
                    Source::Owned(data) => {
                        let before = self.writes.len();
                        all_placed = self.feed(place, &data)?;
                        if self.writes.len() < before {
                            continue; // an empty message, placed and gone
                        }
                        if !all_placed {
                            self.writes[place].source = Source::Owned(data);
                        }
                    }
                }
            }
            let write = &self.writes[place];
            let complete = write.is_placed()
                && quota::is_complete(write.end, self.producer.consumed(), self.quota);
            match &write.report {
                Report::Done if write.is_placed() => {
                    self.writes.remove(place);
                }
                Report::Owned(outcome) if complete => {
                    outcome.complete(Ok(write.len as usize));
                    self.writes.remove(place);
                }
                report => {
                    thread_can_go_on |= complete && matches!(report, Report::Thread(_));
                    place += 1;
                }
            }
        }
        if let Some(ending) = ending {
            self.fail_pending(Self::end_code(ending));
            return Ok(true);
        }
        Ok(thread_can_go_on)
    }

    /// Asks to be rung when the reader has come far enough for the first of those who wait.
    pub(super) fn arm(&mut self) {
        let head = self.producer.head();
        let mut by_count = 0;
        let mut by_place = u64::MAX;
        if let Some(first) = self.writes.iter().find(|write| write.is_placed()) {
            by_count = first.end.saturating_sub(self.quota);
        }
        if self.has_unplaced() {
            // A quarter of the ring at a time, not every byte that becomes free.
            by_place = head + self.ring_len / 4;
            by_place = by_place.min(self.producer.tail().max(head + 1));
        }
        for flush in &self.flushes {
            by_place = by_place.min(self.live_end(flush.target).max(head + 1));
        }
        let by_place = if by_place == u64::MAX { 0 } else { by_place };
        let (by_count, by_place) = self.with_asked(by_count, by_place);
        self.link.own.want_progress(by_count, by_place);
    }

    /// The turn of a thread whose write `id` of `data` is in the queue.
    pub(in crate::engine) fn turn(&mut self, id: u64, data: &[u8]) -> Turn {
        let Some(place) = self.writes.iter().position(|write| write.id == id) else {
            // Only its own thread removes it.
            return Turn::Over(Err(Win32Error::OPERATION_ABORTED));
        };
        if let Report::Thread(Some(code)) = self.writes[place].report {
            return Turn::Over(self.withdraw(id, code));
        }
        let ending = self.link.ending();
        let gone_on = match ending {
            None => self.go_on(place, data),
            // What was read before the end counts, but nothing more is placed.
            Some(_) => self.is_complete(place),
        };
        let result = match (gone_on, ending) {
            (Ok(true), _) => Ok(data.len()),
            (Ok(false), None) => return Turn::Wait,
            (Ok(false), Some(ending)) => Err(Self::end_code(ending)),
            (Err(_), _) => Err(Win32Error::BROKEN_PIPE),
        };
        self.writes.remove(place);
        Turn::Over(result)
    }

    /// Brings a thread's write forward; true when it is complete.
    fn go_on(&mut self, place: usize, data: &[u8]) -> Result<bool> {
        self.refresh()?;
        let first_outside = self.writes.iter().position(|write| !write.is_placed());
        if first_outside == Some(place) && !self.feed(place, data)? {
            return Ok(false);
        }
        self.is_complete(place)
    }

    /// Whether the write at `place` in the queue is complete by now.
    fn is_complete(&mut self, place: usize) -> Result<bool> {
        self.refresh()?;
        let write = &self.writes[place];
        let consumed = self.producer.consumed();
        Ok(write.is_placed() && quota::is_complete(write.end, consumed, self.quota))
    }

    /// Takes a waiting write back: what has not been read of it goes. Gives its result: `code`, or
    /// success when all of it had been read.
    pub(in crate::engine) fn withdraw(&mut self, id: u64, code: Win32Error) -> Result<usize> {
        let Some(place) = self.writes.iter().position(|write| write.id == id) else {
            return Err(code);
        };
        let Some(write) = self.writes.remove(place) else {
            return Err(code);
        };
        let unread = match write.place {
            Place::Outside => write.len,
            Place::Entry(stream) => {
                let span = stream.span();
                match self.producer.revoke(stream) {
                    Ok(Revoked::Unread(unread)) => {
                        self.note_void(span);
                        unread
                    }
                    Ok(Revoked::TooLate) => return Ok(write.len as usize),
                    Err(corrupt) => {
                        self.give_up(corrupt);
                        return Err(code);
                    }
                }
            }
        };
        self.issued -= u64::from(unread);
        for later in self.writes.iter_mut().skip(place) {
            later.end -= u64::from(unread);
        }
        self.announce();
        // A reader may be waiting for the rest of it.
        self.link.ring_if(self.producer.is_awaited());
        Err(code)
    }

    /// Cancels one write. `None` when it is not here; otherwise whether a thread must be woken.
    pub(in crate::engine) fn cancel(&mut self, id: u64) -> Option<bool> {
        if let Some(flush) = self.flushes.iter_mut().find(|flush| flush.id == id) {
            flush.cancelled = true;
            return Some(true);
        }
        let place = self.writes.iter().position(|write| write.id == id)?;
        match &mut self.writes[place].report {
            Report::Thread(cancelled) => {
                *cancelled = Some(Win32Error::OPERATION_ABORTED);
                Some(true)
            }
            Report::Owned(outcome) => {
                let outcome = outcome.clone();
                let result = self.withdraw(id, Win32Error::OPERATION_ABORTED);
                outcome.complete(result);
                Some(self.settle())
            }
            Report::Done => None,
        }
    }

    /// The numbers of all writes and flushes that can be cancelled.
    pub(in crate::engine) fn waiting(&self) -> Vec<u64> {
        let cancellable = |write: &&Write| !matches!(write.report, Report::Done);
        let writes = self.writes.iter().filter(cancellable).map(|write| write.id);
        writes
            .chain(self.flushes.iter().map(|flush| flush.id))
            .collect()
    }

    /// Whether writes wait that nobody but the reactor drives.
    pub(in crate::engine) fn needs_driving(&self) -> bool {
        self.writes
            .iter()
            .any(|write| !matches!(write.report, Report::Thread(_)))
    }

    /// Ends all pending writes; threads find out for themselves.
    pub(in crate::engine) fn fail_pending(&mut self, code: Win32Error) {
        self.writes.retain(|write| match &write.report {
            Report::Owned(outcome) => {
                outcome.complete(Err(code));
                false
            }
            Report::Thread(_) => true,
            Report::Done => false,
        });
    }
}

impl Write {
    pub(super) fn is_placed(&self) -> bool {
        matches!(&self.place, Place::Entry(stream) if stream.is_placed())
    }
}
