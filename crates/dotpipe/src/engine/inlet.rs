//! The reading side of one end: what a read takes from the ring, and the reads that wait.
//!
//! The rules of reading are here (`docs/semantics.md` §4): bytes and messages, `ERROR_MORE_DATA`, empty messages,
//! reads served in the order in which they came. A read that waits stands in the queue: either with a
//! buffer of its own (a pending operation; whoever comes by fills it), or for a thread that sleeps (and
//! copies for itself once it stands in front).

mod sink;

use std::collections::VecDeque;
use std::sync::Arc;

pub(super) use sink::{Sink, SliceSink, VecSink};

use dotpipe_ring::{Consumer, Corrupt, Side};

use super::link::{Ending, Link};
use super::operation::Outcome;
use crate::exact::{Peeked, ReceivedData, Result};
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// How often a writer may take an entry back under a reader's hands before it is taken for hostile.
const MOST_REVOCATIONS: u32 = 1_000;

/// The reading side of a connected end.
pub(super) struct Inlet {
    pub(super) link: Arc<Link>,
    consumer: Consumer,
    reads: VecDeque<Read>,
    pipe_type: PipeMode,
    /// The quota of the other end's writes: what tells a completed write from one that died waiting.
    quota: u64,
    /// The other's incomplete writes have been voided after its death.
    abandoned: bool,
    /// Somebody waits with `poll` for data, and so the bell stays armed without a read that waits.
    polled: bool,
}

/// A read that waits.
struct Read {
    id: u64,
    asked: usize,
    kind: Kind,
}

enum Kind {
    /// A pending operation.
    Owned {
        data: Vec<u8>,
        outcome: Arc<Outcome<ReceivedData>>,
    },
    /// A thread that sleeps; it holds its own buffer. `Some`: it has been cancelled.
    Thread { cancelled: Option<Win32Error> },
}

/// How far a read has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// It is over; `more` as in `ERROR_MORE_DATA`.
    Done { more: bool },
    /// It has begun to take a large write, the rest of which is still to come.
    Begun,
    /// There is nothing for it.
    Nothing,
}

/// What became of a thread's read.
pub(super) enum Turn {
    /// It is over.
    Over(Result<bool>),
    /// It still waits.
    Wait,
}

impl Inlet {
    pub(super) fn new(link: Arc<Link>, side: Side, pipe_type: PipeMode, quota: u32) -> Inlet {
        Inlet {
            consumer: Consumer::new(link.segment.clone(), side),
            link,
            reads: VecDeque::new(),
            pipe_type,
            quota: quota.into(),
            abandoned: false,
            polled: false,
        }
    }

    /// Whether reads wait, which come before any new one.
    pub(super) fn has_waiting(&self) -> bool {
        !self.reads.is_empty()
    }

    /// Where the next data will appear, for a look without the lock.
    pub(super) fn watch(&self) -> dotpipe_ring::Watch {
        self.consumer.watch()
    }

    /// How the conversation ended. Once it has by death, voids what the dead had not completed.
    fn ending(&mut self) -> Option<Ending> {
        let ending = self.link.ending()?;
        if self.abandoned || ending == Ending::Disconnected {
            return Some(ending);
        }
        self.abandoned = true;
        // An end that closed took its waiting writes back itself; only what it had not even placed
        // whole (a question that nobody read) can be left.
        let quota = if ending == Ending::Died {
            self.quota
        } else {
            u64::MAX
        };
        match self.consumer.abandon(quota) {
            Ok(()) => Some(ending),
            Err(corrupt) => Some(self.give_up(corrupt)),
        }
    }

    /// The other side broke the rules: nothing more is taken from it.
    fn give_up(&self, _corrupt: Corrupt) -> Ending {
        let ending = self.link.end(Ending::Disconnected);
        self.link.bell.shut();
        ending
    }

    /// The error of a read when the conversation has ended and nothing is left to read.
    fn end_code(ending: Ending) -> Win32Error {
        match ending {
            Ending::Closed | Ending::Died => Win32Error::BROKEN_PIPE,
            Ending::Disconnected => Win32Error::PIPE_NOT_CONNECTED,
        }
    }

