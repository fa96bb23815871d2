//! Layer: tests of the ring. One thread drives both ends of a smallest ring at random beside a model that
//! is a queue of whole entries; the rule: a ring is that queue, byte for byte, and never loses room.

mod step;

use std::collections::VecDeque;
use std::sync::Arc;

use dotpipe_ring::{Consumer, Layout, Producer, Revoked, Segment, Side, Stream};
use proptest::prelude::*;

use step::{Step, step};

const RING: usize = 4096;
/// Bytes of a header, and the unit in which entries are placed.
const WORD: u64 = 8;

/// An entry as the model knows it.
struct Entry {
    data: Vec<u8>,
    start: u64,
    placed: usize,
    taken: usize,
    opened: bool,
    /// Taken back; stands in the ring until the consumer has skipped it.
    dead: bool,
    /// And of it only the header stands there: the ring was rolled back to behind it.
    gone: bool,
    /// It is no entry but a gap of this length, which the producer leaves to begin anew in front.
    gap: u64,
    /// Of a waiting entry.
    stream: Option<Stream>,
}

impl Entry {
    fn remaining(&self) -> usize {
        self.data.len() - self.taken
    }

    fn is_streaming(&self) -> bool {
        !self.dead && self.placed < self.data.len()
    }

    /// Where its data begin: behind the header and, if it waits or has waited, an empty word.
    fn data_start(&self) -> u64 {
        self.start
            + WORD
            + if self.stream.is_some() || self.dead {
                WORD
            } else {
                0
            }
    }

    /// Where the next entry stands, or will.
    fn end(&self) -> u64 {
        if self.gap > 0 {
            self.start + self.gap
        } else if self.gone {
            self.start + WORD
        } else {
            self.data_start() + (self.placed as u64).next_multiple_of(WORD)
        }
    }
}

/// Both ends of a ring and what they ought to say.
struct Run {
    producer: Producer,
    consumer: Consumer,
    entries: VecDeque<Entry>,
    /// Waiting entries that have been read whole: too late to take them back.
    finished: Vec<Stream>,
    /// Position of the first entry, and up to where the producer may write.
    head: u64,
    released: u64,
    tail: u64,
    consumed: u64,
    unplaced: u64,
    written: u64,
    /// The last gap that the producer left to begin anew: its beginning and its end.
    anew: Option<(u64, u64)>,
}

impl Run {
    fn new() -> Run {
        let layout = Layout::new(RING, RING).unwrap();
        let (segment, fd) = Segment::create(layout).unwrap();
        let other = Segment::open(fd, layout).unwrap();
        Run {
            producer: Producer::new(Arc::new(segment), Side::Server),
            consumer: Consumer::new(Arc::new(other), Side::Client),
            entries: VecDeque::new(),
            finished: Vec::new(),
            head: 0,
            released: 0,
            tail: 0,
            consumed: 0,
            unplaced: 0,
            written: 0,
            anew: None,
        }
    }

