//! The writing side of one end: what a write puts into the ring, and the writes that wait.
//!
//! The rules of writing are here (`docs/semantics.md` §5), with their arithmetic in [`quota`]: a write is placed
//! at once and completes when the quota allows; until then it can be taken back. A write that is larger
//! than the ring has room is placed piece by piece: from a buffer of its own (a pending operation), or
//! by the thread that sleeps in it.

#[cfg(feature = "tokio")]
mod attempt;
mod flush;
mod room;

use std::collections::VecDeque;
use std::sync::Arc;

use dotpipe_ring::{Corrupt, Producer, Revoked, Side, Stream};

use self::flush::Flush;
use self::room::Asked;
use super::link::{Ending, Link};
use super::operation::Outcome;
use super::quota;
use crate::exact::Result;
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// The longest piece that is copied before the reader is told of it, so that both copy at once.
const PIECE: usize = 32 << 10;

/// The writing side of a connected end.
pub(super) struct Outlet {
    pub(super) link: Arc<Link>,
    producer: Producer,
    writes: VecDeque<Write>,
    pipe_type: PipeMode,
    quota: u64,
    /// Data bytes written since the beginning, those of waiting writes included, those taken back not.
    issued: u64,
    /// Where entries that were taken back stand, as far as the reader has not passed them; in the order
    /// of the ring.
    void: Vec<(u64, u64)>,
    /// The flushes that wait.
    flushes: Vec<Flush>,
    ring_len: u64,
    /// What those wait for who wait for room without a write in the queue.
    asked: Asked,
}

/// A write that waits: to be placed, to complete, or both.
struct Write {
    id: u64,
    len: u32,
    /// The number of its last byte among all that were issued.
    end: u64,
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

enum Source {
    /// All of it has been placed, or the thread that sleeps in it holds the data.
    Elsewhere,
    /// The data.
    Owned(Vec<u8>),
}

enum Report {
    /// A pending operation waits for its completion.
    Owned(Arc<Outcome<usize>>),
    /// A thread sleeps in it; `Some`: it has been cancelled.
    Thread(Option<Win32Error>),
    /// It has been reported complete (an empty message, the question of a transaction); it only has
    /// to be placed.
    Done,
}

/// What became of a thread's write.
pub(super) enum Turn {
    /// It is over.
    Over(Result<usize>),
    /// It still waits.
    Wait,
}

/// How a write ended that did not have to wait, or that it has to.
pub(super) enum Attempt {
    /// It is complete: so many bytes.
    Complete(usize),
    /// It must wait.
    MustWait,
}

impl Outlet {
    pub(super) fn new(link: Arc<Link>, side: Side, pipe_type: PipeMode, quota: u32) -> Outlet {
        Outlet {
            producer: Producer::new(link.segment.clone(), side),
            ring_len: link.segment.layout().ring_len(side.writes()) as u64,
            link,
            writes: VecDeque::new(),
            pipe_type,
            quota: quota.into(),
            issued: 0,
            void: Vec::new(),
            flushes: Vec::new(),
            asked: Asked::default(),
        }
    }

    /// The other side broke the rules: nothing more is given to it.
    fn give_up(&self, _corrupt: Corrupt) -> Win32Error {
        self.link.end(Ending::Died);
        self.link.bell.shut();
        Win32Error::NO_DATA
    }

    /// The error of a write that begins when the conversation has ended.
    pub(super) fn refused(ending: Ending) -> Win32Error {
        match ending {
            Ending::Closed | Ending::Died => Win32Error::NO_DATA,
            Ending::Disconnected => Win32Error::PIPE_NOT_CONNECTED,
        }
    }

    /// The error of an operation that waits when it ends.
    fn end_code(ending: Ending) -> Win32Error {
        match ending {
            Ending::Closed | Ending::Died => Win32Error::BROKEN_PIPE,
            Ending::Disconnected => Win32Error::PIPE_NOT_CONNECTED,
        }
    }

    /// Writes what can be written without waiting: the fast path of every write.
    pub(super) fn attempt(&mut self, data: &[u8]) -> Result<Attempt> {
        if data.is_empty() && self.pipe_type == PipeMode::Byte {
            return Ok(Attempt::Complete(0));
        }
        let end = self.issued + data.len() as u64;
        if self.writes.is_empty() || (data.is_empty() && !self.has_unplaced()) {
            if !quota::is_complete(end, self.producer.consumed(), self.quota) && !data.is_empty() {
                self.refresh()?;
                if !quota::is_complete(end, self.producer.consumed(), self.quota) {
                    return Ok(Attempt::MustWait);
                }
            }
            if self.publish(data)? {
                return Ok(Attempt::Complete(data.len()));
            }
        }
        Ok(Attempt::MustWait)
    }

    /// Whether it pays to let the reader get on before a write of `len` bytes, which must wait now, is
    /// placed: a small one is cheaper when it need not wait; of a large one it is better to copy the
    /// beginning at once, while the reader copies what is before it.
    pub(super) fn had_better_wait(&self, len: usize) -> bool {
        let is_small = len > 0 && len as u64 <= self.quota / 8;
        is_small && self.writes.is_empty() && self.issued > self.producer.consumed()
    }