    /// Takes what there is for a read: the one place where reading happens. An error is the end of the
    /// conversation.
    pub(super) fn fill(&mut self, sink: &mut impl Sink, mode: PipeMode) -> Result<Fill> {
        // First whether the other side has gone, then what is there: so nothing it wrote is missed.
        let ending = self.ending();
        if ending == Some(Ending::Disconnected) {
            return Err(Win32Error::PIPE_NOT_CONNECTED);
        }
        let fill = match mode {
            PipeMode::Byte => self.fill_bytes(sink, ending.is_some()),
            PipeMode::Message => self.fill_message(sink),
        };
        self.release();
        match (fill, ending) {
            (Err(corrupt), _) => Err(Self::end_code(self.give_up(corrupt))),
            (Ok(Fill::Nothing | Fill::Begun), Some(ending)) => Err(Self::end_code(ending)),
            (Ok(fill), _) => Ok(fill),
        }
    }

    fn fill_message(&mut self, sink: &mut impl Sink) -> std::result::Result<Fill, Corrupt> {
        if sink.len() == 0 && self.take_whole(sink, 0)?.is_some() {
            return Ok(Fill::Done { more: false });
        }
        for _ in 0..MOST_REVOCATIONS {
            let Some(front) = self.consumer.look()? else {
                // What had been taken of a message that was then taken back is no message.
                sink.clear();
                return Ok(Fill::Nothing);
            };
            if front.fresh {
                sink.clear();
            }
            let count = sink.left().min(front.here as usize);
            let taken = self.consumer.take(sink.slot(count))?;
            if taken.revoked {
                continue;
            }
            sink.keep(taken.len);
            return Ok(if taken.finished {
                Fill::Done { more: false }
            } else if sink.left() == 0 {
                Fill::Done { more: true }
            } else {
                Fill::Begun
            });
        }
        Err(Corrupt("writes are taken back without end"))
    }

    /// Takes the first entry if it is here whole, has at least `shortest` bytes and fits: what
    /// most reads find. Gives its length.
    fn take_whole(
        &mut self,
        sink: &mut impl Sink,
        shortest: usize,
    ) -> std::result::Result<Option<usize>, Corrupt> {
        let fitting = shortest..=sink.left();
        let mut count = 0;
        let taken = self.consumer.take_whole(|len| {
            count = len;
            fitting.contains(&len).then(|| sink.slot(len))
        })?;
        if !taken {
            return Ok(None);
        }
        sink.keep(count);
        Ok(Some(count))
    }

    fn fill_bytes(
        &mut self,
        sink: &mut impl Sink,
        ended: bool,
    ) -> std::result::Result<Fill, Corrupt> {
        const DONE: Fill = Fill::Done { more: false };
        let mut revocations = 0;
        // Bytes known to stand behind the front. Counting them is a walk through all entries, so it is
        // not done anew for each of many empty messages.
        let mut behind = 0u64;
        loop {
            let announced = self.consumer.unplaced();
            if let Some(count) = self.take_whole(sink, 1)? {
                behind = behind.saturating_sub(count as u64);
                if sink.left() == 0 {
                    return Ok(DONE);
                }
                continue;
            }
            let Some(front) = self.consumer.look()? else {
                return Ok(match sink.len() {
                    0 => Fill::Nothing,
                    _ if announced > 0 && sink.left() > 0 && !ended => Fill::Begun,
                    _ => DONE,
                });
            };
            if front.remaining == 0 {
                // An empty message: in front of data it is passed over, behind data it is left, and
                // alone it is what the read gets.
                if behind == 0 {
                    behind = self.consumer.available()?;
                }
                let alone = behind == 0;
                if alone && sink.len() > 0 {
                    return Ok(DONE);
                }
                self.consumer.take(&mut [])?;
                if alone || sink.left() == 0 {
                    return Ok(DONE);
                }
                continue;
            }
            if sink.left() == 0 {
                return Ok(DONE);
            }
            let count = sink.left().min(front.here as usize);
            let taken = self.consumer.take(sink.slot(count))?;
            sink.keep(taken.len);
            behind = behind.saturating_sub(taken.len as u64);
            if taken.revoked {
                behind = 0;
                revocations += 1;
                if revocations > MOST_REVOCATIONS {
                    return Err(Corrupt("writes are taken back without end"));
                }
            } else if sink.left() == 0 {
                return Ok(DONE);
            } else if !taken.finished {
                return Ok(Fill::Begun);
            }
        }
    }

