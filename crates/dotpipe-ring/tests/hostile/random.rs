//! Lies at random, but near the truth: between the operations of an honest end and during them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dotpipe_ring::{Consumer, Corrupt, Flags, Producer, Revoked, Segment, Side, Stream, layout};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::{CONSUMER_LINE, FOREIGN, PRODUCER_LINE, Pair, RING, WORD, in_ring, progress};

/// One word to forge: where, and what. Places and values are made from what the test knows when it
/// forges, so that lies come near the truth.
#[derive(Debug, Clone)]
struct Lie {
    place: Place,
    value: Value,
}

#[derive(Debug, Clone)]
enum Place {
    /// A word before the rings: flags and lines.
    Line(usize),
    /// A word of the ring, so far from the consumer's position.
    Ring(u64),
}

#[derive(Debug, Clone)]
enum Value {
    Any(u64),
    /// A header of this kind and length.
    Header(u64, u32),
    /// A position so far from the consumer's.
    Near(i64),
    /// The progress of the entry so far from the consumer's position.
    Progress(u64, bool, u32),
}

impl Lie {
    fn tell(&self, segment: &Segment, head: u64) {
        let offset = match self.place {
            Place::Line(word) => word * 8,
            Place::Ring(distance) => in_ring(head.wrapping_add(distance)) & !7,
        };
        let value = match self.value {
            Value::Any(word) => word,
            Value::Header(kind, len) => kind << 32 | u64::from(len),
            Value::Near(distance) => head.wrapping_add_signed(distance),
            Value::Progress(distance, revoked, taken) => {
                progress(head.wrapping_add(distance), revoked, taken)
            }
        };
        segment.forge(offset, value);
    }
}

fn len() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0u32..40,
        2 => RING as u32 - 40..RING as u32 + 40,
        1 => 0u32..10_000,
        1 => prop::sample::select(vec![u32::MAX, u32::MAX - 7, u32::MAX - 8, 1 << 31]),
    ]
}

fn lie() -> impl Strategy<Value = Lie> {
    let place = prop_oneof![
        // The lines of the direction under test more often than the rest.
        4 => (PRODUCER_LINE / 8..PRODUCER_LINE / 8 + 3).prop_map(Place::Line),
        4 => (CONSUMER_LINE / 8..CONSUMER_LINE / 8 + 3).prop_map(Place::Line),
        1 => (0..layout::HEADER_LEN / 8).prop_map(Place::Line),
        6 => Just(Place::Ring(0)),
        2 => (0..8u64).prop_map(|words| Place::Ring(words * 8)),
        1 => (0..RING as u64 / 8).prop_map(|words| Place::Ring(words * 8)),
    ];
    let value = prop_oneof![
        1 => any::<u64>().prop_map(Value::Any),
        1 => prop::sample::select(vec![0, 1, u64::MAX, u64::MAX - 7, 1 << 63]).prop_map(Value::Any),
        4 => (0u64..6, len()).prop_map(|(kind, len)| Value::Header(kind, len)),
        2 => (-40i64..40).prop_map(Value::Near),
        2 => (-5000i64..5000).prop_map(Value::Near),
        2 => (0u64..40, any::<bool>(), len())
            .prop_map(|(distance, revoked, taken)| Value::Progress(distance, revoked, taken)),
    ];
    (place, value).prop_map(|(place, value)| Lie { place, value })
}

/// What the honest consumer does.
#[derive(Debug, Clone)]
enum Read {
    Look,
    Take(usize),
    Release,
    Peek(usize, bool),
    Available,
    Abandon(u64),
}

fn read() -> impl Strategy<Value = Read> {
    let size = || prop_oneof![0usize..50, 0usize..6000];
    prop_oneof![
        6 => Just(Read::Look),
        6 => size().prop_map(Read::Take),
        3 => Just(Read::Release),
        2 => (size(), any::<bool>()).prop_map(|(len, first_only)| Read::Peek(len, first_only)),
        2 => Just(Read::Available),
        1 => prop_oneof![0u64..100, any::<u64>()].prop_map(Read::Abandon),
    ]
}

impl Read {
    /// Does it and checks the shape of what comes back. `open` counts what was taken of the first entry.
    fn check(&self, consumer: &mut Consumer, open: &mut u64) -> Result<(), Corrupt> {
        let before = consumer.head();
        let outcome = self.check_shape(consumer, open);
        let went = consumer.head().checked_sub(before);
        assert!(
            went.is_some_and(|went| went <= WORD + *open + 2 * RING as u64),
            "from {before} to {}",
            consumer.head()
        );
        if went != Some(0) {
            *open = 0;
        }
        outcome
    }

