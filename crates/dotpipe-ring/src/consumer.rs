//! The reading end of a ring: look at what is there, take it, release its room.
//!
//! Everything that is read from the producer's words is checked here. What holds whatever the producer
//! writes: no position goes backwards, none runs further ahead of the last published one than the ring
//! is long, and every loop ends.

mod survey;

use std::sync::Arc;

use crate::Corrupt;
use crate::entry::{
    Header, Progress, WAITING_DATA, WORD, align, gap_size, plain_size, revoked_size, waiting_size,
};
use crate::flags::Flags;
use crate::layout::{self, Side};
use crate::primitive::{AtomicU64, Ordering, look, store_before_look};
use crate::segment::Segment;

const EMPTY_WAITS: Corrupt = Corrupt("a waiting entry of no bytes");

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
    /// All that the producer can have placed ends one length of the ring behind this: what it was last told
    /// or, when a gap begins there, the end of that.
    released: u64,
}

/// The first entry, from which bytes may have been taken.
#[derive(Debug, Clone, Copy)]
struct Current {
    len: u32,
    taken: u32,
    /// A waiting entry that has been opened, not a plain one.
    opened: bool,
}

impl Current {
    /// Where the first byte that has not been taken stands behind the entry's beginning.
    fn data(self) -> u64 {
        let data = if self.opened { WAITING_DATA } else { WORD };
        data + u64::from(self.taken)
    }

