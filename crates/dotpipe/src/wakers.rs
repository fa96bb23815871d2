//! [`Wakers`]: those who sleep in tasks, and whom whoever has news calls, all of them.
//!
//! Below the seam, for either system. The rule it owns: each of them has one waker in the list, and no
//! foreign code runs while the list is locked.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// By what one who waits is known in a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// A list of wakers.
#[derive(Default)]
pub(crate) struct Wakers(Mutex<Vec<(Key, Waker)>>);

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, Vec<(Key, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Empties the list, for all that was in it to be called.
    ///
    /// Taking the lock orders this against [`note`](Self::note): a task that is not in the list yet will see
    /// in its last look what it would have been woken for.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut *self.lock())
            .into_iter()
            .map(|(_, waker)| waker)
    }
}

#[cfg(feature = "tokio")]
mod waiting {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Waker;

    use super::{Key, Wakers};

    impl Key {
        /// A key that nobody else in this process has.
        pub(crate) fn new() -> Key {
            static LAST: AtomicU64 = AtomicU64::new(0);
            Key(LAST.fetch_add(1, Ordering::Relaxed))
        }
    }

    impl Wakers {
        /// Has `waker` called at the next news, in place of what was noted by this key before.
        pub(crate) fn note(&self, key: Key, waker: &Waker) {
            let is_known = |(known, old): &(Key, Waker)| *known == key && old.will_wake(waker);
            if self.lock().iter().any(is_known) {
                return;
            }
            let waker = waker.clone();
            let mut list = self.lock();
            let old = match list.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => Some(std::mem::replace(known, waker)),
                None => {
                    list.push((key, waker));
                    None
                }
            };
            // Foreign code, like the waking.
            drop(list);
            drop(old);
        }

        /// Nobody waits by this key any longer.
        pub(crate) fn forget(&self, key: Key) {
            let mut list = self.lock();
            let place = list.iter().position(|(known, _)| *known == key);
            let old = place.map(|place| list.swap_remove(place));
            drop(list);
            drop(old);
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::Arc;
        use std::sync::atomic::AtomicU32;
        use std::task::Wake;

        use super::*;

        #[test]
        fn each_has_one_waker_and_all_are_called_once() {
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
            let (wakers, one, other) = (Wakers::default(), Key::new(), Key::new());
            let wake_all = || wakers.take_all().for_each(Waker::wake);
            wakers.note(one, &waker(0));
            wakers.note(one, &waker(1));
            wakers.note(other, &waker(2));
            wake_all();
            assert_eq!(called(), [0, 1, 1]);
            wakers.note(one, &waker(1));
            wakers.note(other, &waker(2));
            wakers.forget(other);
            wake_all();
            wake_all();
            assert_eq!(called(), [0, 2, 1]);
        }
    }
}
