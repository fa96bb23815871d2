//! The reading end beyond its first entry: peek, count, and clear up after a dead producer.
//!
//! Nothing is taken here, so what is seen may be taken back at the next moment; but no entry's bytes are
//! ever taken for another's.

use std::sync::atomic::Ordering;

use super::{Consumer, Waiting};
use crate::Corrupt;
use crate::entry::{Header, WORD, plain_size};
use crate::layout;

/// An entry met on a walk.
struct Step {
    /// Position of the first byte that has not been taken.
    data: u64,
    remaining: u32,
    here: u32,
}

impl Consumer {
    /// Copies what could be read without taking it: from the first entry only, or across entries.
    /// Gives the bytes copied and, of the first entry, the bytes that remain (before copying).
    ///
    /// # Errors
    /// [`Corrupt`] when the producer's words are impossible.
    pub fn peek(&mut self, to: &mut [u8], first_only: bool) -> Result<(usize, u32), Corrupt> {
        self.look()?;
        let mut copied = 0;
        let mut first = None;
        self.walk(|consumer, step| {
            first.get_or_insert(step.remaining);
            let count = (to.len() - copied).min(step.here as usize);
            consumer.copy_out(step.data, &mut to[copied..copied + count]);
            copied += count;
            !first_only && copied < to.len() && step.here == step.remaining
        })?;
        Ok((copied, first.unwrap_or(0)))
    }

    /// Bytes that are written and not read, those of writes that are not in the ring yet included.
    ///
    /// # Errors
    /// [`Corrupt`] when the producer's words are impossible.
    pub fn available(&mut self) -> Result<u64, Corrupt> {
        self.look()?;
        let mut sum = self.unplaced();
        self.walk(|_, step| {
            sum = sum.saturating_add(step.remaining.into());
            true
        })?;
        Ok(sum)
    }

    /// Bytes that are written and whose entries are not in the ring yet: the producer's word, a hint.
    pub fn unplaced(&self) -> u64 {
        self.segment
            .word(self.peer_line + layout::UNPLACED)
            .load(Ordering::Acquire)
    }

    /// After the producer's death: takes back, in its place, its writes that had not completed. A
    /// write has completed when it was placed whole and the unread data up to and including its own
    /// are within `quota`.
    ///
    /// # Errors
    /// [`Corrupt`] when its words are impossible.
    pub fn abandon(&mut self, quota: u64) -> Result<(), Corrupt> {
        self.look()?;
        // What it had not begun to place never comes.
        self.segment
            .word(self.peer_line + layout::UNPLACED)
            .store(0, Ordering::Release);
        // All that was unread when it died, what is taken back here included: a write behind one that
        // waited has waited, too.
        let mut unread = 0;
        let mut position = self.head;
        if let Some(current) = self.current {
            let placed = if current.opened {
                self.streamed(self.head, current)?
            } else {
                current.len
            };
            unread = u64::from(current.len - current.taken);
            position += plain_size(placed.into());
            if placed < current.len {
                self.skip_to(position)?;
                self.end_at(position);
                return Ok(());
            }
            if current.opened && unread > quota {
                self.skip_to(position)?;
            }
        }
        let limit = self.published.0 + self.ring_len;
        while position < limit {
            match Header::decode(self.header(position).load(Ordering::Acquire))? {
                Header::Plain(len) => {
                    unread += u64::from(len);
                    position += plain_size(len.into());
                }
                Header::Revoked(placed) => position += plain_size(placed.into()),
                Header::Waiting(len) => {
                    let placed = match self.waiting_here(position, len)? {
                        Waiting::Here(placed) | Waiting::Revoked(placed) => placed,
                    };
                    unread += u64::from(len);
                    if placed < len || unread > quota {
                        let revoked = Header::Revoked(placed).encode();
                        self.header(position).store(revoked, Ordering::Release);
                    }
                    position += plain_size(placed.into());
                    if placed < len {
                        self.end_at(position);
                        return Ok(());
                    }
                }
                Header::Empty | Header::Opened(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Writes, for a dead producer, the empty header that ends the ring's contents: it places one only
    /// behind an entry that is whole or taken back, so there are old data at `position`.
    fn end_at(&self, position: u64) {
        self.header(position).store(0, Ordering::Release);
    }

    /// Goes through what has not been taken, entry by entry, while `visit` says so.
    fn walk(&self, mut visit: impl FnMut(&Self, Step) -> bool) -> Result<(), Corrupt> {
        let mut position = self.head;
        if let Some(current) = self.current {
            if let Some(here) = self.current_here(current)? {
                let step = Step {
                    data: position + WORD + u64::from(current.taken),
                    remaining: current.len - current.taken,
                    here: here - current.taken,
                };
                if !visit(self, step) || here < current.len {
                    return Ok(());
                }
                position += plain_size(current.len.into());
            } else {
                position = self.cut(current)?;
            }
        }
        loop {
            self.check_span(position + WORD)?;
            let (len, here) = match Header::decode(self.header(position).load(Ordering::Acquire))? {
                Header::Plain(len) => (len, len),
                Header::Waiting(len) => match self.waiting_here(position, len)? {
                    Waiting::Here(here) => (len, here),
                    Waiting::Revoked(placed) => {
                        position += plain_size(placed.into());
                        continue;
                    }
                },
                Header::Revoked(placed) => {
                    position += plain_size(placed.into());
                    continue;
                }
                Header::Empty => return Ok(()),
                Header::Opened(_) => return Err(Corrupt("an entry that nobody opened")),
            };
            if here == len {
                self.check_span(position + plain_size(len.into()) + WORD)?;
            }
            let step = Step {
                data: position + WORD,
                remaining: len,
                here,
            };
            if !visit(self, step) || here < len {
                return Ok(());
            }
            position += plain_size(len.into());
        }
    }
}
