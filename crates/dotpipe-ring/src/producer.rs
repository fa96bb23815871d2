//! The writing end of a ring: publish a write, stream a large one, take a waiting one back.

use std::sync::Arc;

use crate::Corrupt;
use crate::entry::{Header, Progress, WAITING_DATA, WORD, align, plain_size, waiting_size};
use crate::flags::Flags;
use crate::layout::{self, Side};
use crate::primitive::{AtomicU64, Ordering, fence, look, store_before_look};
use crate::segment::Segment;

/// How far ahead of the next entry lines are fetched: a small entry begins about one new line.
const FETCHED: [u64; 2] = [256, 320];

/// The most of a ring that is used while the reader keeps up.
const WINDOW: u64 = 32 << 10;

/// The writing end. One per direction; whoever owns it is the only writer.
pub struct Producer {
    segment: Arc<Segment>,
    ring: usize,
    ring_len: u64,
    /// How much of the ring is used while the reader keeps up; see `start_for`.
    window: u64,
    line: usize,
    peer_line: usize,
    peer: Flags,
    /// Where the next header goes. The word there is zero.
    tail: u64,
    /// Below this all is placed: `tail`, or the end of what has been streamed so far.
    end: u64,
    /// Data bytes placed since the beginning.
    placed: u64,
    /// What the consumer last said; see `refresh`.
    head: u64,
    consumed: u64,
    /// Where the last gap before which all had been taken begins and ends.
    gap: Option<(u64, u64)>,
}

/// A waiting entry that has been begun, and how far it has come.
#[derive(Debug)]
pub struct Stream {
    /// Where the producer stood before: at `start`, or before a gap.
    before: u64,
    start: u64,
    len: u32,
    placed: u32,
}

impl Stream {
    /// Bytes of it that are in the ring, or have been.
    pub fn placed(&self) -> usize {
        self.placed as usize
    }

    /// Where it begins and ends in the ring, as far as it has been placed, with the gap before it.
    pub fn span(&self) -> (u64, u64) {
        (
            self.before,
            self.start + waiting_size(u64::from(self.placed)),
        )
    }

    /// Where its data begin.
    fn data(&self) -> u64 {
        self.start + WAITING_DATA
    }

    /// Whether all of it has been placed.
    pub fn is_placed(&self) -> bool {
        self.placed == self.len
    }
}

/// The outcome of taking an entry back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// So many of its bytes had not been taken, and are gone.
    Unread(u32),
    /// All of it had been taken: too late.
    TooLate,
}

impl Producer {
    /// The writing end of `side` in a fresh segment.
    pub fn new(segment: Arc<Segment>, side: Side) -> Producer {
        let direction = side.writes();
        let layout = segment.layout();
        Producer {
            ring: layout.ring_offset(direction),
            ring_len: layout.ring_len(direction) as u64,
            window: (layout.ring_len(direction) as u64 / 4).min(WINDOW),
            line: direction.producer_line(),
            peer_line: direction.consumer_line(),
            peer: Flags::new(segment.clone(), side.other()),
            segment,
            tail: 0,
            end: 0,
            placed: 0,
            head: 0,
            consumed: 0,
            gap: None,
        }
    }

    /// Where the next entry will stand.
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// Up to where the consumer has released the ring, when last asked.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// How many data bytes the consumer has taken, when last asked.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Asks the consumer's words how far it has come.
    ///
    /// # Errors
    /// [`Corrupt`] when it claims to be where it cannot be, or to have gone back.
    #[inline]
    pub fn refresh(&mut self) -> Result<(), Corrupt> {
        let load = |word| look(self.segment.word(self.peer_line + word));
        // In this order: the reader says `HEAD` last, and only that store is ordered with its look
        // whether this end sleeps.
        let head = load(layout::HEAD);
        let consumed = load(layout::CONSUMED);
        if !(self.head..=self.end).contains(&head) {
            return Err(Corrupt("the reader claims a position that it cannot have"));
        }
        if !(self.consumed..=self.placed).contains(&consumed) {
            return Err(Corrupt(
                "the reader claims to have read what was not written",
            ));
        }
        (self.head, self.consumed) = (head, consumed);
        Ok(())
    }

