//! How ends come to be, and what can be asked of a pipe by its name alone.

use std::time::Instant;

use super::{End, Received, Result, sys};
use crate::name::PipeName;
use crate::options::{Access, CreateOptions, DesiredAccess, OpenOptions, PipeMode, WaitTimeout};
#[cfg(all(feature = "smb", unix))]
use crate::remote::{Failure, SmbOptions};
use crate::security::SecurityDescriptor;

/// Creates an instance of a pipe, and the pipe with its first one: `CreateNamedPipe`.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` (message read mode on a byte pipe; a maximum that is not 1 to 255),
/// `ERROR_INVALID_NAME` (a remote name), `ERROR_PIPE_BUSY` (the maximum is reached),
/// `ERROR_ACCESS_DENIED` (another access or type than the pipe has, `first_instance` on a pipe that
/// exists, no right to create an instance, a name that belongs to another user),
/// `ERROR_INVALID_SECURITY_DESCR` (a descriptor that is longer than
/// [`LONGEST_SDDL`](crate::security::LONGEST_SDDL) as text), `ERROR_DISK_FULL` and `ERROR_WRITE_PROTECT` (of
/// the directory of the pipes), `ERROR_NOT_SUPPORTED` (this thread [acts as a client](End::impersonate)).
///
/// # Platforms
/// On Windows another type than the pipe has passes, and a thread that acts as a client creates in its name.
pub fn create(name: &PipeName, options: &CreateOptions) -> Result<End> {
    sys::create(name, options).map(|inner| End { inner })
}

/// Opens the instance that has listened longest: `CreateFile`. The client end begins in byte read
/// mode and blocking wait mode.
///
/// # Errors
/// `ERROR_FILE_NOT_FOUND` (no such pipe), `ERROR_PIPE_BUSY` (no instance listens),
/// `ERROR_ACCESS_DENIED` (the pipe does not go that way, or its owner does not allow it),
/// `ERROR_NOT_SUPPORTED` (this thread [acts as a client](End::impersonate)).
pub fn open(name: &PipeName, access: DesiredAccess) -> Result<End> {
    sys::open(name, access).map(|inner| End { inner })
}

/// Opens a pipe on another machine, reached as `options` say: `CreateFile`, which is told here what Windows
/// knows of the user who has logged on. [`open`] does the same with the default options, which ask the
/// environment.
///
/// With `wait` it waits for an instance when all are busy, as a loop of [`open`] and [`wait`](fn@wait) would; it works with
/// servers that cannot wait as well.
///
/// # Errors
/// Those of [`open`] and [`wait`](fn@wait); `ERROR_BAD_NETPATH` (the server cannot be reached), `ERROR_LOGON_FAILURE` and
/// its like (it does not let this user in), `ERROR_INVALID_NAME` (a name on this machine).
#[cfg(all(feature = "smb", unix))]
pub fn open_remote(
    name: &PipeName,
    access: DesiredAccess,
    wait: Option<WaitTimeout>,
    options: &SmbOptions,
) -> Result<End> {
    open_remote_explained(name, access, wait, options).map_err(|failure| failure.code)
}

/// The same, with an explanation.
#[cfg(all(feature = "smb", unix))]
pub(crate) fn open_remote_explained(
    name: &PipeName,
    access: DesiredAccess,
    wait: Option<WaitTimeout>,
    options: &SmbOptions,
) -> std::result::Result<End, Failure> {
    crate::remote::open_explained(name, access, wait, options, None).map(|end| End {
        inner: sys::End::Remote(end),
    })
}

/// [`open`] with everything that a client can say: who the server must be, and what it may do with the
/// client's identity; and for whom it is opened, if not for the caller.
///
/// # Errors
/// Those of [`open`]; `ERROR_ACCESS_DENIED` as well when the server is not whom
/// [`OpenOptions::server`] names, and then nothing has been sent to it; `ERROR_NOT_SUPPORTED` when it is to be
/// somebody on another machine. With [`OpenOptions::on_behalf_of`] those of
/// [`ClientOptions::on_behalf_of`](crate::sync::ClientOptions::on_behalf_of).
///
/// # Platforms
/// On Windows a server that is somebody else sees a client come and go, and learns of it what
/// [`OpenOptions::level`] allows; nothing is written.
pub fn open_with(name: &PipeName, options: &OpenOptions) -> Result<End> {
    sys::open_with(name, options).map(|inner| End { inner })
}

/// Waits until an instance listens: `WaitNamedPipe`. It reserves nothing.
///
/// # Errors
/// `ERROR_FILE_NOT_FOUND` when the pipe does not exist or goes away, `ERROR_SEM_TIMEOUT` when time
/// runs out.
pub fn wait(name: &PipeName, timeout: WaitTimeout) -> Result<()> {
    sys::wait(name, timeout)
}

/// Waits until an instance of a pipe on another machine listens: `WaitNamedPipe`, which is told here what
/// Windows knows of the user who has logged on. [`wait`](fn@wait) does the same with the default options, which ask the
/// environment.
///
/// # Errors
/// Those of [`wait`](fn@wait) and [`open_remote`]; `ERROR_NOT_SUPPORTED` when the server cannot wait, as Samba before
/// 4.25: to open a pipe there as soon as an instance listens, have [`open_remote`] wait.
#[cfg(all(feature = "smb", unix))]
pub fn wait_remote(name: &PipeName, timeout: WaitTimeout, options: &SmbOptions) -> Result<()> {
    crate::remote::wait_explained(name, timeout, options).map_err(|failure| failure.code)
}

