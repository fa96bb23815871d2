//! Modes, access and limits: plain data that all faces share.
//!
//! Nothing here does anything; the rules that these values obey are in the engine. The numbers that
//! Win32 gives to them are stated where a program may need them.

use std::time::Duration;

use bitflags::bitflags;

use crate::security::{RemoteClient, SecurityDescriptor, Sid};

/// How data travel through a pipe, or how an end reads them: as bytes or as messages.
///
/// Windows keeps two properties apart that many mix up. The **type** of a pipe (`PIPE_TYPE_*`, the
/// same for all of its instances) says whether a write keeps its borders. The **read mode** of an end
/// (`PIPE_READMODE_*`, changeable at any time) says whether a read stops at such a border. A pipe of
/// byte type can only be read in byte mode; one of message type can be read in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PipeMode {
    /// A stream of bytes without borders: `PIPE_TYPE_BYTE`, `PIPE_READMODE_BYTE`.
    Byte,
    /// Every write is one message: `PIPE_TYPE_MESSAGE`, `PIPE_READMODE_MESSAGE`.
    Message,
}

/// Whether the operations of an end wait (`PIPE_WAIT`) or not (`PIPE_NOWAIT`).
///
/// The wait mode is for compatibility with old programs, as on Windows. For asynchronous work use
/// pending operations ([`exact::End::start_read`](crate::exact::End::start_read) and the like).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitMode {
    /// A read waits for data, a write for room, a connect for a client: `PIPE_WAIT`.
    Blocking,
    /// A read of nothing fails with `ERROR_NO_DATA`, a write that does not fit succeeds with 0
    /// bytes, a connect reports the state: `PIPE_NOWAIT`.
    NonBlocking,
}

/// Which way data may flow, the `PIPE_ACCESS_*` part of `CreateNamedPipe`'s open mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Client to server only: `PIPE_ACCESS_INBOUND`.
    Inbound,
    /// Server to client only: `PIPE_ACCESS_OUTBOUND`.
    Outbound,
    /// Both ways: `PIPE_ACCESS_DUPLEX`.
    Duplex,
}

impl Access {
    /// Whether the server end may read, so that a client end may write.
    pub fn is_inbound(self) -> bool {
        matches!(self, Access::Inbound | Access::Duplex)
    }

    /// Whether the server end may write, so that a client end may read.
    pub fn is_outbound(self) -> bool {
        matches!(self, Access::Outbound | Access::Duplex)
    }
}

/// Which end of an instance a handle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PipeEnd {
    /// The end that `CreateFile` gave: `PIPE_CLIENT_END`.
    Client,
    /// The end that `CreateNamedPipe` gave: `PIPE_SERVER_END`.
    Server,
}

bitflags! {
    /// What a client asks for when it opens a pipe, `CreateFile`'s desired access.
    ///
    /// A client may ask for no access to the data at all ([`DesiredAccess::empty`]): it is connected
    /// then, and can ask for state and info.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct DesiredAccess: u8 {
        /// `GENERIC_READ`: read and peek.
        const READ = 1;
        /// `GENERIC_WRITE`: write and flush; includes [`WRITE_ATTRIBUTES`](Self::WRITE_ATTRIBUTES).
        const WRITE = 2;
        /// `FILE_WRITE_ATTRIBUTES`: change the read mode and the wait mode of the end.
        const WRITE_ATTRIBUTES = 4;
        /// `READ_CONTROL`: read the security descriptor. [`READ`](Self::READ) and [`WRITE`](Self::WRITE)
        /// include it.
        const READ_CONTROL = 8;
        /// `WRITE_DAC`: change who may do what.
        const WRITE_DAC = 16;
        /// `WRITE_OWNER`: become the owner of the pipe.
        const WRITE_OWNER = 32;
    }
}

/// What a server may do with the identity of its client, the `SECURITY_SQOS` part of `CreateFile`'s
/// flags.
///
/// On Linux it binds the dotpipe library in the server's process, and so honest programs. The kernel tells any
/// server who its client is, and a hostile one needs no library to look: see `SECURITY.md`. On Windows the
/// system holds any server to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum ImpersonationLevel {
    /// `SECURITY_ANONYMOUS`: the server is not told who the client is. It still may not open more than the
    /// client is allowed to.
    Anonymous,
    /// `SECURITY_IDENTIFICATION`: the server may know who the client is, and not act in its name.
    Identification,
    /// `SECURITY_IMPERSONATION`: the server may act in the client's name on this machine. What `CreateFile`
    /// takes when it is told nothing.
    #[default]
    Impersonation,
    /// `SECURITY_DELEGATION`: on other machines as well. On Linux it is the same as `Impersonation`.
    Delegation,
}