    /// Whether the ring had room for an entry of `len` bytes, when last asked. One that is larger than the
    /// ring is taken for one that fills it.
    pub fn fits(&self, len: u64) -> bool {
        let size = plain_size(len).min(self.ring_len - WORD);
        self.tail + size + WORD <= self.head + self.ring_len || self.behind_gap(size).is_some()
    }

    /// Publishes a complete entry. `None` when the ring has no room for it now; otherwise whether the
    /// bell must be rung.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    #[inline]
    pub fn publish(&mut self, data: &[u8]) -> Result<Option<bool>, Corrupt> {
        debug_assert_eq!(self.end, self.tail, "no entry is being streamed");
        let size = plain_size(data.len() as u64);
        let Ok(len) = u32::try_from(data.len()) else {
            return Ok(None);
        };
        let start = if self.tail + size + WORD <= self.head + self.ring_len {
            self.start_for(size)?
        } else if let Some(start) = self.start_when_full(size)? {
            start
        } else {
            return Ok(None);
        };
        self.copy_in(start + WORD, data);
        self.header(start + size).store(0, Ordering::Relaxed);
        let header = Header::Plain(len).encode();
        if start == self.tail {
            store_before_look(self.header(start), header);
        } else {
            self.header(start).store(header, Ordering::Release);
            let gap = self.leave_gap(self.tail, start);
            store_before_look(self.header(self.tail), gap);
        }
        self.tail = start + size;
        self.end = self.tail;
        self.placed += u64::from(len);
        self.fetch_ahead();
        Ok(Some(self.peer.data_is_wanted()))
    }

