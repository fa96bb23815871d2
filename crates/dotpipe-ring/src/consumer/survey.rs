//! The reading end beyond its first entry: peek, count, and clear up after a dead producer.
//!
//! Nothing is taken here, so what is seen may be taken back at the next moment; but no entry's bytes are
//! ever taken for another's. What stands behind the header of an entry that waits is the producer's to
//! overwrite, once it has rolled the ring back to there. So whoever has looked at something there looks
//! at that header *afterwards*: when it has not changed, what was seen was in its place. Only the last
//! entry can go in this way, so the headers before that one need no second look.

use super::{Consumer, Current, Waiting};
use crate::Corrupt;
use crate::entry::{Header, WORD, gap_size, plain_size, revoked_size, waiting_size};
use crate::layout;
use crate::primitive::{Ordering, fence, look};

/// An entry met on a walk.
struct Step {
    /// Where it begins.
    start: u64,
    /// Position of the first byte that has not been taken.
    data: u64,
    remaining: u32,
    here: u32,
    /// Nobody has opened it, so it can be taken back and its room with it.
    waits: bool,
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
            let count = (to.len() - copied).min(step.here as usize);
            consumer.copy_out(step.data, &mut to[copied..copied + count]);
            if consumer.is_gone(step) {
                return false;
            }
            first.get_or_insert(step.remaining);
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
    #[inline]
    pub fn unplaced(&self) -> u64 {
        look(self.segment.word(self.peer_line + layout::UNPLACED))
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
            if placed < current.len {
                position += waiting_size(placed.into());
                self.skip_to(position)?;
                self.end_at(position);
                return Ok(());
            }
            position += current.size();
            if current.opened && unread > quota {
                self.skip_to(position)?;
            }
        }
        let limit = self.released + self.ring_len;
        while position < limit {
            match Header::decode(self.header(position).load(Ordering::Acquire))? {
                Header::Plain(len) => {
                    unread += u64::from(len);
                    position += plain_size(len.into());
                }
                Header::Revoked(placed) => position += revoked_size(placed),
                Header::Gap(len) => position += gap_size(len),
                Header::Waiting(len) => {
                    let placed = match self.waiting_here(position, len)? {
                        Waiting::Here(placed) => placed,
                        Waiting::Revoked(placed) => {
                            position += revoked_size(placed);
                            continue;
                        }
                    };
                    unread += u64::from(len);
                    if placed < len || unread > quota {
                        let revoked = Header::Revoked(placed).encode();
                        self.header(position).store(revoked, Ordering::Release);
                        position += revoked_size(placed);
                    } else {
                        position += waiting_size(placed.into());
                    }
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
    fn walk(&self, mut visit: impl FnMut(&Self, &Step) -> bool) -> Result<(), Corrupt> {
        let mut position = self.head;
        if let Some(current) = self.current {
            if let Some(here) = self.current_here(current)? {
                let step = Step {
                    start: position,
                    data: position + current.data(),
                    remaining: current.len - current.taken,
                    here: here - current.taken,
                    waits: false,
                };
                if !visit(self, &step) || here < current.len {
                    return Ok(());
                }
                position += current.size();
            } else {
                position = self.cut(current)?;
            }
        }
        let mut before: Option<Step> = None;
        loop {
            self.check_span(position + WORD)?;
            let word = self.header(position).load(Ordering::Acquire);
            if before.take().is_some_and(|step| self.is_gone(&step)) {
                // It was the last entry when it was visited: none that stayed ever stood behind it.
                return Ok(());
            }
            let (len, here) = match Header::decode(word)? {
                Header::Plain(len) => (len, None),
                Header::Waiting(len) => match self.waiting_here(position, len)? {
                    Waiting::Here(here) => (len, Some(here)),
                    Waiting::Revoked(placed) => {
                        position += revoked_size(placed);
                        continue;
                    }
                },
                Header::Revoked(placed) => {
                    position += revoked_size(placed);
                    continue;
                }
                // Nothing stood here when the consumer looked, and what is behind this came later still.
                Header::Gap(_) if position == self.published.0 => return Ok(()),
                Header::Gap(len) => {
                    position += gap_size(len);
                    continue;
                }
                Header::Empty => return Ok(()),
                Header::Opened(_) => return Err(Corrupt("an entry that nobody opened")),
            };
            let entry = Current {
                len,
                taken: 0,
                opened: here.is_some(),
            };
            let step = Step {
                start: position,
                data: position + entry.data(),
                remaining: len,
                here: here.unwrap_or(len),
                waits: entry.opened,
            };
            let is_whole = step.here == len;
            if is_whole {
                self.check_span(position + entry.size() + WORD)?;
            }
            if !visit(self, &step) || !is_whole {
                return Ok(());
            }
            position += entry.size();
            before = Some(step);
        }
    }

    /// Whether the producer has rolled the ring back to behind this entry's header, so that what was
    /// seen there before this look may be anything.
    fn is_gone(&self, step: &Step) -> bool {
        if !step.waits {
            return false;
        }
        // What was copied with relaxed loads was loaded before this one.
        fence(Ordering::Acquire);
        self.header(step.start).load(Ordering::Acquire) == Header::Revoked(0).encode()
    }
}
