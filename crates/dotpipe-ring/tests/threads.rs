//! Layer: tests of the ring. Two threads, each with a mapping of its own, stream entries through one ring
//! while waiting ones are taken back at random; the rule: every byte that is read or peeked is the one
//! that was written there, and what the two ends believe to have been read is the same.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use dotpipe_ring::{Consumer, Flags, Layout, Producer, Revoked, Segment, Side, State, Stream};

const LONGEST: usize = 200_000;
/// Of every entry that is not empty, the first bytes are its number.
const NUMBER: usize = 8;

/// A small generator (splitmix64), so that an entry's length and data follow from its number.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }
}

/// Knows every entry by its number.
struct Entries {
    noise: Vec<u8>,
}

impl Entries {
    fn new() -> Entries {
        let mut random = Random(1);
        let noise = (0..(LONGEST + 0x1_0000) / 8).flat_map(|_| random.next().to_ne_bytes());
        Entries {
            noise: noise.collect(),
        }
    }

    fn len(&self, number: u64) -> usize {
        let mut random = Random(number);
        let longest = [0, 100, 5000, LONGEST][random.below(4)];
        match random.below(longest + 1) {
            len if len < NUMBER => 0,
            len => len,
        }
    }

    fn body(&self, number: u64) -> &[u8] {
        let start = Random(!number).below(0x1_0000);
        &self.noise[start..start + self.len(number)]
    }

    fn data(&self, number: u64) -> Vec<u8> {
        let mut data = self.body(number).to_vec();
        if let Some(first) = data.first_chunk_mut() {
            *first = number.to_ne_bytes();
        }
        data
    }

    /// Which entry begins with these bytes.
    fn number(&self, data: &[u8]) -> u64 {
        u64::from_ne_bytes(*data.first_chunk().unwrap())
    }

    /// Whether `data` stand in an entry from `at` on.
    fn hold(&self, number: u64, at: usize, data: &[u8]) -> bool {
        if at + data.len() > self.len(number) {
            return false;
        }
        let in_number = NUMBER.saturating_sub(at).min(data.len());
        let same_number = (0..in_number).all(|i| data[i] == number.to_ne_bytes()[at + i]);
        same_number && data[in_number..] == self.body(number)[at + in_number..at + data.len()]
    }

    /// Whether `data` are entries, each whole but perhaps the last, with growing numbers.
    fn follow(&self, mut data: &[u8]) -> bool {
        let mut least = 0;
        // An end too short for a number tells nothing.
        while data.len() >= NUMBER {
            let number = self.number(data);
            let len = self.len(number).min(data.len());
            if number < least || len == 0 || !self.hold(number, 0, &data[..len]) {
                return false;
            }
            least = number + 1;
            data = &data[len..];
        }
        true
    }
}

/// Lets the other thread go on, but not for ever.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        self.0 += 1;
        assert!(self.0 < 5_000_000, "the other end makes no progress");
        thread::yield_now();
    }
}

/// What one end believes of an entry: its length and how much of it was read. Entries that are not empty
/// and of which nothing was read are not kept.
type Log = Vec<(usize, usize)>;

struct Writer<'a> {
    entries: &'a Entries,
    producer: Producer,
    random: Random,
    log: Log,
    placed: usize,
    /// Waiting entries: place in the log and stream.
    waiting: Vec<(usize, Stream)>,
    patience: Patience,
}

impl Writer<'_> {
    /// Writes until `total` bytes have been placed in the ring.
    fn run(mut self, total: usize) -> Log {
        for number in 0.. {
            let data = self.entries.data(number);
            let len = data.len();
            self.log.push((len, len));
            if len == 0 || len <= 4000 && self.random.one_in(2) {
                while self.producer.publish(&data).unwrap().is_none() {
                    self.patience.wait();
                }
                self.placed += len;
            } else {
                self.stream(&data);
            }
            if self.random.one_in(3) && !self.waiting.is_empty() {
                let index = self.random.below(self.waiting.len());
                let (place, stream) = self.waiting.swap_remove(index);
                self.revoke(place, stream);
            }
            if self.waiting.len() > 10 {
                self.waiting.swap_remove(0);
            }
            self.patience = Patience::default();
            if self.placed >= total {
                break;
            }
        }
        self.log
            .into_iter()
            .filter(|&(len, read)| read > 0 || len == 0)
            .collect()
    }

    fn stream(&mut self, data: &[u8]) {
        let place = self.log.len() - 1;
        let mut stream = loop {
            match self.producer.begin(data.len() as u32).unwrap() {
                Some(stream) => break stream,
                None => self.patience.wait(),
            }
        };
        while !stream.is_placed() {
            if self.random.one_in(200) {
                return self.revoke(place, stream);
            }
            let rest = &data[stream.placed()..];
            match self.producer.feed(&mut stream, rest, usize::MAX).unwrap() {
                (0, _) => self.patience.wait(),
                (count, _) => {
                    self.placed += count;
                    self.patience = Patience::default();
                }
            }
        }
        self.waiting.push((place, stream));
    }

    fn revoke(&mut self, place: usize, stream: Stream) {
        if let Revoked::Unread(unread) = self.producer.revoke(stream).unwrap() {
            self.log[place].1 -= unread as usize;
        }
    }
}