    /// Begins a waiting entry of `len` bytes; [`feed`](Self::feed) brings its data. `None` when the
    /// ring has no room for even the first of them now.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub fn begin(&mut self, len: u32) -> Result<Option<Stream>, Corrupt> {
        debug_assert_eq!(self.end, self.tail, "no entry is being streamed");
        debug_assert_ne!(len, 0, "nothing has no need to wait");
        self.refresh()?;
        let before = self.tail;
        let start = self.start_for(waiting_size(len.into()))?;
        let data = start + WAITING_DATA;
        if self.feedable(data) == 0 {
            return Ok(None);
        }
        (self.tail, self.end) = (start, data);
        self.header(start + WORD).store(0, Ordering::Relaxed);
        self.tail_word().store(self.end, Ordering::Release);
        self.header(start)
            .store(Header::Waiting(len).encode(), Ordering::Release);
        if start != before {
            let gap = self.leave_gap(before, start);
            self.header(before).store(gap, Ordering::Release);
        }
        Ok(Some(Stream {
            before,
            start,
            len,
            placed: 0,
        }))
    }

    /// Places as much as there is room for of what a begun entry still lacks, `rest` being all of it,
    /// but at most about `piece` bytes, so that the reader can begin while the writer goes on. Gives the bytes placed and whether the bell must be rung.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub fn feed(
        &mut self,
        stream: &mut Stream,
        rest: &[u8],
        piece: usize,
    ) -> Result<(usize, bool), Corrupt> {
        debug_assert_eq!(rest.len(), (stream.len - stream.placed) as usize);
        self.refresh()?;
        let room = self.feedable(self.end).min(piece as u64);
        let whole = rest.len() as u64 <= room;
        // Chunks end on whole words, so that the next one begins on one.
        let count = if whole {
            rest.len()
        } else {
            (room & !7) as usize
        };
        if count == 0 {
            return Ok((0, false));
        }
        self.copy_in(self.end, &rest[..count]);
        self.end += count as u64;
        self.placed += count as u64;
        stream.placed += count as u32;
        if whole {
            self.close_entry(align(self.end));
        }
        self.tail_word().store(self.end, Ordering::Release);
        if whole {
            self.end = self.tail;
        }
        Ok((count, self.is_awaited()))
    }

    /// Takes back what the consumer has not taken of a waiting entry. When it is the last entry and the
    /// consumer has taken nothing of it, its room is free at once: [`tail`](Self::tail) goes back to the
    /// word behind its header. Otherwise the consumer has to pass it first.
    ///
    /// # Errors
    /// [`Corrupt`] when the consumer's words about the entry are impossible.
    pub fn revoke(&mut self, stream: Stream) -> Result<Revoked, Corrupt> {
        let outcome = self.take_back(&stream);
        if !stream.is_placed() && self.end > self.tail {
            // Not rolled back, but streamed no more: also when the reader lied about it.
            let (_, next) = stream.span();
            (self.tail, self.end) = (next, next);
        }
        outcome
    }

    fn take_back(&mut self, stream: &Stream) -> Result<Revoked, Corrupt> {
        self.refresh()?;
        // The consumer has left it behind. Without this look a stream that is asked about 16 GiB late
        // could be taken for the one whose progress has the same tag.
        if self.head >= stream.data() + u64::from(stream.len) {
            return Ok(Revoked::TooLate);
        }
        // The ring may have been written anew where the header stood, by later entries or by the
        // entry's own data; but not before the consumer had opened it and released the header.
        if self.head <= stream.start && self.revoke_unopened(stream)? {
            return Ok(Revoked::Unread(stream.len));
        }
        if stream.is_placed() {
            return self.revoke_opened(stream);
        }
        // The next header goes right behind what has been placed; the consumer must find it empty.
        let (_, next) = stream.span();
        self.header(next).store(0, Ordering::Relaxed);
        match self.revoke_opened(stream)? {
            Revoked::TooLate => Err(Corrupt(
                "the reader claims to have read what was not written",
            )),
            outcome => Ok(outcome),
        }
    }

    /// Takes back an entry that the consumer has not opened; false when it has.
    fn revoke_unopened(&mut self, stream: &Stream) -> Result<bool, Corrupt> {
        // Not `tail`: while an entry is being streamed that is where it begins.
        let is_last = !stream.is_placed() || stream.span().1 == self.end;
        let left = if is_last { 0 } else { stream.len };
        let swapped = self.header(stream.start).compare_exchange(
            Header::Waiting(stream.len).encode(),
            Header::Revoked(left).encode(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match swapped {
            Ok(_) => {
                if is_last {
                    self.roll_back(stream.start + WORD);
                }
                Ok(true)
            }
            Err(word) if Header::decode(word)? == Header::Opened(stream.len) => Ok(false),
            Err(_) => Err(Corrupt("the reader wrote over a header")),
        }
    }

    /// Goes on from `position`, the empty word of the last entry, which has just been taken back.
    fn roll_back(&mut self, position: u64) {
        // Whoever peeks at the data while they are written anew finds the header changed afterwards.
        fence(Ordering::Release);
        (self.tail, self.end) = (position, position);
    }

    /// Takes back an entry from which the consumer takes, through the progress word.
    fn revoke_opened(&mut self, stream: &Stream) -> Result<Revoked, Corrupt> {
        let end = stream.data() + u64::from(stream.placed);
        let word = self.segment.word(self.peer_line + layout::PROGRESS);
        // The consumer can only go forward, so an honest one lets this end; a hostile one is given up.
        for _ in 0..1024 {
            let now = word.load(Ordering::Acquire);
            let progress = Progress::decode(now);
            if !progress.is_of(stream.start) || progress.taken == stream.len {
                return Ok(Revoked::TooLate);
            }
            if progress.revoked || progress.taken > stream.placed {
                return Err(Corrupt(
                    "the reader claims progress that it cannot have made",
                ));
            }
            self.segment
                .word(self.line + layout::CUT)
                .store(end, Ordering::Release);
            let new = progress.with_revoked().encode();
            if word
                .compare_exchange(now, new, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
            {
                return Ok(Revoked::Unread(stream.len - progress.taken));
            }
        }
        Err(Corrupt("the reader never lets its progress word be"))
    }

    /// For a look at the reader's progress without exclusive access.
    #[inline]
    pub fn watch(&self) -> ProgressWatch {
        ProgressWatch {
            line: self.peer_line,
            seen: (self.consumed, self.head),
        }
    }

    /// Whether the consumer sleeps and must be rung, for whatever was changed before. Disarms.
    pub fn is_awaited(&self) -> bool {
        fence(Ordering::SeqCst);
        self.peer.data_is_wanted()
    }

    /// Tells the consumer how many bytes are written whose entries are not in the ring yet.
    pub fn set_unplaced(&mut self, bytes: u64) {
        self.segment
            .word(self.line + layout::UNPLACED)
            .store(bytes, Ordering::Release);
    }

    /// Where an entry of this size is to begin: where the last one ended or, when the reader has taken all,
    /// at the beginning of the ring. So two ends that keep up with each other use no more of it than the
    /// nearest caches hold, and than memory has been given to; the rest is there for when they do not.
    #[inline]
    fn start_for(&mut self, size: u64) -> Result<u64, Corrupt> {
        let offset = self.tail & (self.ring_len - 1);
        // Asked once in a while, since the reader's words are far away.
        if offset / self.window == (offset + size) / self.window {
            return Ok(self.tail);
        }
        self.refresh()?;
        let is_free = self.head == self.tail && size + WORD <= offset;
        Ok(if is_free {
            self.tail + (self.ring_len - offset)
        } else {
            self.tail
        })
    }

    /// The same when there is no room between the last entry and what the reader last released. The reader may
    /// have come further; or it stands before a gap still, of which nothing but the header is in use. Then
    /// there is room behind that header, to which another gap leads:
    /// ```text
    ///   ring  |entry|entry|entry|gap 2|gap 1|....free....|
    ///                                    ^ the reader          the entry comes behind `gap 1`
    /// ```
    #[cold]
    fn start_when_full(&mut self, size: u64) -> Result<Option<u64>, Corrupt> {
        self.refresh()?;
        if self.tail + size + WORD <= self.head + self.ring_len {
            return self.start_for(size).map(Some);
        }
        Ok(self.behind_gap(size))
    }

    /// Where an entry of this size can begin behind the header of a gap before which the reader stands.
    fn behind_gap(&self, size: u64) -> Option<u64> {
        let (gap, end) = self.unread_gap()?;
        let start = self.tail.max(gap + self.ring_len + WORD);
        (start + size + WORD <= end + self.ring_len).then_some(start)
    }

    /// The gap before which the reader stands, if it does.
    fn unread_gap(&self) -> Option<(u64, u64)> {
        self.gap.filter(|(start, _)| *start == self.head)
    }

    /// The header of a gap that leads from one position to another.
    fn leave_gap(&mut self, from: u64, to: u64) -> u64 {
        if self.head == from {
            self.gap = Some((from, to));
        }
        Header::Gap((to - from - WORD) as u32).encode()
    }

    /// Ends an entry whose next header goes to `next`.
    fn close_entry(&mut self, next: u64) {
        self.header(next).store(0, Ordering::Relaxed);
        self.tail = next;
    }

    /// Bytes of data that can be placed from position `from` on, keeping room for the next header.
    fn feedable(&self, from: u64) -> u64 {
        let released = match self.unread_gap() {
            // The entry stands behind the gap's header, see `start_when_full`.
            Some((gap, end)) if self.tail > gap + self.ring_len => end,
            _ => self.head,
        };
        (released + self.ring_len).saturating_sub(from + WORD + WORD)
    }

    #[inline]
    fn header(&self, position: u64) -> &AtomicU64 {
        self.segment
            .word(self.ring + (position & (self.ring_len - 1)) as usize)
    }

    fn tail_word(&self) -> &AtomicU64 {
        self.segment.word(self.line + layout::TAIL)
    }

    /// Has the processor fetch the lines that small entries will soon be written to. The reader had them
    /// last, and a store that waits for its line holds up the next exchange.
    #[inline]
    fn fetch_ahead(&self) {
        for distance in FETCHED {
            let offset = (self.tail + distance) & (self.ring_len - 1);
            self.segment.expect_write(self.ring + offset as usize);
        }
    }

    /// Copies into the ring, round its end.
    #[inline]
    fn copy_in(&self, position: u64, data: &[u8]) {
        let offset = (position & (self.ring_len - 1)) as usize;
        let first = data.len().min(self.ring_len as usize - offset);
        self.segment.write(self.ring + offset, &data[..first]);
        self.segment.write(self.ring, &data[first..]);
    }
}

/// Where the reader's progress shows, for whoever waits for it without the producer itself.
#[derive(Debug, Clone, Copy)]
pub struct ProgressWatch {
    line: usize,
    seen: (u64, u64),
}

impl ProgressWatch {
    /// Whether the reader has made progress since, in the segment of the producer.
    #[inline]
    pub fn is_ready(&self, segment: &Segment) -> bool {
        let load = |word| look(segment.word(self.line + word));
        (load(layout::CONSUMED), load(layout::HEAD)) != self.seen
    }
}
