//! An operation that goes on, as its starter holds it: where its result will be, and how to cancel it.

use std::os::windows::io::{AsHandle, OwnedHandle};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::port::Ticket;
use crate::exact::Result;
use crate::win32::Win32Error;

/// Where the result of one operation appears, once and for ever.
pub(super) struct Outcome<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

struct State<T> {
    result: Option<Result<T>>,
    waker: Option<Waker>,
}

impl<T: Clone> Outcome<T> {
    pub(super) fn new() -> Arc<Outcome<T>> {
        Arc::new(Outcome {
            state: Mutex::new(State {
                result: None,
                waker: None,
            }),
            ended: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the operation.
    pub(super) fn complete(&self, result: Result<T>) {
        let mut state = self.lock();
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        self.ended.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn result(&self) -> Option<Result<T>> {
        self.lock().result.clone()
    }

    /// Waits for the end, at the longest until `deadline`.
    fn wait_until(&self, deadline: Option<Instant>) -> Option<Result<T>> {
        let mut state = self.lock();
        loop {
            if state.result.is_some() {
                return state.result.clone();
            }
            state = match deadline {
                None => self
                    .ended
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now())?;
                    self.ended
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

/// An operation as its starter holds it.
pub(crate) struct Operation<T> {
    outcome: Arc<Outcome<T>>,
    /// With what it can be cancelled, on a handle that closes without asking for pending operations.
    going_on: Option<(Ticket, Weak<OwnedHandle>)>,
}

impl<T: Clone> Operation<T> {
    /// One that could not be started.
    pub(super) fn failed(code: Win32Error) -> Operation<T> {
        let outcome = Outcome::new();
        outcome.complete(Err(code));
        Operation {
            outcome,
            going_on: None,
        }
    }

    /// One that was started on `handle`.
    pub(super) fn started(
        outcome: Arc<Outcome<T>>,
        ticket: Ticket,
        handle: &Arc<OwnedHandle>,
    ) -> Operation<T> {
        Operation {
            outcome,
            going_on: Some((ticket, Arc::downgrade(handle))),
        }
    }

    pub(crate) fn result(&self) -> Option<Result<T>> {
        self.outcome.result()
    }

    pub(crate) fn wait(&self) -> Result<T> {
        // Without a deadline there is always a result.
        self.outcome
            .wait_until(None)
            .unwrap_or(Err(Win32Error::IO_INCOMPLETE))
    }

    pub(crate) fn wait_for(&self, limit: Duration) -> Option<Result<T>> {
        self.outcome.wait_until(Instant::now().checked_add(limit))
    }

    pub(crate) fn cancel(&self) -> Result<()> {
        let Some((ticket, handle)) = &self.going_on else {
            return Err(Win32Error::NOT_FOUND);
        };
        // An end that closes cancels all there is.
        let handle = handle.upgrade().ok_or(Win32Error::NOT_FOUND)?;
        match self.result() {
            Some(_) => Err(Win32Error::NOT_FOUND),
            None => ticket.cancel(handle.as_handle()),
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T>> {
        // Cloned before and dropped after the lock is held: both are foreign code.
        let waker = context.waker().clone();
        let mut state = self.outcome.lock();
        if let Some(result) = &state.result {
            return Poll::Ready(result.clone());
        }
        let old = state.waker.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }
}
