//! The end of an anonymous pipe as a file descriptor. Layer: exact, Unix only.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::{AnonymousEnd, sys};
use crate::exact::Result;
use crate::win32::Win32Error;

impl AnonymousEnd {
    /// The number by which a child that inherits this end knows it; it takes it to
    /// [`from_inherited`](Self::from_inherited). On Linux the number of the descriptor, on Windows the
    /// value of the handle.
    pub fn number(&self) -> u32 {
        // An open descriptor is never negative.
        self.as_raw_fd().cast_unsigned()
    }
}

impl AsFd for AnonymousEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for AnonymousEnd {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The end as a descriptor. It is blocking, whatever the wait mode was.
impl From<AnonymousEnd> for OwnedFd {
    fn from(end: AnonymousEnd) -> Self {
        end.inner.into()
    }
}

/// Takes over a descriptor that came from elsewhere.
///
/// # Errors
/// `ERROR_INVALID_HANDLE` when it is not the read end or the write end of a pipe.
impl TryFrom<OwnedFd> for AnonymousEnd {
    type Error = Win32Error;

    fn try_from(fd: OwnedFd) -> Result<Self> {
        sys::anonymous::End::adopt(fd).map(|inner| AnonymousEnd { inner })
    }
}
