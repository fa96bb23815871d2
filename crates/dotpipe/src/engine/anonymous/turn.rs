//! [`Turn`]: one writer at a time. Layer: engine.
//!
//! Owns one rule: the bytes of a write stay together, and later writes come after it, also when
//! several threads write through the same end or through its duplicates. The kernel promises that
//! for small writes only, and a large one that streams would be cut up. A lock of the standard
//! library would do, if one could wait for it with a deadline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Whose turn it is to write: nobody's or the holder's of a [`Taken`].
#[derive(Default)]
pub(super) struct Turn {
    is_taken: Mutex<bool>,
    freed: Condvar,
}

/// The right to write. It ends when this is dropped.
pub(super) struct Taken<'a> {
    turn: &'a Turn,
    was_awaited: bool,
}

impl Turn {
    /// Waits until nobody writes; `None` when the deadline passes first.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Option<Taken<'_>> {
        let mut is_taken = self.lock();
        let was_awaited = *is_taken;
        while *is_taken {
            is_taken = match deadline {
                None => self
                    .freed
                    .wait(is_taken)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    let result = self.freed.wait_timeout(is_taken, left);
                    result.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *is_taken = true;
        Some(Taken {
            turn: self,
            was_awaited,
        })
    }

    /// Takes the turn if nobody writes now.
    pub(super) fn try_take(&self) -> Option<Taken<'_>> {
        let mut is_taken = self.lock();
        if *is_taken {
            return None;
        }
        *is_taken = true;
        Some(Taken {
            turn: self,
            was_awaited: false,
        })
    }

    /// No panic can leave a lone `bool` half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken<'_> {
    /// Whether another write had to end first.
    pub(super) fn was_awaited(&self) -> bool {
        self.was_awaited
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.turn.lock() = false;
        self.turn.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_the_turn() {
        let turn = Turn::default();
        let first = turn.try_take().unwrap();
        assert!(turn.try_take().is_none());
        assert!(turn.take(Some(Instant::now())).is_none());
        assert!(!first.was_awaited());
        drop(first);
        assert!(turn.try_take().is_some());
    }

    #[test]
    fn every_waiter_gets_its_turn() {
        let turn = Turn::default();
        let first = turn.take(None).unwrap();
        std::thread::scope(|scope| {
            let waiters: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| turn.take(None).is_some()))
                .collect();
            drop(first);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        });
        assert!(turn.try_take().is_some());
    }
}