struct Reader<'a> {
    entries: &'a Entries,
    consumer: Consumer,
    random: Random,
    log: Log,
    /// The entry of which something was read: its position, number and how much.
    open: Option<(u64, u64, usize)>,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    /// Reads until `closed` and nothing is left.
    fn run(mut self, closed: impl Fn() -> bool) -> Log {
        let mut patience = Patience::default();
        loop {
            let last = closed();
            if self.random.one_in(16) {
                self.peek();
            }
            let front = self.consumer.look().unwrap();
            self.close_revoked();
            match front {
                Some(front) if front.here > 0 || front.remaining == 0 => {
                    assert!(front.here <= front.remaining);
                    self.take(front.remaining as usize);
                    patience = Patience::default();
                }
                None if last => break,
                _ => patience.wait(),
            }
            // Not each time: what is not released must not be overwritten.
            if front.is_none() || self.random.one_in(2) {
                self.consumer.release();
            }
        }
        self.log
    }

    fn take(&mut self, remaining: usize) {
        let limit = [NUMBER, 3000, LONGEST][self.random.below(3)];
        let limit = NUMBER + self.random.below(limit);
        let position = self.consumer.head();
        let taken = self.consumer.take(&mut self.buffer[..limit]).unwrap();
        if taken.revoked {
            return self.close_revoked();
        }
        let data = &self.buffer[..taken.len];
        if remaining == 0 {
            assert!(taken.finished && taken.len == 0);
            return self.log.push((0, 0));
        }
        let (number, before) = match self.open {
            Some((_, number, before)) => (number, before),
            None => (self.entries.number(data), 0),
        };
        assert!(self.entries.hold(number, before, data), "entry {number}");
        let (len, now) = (self.entries.len(number), before + taken.len);
        assert_eq!(len, before + remaining);
        assert_eq!(taken.finished, now == len);
        self.open = Some((position, number, now));
        if taken.finished {
            self.close();
        }
    }

    /// The open entry is done with: whole, or its rest was taken back.
    fn close(&mut self) {
        if let Some((_, number, read)) = self.open.take() {
            self.log.push((self.entries.len(number), read));
        }
    }

    fn close_revoked(&mut self) {
        if let Some((position, ..)) = self.open
            && position != self.consumer.head()
        {
            self.close();
        }
    }

    fn peek(&mut self) {
        self.consumer.available().unwrap();
        self.consumer.look().unwrap();
        self.close_revoked();
        let first_only = self.random.one_in(2);
        let limit = [100, 3000, 20_000][self.random.below(3)];
        let (copied, remaining) = self
            .consumer
            .peek(&mut self.buffer[..limit], first_only)
            .unwrap();
        let data = &self.buffer[..copied];
        let goes_on = self.open.is_some_and(|(_, number, read)| {
            let rest = self.entries.len(number) - read;
            let (own, others) = data.split_at(rest.min(copied));
            rest == remaining as usize
                && self.entries.hold(number, read, own)
                && self.entries.follow(others)
        });
        // The open entry may have been taken back in the meantime.
        assert!(goes_on || self.entries.follow(data), "peeked at nonsense");
    }
}

/// Writes `total` bytes from `side` to the other.
fn stream(side: Side, ring: usize, total: usize) {
    let layout = match side {
        Side::Server => Layout::new(ring, 4096),
        Side::Client => Layout::new(4096, ring),
    };
    let layout = layout.unwrap();
    let (ours, fd) = Segment::create(layout).unwrap();
    let (ours, theirs) = (Arc::new(ours), Arc::new(Segment::open(fd, layout).unwrap()));
    let entries = Entries::new();
    let writer = Writer {
        entries: &entries,
        producer: Producer::new(ours.clone(), side),
        random: Random(2),
        log: Log::new(),
        placed: 0,
        waiting: Vec::new(),
        patience: Patience::default(),
    };
    let reader = Reader {
        entries: &entries,
        consumer: Consumer::new(theirs.clone(), side.other()),
        random: Random(3),
        log: Log::new(),
        open: None,
        buffer: vec![0; 2 * LONGEST],
    };
    let (own_state, seen_state) = (Flags::new(ours, side), Flags::new(theirs, side));
    let (written, read) = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let log = writer.run(total);
            own_state.set_state(State::Closed);
            log
        });
        let read = reader.run(|| seen_state.state() != State::Open);
        (writer.join().unwrap(), read)
    });
    let partial = written.iter().filter(|&&(len, read)| read < len).count();
    assert!(partial > 0, "some were taken back half-read");
    assert!(written == read, "the ends disagree on what was read");
}