    fn check_shape(&self, consumer: &mut Consumer, open: &mut u64) -> Result<(), Corrupt> {
        match *self {
            Read::Look => {
                if let Some(front) = consumer.look()? {
                    assert!(front.here <= front.remaining);
                    assert!(front.here as usize <= RING);
                }
            }
            Read::Take(len) => {
                let before = consumer.head();
                let mut to = vec![0; len];
                let taken = consumer.take(&mut to)?;
                assert!(taken.len <= len.min(RING));
                assert!(own(&to[..taken.len]));
                *open += taken.len as u64;
                if taken.revoked {
                    assert!(taken.len == 0 && !taken.finished);
                    assert!(consumer.head() > before, "each revocation is met once");
                }
            }
            Read::Release => {
                consumer.release();
                assert!(!consumer.release(), "twice tells nothing new");
            }
            Read::Peek(len, first_only) => {
                let mut to = vec![0; len];
                let (copied, remaining) = consumer.peek(&mut to, first_only)?;
                assert!(copied <= len.min(RING));
                assert!(!first_only || copied <= remaining as usize);
                assert!(own(&to[..copied]));
            }
            Read::Available => drop(consumer.available()?),
            Read::Abandon(quota) => consumer.abandon(quota)?,
        }
        Ok(())
    }
}

/// Whether bytes can come from the ring that is read.
fn own(data: &[u8]) -> bool {
    !data.windows(8).any(|bytes| bytes == FOREIGN.to_ne_bytes())
}

/// What the honest producer does; streams are those begun and not taken back.
#[derive(Debug, Clone)]
enum Write {
    Publish(usize),
    Begin(u32),
    Feed,
    Revoke(usize),
    Refresh,
    Flags(u64),
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => prop_oneof![0usize..50, 0usize..6000].prop_map(Write::Publish),
        4 => prop_oneof![1u32..50, 1u32..6000].prop_map(Write::Begin),
        5 => Just(Write::Feed),
        3 => any::<usize>().prop_map(Write::Revoke),
        1 => Just(Write::Refresh),
        1 => any::<u64>().prop_map(Write::Flags),
    ]
}

/// Waiting entries and their lengths.
#[derive(Default)]
struct Streams {
    /// The one that is being streamed.
    last: Option<(Stream, usize)>,
    placed: Vec<(Stream, usize)>,
}

impl Write {
    fn check(&self, producer: &mut Producer, streams: &mut Streams) -> Result<(), Corrupt> {
        let (head, consumed, tail) = (producer.head(), producer.consumed(), producer.tail());
        let outcome = self.check_shape(producer, streams);
        assert!(producer.head() >= head && producer.consumed() >= consumed);
        // Only a roll back goes back, and never before what was released.
        let rolled_back = matches!(self, Write::Revoke(_)) && producer.tail() > producer.head();
        assert!(producer.tail() >= tail || rolled_back);
        // A gap before which the reader stands counts as released.
        assert!(producer.tail().saturating_sub(producer.head()) <= 2 * RING as u64);
        outcome
    }

    fn check_shape(&self, producer: &mut Producer, streams: &mut Streams) -> Result<(), Corrupt> {
        match *self {
            Write::Publish(len) if streams.last.is_none() => {
                let fitted = producer.publish(&vec![1; len])?.is_some();
                assert!(!fitted || len < RING);
            }
            Write::Begin(len) if streams.last.is_none() => {
                let stream = producer.begin(len)?;
                streams.last = stream.map(|stream| (stream, len as usize));
            }
            Write::Feed => {
                if let Some((mut stream, len)) = streams.last.take() {
                    let before = stream.placed();
                    let rest = vec![2; len - before];
                    let fed = producer.feed(&mut stream, &rest, usize::MAX);
                    if let Ok((count, _)) = fed {
                        assert!(count <= rest.len().min(RING));
                        assert_eq!(stream.placed(), before + count);
                    }
                    if stream.is_placed() {
                        streams.placed.push((stream, len));
                    } else {
                        streams.last = Some((stream, len));
                    }
                    fed?;
                }
            }
            Write::Revoke(index) => {
                let count = streams.placed.len();
                if index % (count + 1) < count {
                    let (stream, len) = streams.placed.swap_remove(index % (count + 1));
                    check_revoked(producer.revoke(stream)?, len);
                } else if let Some((stream, len)) = streams.last.take() {
                    let outcome = producer.revoke(stream)?;
                    assert_ne!(outcome, Revoked::TooLate, "it was not whole");
                    check_revoked(outcome, len);
                }
            }
            Write::Refresh => producer.refresh()?,
            Write::Flags(word) => producer.set_unplaced(word),
            Write::Publish(_) | Write::Begin(_) => {}
        }
        Ok(())
    }
}

