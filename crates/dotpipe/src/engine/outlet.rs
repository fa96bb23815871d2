//! The writing side of one end: what a write puts into the ring.
//!
//! The rules of writing are here (`docs/semantics.md` §5), with their arithmetic in [`quota`]: a write is placed
//! at once and completes when the quota allows; until then it can be taken back. A write that is larger
//! than the ring has room waits in the queue (`waiting.rs`) and is placed piece by piece: from a buffer of its own
//! (a pending operation), or by the thread that sleeps in it.

#[cfg(feature = "tokio")]
mod attempt;
mod flush;
mod room;
mod waiting;

pub(super) use self::waiting::Turn;

use std::collections::VecDeque;
use std::sync::Arc;

use dotpipe_ring::{Corrupt, Producer, Side};

use self::flush::Flush;
use self::room::Asked;
use self::waiting::{Report, Source, Write};
use super::link::{Ending, Link};
use super::quota;
use crate::exact::Result;
use crate::options::PipeMode;
use crate::win32::Win32Error;

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

    /// Where the reader's progress can be watched without the lock.
    pub(super) fn watch(&self) -> dotpipe_ring::ProgressWatch {
        self.producer.watch()
    }
}
