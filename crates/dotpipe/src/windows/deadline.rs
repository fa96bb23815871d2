//! Deadlines where Win32 has none.
//!
//! [`within`] is for calls that put their thread to sleep in the system and take no time-out: a second
//! thread calls them off.

use std::os::windows::io::AsHandle;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
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