    /// Bytes that tell one entry from another and one place in it from another.
    fn pattern(&mut self, len: usize) -> Vec<u8> {
        self.written += 1;
        let seed = self.written.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..len as u64)
            .map(|i| ((seed ^ i.wrapping_mul(seed | 1)) >> 23) as u8 | 1)
            .collect()
    }

    fn is_streaming(&self) -> bool {
        self.entries.back().is_some_and(Entry::is_streaming)
    }

    /// The gap before which the consumer stands, if it does: all of it but its header can be used.
    fn unread_gap(&self) -> Option<(u64, u64)> {
        self.anew.filter(|(start, _)| *start == self.released)
    }

    /// Bytes from `position` to where the consumer has not released the ring yet, or to the header of the
    /// gap before which it stands.
    fn room(&self, position: u64) -> u64 {
        let released = match self.unread_gap() {
            Some((gap, end)) if self.tail > gap + RING as u64 => end,
            _ => self.released,
        };
        (released + RING as u64).saturating_sub(position)
    }

    fn entry(&mut self, data: Vec<u8>, placed: usize, stream: Option<Stream>) {
        self.entries.push_back(Entry {
            data,
            start: self.tail,
            placed,
            taken: 0,
            opened: false,
            dead: false,
            gone: false,
            gap: 0,
            stream,
        });
    }

    /// Where an entry of this size begins: in front when the reader has taken and released all, and it
    /// would reach into another quarter of the ring. Tells whether that left a gap.
    fn find_start(&mut self, size: u64) -> bool {
        let ring = RING as u64;
        let (offset, quarter) = (self.tail % ring, ring / 4);
        let anew = offset / quarter != (offset + size) / quarter
            && self.released == self.tail
            && size + WORD <= offset;
        if anew {
            self.anew = Some((self.tail, self.tail + ring - offset));
            self.leave_out(ring - offset);
        }
        anew
    }

    fn leave_out(&mut self, gap: u64) {
        self.entry(Vec::new(), 0, None);
        let entry = self.entries.back_mut().unwrap();
        (entry.dead, entry.gap) = (true, gap);
        self.tail = entry.end();
    }

    /// Where an entry of this size begins that has no room before the header of an unread gap: behind it.
    fn find_start_behind(&self, size: u64) -> Option<u64> {
        let (gap, end) = self.unread_gap()?;
        let behind = gap + RING as u64 + WORD;
        (self.tail < behind && behind + size + WORD <= end + RING as u64).then_some(behind)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(len) => self.publish(len),
            Step::Begin(len) => self.begin(len),
            Step::Feed => self.feed(),
            Step::Revoke(index) => self.revoke_any(index),
            Step::RevokeLast => self.revoke_last(),
            Step::Take {
                len,
                interrupted,
                released,
            } => {
                self.take(len, interrupted);
                if released {
                    self.release();
                }
            }
            Step::Look => self.look(),
            Step::Release => self.release(),
            Step::Peek { len, first_only } => self.peek(len, first_only),
            Step::Available => self.available(),
            Step::Unplaced(bytes) => {
                self.producer.set_unplaced(bytes);
                self.unplaced = bytes;
            }
        }
        self.producer.refresh().unwrap();
        assert_eq!(self.producer.head(), self.released);
        assert!(self.producer.consumed() <= self.consumed);
        assert_eq!(self.consumer.head(), self.head);
    }

    fn publish(&mut self, len: usize) {
        if self.is_streaming() {
            return;
        }
        let data = self.pattern(len);
        let size = WORD + (len as u64).next_multiple_of(WORD);
        let fits_here = size + WORD <= self.room(self.tail);
        let behind = self.find_start_behind(size).filter(|_| !fits_here);
        let fits = fits_here || behind.is_some();
        assert_eq!(
            self.producer.publish(&data).unwrap(),
            fits.then_some(false),
            "an entry of {len} bytes where {} are free",
            self.room(self.tail)
        );
        if fits {
            match behind {
                Some(start) => self.leave_out(start - self.tail),
                None => drop(self.find_start(size)),
            }
            self.entry(data, len, None);
            self.tail += size;
            assert_eq!(self.producer.tail(), self.tail);
        }
    }

    fn begin(&mut self, len: u32) {
        if self.is_streaming() {
            return;
        }
        let data = self.pattern(len as usize);
        let stream = self.producer.begin(len).unwrap();
        let anew = self.find_start(2 * WORD + u64::from(len).next_multiple_of(WORD));
        assert_eq!(stream.is_some(), self.room(self.tail) > 4 * WORD);
        assert!(stream.is_some() || !anew, "a gap with nothing behind it");
        if let Some(stream) = stream {
            self.entry(data, 0, Some(stream));
        }
    }

    fn feed(&mut self) {
        if !self.is_streaming() {
            return;
        }
        let entry = self.entries.back().unwrap();
        let room = self
            .room(entry.data_start() + entry.placed as u64)
            .saturating_sub(2 * WORD) as usize;
        let rest = entry.data.len() - entry.placed;
        let expected = if rest <= room { rest } else { room & !7 };
        let entry = self.entries.back_mut().unwrap();
        let stream = entry.stream.as_mut().unwrap();
        let fed = self
            .producer
            .feed(stream, &entry.data[entry.placed..], usize::MAX);
        assert_eq!(fed, Ok((expected, false)));
        entry.placed += expected;
        assert_eq!(stream.placed(), entry.placed);
        assert_eq!(stream.is_placed(), !entry.is_streaming());
        let (end, whole) = (entry.end(), !entry.is_streaming());
        if whole {
            self.tail = end;
        }
        // The next header must not reach what has not been released.
        assert!(self.room(end) >= WORD);
    }

    fn revoke_any(&mut self, index: usize) {
        let waiting = |entry: &Entry| entry.stream.is_some() && !entry.dead;
        let indices: Vec<usize> = (0..self.entries.len())
            .filter(|&index| waiting(&self.entries[index]))
            .collect();
        let choices = indices.len() + self.finished.len();
        if choices == 0 {
            return;
        }
        match indices.get(index % choices) {
            Some(&index) => self.revoke(index),
            None => {
                let stream = self.finished.swap_remove(index % choices - indices.len());
                assert_eq!(self.producer.revoke(stream), Ok(Revoked::TooLate));
            }
        }
    }

    /// An unopened last entry gives its room back whoever looks; all but its header.
    fn revoke_last(&mut self) {
        let Some(last) = self.entries.back() else {
            return;
        };
        if last.stream.is_none() || last.dead || last.opened {
            return;
        }
        let start = last.start;
        self.revoke(self.entries.len() - 1);
        assert_eq!(self.producer.tail(), start + WORD);
        // That header, the entry's own and the next one.
        let largest = (self.room(start) / WORD - 3) * WORD;
        self.publish(largest as usize);
        assert!(!self.entries.back().unwrap().dead, "its room is not back");
    }

    fn revoke(&mut self, index: usize) {
        let is_last = index + 1 == self.entries.len();
        let entry = &mut self.entries[index];
        let outcome = self.producer.revoke(entry.stream.take().unwrap());
        assert_eq!(outcome, Ok(Revoked::Unread(entry.remaining() as u32)));
        entry.dead = true;
        entry.gone = is_last && !entry.opened;
        if is_last {
            self.tail = entry.end();
        }
        assert_eq!(self.producer.tail(), self.tail);
    }

    /// What the consumer does when it looks: passes over what was taken back.
    fn skip(&mut self) {
        while let Some(entry) = self.entries.front().filter(|entry| entry.dead) {
            self.head = entry.end();
            self.entries.pop_front();
        }
    }

    fn look(&mut self) {
        self.skip();
        let front = self.consumer.look().unwrap();
        let expected = self.entries.front().map(|entry| {
            (
                entry.remaining(),
                entry.placed - entry.taken,
                entry.taken == 0,
            )
        });
        assert_eq!(
            front.map(|front| (front.remaining as usize, front.here as usize, front.fresh)),
            expected
        );
    }

    fn take(&mut self, len: usize, interrupted: bool) {
        self.look();
        let Some(front) = self.entries.front() else {
            return;
        };
        let mut to = vec![0; len];
        if interrupted && front.stream.is_some() {
            self.revoke(0);
            let taken = self.consumer.take(&mut to).unwrap();
            assert!(taken.revoked && !taken.finished && taken.len == 0);
            self.look();
            return;
        }
        let entry = self.entries.front_mut().unwrap();
        let count = len.min(entry.placed - entry.taken);
        let taken = self.consumer.take(&mut to).unwrap();
        assert_eq!((taken.len, taken.revoked), (count, false));
        assert_eq!(to[..count], entry.data[entry.taken..entry.taken + count]);
        entry.opened = entry.stream.is_some();
        entry.taken += count;
        self.consumed += count as u64;
        assert_eq!(taken.finished, entry.remaining() == 0);
        if taken.finished {
            self.head = entry.end();
            self.finished
                .extend(self.entries.pop_front().and_then(|entry| entry.stream));
        }
    }

    fn release(&mut self) {
        self.released = match self.entries.front() {
            Some(entry) if entry.opened => entry.data_start() + entry.taken as u64,
            _ => self.head,
        };
        assert!(!self.consumer.release(), "nobody sleeps");
        self.producer.refresh().unwrap();
        assert_eq!(self.producer.consumed(), self.consumed);
    }

    fn peek(&mut self, len: usize, first_only: bool) {
        self.skip();
        let mut expected = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.dead) {
            let here = &entry.data[entry.taken..entry.placed];
            expected.extend_from_slice(&here[..here.len().min(len - expected.len())]);
            if first_only || entry.is_streaming() {
                break;
            }
        }
        let remaining = self.entries.front().map_or(0, Entry::remaining);
        let mut to = vec![0; len];
        assert_eq!(
            self.consumer.peek(&mut to, first_only),
            Ok((expected.len(), remaining as u32))
        );
        assert_eq!(to[..expected.len()], expected);
    }

    fn available(&mut self) {
        self.skip();
        let alive = self.entries.iter().filter(|entry| !entry.dead);
        let sum: usize = alive.map(Entry::remaining).sum();
        assert_eq!(
            self.consumer.available(),
            Ok(self.unplaced.saturating_add(sum as u64))
        );
    }

    /// Reads all that can be read, then shows that every byte of room is back.
    fn drain(&mut self) {
        let mut rounds = 0;
        while !self.entries.is_empty() {
            self.feed();
            self.take(3000, false);
            self.release();
            rounds += 1;
            assert!(rounds < 10_000, "no progress");
        }
        self.look();
        self.release();
        self.publish(RING - 15);
        assert!(self.entries.is_empty(), "too large by one byte");
        self.publish(RING - 16);
        assert!(!self.entries.is_empty(), "the largest entry fits");
        self.take(RING, false);
        self.release();
        assert_eq!(self.released, self.tail);
    }

    /// The producer is dead: what stays is what had completed, and it can be read.
    fn die(mut self, quota: u64) {
        drop(self.producer);
        self.consumer.abandon(quota).unwrap();
        let mut unread = 0;
        self.entries.retain(|entry| {
            if entry.dead {
                return false;
            }
            unread += entry.remaining() as u64;
            entry.stream.is_none() || !entry.is_streaming() && unread <= quota
        });
        let left: usize = self.entries.iter().map(Entry::remaining).sum();
        assert_eq!(self.consumer.available(), Ok(left as u64));
        for entry in self.entries {
            let mut to = vec![0; entry.remaining()];
            let front = self.consumer.look().unwrap().unwrap();
            assert_eq!(
                (front.remaining as usize, front.here as usize),
                (to.len(), to.len())
            );
            let taken = self.consumer.take(&mut to).unwrap();
            assert_eq!((taken.len, taken.finished), (to.len(), true));
            assert_eq!(to, entry.data[entry.taken..]);
        }
        self.consumer.release();
        assert_eq!(self.consumer.look(), Ok(None), "nothing half-done is left");
        assert_eq!(
            self.consumer.abandon(quota),
            Ok(()),
            "again changes nothing"
        );
        assert_eq!(self.consumer.available(), Ok(0));
    }
}

