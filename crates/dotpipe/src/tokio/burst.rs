//! [`Burst`]: whether a task looks several times in a row.
//!
//! Layer: the core of the tokio face.

use std::sync::atomic::{AtomicU8, Ordering};

/// Whether to look several times in a row before letting others run: a score of whether that has paid, with
/// a try now and then when it has not.
#[derive(Default)]
pub(super) struct Burst {
    /// 0 is the best.
    misses: AtomicU8,
}

impl Burst {
    /// How often it looks, at most.
    pub(super) const LOOKS: u32 = 24;
    /// How long it waits between two looks, in hints to the processor.
    pub(super) const PAUSES: u32 = 2;
    const MOST_MISSES: u8 = 8;
    /// Once out of credit, one in so many waits is tried all the same.
    const RETRY: u8 = 64;

    /// Whether to do so now.
    pub(super) fn pays(&self) -> bool {
        let misses = self.misses.load(Ordering::Relaxed);
        if misses < Burst::MOST_MISSES {
            return true;
        }
        // Races lose a count; it is a hint.
        let next = misses + 1;
        let retry = next >= Burst::MOST_MISSES + Burst::RETRY;
        self.misses.store(
            if retry { Burst::MOST_MISSES } else { next },
            Ordering::Relaxed,
        );
        retry
    }

    /// It has paid, or not.
    pub(super) fn judge(&self, paid: bool) {
        let misses = self.misses.load(Ordering::Relaxed);
        let new = match paid {
            true => misses.min(Burst::MOST_MISSES).saturating_sub(2),
            false => misses.saturating_add(1).min(Burst::MOST_MISSES),
        };
        if new != misses {
            self.misses.store(new, Ordering::Relaxed);
        }
    }
}
