//! [`Pending`]: an operation that goes on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Result, sys};

/// An operation that was started and can be awaited and cancelled: what an `OVERLAPPED` is.
///
/// It may have ended already when it is returned. Dropping it does not cancel the operation, as
/// forgetting an `OVERLAPPED` would not; its result is lost then.
///
/// It is a [`Future`] as well, and needs no particular runtime.
pub struct Pending<T> {
    inner: sys::Operation<T>,
}

impl<T: Clone> Pending<T> {
    pub(super) fn new(inner: sys::Operation<T>) -> Self {
        Pending { inner }
    }

    /// Whether the operation has ended: `HasOverlappedIoCompleted`.
    pub fn is_done(&self) -> bool {
        self.inner.result().is_some()
    }

    /// The result, if the operation has ended: `GetOverlappedResult` without waiting, which would
    /// say `ERROR_IO_INCOMPLETE` for `None`. It can be asked again and stays the same.
    pub fn result(&self) -> Option<Result<T>> {
        self.inner.result()
    }

    /// Waits for the end of the operation: `GetOverlappedResult` with `bWait`.
    pub fn wait(&self) -> Result<T> {
        self.inner.wait()
    }

    /// Waits for the end of the operation, but not longer than `limit`; `None` when it still goes on:
    /// `GetOverlappedResultEx`.
    pub fn wait_for(&self, limit: Duration) -> Option<Result<T>> {
        self.inner.wait_for(limit)
    }

    /// Cancels the operation: `CancelIoEx`. It then ends with `ERROR_OPERATION_ABORTED`.
    ///
    /// # Errors
    /// `ERROR_NOT_FOUND` when it has ended already.
    pub fn cancel(&self) -> Result<()> {
        self.inner.cancel()
    }
}

impl<T: Clone> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.inner.poll(context)
    }
}
