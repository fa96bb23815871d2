//! Ends and the handles of Windows: taking one over, and lending it.
//!
//! Layer: the tokio face, on Windows only, for programs that share handles with other code. Linux has none.
#![expect(
    unsafe_code,
    reason = "`from_raw_handle` takes a number on trust, and is unsafe in tokio"
)]

use std::io;
use std::os::windows::io::{
    AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle,
};
use std::sync::Arc;

use super::client::NamedPipeClient;
use super::fault::io_error;
use super::inner::Inner;
use super::options::current_runtime;
use super::server::NamedPipeServer;
use crate::error::{Error, Result};
use crate::exact::End;
use crate::options::PipeEnd;
use crate::win32::Win32Error;

/// What both types have.
macro_rules! handles {
    ($type:ident, $end:path, $article:literal) => {
        impl $type {
            #[doc = concat!("Takes over the handle of ", $article, " end that was made elsewhere.")]
            ///
            /// It must have been opened with `FILE_FLAG_OVERLAPPED`, and must not belong to a completion port.
            /// No other handle to the same end may be read from.
            ///
            /// # Safety
            /// The handle is open, and nobody else owns it. It is closed also when this fails.
            ///
            /// # Errors
            /// `ERROR_INVALID_PARAMETER` when it is the other end, is not overlapped or belongs to a port;
            /// `ERROR_INVALID_FUNCTION` and others when it is no named pipe of this machine. An error outside of
            /// a tokio runtime.
            ///
            /// # Platforms
            /// Windows only, as [`AsHandle`] and [`AsRawHandle`] of this type.
            pub unsafe fn from_raw_handle(handle: RawHandle) -> io::Result<$type> {
                // SAFETY: the caller's promise.
                let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
                adopt(handle, $end).map($type::new)
            }
        }

        impl AsHandle for $type {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.inner.end.handle()
            }
        }

        impl AsRawHandle for $type {
            fn as_raw_handle(&self) -> RawHandle {
                self.inner.end.handle().as_raw_handle()
            }
        }
    };
}

handles!(NamedPipeServer, PipeEnd::Server, "a server");
handles!(NamedPipeClient, PipeEnd::Client, "a client");

/// An end of this kind, with a handle that was made elsewhere.
fn adopt(handle: OwnedHandle, kind: PipeEnd) -> io::Result<Arc<Inner>> {
    let runtime = current_runtime()?;
    let adopted = || -> Result<Arc<Inner>> {
        let told = |code| Error::new("from_raw_handle", None, code);
        let (end, name) = End::from_handle(handle).map_err(told)?;
        let told = |code| Error::new("from_raw_handle", Some(&name), code);
        if end.end() != kind {
            return Err(told(Win32Error::INVALID_PARAMETER)
                .with_hint("this is a handle of the other end of the pipe"));
        }
        let pipe_type = end.info().map_err(told)?.pipe_type;
        Ok(Inner::new(end, name, pipe_type, runtime, None))
    };
    adopted().map_err(io_error)
}
