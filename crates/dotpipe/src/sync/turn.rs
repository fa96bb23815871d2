//! [`Turn`]: one thread at a time, with a deadline and a way to call off those who wait.
//!
//! A message that is read in several pieces must not be shared between two threads, so `recv` takes a
//! turn; so does `accept`. A [`Mutex`] alone cannot give up waiting. A turn that nobody else wants costs two
//! exchanges of one word.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::win32::Win32Error;

/// What one thread at a time may do.
pub(super) struct Turn {
    taken: AtomicU32,
    line: Mutex<Line>,
    free: Condvar,
}

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and there may be others who wait for it.
const AWAITED: u32 = 2;

/// Those who wait.
#[derive(Default)]
struct Line {
    waiting: usize,
    /// How often they have been called off.
    cancels: u64,
}

/// A thread's turn. It ends when this is dropped.
pub(super) struct Guard<'a> {
    turn: &'a Turn,
}

impl Turn {
    pub(super) fn new() -> Turn {
        Turn {
            taken: AtomicU32::new(FREE),
            line: Mutex::default(),
            free: Condvar::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn, at the longest until `deadline`.
    pub(super) fn take(&self, deadline: Option<Instant>) -> Result<Guard<'_>, Win32Error> {
        let taken = self
            .taken
            .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed);
        match taken {
            Ok(_) => Ok(Guard { turn: self }),
            Err(_) => self.wait(deadline),
        }
    }

    fn wait(&self, deadline: Option<Instant>) -> Result<Guard<'_>, Win32Error> {
        let mut line = self.line();
        let cancels = line.cancels;
        line.waiting += 1;
        let result = loop {
            // With the line locked: whoever gives the turn back from now on wakes this thread.
            if self.taken.swap(AWAITED, Ordering::Acquire) == FREE {
                break Ok(Guard { turn: self });
            }
            if line.cancels != cancels {
                break Err(Win32Error::OPERATION_ABORTED);
            }
            line = match deadline {
                None => self.free.wait(line).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break Err(Win32Error::SEM_TIMEOUT);
                    }
                    self.free
                        .wait_timeout(line, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        };
        line.waiting -= 1;
        result
    }

    /// Calls off those who wait for their turn, not the one that has it. Tells whether any waited.
    pub(super) fn cancel_waiting(&self) -> bool {
        let mut line = self.line();
        line.cancels += 1;
        self.free.notify_all();
        line.waiting > 0
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.turn.taken.swap(FREE, Ordering::Release) == AWAITED {
            let _line = self.turn.line();
            self.turn.free.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn one_thread_at_a_time_and_every_one_gets_its_turn() {
        let turn = Turn::new();
        let count = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let _mine = turn.take(None).unwrap();
                        // Not one step: two threads at once would lose counts.
                        let before = count.load(Ordering::Relaxed);
                        thread::yield_now();
                        count.store(before + 1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 4000);
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let turn = Turn::new();
        let guard = turn.take(None).unwrap();
        let late = turn.take(Some(Instant::now()));
        assert_eq!(late.err(), Some(Win32Error::SEM_TIMEOUT));
        drop(guard);
        // A turn that is free needs no time at all.
        assert!(turn.take(Some(Instant::now())).is_ok());
    }

    #[test]
    fn a_cancel_reaches_those_who_wait_and_nobody_else() {
        let turn = Turn::new();
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