    /// Bytes that the whole entry takes in the ring.
    fn size(self) -> u64 {
        if self.opened {
            waiting_size(self.len.into())
        } else {
            plain_size(self.len.into())
        }
    }
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

/// What has become of an entry that waited a moment ago.
enum Waiting {
    /// It still waits, and so many of its bytes are here.
    Here(u32),
    /// It has been taken back; so many of its bytes are left in the ring.
    Revoked(u32),
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
            released: 0,
        }
    }

    /// Where the next entry to be looked at stands.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The first entry, if there is one. What is none (taken back, or a gap) is skipped; its room goes back
    /// with the next [`release`](Self::release), so call that before waiting, also when nothing is here.
    ///
    /// # Errors
    /// [`Corrupt`] when the producer's words are impossible.
    pub fn look(&mut self) -> Result<Option<Front>, Corrupt> {
        loop {
            if let Some(current) = self.current {
                let Some(here) = self.current_here(current)? else {
                    self.skip_to(self.cut(current)?)?;
                    continue;
                };
                return Ok(Some(Front {
                    remaining: current.len - current.taken,
                    here: here - current.taken,
                    fresh: current.taken == 0,
                }));
            }
            match Header::decode(look(self.header(self.head)))? {
                Header::Empty => return Ok(None),
                Header::Plain(len) => {
                    self.check_span(self.head + plain_size(len.into()) + WORD)?;
                    self.current = Some(Current {
                        len,
                        taken: 0,
                        opened: false,
                    });
                }
                Header::Waiting(len) => match self.waiting_here(self.head, len)? {
                    Waiting::Here(here) => {
                        return Ok(Some(Front {
                            remaining: len,
                            here,
                            fresh: true,
                        }));
                    }
                    Waiting::Revoked(placed) => self.skip_revoked(placed)?,
                },
                Header::Revoked(placed) => self.skip_revoked(placed)?,
                Header::Gap(len) => self.skip_gap(len)?,
                Header::Opened(_) => return Err(Corrupt("an entry that nobody opened")),
            }
        }
    }

    /// Takes the first entry whole, if it is complete and nothing of it was taken: what most reads do, in
    /// one step. `room` is told how long it is, and gives as many bytes of room or says that this is not
    /// to be. False when nothing was taken; [`look`](Self::look) then tells more. Call
    /// [`release`](Self::release) when done.
    ///
    /// # Errors
    /// [`Corrupt`] when the producer's words are impossible.
    #[inline]
    pub fn take_whole<'a>(
        &mut self,
        room: impl FnOnce(usize) -> Option<&'a mut [u8]>,
    ) -> Result<bool, Corrupt> {
        if self.current.is_some() {
            return Ok(false);
        }
        let Header::Plain(len) = Header::decode(look(self.header(self.head)))? else {
            return Ok(false);
        };
        let end = self.head + plain_size(len.into());
        self.check_span(end + WORD)?;
        let Some(to) = room(len as usize) else {
            return Ok(false);
        };
        self.copy_out(self.head + WORD, to);
        self.head = end;
        self.consumed += u64::from(len);
        Ok(true)
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
        let Some(here) = self.current_here(current)? else {
            self.skip_to(self.cut(current)?)?;
            return Ok(REVOKED);
        };
        // It may be taken back while it is copied, and the copy be nonsense: `advance` tells.
        let count = to.len().min((here - current.taken) as usize);
        self.copy_out(self.head + current.data(), &mut to[..count]);
        let taken = current.taken + count as u32;
        if current.opened && !self.advance(taken)? {
            // Passed over here and not by the next look: a hostile producer that undoes it between the
            // two could keep the caller busy for ever.
            self.skip_to(self.cut(current)?)?;
            return Ok(REVOKED);
        }
        self.consumed += count as u64;
        let finished = taken == current.len;
        if finished {
            self.skip_to(self.head + current.size())?;
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
    #[inline]
    pub fn release(&mut self) -> bool {
        let free = match self.current {
            // What has been taken of a large entry makes room for the rest of it.
            Some(current) if current.opened => self.head + current.data(),
            _ => self.head,
        };
        if self.published == (free, self.consumed) {
            return false;
        }
        self.published = (free, self.consumed);
        self.released = free;
        let word = |word| self.segment.word(self.line + word);
        word(layout::CONSUMED).store(self.consumed, Ordering::Release);
        store_before_look(word(layout::HEAD), free);
        self.peer.progress_is_wanted(self.consumed, free)
    }

    /// For a look whether there is more than [`look`](Self::look) has just found (nothing, or an entry
    /// whose rest is still to come) without exclusive access.
    #[inline]
    pub fn watch(&self) -> Watch {
        match self.current {
            Some(current) if current.opened => Watch {
                offset: self.peer_line + layout::TAIL,
                seen: self.head + current.data(),
            },
            _ => Watch {
                offset: self.offset(self.head),
                seen: 0,
            },
        }
    }

    /// Opens the waiting entry at `head`; `None` when it has just been taken back and passed over.
    fn open(&mut self) -> Result<Option<Current>, Corrupt> {
        let header = self.header(self.head);
        let word = header.load(Ordering::Acquire);
        let Header::Waiting(len) = Header::decode(word)? else {
            self.skip_revoked(revoked(word)?)?;
            return Ok(None);
        };
        if len == 0 {
            return Err(EMPTY_WAITS);
        }
        // Ready before the header says so: the producer looks here once it finds the entry opened.
        self.progress_word()
            .store(Progress::of(self.head).encode(), Ordering::Release);
        let opened = Header::Opened(len).encode();
        let swapped = header.compare_exchange(word, opened, Ordering::AcqRel, Ordering::Acquire);
        if let Err(word) = swapped {
            self.skip_revoked(revoked(word)?)?;
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
    #[inline]
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
        match swapped {
            Ok(_) => Ok(true),
            Err(word) if word == now.with_revoked().encode() => Ok(false),
            Err(_) => Err(Corrupt("the writer changed the reader's progress")),
        }
    }

    /// The progress word, checked against what only this end may have written there.
    fn progress(&self) -> Result<Progress, Corrupt> {
        let progress = Progress::decode(look(self.progress_word()));
        let taken = self.current.map_or(0, |current| current.taken);
        if progress.is_of(self.head) && progress.taken == taken {
            Ok(progress)
        } else {
            Err(Corrupt("the writer changed the reader's progress"))
        }
    }

    /// How many bytes of the first entry are or were here; `None` when it was taken back.
    #[inline]
    fn current_here(&self, current: Current) -> Result<Option<u32>, Corrupt> {
        if !current.opened {
            return Ok(Some(current.len));
        }
        // In this order: once the entry has been taken back, `TAIL` may speak of a later one, also of one
        // behind a gap that this end has not come to. So what it says is judged last.
        let here = self.streamed(self.head, current);
        if self.progress()?.revoked {
            return Ok(None);
        }
        here.map(Some)
    }

    /// How many bytes are here of an entry whose header at `start` was just seen to be
    /// `Waiting(len)`.
    fn waiting_here(&self, start: u64, len: u32) -> Result<Waiting, Corrupt> {
        if len == 0 {
            return Err(EMPTY_WAITS);
        }
        let untouched = Current {
            len,
            taken: 0,
            opened: true,
        };
        let here = self.streamed(start, untouched)?;
        // As in `current_here`. The header can only have changed in one way, so nobody need loop.
        let word = look(self.header(start));
        if word == Header::Waiting(len).encode() {
            Ok(Waiting::Here(here))
        } else {
            revoked(word).map(Waiting::Revoked)
        }
    }

    /// How many bytes of the entry at `start` have been placed.
    fn streamed(&self, start: u64, entry: Current) -> Result<u32, Corrupt> {
        let data = start + WAITING_DATA;
        let end = data + u64::from(entry.len);
        let tail = look(self.segment.word(self.peer_line + layout::TAIL));
        let placed_to = tail.min(end);
        if placed_to < data + u64::from(entry.taken) || placed_to > self.released + self.ring_len {
            return Err(Corrupt("the writer claims data that cannot be there"));
        }
        Ok((placed_to - data) as u32)
    }

    /// Where the entry stands that follows an opened one that was taken back.
    fn cut(&self, current: Current) -> Result<u64, Corrupt> {
        let cut = self
            .segment
            .word(self.peer_line + layout::CUT)
            .load(Ordering::Acquire);
        let data = self.head + WAITING_DATA;
        let possible = data + u64::from(current.taken)..=data + u64::from(current.len);
        if !possible.contains(&cut) {
            return Err(Corrupt("a write was taken back that cannot have been"));
        }
        Ok(align(cut))
    }

    /// Goes on from an entry that was taken back.
    fn skip_revoked(&mut self, placed: u32) -> Result<(), Corrupt> {
        self.skip_to(self.head + revoked_size(placed))
    }

    /// Goes on behind a gap.
    fn skip_gap(&mut self, len: u32) -> Result<(), Corrupt> {
        let end = self.head + gap_size(len);
        self.check_span(end)?;
        // The producer left it when all before it had been released, and uses its room at once. Only a gap right
        // there counts, and so one at the most until the next release: or gaps could go on for ever.
        if self.head == self.published.0 {
            self.released = end;
        }
        self.skip_to(end)
    }

    /// Goes on to the entry at `position`.
    #[inline]
    fn skip_to(&mut self, position: u64) -> Result<(), Corrupt> {
        self.check_span(position + WORD)?;
        self.head = position;
        self.current = None;
        Ok(())
    }

    /// Nothing that the producer placed can end behind this.
    #[inline]
    fn check_span(&self, end: u64) -> Result<(), Corrupt> {
        if end <= self.released + self.ring_len {
            Ok(())
        } else {
            Err(Corrupt("an entry that is longer than the ring has room"))
        }
    }

    #[inline]
    fn offset(&self, position: u64) -> usize {
        self.ring + (position & (self.ring_len - 1)) as usize
    }

    #[inline]
    fn header(&self, position: u64) -> &AtomicU64 {
        self.segment.word(self.offset(position))
    }

    fn progress_word(&self) -> &AtomicU64 {
        self.segment.word(self.line + layout::PROGRESS)
    }

    /// Copies out of the ring, round its end.
    #[inline]
    fn copy_out(&self, position: u64, to: &mut [u8]) {
        let offset = (position & (self.ring_len - 1)) as usize;
        let (first, second) = to.split_at_mut(to.len().min(self.ring_len as usize - offset));
        self.segment.read(self.ring + offset, first);
        self.segment.read(self.ring, second);
    }
}

/// The bytes left in the ring of an entry that waited when it was last looked at: being taken back is all
/// that can have happened to it.
fn revoked(word: u64) -> Result<u32, Corrupt> {
    match Header::decode(word)? {
        Header::Revoked(placed) => Ok(placed),
        _ => Err(Corrupt("a waiting entry became something else")),
    }
}

/// Where the next data will show, for whoever waits for them without the consumer itself: in the header of
/// the next entry, or in how far the present one has come.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    offset: usize,
    seen: u64,
}

impl Watch {
    /// Whether something new stands there, in the segment of the consumer: a look that costs one load.
    #[inline]
    pub fn is_ready(&self, segment: &Segment) -> bool {
        look(segment.word(self.offset)) != self.seen
    }
}
