//! [`Turn`]: one thread at a time, with a deadline and a way to call off those who wait.
//!
//! A message that is read in several pieces must not be shared between two threads, so `recv` takes a
//! turn; so does `accept`. A [`Mutex`] alone cannot give up waiting.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::win32::Win32Error;

/// A value that one thread at a time has for its own.
pub(super) struct Turn<T> {
    state: Mutex<State<T>>,
    free: Condvar,
}

struct State<T> {
    /// `None` while a thread has it.
    value: Option<T>,
    waiting: usize,
    /// How often those who wait have been called off.
    cancels: u64,
}

/// A thread's turn. It ends when this is dropped.
pub(super) struct Guard<'a, T> {
    turn: &'a Turn<T>,
    /// Always there until the drop.
    value: Option<T>,
}

impl<T: Default> Turn<T> {
    pub(super) fn new() -> Turn<T> {
        Turn {
            state: Mutex::new(State {
                value: Some(T::default()),
                waiting: 0,
                cancels: 0,
            }),
            free: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn, at the longest until `deadline`.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Result<Guard<'_, T>, Win32Error> {
        let mut state = self.lock();
        let cancels = state.cancels;
        state.waiting += 1;
        let result = loop {
            if let Some(value) = state.value.take() {
                break Ok(Guard {
                    turn: self,
                    value: Some(value),
                });
            }
            if state.cancels != cancels {
                break Err(Win32Error::OPERATION_ABORTED);
            }
            state = match deadline {
                None => self
                    .free
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break Err(Win32Error::SEM_TIMEOUT);
                    }
                    self.free
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        };
        state.waiting -= 1;
        result
    }

    /// Calls off those who wait for their turn, not the one that has it. Tells whether any waited.
    pub(super) fn cancel_waiting(&self) -> bool {
        let mut state = self.lock();
        state.cancels += 1;
        self.free.notify_all();
        state.waiting > 0
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        let mut state = self
            .turn
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.value = self.value.take();
        if state.waiting > 0 {
            self.turn.free.notify_one();
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // Only the drop takes it.
        self.value.as_ref().expect("a turn that goes on")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a turn that goes on")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn the_value_goes_from_turn_to_turn() {
        let turn = Turn::<u32>::new();
        *turn.take(None).unwrap() += 1;
        *turn.take(None).unwrap() += 1;
        assert_eq!(*turn.take(None).unwrap(), 2);
    }

    #[test]
    fn every_thread_gets_its_turn() {
        let turn = Turn::<u32>::new();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let mut value = turn.take(None).unwrap();
                        *value += 1;
                    }
                });
            }
        });
        assert_eq!(*turn.take(None).unwrap(), 4000);
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let turn = Turn::<()>::new();
        let guard = turn.take(None).unwrap();
        let late = turn.take(Some(Instant::now()));
        assert_eq!(late.err(), Some(Win32Error::SEM_TIMEOUT));
        drop(guard);
        // A turn that is free needs no time at all.
        assert!(turn.take(Some(Instant::now())).is_ok());
    }

    #[test]
    fn a_cancel_reaches_those_who_wait_and_nobody_else() {
        let turn = Turn::<()>::new();
        assert!(!turn.cancel_waiting());
        let guard = turn.take(None).unwrap();
        let (sender, results) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| sender.send(turn.take(None).err()));
            while !turn.cancel_waiting() {
                thread::yield_now();
            }
            assert_eq!(results.recv(), Ok(Some(Win32Error::OPERATION_ABORTED)));
        });
        drop(guard);
        assert!(turn.take(None).is_ok());
    }
}
