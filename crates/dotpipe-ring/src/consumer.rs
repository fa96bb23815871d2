//! The reading end of a ring: look at what is there, take it, release its room.
//!
//! Everything that is read from the producer's words is checked here. What holds whatever the producer
//! writes: no position goes backwards, none runs further ahead of the last published one than the ring
//! is long, and every loop ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Corrupt;
use crate::entry::{Header, Progress, WORD, align, plain_size};
use crate::flags::Flags;
use crate::layout::{self, Side};
use crate::segment::Segment;

/// The reading end. One per direction; whoever owns it is the only reader.
pub struct Consumer {
    segment: Arc<Segment>,
    ring: usize,
    ring_len: u64,
    line: usize,
    peer_line: usize,
    peer: Flags,
    /// Where the first entry's header stands, or stood.
    head: u64,
    /// The first entry, once it has been looked at and until it is used up.
    current: Option<Current>,
    /// Data bytes taken since the beginning.
    consumed: u64,
    /// What the producer was last told: positions below may be reused, bytes taken.
    published: (u64, u64),
}

/// The first entry, from which bytes may have been taken.
#[derive(Debug, Clone, Copy)]
struct Current {
    len: u32,
    taken: u32,
    /// A waiting entry that has been opened, not a plain one.
    opened: bool,
}

/// The first entry, as seen by [`Consumer::look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    /// Bytes of it that have not been taken.
    pub remaining: u32,
    /// Those of them that are in the ring now; the rest of a large waiting write follows.
    pub here: u32,
    /// Nothing of it has been taken.
    pub fresh: bool,
}

/// What [`Consumer::take`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Bytes copied.
    pub len: usize,
    /// That was the end of the entry.
    pub finished: bool,
    /// The producer took the entry back in the meantime; nothing was copied.
    pub revoked: bool,
}

/// An entry met on a walk.
struct Step {
    /// Position of the first byte that has not been taken.
    data: u64,
    remaining: u32,
    here: u32,
}

impl Consumer {
    /// The reading end of `side` in a fresh segment.
    pub fn new(segment: Arc<Segment>, side: Side) -> Consumer {
        let direction = side.other().writes();
        let layout = segment.layout();
        Consumer {
            ring: layout.ring_offset(direction),
            ring_len: layout.ring_len(direction) as u64,
            line: direction.consumer_line(),
            peer_line: direction.producer_line(),
            peer: Flags::new(segment.clone(), side.other()),
            segment,
            head: 0,
            current: None,
            consumed: 0,
            published: (0, 0),
        }
    }

    /// Where the next entry to be looked at stands.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The first entry, if there is one. Entries that were taken back are skipped.
    ///
    /// # Errors
    /// [`Corrupt`] when the producer's words are impossible.
    pub fn look(&mut self) -> Result<Option<Front>, Corrupt> {
        loop {
            if let Some(current) = self.current {
                if current.opened && self.progress()?.revoked {
                    self.skip_cut(current)?;
                    continue;
                }
                let here = if current.opened {
                    self.streamed(self.head, current)?
                } else {
                    current.len
                };
                return Ok(Some(Front {
                    remaining: current.len - current.taken,
                    here: here - current.taken,
                    fresh: current.taken == 0,
                }));
            }
            match Header::decode(self.header(self.head).load(Ordering::Acquire))? {
                Header::Empty => return Ok(None),
                Header::Plain(len) => {
                    self.check_span(self.head + plain_size(len.into()) + WORD)?;
                    self.current = Some(Current {
                        len,
                        taken: 0,
                        opened: false,
                    });
                }
                Header::Waiting(0) => return Err(Corrupt("a waiting entry of no bytes")),
                Header::Waiting(len) => {
                    let untouched = Current {
                        len,
                        taken: 0,
                        opened: true,
                    };
                    let here = self.streamed(self.head, untouched)?;
                    return Ok(Some(Front {
                        remaining: len,
                        here,
                        fresh: true,
                    }));
                }
                Header::Revoked(placed) => self.skip_to(self.head + plain_size(placed.into()))?,
                Header::Opened(_) => return Err(Corrupt("an entry that nobody opened")),
            }
        }
    }