/// Everything that a client can say when it opens a pipe.
///
/// The default is what `CreateFile` does with `GENERIC_READ | GENERIC_WRITE` and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// What the client wants to do.
    pub access: DesiredAccess,
    /// What the server may do with the client's identity.
    pub level: ImpersonationLevel,
    /// Who the server must be, or which group it must belong to; `None`: anybody. It is looked at before
    /// anything is sent (on Windows after the pipe is opened and before anything is written), and it is what helps
    /// against a stranger who has taken the name.
    pub server: Option<Sid>,
    /// The client on another machine for whom the pipe is opened; `None`: the pipe is for the caller. What it means
    /// is said at [`ClientOptions::on_behalf_of`](crate::sync::ClientOptions::on_behalf_of).
    pub on_behalf_of: Option<RemoteClient>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            access: DesiredAccess::READ | DesiredAccess::WRITE,
            level: ImpersonationLevel::default(),
            server: None,
            on_behalf_of: None,
        }
    }
}

/// Everything that `CreateNamedPipe` can be told.
///
/// The default is what most servers want and what tokio's `ServerOptions` starts with: duplex, byte
/// type, blocking, unlimited instances, quotas of 64 KiB, no clients of other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateOptions {
    /// Which way data may flow. All instances of a pipe must agree.
    pub access: Access,
    /// Fail with `ERROR_ACCESS_DENIED` when the pipe exists already: `FILE_FLAG_FIRST_PIPE_INSTANCE`.
    pub first_instance: bool,
    /// `FILE_FLAG_WRITE_THROUGH`; it has a meaning for byte pipes across a network only.
    pub write_through: bool,
    /// The type of the pipe. All instances of a pipe must agree.
    pub pipe_type: PipeMode,
    /// The read mode of this server end. `Message` needs the message type.
    pub read_mode: PipeMode,
    /// The wait mode of this server end.
    pub wait_mode: WaitMode,
    /// At most how many instances the pipe may have: 1 to 254, or 255 for no limit. The first
    /// instance decides; the number that a later one names has no effect.
    pub max_instances: u32,
    /// The quota of the data that this server end writes, in bytes: `nOutBufferSize`.
    pub out_quota: u32,
    /// The quota of the data that its client writes, in bytes: `nInBufferSize`.
    pub in_quota: u32,
    /// How long a client waits that names no time of its own, in milliseconds; 0 means 50. The first
    /// instance decides.
    pub default_timeout: u32,
    /// Who may do what; `None` is [`SecurityDescriptor::default`], and on Windows the default of the system. The first instance decides; what a
    /// later one brings has no effect.
    pub security: Option<SecurityDescriptor>,
    /// Whether this server end may change who may do what: `WRITE_DAC` in the open mode.
    pub write_dac: bool,
    /// Whether this server end may change the owner: `WRITE_OWNER` in the open mode. On Windows that is the bit of
    /// [`first_instance`](Self::first_instance) too, and asks for both.
    pub write_owner: bool,
    /// `PIPE_REJECT_REMOTE_CLIENTS`: the pipe is for clients of this machine only. Those of others are refused with
    /// `ERROR_ACCESS_DENIED`. The first instance decides.
    pub reject_remote_clients: bool,
}

impl Default for CreateOptions {
    fn default() -> Self {
        CreateOptions {
            access: Access::Duplex,
            first_instance: false,
            write_through: false,
            pipe_type: PipeMode::Byte,
            read_mode: PipeMode::Byte,
            wait_mode: WaitMode::Blocking,
            max_instances: UNLIMITED_INSTANCES,
            out_quota: 65536,
            in_quota: 65536,
            default_timeout: 0,
            security: None,
            write_dac: false,
            write_owner: false,
            reject_remote_clients: true,
        }
    }
}

/// `PIPE_UNLIMITED_INSTANCES`: no limit to the number of instances.
pub const UNLIMITED_INSTANCES: u32 = 255;

/// How long to wait for an instance that listens: the time-out of `WaitNamedPipe` and `CallNamedPipe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitTimeout {
    /// The default time-out of the pipe, as its first instance was created with:
    /// `NMPWAIT_USE_DEFAULT_WAIT`.
    Default,
    /// So long and no longer; 0 is taken as the shortest wait there is.
    For(Duration),
    /// Without limit: `NMPWAIT_WAIT_FOREVER`.
    Forever,
}

impl WaitTimeout {
    /// From the number that Win32 uses: milliseconds, 0 for the default, `0xffff_ffff` for no limit.
    pub fn from_win32(milliseconds: u32) -> Self {
        match milliseconds {
            0 => WaitTimeout::Default,
            u32::MAX => WaitTimeout::Forever,
            ms => WaitTimeout::For(Duration::from_millis(ms.into())),
        }
    }
}
