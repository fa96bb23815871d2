//! The ends of an anonymous pipe as file descriptors. Layer: face, Unix only.
//!
//! Three ways to a child: as its standard input, output or error (`Stdio`), as a descriptor that it is
//! told of (`number` here, `from_inherited` there), and as an `OwnedFd` for everything else.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;

use super::{PipeReader, PipeWriter};
use crate::error::Error;
use crate::exact::AnonymousEnd;

macro_rules! is_a_descriptor {
    ($end:ident, $what:literal) => {
        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.end.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.end.as_raw_fd()
            }
        }

        impl From<$end> for OwnedFd {
            fn from(end: $end) -> Self {
                end.end.into()
            }
        }

        impl From<$end> for Stdio {
            fn from(end: $end) -> Self {
                OwnedFd::from(end).into()
            }
        }

        /// Takes over a descriptor that came from elsewhere.
        ///
        /// # Errors
        /// `ERROR_INVALID_HANDLE` when it is not the end of a pipe,
        #[doc = concat!("`ERROR_ACCESS_DENIED` when it is not the ", $what, " end.")]
        impl TryFrom<OwnedFd> for $end {
            type Error = Error;

            fn try_from(fd: OwnedFd) -> Result<Self, Error> {
                let end = AnonymousEnd::try_from(fd);
                end.map_err(|code| Error::new("take over a descriptor", None, code))?
                    .try_into()
            }
        }
    };
}

is_a_descriptor!(PipeReader, "read");
is_a_descriptor!(PipeWriter, "write");