    /// Takes bytes of the first entry, as many as `to` holds and are here. The caller has seen the
    /// entry with [`look`](Self::look). Call [`release`](Self::release) when done.
    ///
    /// # Errors
    /// [`Corrupt`] when the producer's words are impossible.
    pub fn take(&mut self, to: &mut [u8]) -> Result<Taken, Corrupt> {
        const REVOKED: Taken = Taken {
            len: 0,
            finished: false,
            revoked: true,
        };
        let current = match self.current {
            Some(current) => current,
            None => match self.open()? {
                Some(current) => current,
                None => return Ok(REVOKED),
            },
        };
        let here = if current.opened {
            self.streamed(self.head, current)?
        } else {
            current.len
        };
        let count = to.len().min((here - current.taken) as usize);
        self.copy_out(
            self.head + WORD + u64::from(current.taken),
            &mut to[..count],
        );
        let taken = current.taken + count as u32;
        if current.opened && !self.advance(taken)? {
            return Ok(REVOKED);
        }
        self.consumed += count as u64;
        let finished = taken == current.len;
        if finished {
            self.head += plain_size(current.len.into());
            self.current = None;
        } else {
            self.current = Some(Current { taken, ..current });
        }
        Ok(Taken {
            len: count,
            finished,
            revoked: false,
        })
    }

    /// Tells the producer what has been taken and how far the ring may be reused. Gives whether the
    /// bell must be rung.
    pub fn release(&mut self) -> bool {
        let free = match self.current {
            // What has been taken of a large entry makes room for the rest of it.
            Some(Current {
                opened: true,
                taken,
                ..
            }) => self.head + WORD + u64::from(taken),
            _ => self.head,
        };
        if self.published == (free, self.consumed) {
            return false;
        }
        self.published = (free, self.consumed);
        let store = |word, value| {
            self.segment
                .word(self.line + word)
                .store(value, Ordering::Release);
        };
        store(layout::CONSUMED, self.consumed);
        store(layout::HEAD, free);
        self.peer.progress_is_wanted(self.consumed, free)
    }

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

    /// Whether a header stands where the next entry is expected: a look that costs one load and needs
    /// no exclusive access, for whoever waits for data. The watcher is told where by
    /// [`watch`](Self::watch).
    pub fn watch(&self) -> Watch {
        Watch {
            segment: self.segment.clone(),
            offset: self.offset(self.head),
        }
    }

