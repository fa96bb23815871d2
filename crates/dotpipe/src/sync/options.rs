//! [`ServerOptions`]: how server ends come to be; in `client` is [`ClientOptions`].
//!
//! Layer: the sync face. Builders in the shape of tokio's; what the options mean is in
//! [`options`](crate::options), and what is allowed the exact layer decides.

mod client;

use std::time::Duration;

use super::NamedPipeServer;
use super::listener::PipeListener;
use super::name::{IntoPipeName, name_for};
use crate::error::{Error, Result};
use crate::exact;
use crate::name::PipeName;
use crate::options::{Access, CreateOptions, PipeMode, UNLIMITED_INSTANCES, WaitMode};
use crate::security::SecurityDescriptor;
use crate::win32::Win32Error;
pub use client::ClientOptions;

/// What a server wants of its pipe: everything that `CreateNamedPipe` can be told.
///
/// The default is a duplex pipe of byte type, blocking, with any number of instances and quotas of 64
/// KiB.
///
/// # Examples
/// ```
/// use dotpipe::PipeMode;
/// use dotpipe::sync::ServerOptions;
///
/// # let name = format!(r"\\.\pipe\doc-server-options-{}", std::process::id());
/// let server = ServerOptions::new()
///     .first_pipe_instance(true)
///     .pipe_mode(PipeMode::Message)
///     .max_instances(1)
///     .create(&name)?;
/// assert_eq!(server.info()?.mode, PipeMode::Message);
///
/// // The first instance allowed no second one.
/// let error = ServerOptions::new().create(&name).unwrap_err();
/// assert!(error.is_busy());
/// # Ok::<(), dotpipe::Error>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "CreateNamedPipe")]
pub struct ServerOptions {
    inbound: bool,
    outbound: bool,
    read_mode: Option<PipeMode>,
    max_instances: usize,
    default_timeout: Duration,
    /// All the others, as they are handed over.
    create: CreateOptions,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions::new()
    }
}

impl ServerOptions {
    /// The default options.
    pub fn new() -> ServerOptions {
        ServerOptions {
            inbound: true,
            outbound: true,
            read_mode: None,
            max_instances: UNLIMITED_INSTANCES as usize,
            default_timeout: Duration::ZERO,
            create: CreateOptions::default(),
        }
    }

    /// Which way data may flow: both by default. All instances of a pipe must agree.
    ///
    /// # Win32
    /// `PIPE_ACCESS_INBOUND`, `PIPE_ACCESS_OUTBOUND`, `PIPE_ACCESS_DUPLEX`
    #[doc(alias = "PIPE_ACCESS_DUPLEX")]
    pub fn access(&mut self, access: Access) -> &mut Self {
        self.inbound = access.is_inbound();
        self.outbound = access.is_outbound();
        self
    }

    /// Whether data may flow from the client to the server; `true` by default. One of the two directions
    /// must be allowed.
    #[doc(alias = "PIPE_ACCESS_INBOUND")]
    pub fn access_inbound(&mut self, allowed: bool) -> &mut Self {
        self.inbound = allowed;
        self
    }

    /// Whether data may flow from the server to the client; `true` by default. One of the two directions
    /// must be allowed.
    #[doc(alias = "PIPE_ACCESS_OUTBOUND")]
    pub fn access_outbound(&mut self, allowed: bool) -> &mut Self {
        self.outbound = allowed;
        self
    }

    /// Fail with `ERROR_ACCESS_DENIED` when the pipe exists already: `false` by default. With it a server
    /// knows that the clients of this name come to no other process.
    ///
    /// # Win32
    /// `FILE_FLAG_FIRST_PIPE_INSTANCE`
    #[doc(alias = "FILE_FLAG_FIRST_PIPE_INSTANCE")]
    pub fn first_pipe_instance(&mut self, first: bool) -> &mut Self {
        self.create.first_instance = first;
        self
    }

    /// The type of the pipe, which is also the read mode of this server end unless
    /// [`read_mode`](Self::read_mode) says otherwise: byte by default. All instances of a pipe must agree
    /// on the type.
    ///
    /// # Win32
    /// `PIPE_TYPE_BYTE` with `PIPE_READMODE_BYTE`, `PIPE_TYPE_MESSAGE` with `PIPE_READMODE_MESSAGE`
    #[doc(alias = "PIPE_TYPE_MESSAGE")]
    pub fn pipe_mode(&mut self, mode: PipeMode) -> &mut Self {
        self.create.pipe_type = mode;
        self
    }

