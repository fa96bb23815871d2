//! The tasks that sleep on one conversation: their wakers, which whoever has news calls, all of them.
//!
//! The part of the [bell](super::bell) for those who wait without a thread. A task notes its waker here,
//! arms what it waits for, looks once more, and sleeps. It is told of every ring, also of those that were
//! meant for another task or taken by a thread: then it looks, and notes its waker anew.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::operation;

/// The wakers of the tasks that sleep on one conversation.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Vec<(u64, Waker)>>);

impl Tasks {
    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes them all, now or when this thread has let go of its last lock.
    ///
    /// Taking the list's lock orders this against [`note`](Self::note): a task that is not in the list yet
    /// will see in its last look what it would have been woken for.
    pub(crate) fn wake_all(&self) {
        let mut list = self.lock();
        if list.is_empty() {
            return;
        }
        let woken: Vec<_> = list.drain(..).collect();
        drop(list);
        for (_, waker) in woken {
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

    impl Tasks {
        /// Has `waker` called at the next news, in place of what `waiter` noted before.
        pub(crate) fn note(&self, waiter: &Waiter, waker: &Waker) {
            waiter.noted.store(true, Ordering::Relaxed);
            let mut list = self.lock();
            let old = match list.iter_mut().find(|(key, _)| *key == waiter.key) {
                Some((_, known)) if known.will_wake(waker) => None,
                Some((_, known)) => Some(std::mem::replace(known, waker.clone())),
                None => {
                    list.push((waiter.key, waker.clone()));
                    None
                }
            };
            // Foreign code, like the waking.
            drop(list);
            drop(old);
        }

        /// `waiter` waits no longer.
        pub(crate) fn forget(&self, waiter: &Waiter) {
            let mut list = self.lock();
            let place = list.iter().position(|(key, _)| *key == waiter.key);
            let old = place.map(|place| list.swap_remove(place));
            drop(list);
            drop(old);
        }
    }

    /// One who waits on an end: a future, or the reading or the writing half of it.
    pub(crate) struct Waiter {
        key: u64,
        /// When it began to spin, 0 when it does not wait.
        began: AtomicU64,
        /// When it went to sleep, 0 when it has not.
        slept: AtomicU64,
        /// Its waker may stand in a list.
        noted: AtomicBool,
    }

    /// What a waiter does next.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Next {
        /// It lets others run and looks again.
        Yield,
        /// It arms, looks for the last time and sleeps.
        Sleep,
    }

    impl Waiter {
        pub(crate) fn new() -> Waiter {
            static LAST: AtomicU64 = AtomicU64::new(0);
            Waiter {
                key: LAST.fetch_add(1, Ordering::Relaxed),
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
pub(crate) use waiter::{Next, Waiter};

#[cfg(test)]
mod tests {
    #[cfg(feature = "tokio")]
    #[test]
    fn a_waiter_has_one_waker_and_all_are_called_once() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicU32, Ordering};
        use std::task::{Wake, Waker};

        use super::{Tasks, Waiter};

        #[derive(Default)]
        struct Count(AtomicU32);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let counts: [Arc<Count>; 3] = Default::default();
        let waker = |place: usize| Waker::from(counts[place].clone());
        let called = || {
            counts
                .each_ref()
                .map(|count| count.0.load(Ordering::Relaxed))
        };
        let (tasks, one, other) = (Tasks::default(), Waiter::new(), Waiter::new());
        tasks.note(&one, &waker(0));
        tasks.note(&one, &waker(1));
        tasks.note(&other, &waker(2));
        tasks.wake_all();
        assert_eq!(called(), [0, 1, 1]);
        tasks.note(&one, &waker(1));
        tasks.note(&other, &waker(2));
        tasks.forget(&other);
        tasks.wake_all();
        tasks.wake_all();
        assert_eq!(called(), [0, 2, 1]);
    }
}