    /// After the producer's death: takes back, in its place, its writes that had not completed. A
    /// write has completed when it was placed whole and the unread data up to and including its own
    /// are within `quota`.
    ///
    /// # Errors
    /// [`Corrupt`] when its words are impossible.
    pub fn abandon(&mut self, quota: u64) -> Result<(), Corrupt> {
        self.look()?;
        let mut unread = 0;
        let mut position = self.head;
        if let Some(current) = self.current {
            let placed = if current.opened {
                self.streamed(self.head, current)?
            } else {
                current.len
            };
            let remaining = u64::from(current.len - current.taken);
            if current.opened && (placed < current.len || remaining > quota) {
                self.skip_to(self.head + plain_size(placed.into()))?;
                if placed < current.len {
                    return Ok(());
                }
            } else {
                unread = remaining;
            }
            position += plain_size(current.len.into());
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
                    let placed = self.streamed(
                        position,
                        Current {
                            len,
                            taken: 0,
                            opened: true,
                        },
                    )?;
                    if placed < len || unread + u64::from(len) > quota {
                        let revoked = Header::Revoked(placed).encode();
                        self.header(position).store(revoked, Ordering::Release);
                    } else {
                        unread += u64::from(len);
                    }
                    if placed < len {
                        return Ok(());
                    }
                    position += plain_size(len.into());
                }
                Header::Empty | Header::Opened(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Opens the waiting entry at `head`; `None` when it has just been taken back.
    fn open(&mut self) -> Result<Option<Current>, Corrupt> {
        let header = self.header(self.head);
        let word = header.load(Ordering::Acquire);
        let Header::Waiting(len) = Header::decode(word)? else {
            return Ok(None);
        };
        // Ready before the header says so: the producer looks here once it finds the entry opened.
        self.progress_word()
            .store(Progress::of(self.head).encode(), Ordering::Release);
        let opened = Header::Opened(len).encode();
        if header
            .compare_exchange(word, opened, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return Ok(None);
        }
        let current = Current {
            len,
            taken: 0,
            opened: true,
        };
        self.current = Some(current);
        Ok(Some(current))
    }

    /// Says that `taken` bytes of the opened entry are taken; false when it has been taken back.
    fn advance(&mut self, taken: u32) -> Result<bool, Corrupt> {
        let now = self.progress()?;
        if now.revoked {
            return Ok(false);
        }
        let new = now.with_taken(taken).encode();
        let swapped = self.progress_word().compare_exchange(
            now.encode(),
            new,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        Ok(swapped.is_ok())
    }

    /// The progress word, checked against what only this end may have written there.
    fn progress(&self) -> Result<Progress, Corrupt> {
        let progress = Progress::decode(self.progress_word().load(Ordering::Acquire));
        let taken = self.current.map_or(0, |current| current.taken);
        if progress.is_of(self.head) && progress.taken == taken {
            Ok(progress)
        } else {
            Err(Corrupt("the writer changed the reader's progress"))
        }
    }

    /// How many bytes of the entry at `start` have been placed.
    fn streamed(&self, start: u64, entry: Current) -> Result<u32, Corrupt> {
        let data = start + WORD;
        let end = data + u64::from(entry.len);
        let tail = self
            .segment
            .word(self.peer_line + layout::TAIL)
            .load(Ordering::Acquire);
        let placed_to = tail.min(end);
        if placed_to < data + u64::from(entry.taken) || placed_to > self.published.0 + self.ring_len
        {
            return Err(Corrupt("the writer claims data that cannot be there"));
        }
        Ok((placed_to - data) as u32)
    }

    /// Skips the rest of an opened entry that was taken back.
    fn skip_cut(&mut self, current: Current) -> Result<(), Corrupt> {
        let cut = self
            .segment
            .word(self.peer_line + layout::CUT)
            .load(Ordering::Acquire);
        let data = self.head + WORD;
        let possible = data + u64::from(current.taken)..=data + u64::from(current.len);
        if !possible.contains(&cut) {
            return Err(Corrupt("a write was taken back that cannot have been"));
        }
        self.skip_to(align(cut))
    }

    /// Goes on to the entry at `position`.
    fn skip_to(&mut self, position: u64) -> Result<(), Corrupt> {
        self.check_span(position + WORD)?;
        self.head = position;
        self.current = None;
        Ok(())
    }

    /// Nothing that the producer placed can end behind this.
    fn check_span(&self, end: u64) -> Result<(), Corrupt> {
        if end <= self.published.0 + self.ring_len {
            Ok(())
        } else {
            Err(Corrupt("an entry that is longer than the ring has room"))
        }
    }

    /// Goes through what has not been taken, entry by entry, while `visit` says so.
    fn walk(&self, mut visit: impl FnMut(&Self, Step) -> bool) -> Result<(), Corrupt> {
        let mut position = self.head;
        if let Some(current) = self.current {
            let here = if current.opened {
                self.streamed(position, current)?
            } else {
                current.len
            };
            let step = Step {
                data: position + WORD + u64::from(current.taken),
                remaining: current.len - current.taken,
                here: here - current.taken,
            };
            if !visit(self, step) || here < current.len {
                return Ok(());
            }
            position += plain_size(current.len.into());
        }
        loop {
            self.check_span(position + WORD)?;
            let (len, here) = match Header::decode(self.header(position).load(Ordering::Acquire))? {
                Header::Plain(len) => (len, len),
                Header::Waiting(len) => (
                    len,
                    self.streamed(
                        position,
                        Current {
                            len,
                            taken: 0,
                            opened: true,
                        },
                    )?,
                ),
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

    fn offset(&self, position: u64) -> usize {
        self.ring + (position & (self.ring_len - 1)) as usize
    }

    fn header(&self, position: u64) -> &AtomicU64 {
        self.segment.word(self.offset(position))
    }

    fn progress_word(&self) -> &AtomicU64 {
        self.segment.word(self.line + layout::PROGRESS)
    }

    /// Copies out of the ring, round its end.
    fn copy_out(&self, position: u64, to: &mut [u8]) {
        let offset = (position & (self.ring_len - 1)) as usize;
        let (first, second) = to.split_at_mut(to.len().min(self.ring_len as usize - offset));
        self.segment.read(self.ring + offset, first);
        self.segment.read(self.ring, second);
    }
}

/// Where the next entry will appear, for whoever waits for it without the consumer itself.
#[derive(Clone)]
pub struct Watch {
    segment: Arc<Segment>,
    offset: usize,
}

impl Watch {
    /// Whether something stands there.
    pub fn is_ready(&self) -> bool {
        self.segment.word(self.offset).load(Ordering::Acquire) != 0
    }
}
