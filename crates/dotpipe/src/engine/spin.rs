//! How long to spin before sleeping: about what a wake-up costs, when spinning pays, not at all otherwise.
//!
//! Putting a thread to sleep and waking it costs some tens of microseconds. A spin of that length saves
//! time and processor when the answer comes within it, and wastes that much when it does not. So the
//! tuner keeps a score of whether a full spin *would have* succeeded: a spin that did, or a sleep after
//! which the waker's stamp says that it rang soon enough. (Judging by spins alone gets stuck: a tuner
//! that has stopped spinning never sees a success.) Two ends on one processor do not spin: the other cannot run
//! meanwhile. Where the system has put them there and this side does not know, it offers the processor
//! every microsecond.
//!
//! What a wake-up costs it learns from the same stamp: the time from the ring to when the sleeper runs.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::linux::clock;

/// What a wake-up costs, until one has been seen.
const USUAL_COST: Duration = Duration::from_micros(16);
/// The longest and the shortest spin, in nanoseconds. What the other side says is behind the length, and
/// it may lie.
const LONGEST: u32 = 50_000;
const SHORTEST: u32 = 5_000;
const TOP_SCORE: u32 = 8;
const WORTH_IT: u32 = 3;

/// Whether this process may spin at all: `DOTPIPE_SPIN=never` forbids it, to save processor time, or to see
/// what spinning is worth.
static ALLOWED: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("DOTPIPE_SPIN").is_none_or(|word| word != "never"));

/// How a spin looks.
///
/// Each look takes the cache line from the other side, which is writing there. So who takes part in a
/// stream does better to let the other get ahead, and then to go through many messages at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Pauses before the first look.
    patience: u32,
    /// Looks before the processor is offered to others, of which one may be the other side.
    burst: u32,
}

impl Pace {
    /// For an answer that is expected any moment.
    pub(super) const EAGER: Pace = Pace::after(0);
    /// For the next message of a stream.
    pub(super) const READER: Pace = Pace::after(16);
    /// For room for the next message of a stream.
    pub(super) const WRITER: Pace = Pace::after(64);
    /// For looks that are system calls.
    pub(super) const CALLS: Pace = Pace {
        patience: 0,
        burst: 1,
    };

    const fn after(patience: u32) -> Pace {
        Pace {
            patience,
            burst: 32,
        }
    }
}

/// The tuner of one kind of wait.
pub(super) struct Spin {
    score: AtomicU32,
    /// What a wake-up costs, in nanoseconds, averaged.
    cost: AtomicU32,
}

impl Spin {
    pub(super) const fn new() -> Spin {
        Spin::expecting(USUAL_COST)
    }

    /// One for waits that a wake-up of this cost would end.
    pub(super) const fn expecting(cost: Duration) -> Spin {
        Spin {
            score: AtomicU32::new(TOP_SCORE / 2),
            cost: AtomicU32::new(cost.as_nanos() as u32),
        }
    }

    /// One that begins with what `other` has learnt.
    pub(super) fn like(other: &Spin) -> Spin {
        let copy = |word: &AtomicU32| AtomicU32::new(word.load(Ordering::Relaxed));
        Spin {
            score: copy(&other.score),
            cost: copy(&other.cost),
        }
    }

    /// Teaches `other` what this one has learnt.
    pub(super) fn teach(&self, other: &Spin) {
        let copy = |from: &AtomicU32, to: &AtomicU32| {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        copy(&self.score, &other.score);
        copy(&self.cost, &other.cost);
    }

    /// How long a spin lasts: somewhat longer than a wake-up takes, which also takes time of the one that
    /// wakes.
    fn budget(&self) -> Duration {
        let cost = self.cost.load(Ordering::Relaxed);
        Duration::from_nanos((cost + cost / 4 * 3).clamp(SHORTEST, LONGEST).into())
    }

    /// Spins until `ready`, asking now and then whether all is `over`, or until the budget is used up; says
    /// which.
    pub(super) fn until(
        &self,
        pace: Pace,
        mut ready: impl FnMut() -> bool,
        over: impl Fn() -> bool,
    ) -> bool {
        if self.score.load(Ordering::Relaxed) < WORTH_IT || !*ALLOWED {
            return false;
        }
        (0..pace.patience).for_each(|_| std::hint::spin_loop());
        let mut start = None;
        loop {
            for _ in 0..pace.burst {
                if ready() {
                    self.judge(true);
                    return true;
                }
                std::hint::spin_loop();
            }
            if over() {
                return true;
            }
            // The first burst is for what comes at once; so the clock is not asked before it.
            let start = *start.get_or_insert_with(Instant::now);
            if start.elapsed() > self.budget() {
                return false;
            }
            std::thread::yield_now();
        }
    }

    /// After a sleep that began at `start`: learns from the stamp of whoever rang.
    pub(super) fn learn(&self, start: u64, (rang_at, rang_on): (u64, u64)) {
        if rang_at < start {
            return; // not the ring that ended this sleep
        }
        let elsewhere = rang_on != clock::cpu();
        if elsewhere {
            let known = self.cost.load(Ordering::Relaxed);
            let cost = clock::now().saturating_sub(rang_at).min(LONGEST.into()) as u32;
            self.cost
                .store(known - known / 8 + cost / 8, Ordering::Relaxed);
        }
        let soon = u128::from(rang_at - start) < self.budget().as_nanos();
        self.judge(soon && elsewhere);
    }

    /// For a task, which spins by letting others run and looking again: how long, if it pays at all.
    #[cfg(feature = "tokio")]
    pub(super) fn patience(&self) -> Option<Duration> {
        let pays = self.score.load(Ordering::Relaxed) >= WORTH_IT && *ALLOWED;
        pays.then(|| self.budget())
    }

    /// Such a spin has found what it looked for.
    #[cfg(feature = "tokio")]
    pub(super) fn paid(&self) {
        self.judge(true);
    }

    /// After a sleep that took so long, its own wake-up included.
    pub(super) fn learn_from(&self, waited: Duration) {
        self.judge(waited < self.budget() * 2);
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

    fn does_spin(spin: &Spin) -> bool {
        spin.until(Pace::EAGER, || true, || false)
    }

    #[test]
    fn misses_end_spinning_and_hits_bring_it_back() {
        let spin = Spin::new();
        let elsewhere = clock::cpu() + 1;
        for _ in 0..TOP_SCORE {
            spin.learn(1_000, (10_000_000, elsewhere));
        }
        assert!(!does_spin(&spin), "does not even look");
        for _ in 0..TOP_SCORE {
            spin.learn(1_000, (2_000, elsewhere));
        }
        assert!(does_spin(&spin));
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

    #[test]
    fn the_budget_follows_what_wake_ups_cost_within_limits() {
        let spin = Spin::new();
        let usual = spin.budget();
        for _ in 0..100 {
            let now = clock::now();
            spin.learn(now - 1, (now, u64::MAX));
        }
        assert!(spin.budget() < usual);
        assert!(spin.budget() >= Duration::from_nanos(SHORTEST.into()));
        for _ in 0..100 {
            spin.learn(0, (1, u64::MAX));
        }
        assert_eq!(spin.budget(), Duration::from_nanos(LONGEST.into()));
    }
}
