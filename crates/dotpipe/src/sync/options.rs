//! [`ServerOptions`] and [`ClientOptions`]: how ends come to be.
//!
//! Layer: the sync face. Builders in the shape of tokio's; what the options mean is in
//! [`options`](crate::options), and what is allowed the exact layer decides.

use std::time::{Duration, Instant};

use super::listener::PipeListener;
use super::name::{IntoPipeName, name_for};
use super::{NamedPipeClient, NamedPipeServer};
use crate::error::{Error, Result};
use crate::exact;
use crate::name::PipeName;
use crate::options::{
    Access, CreateOptions, DesiredAccess, PipeMode, UNLIMITED_INSTANCES, WaitMode, WaitTimeout,
};
#[cfg(all(feature = "smb", unix))]
use crate::remote::SmbOptions;
use crate::win32::Win32Error;

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
    /// ([`WaitTimeout::Default`]): in whole milliseconds, 50 when it is zero, which is the default, and
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
    fn exact(&self, name: &PipeName) -> Result<CreateOptions> {
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

/// What a client wants of a pipe that it opens.
///
/// The default is to read and write, bytes, and not to wait for an instance.
///
/// # Examples
/// ```
/// use dotpipe::sync::{ClientOptions, ServerOptions};
/// use dotpipe::{PipeMode, WaitTimeout};
///
/// # let name = format!(r"\\.\pipe\doc-client-options-{}", std::process::id());
/// assert!(ClientOptions::new().open(&name).unwrap_err().is_not_found());
///
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// let first = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
///
/// // The only instance is taken. By default that is an error at once,
/// assert!(ClientOptions::new().open(&name).unwrap_err().is_busy());
/// // or a client can wait for its turn.
/// let error = ClientOptions::new().wait_timeout(Some(WaitTimeout::Default)).open(&name).unwrap_err();
/// assert!(error.is_timeout());
/// # drop((server, first));
/// # Ok::<(), dotpipe::Error>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "CreateFile")]
pub struct ClientOptions {
    access: DesiredAccess,
    read_mode: PipeMode,
    wait_timeout: Option<WaitTimeout>,
    #[cfg(all(feature = "smb", unix))]
    smb: SmbOptions,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions::new()
    }
}

impl ClientOptions {
    /// The default options.
    pub fn new() -> ClientOptions {
        ClientOptions {
            access: DesiredAccess::READ | DesiredAccess::WRITE,
            read_mode: PipeMode::Byte,
            wait_timeout: None,
            #[cfg(all(feature = "smb", unix))]
            smb: SmbOptions::new(),
        }
    }

    /// How to reach a pipe on another machine, and as whom. Without effect on a pipe of this one.
    #[cfg(all(feature = "smb", unix))]
    pub fn smb(&mut self, options: &SmbOptions) -> &mut Self {
        self.smb = options.clone();
        self
    }

    /// Whether to ask for the right to read and peek; `true` by default. A pipe that is inbound does not
    /// give it.
    #[doc(alias = "GENERIC_READ")]
    pub fn read(&mut self, asked: bool) -> &mut Self {
        self.access.set(DesiredAccess::READ, asked);
        self
    }

    /// Whether to ask for the right to write; `true` by default. A pipe that is outbound does not give it.
    #[doc(alias = "GENERIC_WRITE")]
    pub fn write(&mut self, asked: bool) -> &mut Self {
        self.access.set(DesiredAccess::WRITE, asked);
        self
    }

    /// Whether to ask for the right to change the modes of the end, which an end that may write has
    /// anyway; `false` by default. With message read mode it is asked for without this.
    #[doc(alias = "FILE_WRITE_ATTRIBUTES")]
    pub fn write_attributes(&mut self, asked: bool) -> &mut Self {
        self.access.set(DesiredAccess::WRITE_ATTRIBUTES, asked);
        self
    }

    /// The read mode of the new end: byte by default. Message read mode needs a pipe of message type.
    ///
    /// To Win32 a client end always begins in byte read mode, and is then changed by
    /// `SetNamedPipeHandleState`.
    #[doc(alias = "PIPE_READMODE_MESSAGE")]
    pub fn pipe_mode(&mut self, read_mode: PipeMode) -> &mut Self {
        self.read_mode = read_mode;
        self
    }

