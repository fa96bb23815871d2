//! Deadlines where Win32 has none.
//!
//! [`within`] is for calls that put their thread to sleep in the system and take no time-out: a second
//! thread calls them off. [`Aside`] is such a call for those who have no thread that may sleep.

use std::os::windows::io::AsHandle;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
#[cfg(feature = "tokio")]
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::calls::handle;
use crate::exact::Result;
use crate::win32::Win32Error;

/// How often a call is called off. Once is not enough: it may be just on its way into the system.
const AGAIN: Duration = Duration::from_millis(1);

/// What is left until `deadline` in milliseconds, as Win32 counts time: rounded up, `u32::MAX` for ever.
pub(super) fn milliseconds_until(deadline: Option<Instant>) -> u32 {
    deadline.map_or(u32::MAX, |deadline| {
        milliseconds(deadline.saturating_duration_since(Instant::now()))
    })
}

/// A time in milliseconds, rounded up. The longest one that is not for ever is 49 days.
pub(super) fn milliseconds(time: Duration) -> u32 {
    let rounded = time.as_nanos().div_ceil(1_000_000);
    u32::try_from(rounded).map_or(u32::MAX - 1, |ms| ms.min(u32::MAX - 1))
}

/// Does what sleeps in the system, and calls it off when the deadline passes.
///
/// # Errors
/// Those of `call`; `ERROR_SEM_TIMEOUT` when it was called off.
pub(super) fn within<T>(deadline: Option<Instant>, call: impl FnOnce() -> Result<T>) -> Result<T> {
    let Some(deadline) = deadline else {
        return call();
    };
    let caller = handle::this_thread()?;
    let late = AtomicBool::new(false);
    let (ended, end) = mpsc::channel::<()>();
    let result = thread::scope(|scope| {
        let watch = || {
            // Moved in here, so that it is dropped with the thread.
            let end = end;
            let mut patience = deadline.saturating_duration_since(Instant::now());
            while end.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                // Relaxed: the end of the scope orders it.
                late.store(true, Ordering::Relaxed);
                // Nothing to cancel yet, or no longer.
                let _ = handle::cancel_call_of(caller.as_handle());
                patience = AGAIN;
            }
        };
        thread::Builder::new()
            .name("dotpipe deadline".to_owned())
            .spawn_scoped(scope, watch)
            .map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
        let result = call();
        drop(ended);
        result
    });
    match result {
        Err(Win32Error::OPERATION_ABORTED) if late.load(Ordering::Relaxed) => {
            Err(Win32Error::SEM_TIMEOUT)
        }
        result => result,
    }
}

/// A call that sleeps in the system, on a thread of its own. Dropping this calls it off.
#[cfg(feature = "tokio")]
pub(super) struct Aside<T> {
    shared: Arc<Shared<T>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the caller shares with the thread.
#[cfg(feature = "tokio")]
struct Shared<T> {
    result: OnceLock<Result<T>>,
    /// Nobody waits for it any longer.
    is_unwanted: AtomicBool,
}

#[cfg(feature = "tokio")]
impl<T: Clone + Send + Sync + 'static> Aside<T> {
    /// Makes the call on a thread of this name, which calls `tell` once the result is there.
    pub(super) fn start(
        name: &str,
        call: impl FnOnce() -> Result<T> + Send + 'static,
        tell: impl FnOnce() + Send + 'static,
    ) -> Result<Aside<T>> {
        let shared = Arc::new(Shared {
            result: OnceLock::new(),
            is_unwanted: AtomicBool::new(false),
        });
        let told = shared.clone();
        let work = move || {
            // Relaxed: whoever sets it calls the thread off besides.
            if !told.is_unwanted.load(Ordering::Relaxed) {
                // It is set here alone.
                let _ = told.result.set(call());
                tell();
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        Ok(Aside {
            shared,
            thread: Some(thread.map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?),
        })
    }

    /// Its result, once there is one.
    pub(super) fn result(&self) -> Option<Result<T>> {
        self.shared.result.get().cloned()
    }
}

#[cfg(feature = "tokio")]
impl<T> Drop for Aside<T> {
    fn drop(&mut self) {
        self.shared.is_unwanted.store(true, Ordering::Relaxed);
        let Some(sleeper) = self.thread.take().filter(|thread| !thread.is_finished()) else {
            return;
        };
        let call_off = move || {
            while !sleeper.is_finished() {
                // Nothing to cancel yet, or no longer.
                let _ = handle::cancel_call_of(sleeper.as_handle());
                thread::sleep(AGAIN);
            }
        };
        // Without a thread for it, the call ends when the system ends it.
        let name = "dotpipe deadline".to_owned();
        let _ = thread::Builder::new().name(name).spawn(call_off);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_never_become_for_ever() {
        for (time, expected) in [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(50), 50),
            (Duration::from_micros(50_001), 51),
            (Duration::from_millis(u32::MAX.into()), u32::MAX - 1),
            (Duration::MAX, u32::MAX - 1),
        ] {
            assert_eq!(milliseconds(time), expected, "{time:?}");
        }
        assert_eq!(milliseconds_until(None), u32::MAX);
        assert_eq!(milliseconds_until(Some(Instant::now())), 0);
    }

    #[test]
    fn what_ends_in_time_is_left_alone() {
        let soon = Instant::now() + Duration::from_secs(60);
        assert_eq!(within(Some(soon), || Ok(7)), Ok(7));
        assert_eq!(within(None, || Ok(7)), Ok(7));
        // Late, and yet it has succeeded.
        assert_eq!(within(Some(Instant::now()), || Ok(7)), Ok(7));
        // Cancelled by somebody else.
        let aborted = || Err::<(), _>(Win32Error::OPERATION_ABORTED);
        assert_eq!(within(Some(soon), aborted), aborted());
    }
}
