//! The ends of an anonymous pipe as handles. Layer: face, Windows only.
//!
//! Three ways to a child: as its standard input, output or error (`Stdio`), as a handle that it is
//! told of (`number` here, `from_inherited` there), and as an `OwnedHandle` for everything else.

use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::process::Stdio;

use super::{PipeReader, PipeWriter};
use crate::error::Error;
use crate::exact::AnonymousEnd;

macro_rules! is_a_handle {
    ($end:ident, $what:literal) => {
        impl AsHandle for $end {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.end.as_handle()
            }
        }

        impl AsRawHandle for $end {
            fn as_raw_handle(&self) -> RawHandle {
                self.end.as_raw_handle()
            }
        }

        impl From<$end> for OwnedHandle {
            fn from(end: $end) -> Self {
                end.end.into()
            }
        }

        impl From<$end> for Stdio {
            fn from(end: $end) -> Self {
                OwnedHandle::from(end).into()
            }
        }

        /// Takes over a handle that came from elsewhere.
        ///
        /// # Errors
        /// `ERROR_INVALID_HANDLE` when it is not the end of a pipe,
        #[doc = concat!("`ERROR_ACCESS_DENIED` when it is not the ", $what, " end.")]
        impl TryFrom<OwnedHandle> for $end {
            type Error = Error;

            fn try_from(handle: OwnedHandle) -> Result<Self, Error> {
                let end = AnonymousEnd::try_from(handle);
                end.map_err(|code| Error::new("take over a handle", None, code))?
                    .try_into()
            }
        }
    };
}

is_a_handle!(PipeReader, "read");
is_a_handle!(PipeWriter, "write");
