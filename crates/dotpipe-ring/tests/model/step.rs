//! What the model test can do next, and how it is chosen at random.

use proptest::prelude::*;

use crate::RING;

/// What the test can do next. What is impossible at the time (a feed when nothing streams) is passed over.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Publish(usize),
    Begin(u32),
    Feed,
    /// Takes back one of the waiting entries, or one that has long been read.
    Revoke(usize),
    /// Takes back the last entry and publishes at once what fitted before it was begun.
    RevokeLast,
    /// Looks and takes, until the entry ends or `len` bytes are there.
    Take {
        len: usize,
        /// The front entry is taken back between the look and the take.
        interrupted: bool,
        released: bool,
    },
    Look,
    Release,
    Peek {
        len: usize,
        first_only: bool,
    },
    Available,
    Unplaced(u64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let publish = prop_oneof![
        4 => 0usize..80,
        2 => 0usize..2500,
        1 => RING - 40..RING + 10,
    ];
    let begin = prop_oneof![
        4 => 1u32..80,
        2 => 1u32..2500,
        1 => RING as u32 - 40..RING as u32 + 10,
        2 => 1u32..20_000,
    ];
    let some = || prop_oneof![3 => 0usize..100, 2 => 0usize..5000];
    prop_oneof![
        4 => publish.prop_map(Step::Publish),
        4 => begin.prop_map(Step::Begin),
        6 => Just(Step::Feed),
        3 => any::<usize>().prop_map(Step::Revoke),
        2 => Just(Step::RevokeLast),
        10 => (some(), prop::bool::weighted(0.1), prop::bool::weighted(0.8)).prop_map(
            |(len, interrupted, released)| Step::Take { len, interrupted, released }
        ),
        1 => Just(Step::Look),
        1 => Just(Step::Release),
        2 => (some(), any::<bool>()).prop_map(|(len, first_only)| Step::Peek { len, first_only }),
        2 => Just(Step::Available),
        1 => prop_oneof![Just(0), any::<u64>()].prop_map(Step::Unplaced),
    ]
}
