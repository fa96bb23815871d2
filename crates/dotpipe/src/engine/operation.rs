//! An operation that goes on: where its result will be, and how to cancel it.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::linux::alarm::Alarm;
use crate::exact::Result;
use crate::win32::Win32Error;

/// Who can cancel operations: the end on which they were started.
pub(crate) trait Canceller: Send + Sync {
    /// Cancels the operation of this number.
    fn cancel_operation(&self, id: u64) -> Result<()>;
}

thread_local! {
    /// How many locks of the engine this thread holds.
    static HELD: Cell<usize> = const { Cell::new(0) };
    /// Whether there are any of these:
    static LISTED: Cell<bool> = const { Cell::new(false) };
    /// the wakers to be called once it holds none.
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// While one of these exists, this thread calls no wakers.
pub(crate) struct HeldBack(());

impl HeldBack {
    pub(crate) fn begin() -> HeldBack {
        HELD.set(HELD.get() + 1);
        HeldBack(())
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
        if HELD.get() == 0 && LISTED.replace(false) {
            // A thread that ends may have lost its list already, and calls wakers at once then.
            let wakers = WAKERS.try_with(RefCell::take).unwrap_or_default();
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

/// Calls a waker, now or when this thread has let go of its last lock.
fn wake(waker: Waker) {
    if HELD.get() == 0 {
        return waker.wake();
    }
    LISTED.set(true);
    let mut waker = Some(waker);
    let listed = WAKERS.try_with(|wakers| wakers.borrow_mut().extend(waker.take()));
    if listed.is_err()
        && let Some(waker) = waker
    {
        waker.wake();
    }
}

/// Where the result of one operation appears, once and for ever.
pub(crate) struct Outcome<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

struct State<T> {
    result: Option<Result<T>>,
    waker: Option<Waker>,
    /// Threads that wait for the result.
    sleepers: usize,
    /// The thread that brings the operation to its end itself, see [`Helper`], and its alarm.
    helper: Option<(ThreadId, Arc<Alarm>)>,
}

/// Where operations end when somebody lends it a thread.
pub(super) trait Helper: Send + Sync {
    /// Works with this thread until `is_over`, about which the alarm tells, or until the deadline. May
    /// return earlier, when somebody else does the work.
    fn lend(&self, alarm: &Alarm, deadline: Option<Instant>, is_over: &dyn Fn() -> bool);
}

impl<T: Clone> Outcome<T> {
    pub(crate) fn new() -> Arc<Outcome<T>> {
        Arc::new(Outcome {
            state: Mutex::new(State {
                result: None,
                waker: None,
                sleepers: 0,
                helper: None,
            }),
            ended: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the operation. The first result stays.
    pub(crate) fn complete(&self, result: Result<T>) {
        let mut state = self.lock();
        if state.result.is_none() {
            state.result = Some(result);
            let waker = state.waker.take();
            if let Some((thread, alarm)) = &state.helper
                && *thread != thread::current().id()
            {
                alarm.ring();
            }
            let has_sleepers = state.sleepers > 0;
            drop(state);
            if has_sleepers {
                self.ended.notify_all();
            }
            if let Some(waker) = waker {
                wake(waker);
            }
        }
    }

    pub(crate) fn result(&self) -> Option<Result<T>> {
        self.lock().result.clone()
    }

    /// Waits for the end, at the longest until `deadline`.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) -> Option<Result<T>> {
        let mut state = self.lock();
        loop {
            if state.result.is_some() {
                return state.result.clone();
            }
            state.sleepers += 1;
            state = match deadline {
                None => self
                    .ended
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        state.sleepers -= 1;
                        return None;
                    }
                    self.ended
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            state.sleepers -= 1;
        }
    }

    /// The same, by a thread that may help meanwhile.
    pub(super) fn wait_helping(
        &self,
        helper: &dyn Helper,
        deadline: Option<Instant>,
    ) -> Option<Result<T>> {
        if let Ok(alarm) = Alarm::of_this_thread() {
            let mut state = self.lock();
            // One thread is enough.
            if state.result.is_none() && state.helper.is_none() {
                state.helper = Some((thread::current().id(), alarm.clone()));
                drop(state);
                helper.lend(&alarm, deadline, &|| self.lock().result.is_some());
                self.lock().helper = None;
            }
        }
        self.wait_until(deadline)
    }
}

/// An operation as its starter holds it.
pub(crate) struct Operation<T> {
    outcome: Arc<Outcome<T>>,
    canceller: Option<Weak<dyn Canceller>>,
    helper: Option<Weak<dyn Helper>>,
    id: u64,
}

impl<T: Clone> Operation<T> {
    /// One that has ended already.
    pub(crate) fn ended(result: Result<T>) -> Operation<T> {
        let outcome = Outcome::new();
        outcome.complete(result);
        Operation {
            outcome,
            canceller: None,
            helper: None,
            id: 0,
        }
    }

    /// One that goes on at `canceller`.
    pub(crate) fn going_on(
        outcome: Arc<Outcome<T>>,
        canceller: Weak<dyn Canceller>,
        id: u64,
    ) -> Operation<T> {
        Operation {
            outcome,
            canceller: Some(canceller),
            helper: None,
            id,
        }
    }

    /// Lets whoever waits for it help.
    pub(super) fn with_helper(self, helper: Weak<dyn Helper>) -> Operation<T> {
        let helper = Some(helper);
        Operation { helper, ..self }
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Option<Result<T>> {
        match self.helper.as_ref().and_then(Weak::upgrade) {
            Some(helper) => self.outcome.wait_helping(&*helper, deadline),
            None => self.outcome.wait_until(deadline),
        }
    }

    pub(crate) fn result(&self) -> Option<Result<T>> {
        self.outcome.result()
    }

    pub(crate) fn wait(&self) -> Result<T> {
        // Without a deadline there is always a result.
        self.wait_until(None)
            .unwrap_or(Err(Win32Error::IO_INCOMPLETE))
    }

    pub(crate) fn wait_for(&self, limit: Duration) -> Option<Result<T>> {
        self.wait_until(Instant::now().checked_add(limit))
    }

    pub(crate) fn cancel(&self) -> Result<()> {
        if self.result().is_some() {
            return Err(Win32Error::NOT_FOUND);
        }
        let canceller = self.canceller.as_ref().and_then(Weak::upgrade);
        canceller
            .ok_or(Win32Error::NOT_FOUND)?
            .cancel_operation(self.id)
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
