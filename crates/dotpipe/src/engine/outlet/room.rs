//! Room to write, for those who wait for it without a write in the queue: whoever polls, and tasks.

use super::{Outlet, quota};
use crate::exact::Result;
use crate::options::PipeMode;

/// For which progress of the reader such a waiter waits; 0 for none. The nearest, when there are several:
/// all of them look then, and ask anew.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// Bytes read.
    count: u64,
    /// Position reached.
    place: u64,
}

impl Asked {
    pub(super) fn is_nothing(self) -> bool {
        (self.count, self.place) == (0, 0)
    }
}

impl Outlet {
    /// Whether no write waits, once those are through that can be. Others may wait for that as well.
    pub(super) fn queue_is_empty(&mut self) -> bool {
        if self.writes.is_empty() {
            return true;
        }
        self.settle();
        let empty = self.writes.is_empty();
        if empty {
            self.link.bell.wake_all();
        }
        empty
    }

    /// Whether a write of `len` bytes, at most the quota, would not wait. Of a write larger than the quota:
    /// whether it could begin.
    pub(super) fn has_room(&mut self, len: u64) -> Result<bool> {
        self.refresh()?;
        Ok(self.writes.is_empty() && self.fits_quota(len) && self.producer.fits(len))
    }

    fn fits_quota(&self, len: u64) -> bool {
        let quota = self.quota.max(1);
        quota::is_complete(
            self.issued + len.min(quota),
            self.producer.consumed(),
            quota,
        )
    }

    /// Whether a write of `len` bytes would not wait; if it would, asks to be rung when it may be so.
    ///
    /// Behind writes in the queue nothing is asked for: whoever brings those forward wakes everybody.
    ///
    /// Of a longer write of bytes it is rung when half of the quota is free: it is not complete before all
    /// of it fits, and to be woken for every byte would be slow.
    pub(in crate::engine) fn is_writable_or_arm(&mut self, len: u64) -> Result<bool> {
        let len = match self.pipe_type {
            PipeMode::Byte => len.min((self.quota / 2).max(1)),
            PipeMode::Message => len,
        };
        if self.link.ending().is_some() || self.has_room(len)? {
            return Ok(true);
        }
        if !self.queue_is_empty() {
            return Ok(false);
        }
        if self.has_room(len)? {
            return Ok(true);
        }
        let quota = self.quota.max(1);
        let (consumed, head) = (self.producer.consumed(), self.producer.head());
        let count = match self.fits_quota(len) {
            true => 0,
            // That the unread bytes, and then its own, are no more than the quota.
            false => (self.issued + len.min(quota))
                .saturating_sub(quota)
                .max(consumed + 1),
        };
        let place = match self.producer.fits(len) {
            true => 0,
            // Of what the reader gives back, how much is enough depends on the entries.
            false => head + 1,
        };
        let nearer = |one: u64, other: u64, reached: u64| match (one > reached, other > reached) {
            (true, true) => one.min(other),
            (true, false) => one,
            (false, _) => other,
        };
        self.asked = Asked {
            count: nearer(self.asked.count, count, consumed),
            place: nearer(self.asked.place, place, head),
        };
        self.arm();
        Ok(self.link.ending().is_some() || self.has_room(len)?)
    }

    /// The progress to be rung for: what the queue waits for, and what was asked and not yet reached.
    pub(super) fn with_asked(&mut self, count: u64, place: u64) -> (u64, u64) {
        let (consumed, head) = (self.producer.consumed(), self.producer.head());
        if self.asked.count <= consumed && self.asked.place <= head {
            self.asked = Asked::default();
        }
        let nearer = |queued: u64, asked: u64, reached: u64| match (queued, asked > reached) {
            (queued, false) => queued,
            (0, true) => asked,
            (queued, true) => queued.min(asked),
        };
        (
            nearer(count, self.asked.count, consumed),
            nearer(place, self.asked.place, head),
        )
    }
}
