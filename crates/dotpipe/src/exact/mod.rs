//! The contract: one operation in, one Win32 result out.
//!
//! This layer answers exactly what Windows answers, code by code, and the conformance scripts drive it
//! directly. The faces ([`sync`](crate::sync) and the others) are thin over it and add comfort, never
//! rules. Whoever ports a program that looks at every `GetLastError` is at home here.
//!
//! [`End`] is what a pipe `HANDLE` is on Windows: the server end or the client end of one instance.
//! [`Pending`] is what an `OVERLAPPED` is: an operation that goes on, can be awaited and cancelled.
//!
//! This file lists the seam to the operating system: `sys` is all that this layer knows of it.

mod anonymous;
mod end;
mod identity;
mod impersonation;
mod pending;
mod pipe;
#[cfg(feature = "tokio")]
mod waiting;

pub use anonymous::{AnonymousEnd, anonymous_pipe};
pub use end::End;
pub use identity::own_token;
pub use impersonation::Impersonation;
pub use pending::Pending;
#[cfg(all(feature = "smb", unix))]
pub(crate) use pipe::open_remote_explained;
pub use pipe::{
    InstanceCounts, PipeStatus, call, create, exists, list, open, open_with, security, status, wait,
};
#[cfg(all(feature = "smb", unix))]
pub use pipe::{open_remote, wait_remote};
#[cfg(feature = "tokio")]
pub(crate) use waiting::{Attempted, Next, Want, is_for_tasks};

use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::win32::Win32Error;

/// What lies below the seam: the engine.
#[cfg(all(target_os = "linux", not(feature = "smb")))]
pub(crate) use crate::engine as sys;
/// The same with pipes on other machines.
#[cfg(all(target_os = "linux", feature = "smb"))]
pub(crate) use crate::remote::seam as sys;
/// What lies below the seam: the system's own pipes, those of other machines as well.
#[cfg(windows)]
pub(crate) use crate::windows as sys;

/// The result of an exact operation.
pub type Result<T> = std::result::Result<T, Win32Error>;

/// What a read brought: `ReadFile`'s count and whether it ended with `ERROR_MORE_DATA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes in the buffer.
    pub len: usize,
    /// The message goes on: the next read continues in it (`ERROR_MORE_DATA`).
    pub more: bool,
}

/// What a pending read brought, with the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedData {
    /// The bytes that were read.
    pub data: Vec<u8>,
    /// The message goes on: the next read continues in it (`ERROR_MORE_DATA`).
    pub more: bool,
}

/// What a peek saw: the three counts of `PeekNamedPipe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peeked {
    /// Bytes copied into the buffer.
    pub len: usize,
    /// Bytes that could be read in total, those of waiting writes included (`lpTotalBytesAvail`).
    pub available: u32,
    /// Bytes of the first message behind the copied ones (`lpBytesLeftThisMessage`). On a byte pipe
    /// it is 0 minus the bytes copied, as an unsigned number: so Windows answers.
    pub left_in_message: u32,
}

/// The answer of `GetNamedPipeHandleState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandleState {
    /// The read mode of this end.
    pub read_mode: PipeMode,
    /// The wait mode of this end.
    pub wait_mode: WaitMode,
    /// Instances that exist now, connected, abandoned and disconnected ones included.
    pub instances: u32,
}

/// The answer of `GetNamedPipeInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandleInfo {
    /// Which end this is.
    pub end: PipeEnd,
    /// The type of the pipe.
    pub pipe_type: PipeMode,
    /// The quota of what the server end writes, as the server asked for it, in bytes.
    pub out_quota: u32,
    /// The quota of what the client end writes, as the server asked for it, in bytes.
    pub in_quota: u32,
    /// At most how many instances there may be; 255 for no limit.
    pub max_instances: u32,
}

#[cfg(unix)]
bitflags::bitflags! {
    /// What a program that waits with `poll` or `epoll` wants to do next: see [`End::arm`].
    ///
    /// # Platforms
    /// Linux only.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Interest: u8 {
        /// A read would not wait: there are data, or the conversation has ended.
        const READABLE = 1;
        /// A write of one byte would not wait: there is room in the quota, or the conversation has
        /// ended.
        const WRITABLE = 2;
    }
}