    /// Writes without ever waiting (semantics §4, non-blocking): gives how much was written.
    pub(super) fn write_now(&mut self, data: &[u8]) -> Result<usize> {
        if data.is_empty() && self.pipe_type == PipeMode::Byte {
            return Ok(0);
        }
        self.refresh()?;
        if self.has_unplaced() {
            return Ok(0);
        }
        // A reader may claim to have read what was taken back: `consumed` can lie above `issued`.
        let unread = self.issued.saturating_sub(self.producer.consumed());
        let demand = self.link.other.demand(self.producer.tail());
        let whole = self.pipe_type == PipeMode::Message;
        let len = data.len() as u64;
        let count = quota::takes_at_once(len, unread, self.quota, demand, whole) as usize;
        let nothing = count == 0 && !data.is_empty();
        Ok(if !nothing && self.publish(&data[..count])? {
            count
        } else {
            0
        })
    }

    /// Puts the question of a transaction into the pipe, whatever the quota says. It never waits.
    pub(super) fn ask(&mut self, question: &[u8]) -> Result<()> {
        if self.link.ending().is_some() {
            return Err(Win32Error::BAD_PIPE);
        }
        if self.has_unplaced() || !self.publish(question)? {
            let source = Source::Owned(question.to_vec());
            self.queue(0, question.len(), source, Report::Done)?;
            self.settle();
        }
        Ok(())
    }

    /// Queues a thread's write, which had to wait.
    pub(super) fn queue_thread(&mut self, id: u64, len: usize) -> Result<()> {
        self.queue(id, len, Source::Elsewhere, Report::Thread(None))
    }

    /// Queues a pending write, which had to wait.
    pub(super) fn queue_owned(&mut self, id: u64, data: Vec<u8>) -> Result<Arc<Outcome<usize>>> {
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
    pub(super) fn queue_empty(&mut self) -> Result<()> {
        self.queue(0, 0, Source::Owned(Vec::new()), Report::Done)
    }

    fn queue(&mut self, id: u64, len: usize, source: Source, report: Report) -> Result<()> {
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

    fn refresh(&mut self) -> Result<()> {
        self.producer
            .refresh()
            .map_err(|corrupt| self.give_up(corrupt))?;
        if !self.void.is_empty() {
            let head = self.producer.head();
            self.void.retain(|(_, end)| *end > head);
        }
        Ok(())
    }

    /// Publishes a complete entry. False when the ring has no room for it.
    fn publish(&mut self, data: &[u8]) -> Result<bool> {
        match self.producer.publish(data) {
            Ok(Some(ring)) => {
                self.issued += data.len() as u64;
                self.link.asked();
                self.link.ring_if(ring);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(corrupt) => Err(self.give_up(corrupt)),
        }
    }

    /// Whether writes stand in the queue that are not placed whole.
    fn has_unplaced(&self) -> bool {
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
    pub(super) fn settle(&mut self) -> bool {
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
    fn arm(&mut self) {
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
    pub(super) fn turn(&mut self, id: u64, data: &[u8]) -> Turn {
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
    pub(super) fn withdraw(&mut self, id: u64, code: Win32Error) -> Result<usize> {
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

    /// Notes what an entry that was taken back has left in the ring, which may have been rolled back.
    fn note_void(&mut self, (start, end): (u64, u64)) {
        let tail = self.producer.tail();
        let place = self.void.partition_point(|(other, _)| *other < start);
        self.void.insert(place, (start, end.min(tail)));
        // What comes to stand behind the tail was written after the flushes began.
        for flush in &mut self.flushes {
            flush.target = flush.target.min(tail);
        }
    }

    /// Cancels one write. `None` when it is not here; otherwise whether a thread must be woken.
    pub(super) fn cancel(&mut self, id: u64) -> Option<bool> {
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
    pub(super) fn waiting(&self) -> Vec<u64> {
        let cancellable = |write: &&Write| !matches!(write.report, Report::Done);
        let writes = self.writes.iter().filter(cancellable).map(|write| write.id);
        writes
            .chain(self.flushes.iter().map(|flush| flush.id))
            .collect()
    }

    /// Whether writes wait that nobody but the reactor drives.
    pub(super) fn needs_driving(&self) -> bool {
        self.writes
            .iter()
            .any(|write| !matches!(write.report, Report::Thread(_)))
    }

    /// Where the reader's progress can be watched without the lock.
    pub(super) fn watch(&self) -> dotpipe_ring::ProgressWatch {
        self.producer.watch()
    }

    /// Ends all pending writes; threads find out for themselves.
    pub(super) fn fail_pending(&mut self, code: Win32Error) {
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
    fn is_placed(&self) -> bool {
        matches!(&self.place, Place::Entry(stream) if stream.is_placed())
    }
}