    /// How long to wait for an instance when none listens. `None`, the default, is not at all: that is
    /// `ERROR_PIPE_BUSY` at once.
    ///
    /// [`WaitTimeout::Default`] holds anew for every instance that another client snatches away.
    /// A pipe that does not exist is never waited for.
    #[doc(alias = "WaitNamedPipe")]
    pub fn wait_timeout(&mut self, timeout: Option<WaitTimeout>) -> &mut Self {
        self.wait_timeout = timeout;
        self
    }

    /// Opens the instance that has listened longest.
    ///
    /// # Win32
    /// [`CreateFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew) with
    /// `OPEN_EXISTING`; [`WaitNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-waitnamedpipew)
    /// when it is to wait,
    /// [`SetNamedPipeHandleState`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-setnamedpipehandlestate)
    /// for message read mode
    ///
    /// # Errors
    /// `ERROR_FILE_NOT_FOUND` (no such pipe), `ERROR_PIPE_BUSY` (no instance listens),
    /// `ERROR_SEM_TIMEOUT` (nor did one in time), `ERROR_ACCESS_DENIED` (the pipe does not go that way, or its
    /// owner does not allow it), `ERROR_INVALID_PARAMETER` (message read mode on a pipe of byte type),
    /// `ERROR_INVALID_NAME`. On another machine: `ERROR_BAD_NETPATH` (it cannot be reached, or pipes on other
    /// machines are not built in), `ERROR_LOGON_FAILURE` and its like (it does not let this user in).
    #[doc(alias = "CreateFile")]
    pub fn open(&self, name: impl IntoPipeName) -> Result<NamedPipeClient> {
        let name = name_for("open", name)?;
        self.open_for("open", &name)
    }

    /// [`open`](Self::open), in the name of another operation.
    pub(super) fn open_for(
        &self,
        operation: &'static str,
        name: &PipeName,
    ) -> Result<NamedPipeClient> {
        let told = |code| Error::new(operation, Some(name), code);
        let end = self.reach(operation, name)?;
        let pipe_type = match end.info() {
            Ok(info) => info.pipe_type,
            #[cfg(all(feature = "smb", unix))]
            Err(Win32Error::NOT_SUPPORTED) => self.smb.known_type().unwrap_or(self.read_mode),
            Err(code) => return Err(told(code)),
        };
        if self.read_mode == PipeMode::Message {
            end.set_state(PipeMode::Message, WaitMode::Blocking)
                .map_err(|code| match code {
                    Win32Error::INVALID_PARAMETER => {
                        told(code).with_hint("message read mode needs a pipe of message type")
                    }
                    _ => told(code),
                })?;
        }
        let name = name.clone();
        Ok(NamedPipeClient::new(end, name, pipe_type, self.read_mode))
    }

    fn reach(&self, operation: &'static str, name: &PipeName) -> Result<exact::End> {
        let mut access = self.access;
        if self.read_mode == PipeMode::Message {
            // Without it the read mode could not be set, so asking for it loses nothing.
            access |= DesiredAccess::WRITE_ATTRIBUTES;
        }
        #[cfg(all(feature = "smb", unix))]
        if !name.is_local() {
            return exact::open_remote_explained(name, access, self.wait_timeout, &self.smb)
                .map_err(|failure| failure.into_error(operation, name));
        }
        self.open_or_wait(name, access)
            .map_err(|code| Error::new(operation, Some(name), code))
    }

    fn open_or_wait(&self, name: &PipeName, access: DesiredAccess) -> exact::Result<exact::End> {
        let deadline = match self.wait_timeout {
            Some(WaitTimeout::For(limit)) => Instant::now().checked_add(limit),
            _ => None,
        };
        loop {
            match (exact::open(name, access), self.wait_timeout) {
                (Err(Win32Error::PIPE_BUSY), Some(timeout)) => {
                    let timeout = match deadline {
                        Some(deadline) => {
                            WaitTimeout::For(deadline.saturating_duration_since(Instant::now()))
                        }
                        None => timeout,
                    };
                    exact::wait(name, timeout)?;
                }
                (result, _) => return result,
            }
        }
    }
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
            .write_through(true);
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
