//! Lies at random, but near the truth: between the operations of an honest end and during them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dotpipe_ring::layout;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::scene::{CONSUMER_LINE, PRODUCER_LINE, Pair, RING, WORD};
use super::steps::{Lie, Place, Read, Streams, Value, Write, check_flags};

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

fn read() -> impl Strategy<Value = Read> {
    let size = || prop_oneof![0usize..50, 0usize..6000];
    prop_oneof![
        6 => Just(Read::Look),
        6 => size().prop_map(Read::Take),
        2 => size().prop_map(Read::TakeWhole),
        3 => Just(Read::Release),
        2 => (size(), any::<bool>()).prop_map(|(len, first_only)| Read::Peek(len, first_only)),
        2 => Just(Read::Available),
        1 => prop_oneof![0u64..100, any::<u64>()].prop_map(Read::Abandon),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => prop_oneof![0usize..50, 0usize..6000].prop_map(Write::Publish),
        4 => prop_oneof![1u32..50, 1u32..6000].prop_map(Write::Begin),
        5 => prop_oneof![Just(usize::MAX), 1usize..100].prop_map(Write::Feed),
        3 => any::<usize>().prop_map(Write::Revoke),
        1 => Just(Write::Refresh),
        1 => any::<u64>().prop_map(Write::Flags),
    ]
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
