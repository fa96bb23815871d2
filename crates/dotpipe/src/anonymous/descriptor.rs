//! The ends of an anonymous pipe as file descriptors. Layer: face, Unix only.
//!
//! Three ways to a child: as its standard input, output or error (`Stdio`), as a descriptor that it is
//! told of (`as_raw_fd` here, `from_inherited` there), and as an `OwnedFd` for everything else.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::process::Stdio;

use super::{PipeReader, PipeWriter};
use crate::error::Error;
use crate::exact::AnonymousEnd;
use crate::win32::Win32Error;

macro_rules! is_a_descriptor {
    ($end:ident, $what:literal) => {
        impl $end {
            #[doc = concat!("Opens the ", $what, " end that this process inherited, by the number that")]
            /// its parent gave it as an argument or in the environment.
            ///
            /// The number itself stays open, so that the other side notices the end of the pipe only
            /// when this process ends: see [`AnonymousEnd::from_inherited`], also for what to do
            /// about it.
            ///
            /// # Errors
            /// `ERROR_INVALID_PARAMETER` when the text is no number, `ERROR_INVALID_HANDLE` when it is not
            /// the number of a pipe,
            #[doc = concat!("`ERROR_ACCESS_DENIED` when it is not the ", $what, " end or another user")]
            /// made the pipe.
            pub fn from_inherited(number: &str) -> Result<Self, Error> {
                let failed = |code| Error::new("open an inherited end", None, code);
                let number =
                    number.parse().map_err(|_| failed(Win32Error::INVALID_PARAMETER))?;
                AnonymousEnd::from_inherited(number).map_err(failed)?.try_into()
            }
        }

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
                end.map_err(|code| Error::new("take over a descriptor", None, code))?.try_into()
            }
        }
    };
}

is_a_descriptor!(PipeReader, "read");
is_a_descriptor!(PipeWriter, "write");