    /// Copies what could be read (`docs/semantics.md` §7): from the first message, or as far as it goes.
    pub(super) fn peek(&mut self, buffer: &mut [u8]) -> Result<Peeked> {
        let ending = self.ending();
        if ending == Some(Ending::Disconnected) {
            return Err(Win32Error::PIPE_NOT_CONNECTED);
        }
        let by_message = self.pipe_type == PipeMode::Message;
        let seen = self.consumer.look().and_then(|front| {
            let (len, first) = self.consumer.peek(buffer, by_message)?;
            Ok((front.is_some(), len, first, self.consumer.available()?))
        });
        self.release();
        match seen {
            Err(corrupt) => Err(Self::end_code(self.give_up(corrupt))),
            Ok((false, ..)) if ending.is_some() => Err(Win32Error::BROKEN_PIPE),
            Ok((_, len, first, available)) => Ok(Peeked {
                len,
                available: available.try_into().unwrap_or(u32::MAX),
                left_in_message: if by_message {
                    first.saturating_sub(len as u32)
                } else {
                    0u32.wrapping_sub(len as u32)
                },
            }),
        }
    }

    /// Whether there is anything to read: an empty or half-read message counts.
    pub(super) fn has_unread(&mut self) -> bool {
        let front = self.consumer.look();
        self.release();
        matches!(front, Ok(Some(_)) | Err(_)) || self.consumer.unplaced() > 0
    }

    /// Puts a thread's read into the queue.
    pub(super) fn queue_thread(&mut self, id: u64, asked: usize) {
        self.reads.push_back(Read {
            id,
            asked,
            kind: Kind::Thread { cancelled: None },
        });
    }

    /// Puts a pending read into the queue.
    pub(super) fn queue_owned(&mut self, id: u64, asked: usize) -> Arc<Outcome<ReceivedData>> {
        let outcome = Outcome::new();
        let kind = Kind::Owned {
            data: Vec::new(),
            outcome: outcome.clone(),
        };
        self.reads.push_back(Read { id, asked, kind });
        outcome
    }

    /// Serves the pending reads that can be served, and arms the bell for the rest. True when a
    /// thread's read stands in front and could go on.
    pub(super) fn settle(&mut self, mode: PipeMode) -> bool {
        loop {
            // A read leaves the queue while it is served: it borrows nothing of the queue then.
            while let Some(mut read) = self.reads.pop_front() {
                let Kind::Owned { data, outcome } = &mut read.kind else {
                    self.reads.push_front(read);
                    break;
                };
                match self.fill(&mut VecSink::new(data, read.asked), mode) {
                    Ok(Fill::Done { more }) => {
                        let data = std::mem::take(data);
                        outcome.complete(Ok(ReceivedData { data, more }));
                    }
                    Err(code) => outcome.complete(Err(code)),
                    Ok(Fill::Begun | Fill::Nothing) => {
                        self.reads.push_front(read);
                        break;
                    }
                }
            }
            if self.reads.is_empty() {
                if !self.polled {
                    self.link.own.want_no_data();
                }
                self.link.own.set_demand(0, 0);
                return false;
            }
            let thread_in_front = matches!(
                self.reads.front(),
                Some(Read {
                    kind: Kind::Thread { .. },
                    ..
                })
            );
            if thread_in_front && (self.can_go_on() || self.link.ending().is_some()) {
                return true;
            }
            self.arm();
            // Between the look and the arming something may have come.
            if !self.can_go_on() && self.link.ending().is_none() {
                return false;
            }
        }
    }

