//! How long to spin before sleeping: what a wake-up would cost, when spinning pays, not at all otherwise.
//!
//! Putting a thread to sleep and waking it costs some tens of microseconds. A spin of that length saves
//! time and processor when the answer comes within it, and wastes that much when it does not. So the
//! tuner keeps a score of whether a full spin *would have* succeeded: a spin that did, or a sleep after
//! which the waker's stamp says that it rang soon enough. (Judging by spins alone gets stuck: a tuner
//! that has stopped spinning never sees a success.) Two ends on one processor never spin: the other
//! cannot run meanwhile.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::linux::clock;

/// The longest spin: about one wake-up on another processor.
const LONGEST: Duration = Duration::from_micros(50);
/// Looks between two looks at the clock.
const BURST: u32 = 64;
const TOP_SCORE: u32 = 8;
const WORTH_IT: u32 = 3;

/// Whether this process may spin at all: `DOTPIPE_SPIN=never` forbids it, to save processor time, or to see
/// what spinning is worth.
static ALLOWED: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("DOTPIPE_SPIN").is_none_or(|word| word != "never"));

/// The tuner of one kind of wait.
pub(super) struct Spin {
    score: AtomicU32,
}

impl Spin {
    pub(super) fn new() -> Spin {
        Spin {
            score: AtomicU32::new(TOP_SCORE / 2),
        }
    }

    /// Spins until `ready` or the budget is used up; says which.
    pub(super) fn until(&self, ready: impl Fn() -> bool) -> bool {
        if self.score.load(Ordering::Relaxed) < WORTH_IT || !*ALLOWED {
            return false;
        }
        let start = Instant::now();
        loop {
            for _ in 0..BURST {
                if ready() {
                    self.judge(true);
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() > LONGEST {
                return false;
            }
        }
    }

    /// After a sleep that began at `start`: learns from the stamp of whoever rang.
    pub(super) fn learn(&self, start: u64, (rang_at, rang_on): (u64, u64)) {
        if rang_at < start {
            return; // not the ring that ended this sleep
        }
        let soon = rang_at - start < LONGEST.as_nanos() as u64;
        let elsewhere = rang_on != clock::cpu();
        self.judge(soon && elsewhere);
    }

    /// For a task, which spins by letting others run and looking again: how long, if it pays at all.
    #[cfg(feature = "tokio")]
    pub(super) fn patience(&self) -> Option<Duration> {
        let pays = self.score.load(Ordering::Relaxed) >= WORTH_IT && *ALLOWED;
        pays.then_some(LONGEST)
    }

    /// Such a spin has found what it looked for.
    #[cfg(feature = "tokio")]
    pub(super) fn paid(&self) {
        self.judge(true);
    }

    fn judge(&self, success: bool) {
        // Races between threads lose a count; it is a hint.
        let score = self.score.load(Ordering::Relaxed);
        let new = if success {
            (score + 1).min(TOP_SCORE)
        } else {
            score.saturating_sub(1)
        };
        if new != score {
            self.score.store(new, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_end_spinning_and_hits_bring_it_back() {
        let spin = Spin::new();
        let elsewhere = clock::cpu() + 1;
        for _ in 0..TOP_SCORE {
            spin.learn(1_000, (10_000_000, elsewhere));
        }
        assert!(!spin.until(|| true), "does not even look");
        for _ in 0..TOP_SCORE {
            spin.learn(1_000, (2_000, elsewhere));
        }
        assert!(spin.until(|| true));
    }

    #[test]
    fn a_shared_processor_and_a_stale_stamp_teach_no_spinning() {
        let spin = Spin::new();
        let before = spin.score.load(Ordering::Relaxed);
        spin.learn(1_000, (500, u64::MAX));
        assert_eq!(spin.score.load(Ordering::Relaxed), before);
        // This thread may be moved between the two looks at the processor's number, but not for ever.
        for _ in 0..100 {
            spin.learn(1_000, (1_001, clock::cpu()));
        }
        assert!(spin.score.load(Ordering::Relaxed) < WORTH_IT);
    }
}
