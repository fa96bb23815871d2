//! The tasks that sleep on one conversation: their wakers, which whoever has news calls, all of them.
//!
//! The part of the [bell](super::bell) for those who wait without a thread. A task notes its waker here,
//! arms what it waits for, looks once more, and sleeps. It is told of every ring, also of those that were
//! meant for another task or taken by a thread: then it looks, and notes its waker anew.

use super::operation;
use crate::wakers::Wakers;

/// The wakers of the tasks that sleep on one conversation.
#[derive(Default)]
pub(crate) struct Tasks(Wakers);

impl Tasks {
    /// Wakes them all, now or when this thread has let go of its last lock.
    pub(crate) fn wake_all(&self) {
        for waker in self.0.take_all() {
            operation::wake(waker);
        }
    }
}

#[cfg(feature = "tokio")]
mod waiter {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::task::Waker;
    use std::time::Duration;

    use super::Tasks;
    use crate::engine::linux::clock;
    use crate::engine::spin::Spin;
    use crate::exact::Next;
    use crate::wakers::Key;

    impl Tasks {
        /// Has `waker` called at the next news, in place of what `waiter` noted before.
        pub(crate) fn note(&self, waiter: &Waiter, waker: &Waker) {
            waiter.noted.store(true, Ordering::Relaxed);
            self.0.note(waiter.key, waker);
        }

        /// `waiter` waits no longer.
        pub(crate) fn forget(&self, waiter: &Waiter) {
            self.0.forget(waiter.key);
        }
    }

    /// One who waits on an end: a future, or the reading or the writing half of it.
    pub(crate) struct Waiter {
        key: Key,
        /// When it began to spin, 0 when it does not wait.
        began: AtomicU64,
        /// When it went to sleep, 0 when it has not.
        slept: AtomicU64,
        /// Its waker may stand in a list.
        noted: AtomicBool,
    }

    impl Waiter {
        pub(crate) fn new() -> Waiter {
            Waiter {
                key: Key::new(),
                began: AtomicU64::new(0),
                slept: AtomicU64::new(0),
                noted: AtomicBool::new(false),
            }
        }

        /// Whether its waker may stand in a list, from which it must be taken.
        pub(crate) fn was_noted(&self) -> bool {
            self.noted.load(Ordering::Relaxed)
        }

        /// It has looked in vain: whether it goes on looking.
        pub(in crate::engine) fn look_on(&self, spin: &Spin) -> Next {
            let Some(patience) = spin.patience() else {
                return Next::Sleep;
            };
            let now = clock::now();
            let began = self.began.load(Ordering::Relaxed);
            if began == 0 {
                self.began.store(now, Ordering::Relaxed);
                return Next::Yield;
            }
            match Duration::from_nanos(now.saturating_sub(began)) < patience {
                true => Next::Yield,
                false => Next::Sleep,
            }
        }

        /// It sleeps, unless it did already and was woken for nothing.
        pub(in crate::engine) fn sleeps(&self) {
            if self.slept.load(Ordering::Relaxed) == 0 {
                self.slept.store(clock::now(), Ordering::Relaxed);
            }
        }

        /// Whether it has waited since it last had what it waited for.
        pub(crate) fn has_waited(&self) -> bool {
            self.began.load(Ordering::Relaxed) != 0 || self.slept.load(Ordering::Relaxed) != 0
        }

        /// It has what it waited for; teaches `spin` whether looking on paid, or would have. `stamp` is
        /// when and where the other side rang last.
        pub(in crate::engine) fn is_served(&self, spin: &Spin, stamp: impl FnOnce() -> (u64, u64)) {
            let began = self.began.swap(0, Ordering::Relaxed);
            match self.slept.swap(0, Ordering::Relaxed) {
                0 if began != 0 => spin.paid(),
                0 => {}
                slept => spin.learn(slept, stamp()),
            }
        }
    }
}

#[cfg(feature = "tokio")]
pub(crate) use waiter::Waiter;