    /// Whether a fill would find something new.
    fn can_go_on(&mut self) -> bool {
        let front = self.consumer.look();
        self.release();
        match front {
            Ok(Some(front)) => front.here > 0 || front.remaining == 0,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Tells the writer how far this end has come. After every look as well: a look passes over what was
    /// taken back, and a writer may be waiting for that room while a reader waits for its data.
    fn release(&mut self) {
        self.link.ring_if(self.consumer.release());
    }

    /// Asks to be rung for data, and says for how much is waited.
    fn arm(&self) {
        let demand = self
            .reads
            .iter()
            .fold(0u64, |sum, read| sum.saturating_add(read.asked as u64));
        self.link.own.set_demand(self.consumer.head(), demand);
        self.link.own.want_data();
    }

    /// The turn of a thread whose read `id` is in the queue.
    pub(super) fn turn(&mut self, id: u64, sink: &mut impl Sink, mode: PipeMode) -> Turn {
        let Some(place) = self.reads.iter().position(|read| read.id == id) else {
            // Only its own thread removes it, or a cancel that failed it.
            return Turn::Over(Err(Win32Error::OPERATION_ABORTED));
        };
        if let Kind::Thread {
            cancelled: Some(code),
        } = self.reads[place].kind
        {
            self.reads.remove(place);
            return Turn::Over(Self::cut_short(sink, mode, code));
        }
        if place > 0 {
            return Turn::Wait;
        }
        match self.fill(sink, mode) {
            Ok(Fill::Done { more }) => {
                self.reads.pop_front();
                Turn::Over(Ok(more))
            }
            Err(code) => {
                self.reads.pop_front();
                Turn::Over(Err(code))
            }
            Ok(Fill::Begun | Fill::Nothing) => Turn::Wait,
        }
    }

    /// The result of a read that ends early: what it has taken already cannot go back, so it is as if
    /// the buffer had been smaller.
    fn cut_short(sink: &impl Sink, mode: PipeMode, code: Win32Error) -> Result<bool> {
        if sink.len() > 0 {
            Ok(mode == PipeMode::Message)
        } else {
            Err(code)
        }
    }

    /// A thread gives its read up.
    pub(super) fn withdraw(
        &mut self,
        id: u64,
        sink: &impl Sink,
        mode: PipeMode,
        code: Win32Error,
    ) -> Result<bool> {
        self.reads.retain(|read| read.id != id);
        Self::cut_short(sink, mode, code)
    }

    /// Cancels one read. `None` when it is not here; otherwise whether a thread must be woken.
    pub(super) fn cancel(&mut self, id: u64, mode: PipeMode) -> Option<bool> {
        let place = self.reads.iter().position(|read| read.id == id)?;
        match &mut self.reads[place].kind {
            Kind::Thread { cancelled } => {
                *cancelled = Some(Win32Error::OPERATION_ABORTED);
                Some(true)
            }
            Kind::Owned { data, outcome } => {
                outcome.complete(if data.is_empty() {
                    Err(Win32Error::OPERATION_ABORTED)
                } else {
                    let data = std::mem::take(data);
                    Ok(ReceivedData {
                        data,
                        more: mode == PipeMode::Message,
                    })
                });
                self.reads.remove(place);
                Some(false)
            }
        }
    }

    /// The numbers of all reads that wait.
    pub(super) fn waiting(&self) -> Vec<u64> {
        self.reads.iter().map(|read| read.id).collect()
    }

    /// Whether reads wait that nobody but the reactor drives.
    pub(super) fn needs_driving(&self) -> bool {
        self.reads
            .iter()
            .any(|read| matches!(read.kind, Kind::Owned { .. }))
    }

    /// Whether the read `id` is the next to be served.
    pub(super) fn is_first(&self, id: u64) -> bool {
        self.reads.front().is_some_and(|read| read.id == id)
    }

    /// Whether a read would not wait; if it would, asks to be rung.
    pub(super) fn is_readable_or_arm(&mut self) -> bool {
        let ready = |inlet: &mut Inlet| inlet.can_go_on() || inlet.link.ending().is_some();
        self.polled = false;
        if ready(self) {
            return true;
        }
        self.polled = true;
        self.arm();
        ready(self)
    }

    /// Ends all pending reads; threads find out for themselves.
    pub(super) fn fail_all(&mut self, code: Win32Error) {
        for read in self.reads.drain(..) {
            if let Kind::Owned { outcome, .. } = read.kind {
                outcome.complete(Err(code));
            }
        }
    }
}