fn check_revoked(outcome: Revoked, len: usize) {
    if let Revoked::Unread(unread) = outcome {
        assert!(unread > 0 && unread as usize <= len);
    }
}

/// The flags of the end that lies hold nothing that can hurt.
fn check_flags(segment: &Arc<Segment>, at: u64) {
    for side in [Side::Server, Side::Client] {
        let flags = Flags::new(segment.clone(), side);
        flags.state();
        flags.demand(at);
        flags.stamp();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_consumer_withstands_lies_between_its_operations(
        steps in prop::collection::vec((prop::option::weighted(0.3, lie()), read(), write()), 1..120),
    ) {
        let mut pair = Pair::new();
        let mut streams = Streams::default();
        let (mut corrupt, mut open) = (0, 0);
        for (lie, read, write) in steps {
            // An honest producer keeps the conversation going, as far as it can. What it says to the
            // lies is another test's business.
            let _ = write.check(&mut pair.producer, &mut streams);
            if let Some(lie) = lie {
                lie.tell(&pair.segment, pair.consumer.head());
            }
            // Going on after an error is more than anybody may ask; it must be harmless all the same.
            corrupt += usize::from(read.check(&mut pair.consumer, &mut open).is_err());
            check_flags(&pair.segment, pair.consumer.head());
            let _ = pair.consumer.watch().is_ready(&pair.segment);
            if corrupt > 5 {
                break;
            }
        }
        prop_assert!(pair.foreign_ring_is_untouched());
    }

    #[test]
    fn a_producer_withstands_lies_between_its_operations(
        steps in prop::collection::vec((prop::option::weighted(0.3, lie()), read(), write()), 1..120),
    ) {
        let mut pair = Pair::new();
        let mut streams = Streams::default();
        let (mut corrupt, mut open) = (0, 0);
        for (lie, read, write) in steps {
            let _ = read.check(&mut pair.consumer, &mut open);
            let _ = pair.producer.watch().is_ready(&pair.segment);
            if let Some(lie) = lie {
                lie.tell(&pair.segment, pair.consumer.head());
            }
            corrupt += usize::from(write.check(&mut pair.producer, &mut streams).is_err());
            if corrupt > 5 {
                break;
            }
        }
        prop_assert!(pair.foreign_ring_is_untouched());
    }
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `honest` again and again while another thread forges what `lies` has, over and over.
fn while_forging(lies: &[Lie], rounds: usize, mut honest: impl FnMut(&mut Pair)) {
    for _ in 0..rounds {
        let mut pair = Pair::new();
        let done = AtomicBool::new(false);
        let segment = pair.segment.clone();
        thread::scope(|scope| {
            scope.spawn(|| {
                for (count, lie) in lies.iter().cycle().enumerate() {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    // Positions near the beginning, where the first entries stand.
                    lie.tell(&segment, (count as u64 / 64 % 8) * WORD);
                }
            });
            // Also when `honest` panics, lest the test hang.
            let _done = SetOnDrop(&done);
            honest(&mut pair);
        });
        assert!(pair.foreign_ring_is_untouched());
    }
}

/// As many values as `count` of a strategy, the same each time.
fn samples<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let values = (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    values.collect()
}

#[test]
fn a_consumer_withstands_lies_during_its_operations() {
    let reads = samples(read(), 1000);
    let mut reads = reads.iter().cycle();
    let mut done = 0;
    while_forging(&samples(lie(), 5000), 100, |pair| {
        let mut open = 0;
        for read in reads.by_ref().take(300) {
            done += usize::from(read.check(&mut pair.consumer, &mut open).is_ok());
        }
    });
    assert!(done > 1000, "the lies come near enough to the truth");
}

#[test]
fn a_producer_withstands_lies_during_its_operations() {
    let writes = samples(write(), 1000);
    let mut writes = writes.iter().cycle();
    let mut done = 0;
    while_forging(&samples(lie(), 5000), 100, |pair| {
        let mut streams = Streams::default();
        for write in writes.by_ref().take(300) {
            let outcome = write.check(&mut pair.producer, &mut streams);
            done += usize::from(outcome.is_ok());
        }
    });
    assert!(done > 1000, "the lies come near enough to the truth");
}