/// Opens a message pipe, asks, reads the reply, closes: `CallNamedPipe`.
///
/// `timeout` limits the wait for an instance only, as on Windows; `deadline` limits the whole call.
///
/// # Errors
/// Those of [`open`], [`wait`], [`End::set_state`] and [`End::transact`].
///
/// # Platforms
/// On Windows `deadline` does not shorten a wait by the *default* time-out of the pipe, which is not known.
#[doc(alias = "CallNamedPipe")]
pub fn call(
    name: &PipeName,
    question: &[u8],
    reply: &mut [u8],
    timeout: WaitTimeout,
    deadline: Option<Instant>,
) -> Result<Received> {
    sys::call(name, question, reply, timeout, deadline)
}

/// How many instances are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InstanceCounts {
    /// Waiting for a client; the next one gets the first of these.
    pub listening: u32,
    /// With a client.
    pub connected: u32,
    /// Whose client has gone, and which the server has not disconnected yet.
    pub closing: u32,
    /// Disconnected, and not listening yet.
    pub disconnected: u32,
    /// Of server processes that live but do not answer (stopped, perhaps). On Windows all of them: the
    /// system tells nobody but their servers.
    pub unknown: u32,
}

impl std::ops::AddAssign for InstanceCounts {
    fn add_assign(&mut self, other: InstanceCounts) {
        let add = |sum: &mut u32, more: u32| *sum = sum.saturating_add(more);
        add(&mut self.listening, other.listening);
        add(&mut self.connected, other.connected);
        add(&mut self.closing, other.closing);
        add(&mut self.disconnected, other.disconnected);
        add(&mut self.unknown, other.unknown);
    }
}

impl InstanceCounts {
    /// All of them.
    pub fn total(&self) -> u32 {
        [
            self.connected,
            self.closing,
            self.disconnected,
            self.unknown,
        ]
        .into_iter()
        .fold(self.listening, u32::saturating_add)
    }
}

/// What there is to know of a pipe from outside.
///
/// # Platforms
/// Windows tells the name and the number of instances; all else is `None` there, or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeStatus {
    /// The name as its first instance spelt it.
    pub name: PipeName,
    /// The type of the pipe.
    pub pipe_type: Option<PipeMode>,
    /// Which way data may flow.
    pub access: Option<Access>,
    /// At most how many instances there may be; 255 for no limit.
    pub max_instances: Option<u32>,
    /// The instances that exist, of all server processes together.
    pub instances: InstanceCounts,
    /// The quota of what the server end writes, as the newest instance has it, in bytes.
    pub out_quota: Option<u32>,
    /// The quota of what the client end writes, as the newest instance has it, in bytes.
    pub in_quota: Option<u32>,
    /// How long a client waits that names no time of its own, in milliseconds; 0 means 50.
    pub default_timeout: Option<u32>,
    /// Whether the pipe is for clients of this machine only.
    pub reject_remote_clients: Option<bool>,
    /// The processes that serve the pipe, oldest first.
    pub server_process_ids: Vec<u32>,
}

/// Whether there is a pipe of this name now, whether or not an instance listens.
///
/// # Errors
/// What keeps the system from looking.
pub fn exists(name: &PipeName) -> Result<bool> {
    sys::exists(name)
}

/// What there is to know of one pipe.
///
/// # Errors
/// `ERROR_FILE_NOT_FOUND` when there is no such pipe; on Windows `ERROR_NOT_SUPPORTED` for one on another
/// machine, and what [`list`] fails with.
pub fn status(name: &PipeName) -> Result<PipeStatus> {
    sys::status(name)
}

/// Who may do what with a pipe: `GetNamedSecurityInfo`, but no instance is opened for it. Of an end there is
/// [`End::security`].
///
/// # Errors
/// `ERROR_FILE_NOT_FOUND` when there is no such pipe, `ERROR_ACCESS_DENIED` without the right to read it
/// (`READ_CONTROL`).
///
/// # Platforms
/// On Windows only an end can be asked. So one is opened for a moment, which the server takes for a client, and it is
/// `ERROR_PIPE_BUSY` when no instance listens.
pub fn security(name: &PipeName) -> Result<SecurityDescriptor> {
    sys::security(name)
}

/// All pipes that exist, sorted by name: what listing the directory `\\.\pipe\` gives on Windows.
///
/// # Errors
/// What keeps the system from looking: `ERROR_TOO_MANY_OPEN_FILES` and `ERROR_NOT_ENOUGH_MEMORY` among it. A list that is
/// given is whole, but for pipes that this user may not look at.
///
/// # Platforms
/// Wine cannot list pipes: `ERROR_BAD_DEVICE_TYPE` (66). On Windows, pipes whose names no
/// [`PipeName`] can be are left out.
pub fn list() -> Result<Vec<PipeStatus>> {
    sys::list()
}