#[test]
fn a_large_ring_keeps_every_byte() {
    stream(Side::Server, 0x1_0000, 100 << 20);
}

#[test]
fn a_smallest_ring_keeps_every_byte() {
    stream(Side::Client, 4096, 10 << 20);
}

/// A look at a waiting entry reads two words. When the entry is taken back and another begun between the
/// two, the second speaks of the other entry: once, a peek then took headers for data.
#[test]
fn whoever_only_looks_never_takes_one_entry_for_another() {
    const ROUNDS: u64 = 1_000_000;
    let layout = Layout::new(0x1_0000, 4096).unwrap();
    let (ours, fd) = Segment::create(layout).unwrap();
    let theirs = Arc::new(Segment::open(fd, layout).unwrap());
    let ours = Arc::new(ours);
    let mut producer = Producer::new(ours.clone(), Side::Server);
    let mut consumer = Consumer::new(theirs.clone(), Side::Client);
    let state = Flags::new(theirs, Side::Server);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut patience = Patience::default();
            for _ in 0..ROUNDS {
                let stream = loop {
                    match producer.begin(1000).unwrap() {
                        Some(stream) => break stream,
                        None => patience.wait(),
                    }
                };
                assert_eq!(producer.revoke(stream), Ok(Revoked::Unread(1000)));
                patience = Patience::default();
            }
            Flags::new(ours, Side::Server).set_state(State::Closed);
        });
        let mut to = [0; 300];
        while state.state() == State::Open {
            let (copied, remaining) = consumer.peek(&mut to, false).unwrap();
            assert_eq!(copied, 0, "of what was never placed");
            assert!([0, 1000].contains(&remaining));
            assert!([0, 1000].contains(&consumer.available().unwrap()));
            consumer.release();
        }
    });
}

/// Behind an entry that is taken back the ring is written anew at once, here with what looks like headers.
/// Whoever peeked in the meantime has the bytes of one entry or none, and takes no data for a header.
#[test]
fn whoever_only_looks_never_sees_what_is_written_over_an_entry() {
    const ROUNDS: u64 = 100_000;
    const LEN: usize = 240;
    // Longer, so that it covers where the next header was.
    const OTHER: usize = 400;
    let layout = Layout::new(4096, 4096).unwrap();
    let (ours, fd) = Segment::create(layout).unwrap();
    let (ours, theirs) = (Arc::new(ours), Arc::new(Segment::open(fd, layout).unwrap()));
    let mut producer = Producer::new(ours.clone(), Side::Server);
    let mut consumer = Consumer::new(theirs.clone(), Side::Client);
    let state = Flags::new(theirs, Side::Server);
    let headers = (1u64 << 32 | 8).to_ne_bytes().repeat(OTHER / 8);
    let seen = [const { AtomicU64::new(0) }; 2];
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut to = [0; OTHER + LEN];
            while state.state() == State::Open {
                let (copied, remaining) = consumer.peek(&mut to, false).unwrap();
                match (copied, remaining as usize) {
                    // Nothing, or what is begun and not placed.
                    (0, 0 | LEN | OTHER) => {}
                    (LEN, LEN) => {
                        assert!(to[..LEN].iter().all(|&byte| byte == to[0]), "torn");
                        seen[0].fetch_add(1, Ordering::Relaxed);
                    }
                    (OTHER, OTHER) => {
                        assert!(to[..OTHER] == headers, "torn");
                        seen[1].fetch_add(1, Ordering::Relaxed);
                    }
                    other => panic!("peeked at {other:?}"),
                }
                let available = consumer.available().unwrap();
                assert!([0, LEN as u64, OTHER as u64].contains(&available));
                consumer.release();
            }
        });
        let _closed = CloseOnDrop(Flags::new(ours, Side::Server));
        let mut random = Random(4);
        for round in 0..ROUNDS {
            let other = round % 2;
            let own = [round as u8 | 1; LEN];
            let data = [&own[..], &headers][other as usize];
            let mut patience = Patience::default();
            while producer.tail() > producer.head() + 3000 {
                patience.wait();
                producer.refresh().unwrap();
            }
            let mut stream = producer.begin(data.len() as u32).unwrap().unwrap();
            producer.feed(&mut stream, data, usize::MAX).unwrap();
            assert!(stream.is_placed());
            if random.one_in(50) {
                let seen = &seen[other as usize];
                let before = seen.load(Ordering::Relaxed);
                while seen.load(Ordering::Relaxed) == before {
                    patience.wait();
                }
            } else {
                (0..random.below(300)).for_each(|_| spin_loop());
            }
            let unread = Revoked::Unread(data.len() as u32);
            assert_eq!(producer.revoke(stream), Ok(unread));
        }
    });
}

/// Also when its thread panics, lest the other one wait for ever.
struct CloseOnDrop(Flags);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.set_state(State::Closed);
    }
}
