//! The end of an anonymous pipe as a handle. Layer: exact, Windows only.

use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};

use super::{AnonymousEnd, sys};
use crate::exact::Result;
use crate::win32::Win32Error;

impl AnonymousEnd {
    /// The number by which a child that inherits this end knows it; it takes it to
    /// [`from_inherited`](Self::from_inherited). On Linux the number of the descriptor, on Windows the
    /// value of the handle.
    pub fn number(&self) -> u32 {
        // Of a handle only the lower half has a meaning.
        self.as_raw_handle().addr() as u32
    }
}

impl AsHandle for AnonymousEnd {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.inner.as_handle()
    }
}

impl AsRawHandle for AnonymousEnd {
    fn as_raw_handle(&self) -> RawHandle {
        self.as_handle().as_raw_handle()
    }
}

/// The end as a handle. It keeps its wait mode.
impl From<AnonymousEnd> for OwnedHandle {
    fn from(end: AnonymousEnd) -> Self {
        end.inner.into()
    }
}

/// Takes over a handle that came from elsewhere.
///
/// # Errors
/// `ERROR_INVALID_HANDLE` when it is not the read end or the write end of a pipe.
impl TryFrom<OwnedHandle> for AnonymousEnd {
    type Error = Win32Error;

    fn try_from(handle: OwnedHandle) -> Result<Self> {
        sys::anonymous::End::adopt(handle).map(|inner| AnonymousEnd { inner })
    }
}