/// Longer entries and a smaller ring than the random steps are likely to bring together: an entry is opened,
/// its header overwritten by the data of a later one, and that one taken back, which leaves its bytes there.
#[test]
fn an_opened_entry_is_taken_back_whatever_stands_where_its_header_was() {
    let mut run = Run::new();
    run.begin(3000);
    run.feed();
    run.take(2000, false);
    run.release();
    run.begin(2500);
    run.feed();
    assert!(run.entries[1].end() > RING as u64 + 2 * WORD);
    run.revoke_last();
    run.revoke(0);
    run.drain();
}

/// The producer begins anew, and then the consumer takes nothing: as much goes in as always.
#[test]
fn a_gap_costs_no_room() {
    for at in (0..RING).step_by(56) {
        let mut run = Run::new();
        while run.tail + 48 <= at as u64 {
            run.publish(40);
            run.take(40, false);
            run.release();
        }
        let mut sum = 0;
        while run.room(run.tail) >= 64 || run.find_start_behind(56).is_some() {
            run.publish(48);
            sum += 56;
        }
        // Lost at the most: what was too short before the gap's header and at the end, and two headers.
        assert!(sum + 2 * 64 + 16 >= RING, "{sum} bytes from {at} on");
        run.peek(RING, false);
        run.drain();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_ring_is_a_queue(steps in prop::collection::vec(step(), 1..200)) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
        }
        run.drain();
    }

    #[test]
    fn what_a_dead_producer_left_is_what_had_completed(
        steps in prop::collection::vec(step(), 1..120),
        quota in prop_oneof![Just(0), 0u64..200, 0u64..6000, Just(u64::MAX)],
    ) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
        }
        run.die(quota);
    }
}