    /// The read mode of this server end, when it is not that of the type. Message read mode needs
    /// message type.
    ///
    /// # Win32
    /// `PIPE_READMODE_BYTE`, `PIPE_READMODE_MESSAGE`
    #[doc(alias = "PIPE_READMODE_MESSAGE")]
    pub fn read_mode(&mut self, mode: PipeMode) -> &mut Self {
        self.read_mode = Some(mode);
        self
    }

    /// The wait mode of this server end: blocking by default.
    ///
    /// # Win32
    /// `PIPE_WAIT`, `PIPE_NOWAIT`
    #[doc(alias = "PIPE_NOWAIT")]
    pub fn wait_mode(&mut self, mode: WaitMode) -> &mut Self {
        self.create.wait_mode = mode;
        self
    }

    /// At most how many instances the pipe may have: 1 to 254, or 255, the default, for no limit. The
    /// first instance decides.
    #[doc(alias = "PIPE_UNLIMITED_INSTANCES")]
    pub fn max_instances(&mut self, instances: usize) -> &mut Self {
        self.max_instances = instances;
        self
    }

    /// The quota of what this server end writes, in bytes: 65536 by default. A write waits until the unread
    /// data up to and including its own fit; with 0 it waits until it has been read.
    #[doc(alias = "nOutBufferSize")]
    pub fn out_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.create.out_quota = bytes;
        self
    }

    /// The quota of what the client writes, in bytes: 65536 by default.
    #[doc(alias = "nInBufferSize")]
    pub fn in_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.create.in_quota = bytes;
        self
    }

    /// How long a client waits for an instance that names no time of its own
    /// ([`WaitTimeout::Default`](crate::options::WaitTimeout::Default)): in whole milliseconds, 50 when it is zero, which is the default, and
    /// without limit from 49 days on. The first instance decides.
    #[doc(alias = "nDefaultTimeOut")]
    pub fn default_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.default_timeout = timeout;
        self
    }

    /// Writes of a byte pipe to another machine return when the data are there: `false` by default.
    /// Between processes of one machine it changes nothing.
    ///
    /// # Win32
    /// `FILE_FLAG_WRITE_THROUGH`
    #[doc(alias = "FILE_FLAG_WRITE_THROUGH")]
    pub fn write_through(&mut self, through: bool) -> &mut Self {
        self.create.write_through = through;
        self
    }

    /// Who may do what with the pipe; [`SecurityDescriptor::default`] when this is not called, and on Windows
    /// the default of the system. The first instance decides.
    ///
    /// It holds for the server's own further instances too: whoever serves needs
    /// [`PipeRights::CREATE_INSTANCE`](crate::security::PipeRights::CREATE_INSTANCE), which
    /// [`SecurityDescriptor::owner_only`] and those made from it give to the owner.
    ///
    /// # Win32
    /// `lpSecurityAttributes`
    #[doc(alias = "SECURITY_ATTRIBUTES")]
    pub fn security(&mut self, descriptor: SecurityDescriptor) -> &mut Self {
        self.create.security = Some(descriptor);
        self
    }

    /// Whether this end may change who may do what
    /// ([`set_security`](NamedPipeServer::set_security)): `false` by default.
    ///
    /// # Win32
    /// `WRITE_DAC`
    #[doc(alias = "WRITE_DAC")]
    pub fn write_dac(&mut self, asked: bool) -> &mut Self {
        self.create.write_dac = asked;
        self
    }

    /// Whether this end may change the owner of the pipe: `false` by default.
    ///
    /// # Win32
    /// `WRITE_OWNER`
    ///
    /// # Platforms
    /// On Windows it has the bit of [`first_pipe_instance`](Self::first_pipe_instance), and asks for both; of the
    /// instances of a listener the first one has the right.
    #[doc(alias = "WRITE_OWNER")]
    pub fn write_owner(&mut self, asked: bool) -> &mut Self {
        self.create.write_owner = asked;
        self
    }

    /// Whether the pipe is for clients of this machine only: `true` by default, as in tokio (and unlike
    /// Win32). A client on another machine is refused with `ERROR_ACCESS_DENIED` then, and otherwise let in if the
    /// descriptor allows it ([`remote_client`](crate::sync::NamedPipeServer::remote_client) tells who it is). The first
    /// instance decides.
    ///
    /// # Win32
    /// `PIPE_REJECT_REMOTE_CLIENTS`, `PIPE_ACCEPT_REMOTE_CLIENTS`
    #[doc(alias = "PIPE_REJECT_REMOTE_CLIENTS")]
    pub fn reject_remote_clients(&mut self, reject: bool) -> &mut Self {
        self.create.reject_remote_clients = reject;
        self
    }

    /// Creates an instance of the pipe, and the pipe with its first one. It listens at once: a client can
    /// open it before the server calls [`connect`](NamedPipeServer::connect).
    ///
    /// # Win32
    /// [`CreateNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew)
    ///
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` (no direction allowed, message read mode on a byte pipe, a maximum that is
    /// not 1 to 255), `ERROR_INVALID_NAME` (a name on another machine is one), `ERROR_PIPE_BUSY` (the maximum
    /// is reached), `ERROR_ACCESS_DENIED` (another access or type than the pipe has,
    /// [`first_pipe_instance`](Self::first_pipe_instance) on a pipe that exists, no right to create an
    /// instance).
    #[doc(alias = "CreateNamedPipe")]
    pub fn create(&self, name: impl IntoPipeName) -> Result<NamedPipeServer> {
        let name = name_for("create", name)?;
        let options = self.exact(&name)?;
        match exact::create(&name, &options) {
            Ok(end) => Ok(NamedPipeServer::new(end, name, &options, None)),
            Err(code) => Err(Error::new("create", Some(&name), code)),
        }
    }

    /// Creates the pipe and keeps an instance listening for every client that may come.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    /// See [`PipeListener`].
    pub fn listen(&self, name: impl IntoPipeName) -> Result<PipeListener> {
        let name = name_for("create", name)?;
        let options = self.exact(&name)?;
        PipeListener::new(name, options)
    }

    /// The options as the exact layer takes them.
    pub(crate) fn exact(&self, name: &PipeName) -> Result<CreateOptions> {
        let access = match (self.inbound, self.outbound) {
            (true, true) => Access::Duplex,
            (true, false) => Access::Inbound,
            (false, true) => Access::Outbound,
            (false, false) => {
                let error = Error::new("create", Some(name), Win32Error::INVALID_PARAMETER);
                return Err(error.with_hint("allow access_inbound, access_outbound or both"));
            }
        };
        Ok(CreateOptions {
            access,
            read_mode: self.read_mode.unwrap_or(self.create.pipe_type),
            max_instances: self.max_instances.try_into().unwrap_or(u32::MAX),
            default_timeout: whole_milliseconds(self.default_timeout),
            ..self.create.clone()
        })
    }
}

/// In milliseconds, rounded up, so that only zero is 0. What does not fit is the number that stands for
/// "without limit".
fn whole_milliseconds(time: Duration) -> u32 {
    let milliseconds = time.as_nanos().div_ceil(1_000_000);
    milliseconds.min(u128::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_timeout_is_rounded_up_and_can_be_without_limit() {
        let rows = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_micros(1001), 2),
            (Duration::from_millis(4_294_967_294), 4_294_967_294),
            (Duration::from_millis(4_294_967_295), u32::MAX),
            (Duration::MAX, u32::MAX),
        ];
        for (time, milliseconds) in rows {
            assert_eq!(whole_milliseconds(time), milliseconds, "{time:?}");
        }
    }

    #[test]
    fn options_become_exact_options() -> Result<()> {
        let name = PipeName::local("options")?;
        assert_eq!(ServerOptions::new().exact(&name)?, CreateOptions::default());

        let mut options = ServerOptions::new();
        options
            .access_inbound(false)
            .first_pipe_instance(true)
            .pipe_mode(PipeMode::Message)
            .wait_mode(WaitMode::NonBlocking)
            .max_instances(7)
            .out_buffer_size(1)
            .in_buffer_size(2)
            .default_timeout(Duration::from_secs(3))
            .write_through(true)
            .security(SecurityDescriptor::owner_only())
            .write_dac(true)
            .write_owner(true)
            .reject_remote_clients(false);
        let all = CreateOptions {
            access: Access::Outbound,
            first_instance: true,
            write_through: true,
            pipe_type: PipeMode::Message,
            read_mode: PipeMode::Message,
            wait_mode: WaitMode::NonBlocking,
            max_instances: 7,
            out_quota: 1,
            in_quota: 2,
            default_timeout: 3000,
            security: Some(SecurityDescriptor::owner_only()),
            write_dac: true,
            write_owner: true,
            reject_remote_clients: false,
        };
        assert_eq!(options.exact(&name)?, all);

        options.read_mode(PipeMode::Byte).access(Access::Inbound);
        let other = CreateOptions {
            read_mode: PipeMode::Byte,
            access: Access::Inbound,
            ..all
        };
        assert_eq!(options.exact(&name)?, other);
        Ok(())
    }
}
