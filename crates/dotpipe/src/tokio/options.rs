//! [`ServerOptions`] and [`ClientOptions`]: how ends come to be.
//!
//! Layer: the tokio face. What the options mean is in [`options`](crate::options), and what is allowed the
//! exact layer decides.

use std::ffi::OsStr;
use std::io;
use std::time::{Duration, Instant};

use ::tokio::runtime::Handle;

use super::client::NamedPipeClient;
use super::fault::io_error;
use super::inner::Inner;
use super::listener::PipeListener;
use super::server::NamedPipeServer;
use crate::error::{Error, Result};
use crate::exact;
use crate::name::PipeName;
use crate::options::{CreateOptions, ImpersonationLevel, PipeMode, WaitTimeout};
#[cfg(all(feature = "smb", unix))]
use crate::remote::SmbOptions;
use crate::security::{RemoteClient, SecurityDescriptor, Sid};
use crate::sync;
use crate::win32::Win32Error;

/// What a server wants of its pipe, as tokio's `ServerOptions`.
///
/// The default is a duplex pipe of byte type, with any number of instances and quotas of 64 KiB.
///
/// `create_with_security_attributes_raw` is not here: it takes a pointer to a structure of Windows.
/// [`security`](Self::security) is in its place.
///
/// # Examples
/// ```
/// use dotpipe::tokio::ServerOptions;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let name = format!(r"\\.\pipe\doc-tokio-options-{}", std::process::id());
/// let server = ServerOptions::new().max_instances(1).create(&name)?;
///
/// let error = ServerOptions::new().create(&name).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(231)); // ERROR_PIPE_BUSY
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "CreateNamedPipe")]
pub struct ServerOptions(sync::ServerOptions);

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions::new()
    }
}

impl ServerOptions {
    /// The default options.
    pub fn new() -> ServerOptions {
        ServerOptions(sync::ServerOptions::new())
    }

    /// The type of the pipe and the read mode of this server end: byte by default. All instances of a pipe
    /// must agree.
    #[doc(alias = "PIPE_TYPE_MESSAGE")]
    pub fn pipe_mode(&mut self, mode: PipeMode) -> &mut Self {
        self.0.pipe_mode(mode);
        self
    }

    /// Whether data may flow from the client to the server; `true` by default.
    #[doc(alias = "PIPE_ACCESS_INBOUND")]
    pub fn access_inbound(&mut self, allowed: bool) -> &mut Self {
        self.0.access_inbound(allowed);
        self
    }

    /// Whether data may flow from the server to the client; `true` by default.
    #[doc(alias = "PIPE_ACCESS_OUTBOUND")]
    pub fn access_outbound(&mut self, allowed: bool) -> &mut Self {
        self.0.access_outbound(allowed);
        self
    }

    /// Fail with `ERROR_ACCESS_DENIED` when the pipe exists already: `false` by default.
    #[doc(alias = "FILE_FLAG_FIRST_PIPE_INSTANCE")]
    pub fn first_pipe_instance(&mut self, first: bool) -> &mut Self {
        self.0.first_pipe_instance(first);
        self
    }

    /// Whether this end may change who may do what ([`set_security`](NamedPipeServer::set_security)): `false`
    /// by default.
    #[doc(alias = "WRITE_DAC")]
    pub fn write_dac(&mut self, requested: bool) -> &mut Self {
        self.0.write_dac(requested);
        self
    }

    /// Whether this end may change the owner of the pipe: `false` by default.
    #[doc(alias = "WRITE_OWNER")]
    pub fn write_owner(&mut self, requested: bool) -> &mut Self {
        self.0.write_owner(requested);
        self
    }

    /// Asks tokio's own types for the right to change what is audited. It changes nothing here, where nothing is
    /// audited on Linux and no method could make use of it on Windows.
    pub fn access_system_security(&mut self, _requested: bool) -> &mut Self {
        self
    }

    /// Whether the pipe is for clients of this machine only: `true` by default.
    #[doc(alias = "PIPE_REJECT_REMOTE_CLIENTS")]
    pub fn reject_remote_clients(&mut self, reject: bool) -> &mut Self {
        self.0.reject_remote_clients(reject);
        self
    }

    /// Who may do what with the pipe; [`SecurityDescriptor::default`] when this is not called. The first instance
    /// decides. In place of the pointer that tokio's `create_with_security_attributes_raw` takes.
    #[doc(alias = "SECURITY_ATTRIBUTES")]
    pub fn security(&mut self, descriptor: SecurityDescriptor) -> &mut Self {
        self.0.security(descriptor);
        self
    }

    /// At most how many instances the pipe may have: 1 to 254. By default there is no limit. The first
    /// instance decides. What tokio answers with a panic, from 255 on, is an error of
    /// [`create`](Self::create) here; but 255, which is "no limit" to Win32, is taken as that.
    #[doc(alias = "PIPE_UNLIMITED_INSTANCES")]
    pub fn max_instances(&mut self, instances: usize) -> &mut Self {
        self.0.max_instances(instances);
        self
    }

    /// The quota of what this server end writes, in bytes: 65536 by default.
    #[doc(alias = "nOutBufferSize")]
    pub fn out_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.0.out_buffer_size(bytes);
        self
    }

    /// The quota of what the client writes, in bytes: 65536 by default.
    #[doc(alias = "nInBufferSize")]
    pub fn in_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.0.in_buffer_size(bytes);
        self
    }

    /// How long a client waits for an instance that names no time of its own ([`WaitTimeout::Default`]): 50
    /// milliseconds when it is zero, which is the default. The first instance decides. Not in tokio.
    #[doc(alias = "nDefaultTimeOut")]
    pub fn default_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.0.default_timeout(timeout);
        self
    }

    /// Creates an instance of the pipe, and the pipe with its first one: `CreateNamedPipe`. It listens at
    /// once: a client can open it before the server calls [`connect`](NamedPipeServer::connect).
    ///
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` (no direction allowed, a maximum that is not 1 to 255), `ERROR_INVALID_NAME`,
    /// `ERROR_PIPE_BUSY` (the maximum is reached), `ERROR_ACCESS_DENIED` (another access or type than the pipe
    /// has, [`first_pipe_instance`](Self::first_pipe_instance) on a pipe that exists, no right to create an
    /// instance). An error outside of a tokio runtime.
    ///
    /// # Panics
    /// As in tokio, later, when an operation has to wait and the runtime was built without
    /// [`enable_io`](::tokio::runtime::Builder::enable_io). Not on Windows.
    #[doc(alias = "CreateNamedPipe")]
    pub fn create(&self, addr: impl AsRef<OsStr>) -> io::Result<NamedPipeServer> {
        let (name, options, runtime) = self.prepare(addr.as_ref())?;
        match exact::create(&name, &options) {
            Ok(end) => {
                let inner = Inner::new(end, name, options.pipe_type, runtime, None);
                Ok(NamedPipeServer::new(inner))
            }
            Err(code) => Err(io_error(Error::new("create", Some(&name), code))),
        }
    }

    /// Creates the pipe and keeps an instance listening for every client that may come. Not in tokio.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    ///
    /// # Examples
    /// See [`PipeListener`].
    pub fn listen(&self, addr: impl AsRef<OsStr>) -> io::Result<PipeListener> {
        let (name, options, runtime) = self.prepare(addr.as_ref())?;
        PipeListener::new(name, options, runtime).map_err(io_error)
    }

    fn prepare(&self, addr: &OsStr) -> io::Result<(PipeName, CreateOptions, Handle)> {
        let runtime = current_runtime()?;
        let name = name_for("create", addr).map_err(io_error)?;
        let options = self.0.exact(&name).map_err(io_error)?;
        Ok((name, options, runtime))
    }
}

/// The runtime of the calling task.
pub(super) fn current_runtime() -> io::Result<Handle> {
    Handle::try_current().map_err(io::Error::other)
}

/// The name that an operation was given.
pub(super) fn name_for(operation: &'static str, addr: &OsStr) -> Result<PipeName> {
    // What is no Unicode is no valid name; the replaced spelling is for the error.
    let text = addr.to_string_lossy();
    let name = PipeName::parse(&text).map_err(|fault| Error::invalid_name(operation, &fault))?;
    match addr.to_str() {
        Some(_) => Ok(name),
        None => Err(Error::new(operation, Some(&name), Win32Error::INVALID_NAME)
            .with_hint("the name given is not Unicode")),
    }
}

/// What a client wants of a pipe that it opens, as tokio's `ClientOptions`.
///
/// The default is to read and write bytes.
///
/// `open_with_security_attributes_raw` is not here: it takes a pointer to a structure of Windows.
#[derive(Debug, Clone)]
#[doc(alias = "CreateFile")]
pub struct ClientOptions(sync::ClientOptions);

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions::new()
    }
}

impl ClientOptions {
    /// The default options.
    pub fn new() -> ClientOptions {
        ClientOptions(sync::ClientOptions::new())
    }

    /// Whether to ask for the right to read; `true` by default. A pipe that is inbound does not give it.
    #[doc(alias = "GENERIC_READ")]
    pub fn read(&mut self, allowed: bool) -> &mut Self {
        self.0.read(allowed);
        self
    }

    /// Whether to ask for the right to write; `true` by default. A pipe that is outbound does not give it.
    #[doc(alias = "GENERIC_WRITE")]
    pub fn write(&mut self, allowed: bool) -> &mut Self {
        self.0.write(allowed);
        self
    }

    /// What the server may do with this client's identity, in the numbers of Win32: `SECURITY_ANONYMOUS` (0),
    /// `SECURITY_IDENTIFICATION` (`0x1_0000`, the default, as in tokio), `SECURITY_IMPERSONATION` (`0x2_0000`),
    /// `SECURITY_DELEGATION` (`0x3_0000`). Other bits are passed over. See [`ImpersonationLevel`].
    #[doc(alias = "SECURITY_IDENTIFICATION")]
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut Self {
        self.0.impersonation_level(match flags >> 16 & 3 {
            0 => ImpersonationLevel::Anonymous,
            1 => ImpersonationLevel::Identification,
            2 => ImpersonationLevel::Impersonation,
            _ => ImpersonationLevel::Delegation,
        });
        self
    }

    /// Who must serve the pipe: see [`sync::ClientOptions::require_server`](crate::sync::ClientOptions::require_server).
    /// Not in tokio.
    pub fn require_server(&mut self, server: Sid) -> &mut Self {
        self.0.require_server(server);
        self
    }

    /// How to reach a pipe on another machine, and as whom. Without effect on a pipe of this one. Not in tokio.
    #[cfg(all(feature = "smb", unix))]
    pub fn smb(&mut self, options: &SmbOptions) -> &mut Self {
        self.0.smb(options);
        self
    }

    /// Opens the pipe for a client on another machine: see
    /// [`sync::ClientOptions::on_behalf_of`](crate::sync::ClientOptions::on_behalf_of). Not in tokio.
    pub fn on_behalf_of(&mut self, client: RemoteClient) -> &mut Self {
        self.0.on_behalf_of(client);
        self
    }

    /// The read mode of the new end: byte by default. Message read mode needs a pipe of message type.
    #[doc(alias = "PIPE_READMODE_MESSAGE")]
    pub fn pipe_mode(&mut self, read_mode: PipeMode) -> &mut Self {
        self.0.pipe_mode(read_mode);
        self
    }

    /// Opens the instance that has listened longest: `CreateFile`.
    ///
    /// As in tokio this is no future. On Linux it asks the server's process, which answers at once from a thread of
    /// its own, unless it has been stopped: then it takes up to 5 seconds. A pipe on another machine takes as long as
    /// it takes to reach that and to log on. [`open_wait`](Self::open_wait) never holds up the caller's thread.
    ///
    /// # Errors
    /// `ERROR_FILE_NOT_FOUND` (of kind `NotFound`: no such pipe), `ERROR_PIPE_BUSY` (231 as
    /// [`raw_os_error`](io::Error::raw_os_error): no instance listens), `ERROR_ACCESS_DENIED` (the pipe does
    /// not go that way, or its owner does not allow it), `ERROR_INVALID_PARAMETER` (message read mode on a pipe
    /// of byte type), `ERROR_INVALID_NAME`. On another machine: `ERROR_BAD_NETPATH` (it cannot be reached, or pipes on
    /// other machines are not built in), `ERROR_LOGON_FAILURE` and its like; on Windows `ERROR_NOT_SUPPORTED`. An error
    /// outside of a tokio runtime.
    ///
    /// # Panics
    /// As in tokio, later, when an operation has to wait and the runtime was built without
    /// [`enable_io`](::tokio::runtime::Builder::enable_io). Not on Windows.
    ///
    /// # Examples
    /// The loop of tokio's documentation works as it is; [`open_wait`](Self::open_wait) does the same without
    /// a pause:
    /// ```
    /// use std::time::Duration;
    ///
    /// use dotpipe::tokio::{ClientOptions, ServerOptions};
    /// use windows_sys::Win32::Foundation::ERROR_PIPE_BUSY;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let name = format!(r"\\.\pipe\doc-tokio-busy-{}", std::process::id());
    /// # let first = ServerOptions::new().create(&name)?;
    /// # let busy = ClientOptions::new().open(&name)?;
    /// # let (second, other) = (name.clone(), ServerOptions::new());
    /// # let task = tokio::spawn(async move { tokio::task::yield_now().await; other.create(&second) });
    /// let client = loop {
    ///     match ClientOptions::new().open(&name) {
    ///         Ok(client) => break client,
    ///         Err(e) if e.raw_os_error() == Some(ERROR_PIPE_BUSY as i32) => (),
    ///         Err(e) => return Err(e),
    ///     }
    ///
    ///     tokio::time::sleep(Duration::from_millis(50)).await;
    /// };
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "CreateFile")]
    pub fn open(&self, addr: impl AsRef<OsStr>) -> io::Result<NamedPipeClient> {
        let runtime = current_runtime()?;
        let name = name_for("open", addr.as_ref()).map_err(io_error)?;
        self.open_named("open", name, runtime).map_err(io_error)
    }

    /// Opens an instance, and waits for one when none listens: `WaitNamedPipe` and `CreateFile`, again when
    /// another client was faster. In place of the loop above. Not in tokio.
    ///
    /// The time-out limits the whole; a pipe that does not exist is never waited for. The asking and waiting is done on a thread for blocking calls
    /// ([`spawn_blocking`](::tokio::task::spawn_blocking)), in pieces of a quarter of a second: the system tells of
    /// new servers through a queue that is read by blocking, and opening talks to processes that may have
    /// stopped. So those who wait hold such threads, not those of tasks, and a runtime that shuts down waits
    /// for them no longer than such a piece. (The default time-out of a pipe on Windows, which is not known, is one
    /// piece.)
    ///
    /// # Cancel safety
    /// Dropping the future gives up. An instance that was opened just then is closed again: its server sees a
    /// client that came and left.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) but `ERROR_PIPE_BUSY`, and `ERROR_SEM_TIMEOUT` when time runs out.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use dotpipe::WaitTimeout;
    /// use dotpipe::tokio::{ClientOptions, ServerOptions};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let name = format!(r"\\.\pipe\doc-tokio-open-wait-{}", std::process::id());
    /// let server = ServerOptions::new().create(&name)?;
    /// let first = ClientOptions::new().open(&name)?;
    ///
    /// let options = ClientOptions::new();
    /// let second = options.open_wait(&name, WaitTimeout::For(Duration::from_secs(10)));
    /// let served = async {
    ///     server.disconnect()?; // the first client has been served,
    ///     server.connect().await // and the next one can come
    /// };
    /// let (second, served) = tokio::join!(second, served);
    /// second?;
    /// served?;
    /// # drop(first);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "WaitNamedPipe")]
    pub async fn open_wait(
        &self,
        addr: impl AsRef<OsStr>,
        timeout: WaitTimeout,
    ) -> io::Result<NamedPipeClient> {
        let runtime = current_runtime()?;
        let name = name_for("open", addr.as_ref()).map_err(io_error)?;
        self.open_in_time("open", name, timeout, runtime)
            .await
            .map_err(io_error)
    }

    pub(super) async fn open_in_time(
        &self,
        operation: &'static str,
        name: PipeName,
        timeout: WaitTimeout,
        runtime: Handle,
    ) -> Result<NamedPipeClient> {
        let begun = Instant::now();
        loop {
            let (options, pipe, own) = (self.clone(), name.clone(), runtime.clone());
            let piece = runtime.spawn_blocking(move || {
                let (piece, left) = piece_of(&pipe, timeout, begun)
                    .map_err(|code| Error::new(operation, Some(&pipe), code))?;
                let mut options = options;
                options.0.wait_timeout(Some(piece));
                match options.open_named(operation, pipe, own) {
                    Err(error) if error.is_timeout() && left > PIECE => Ok(None),
                    result => result.map(Some),
                }
            });
            match piece.await {
                Ok(Ok(Some(client))) => return Ok(client),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => return Err(error),
                // The runtime has shut down.
                Err(_) => {
                    let code = Win32Error::OPERATION_ABORTED;
                    return Err(Error::new(operation, Some(&name), code));
                }
            }
        }
    }

    fn open_named(
        &self,
        operation: &'static str,
        name: PipeName,
        runtime: Handle,
    ) -> Result<NamedPipeClient> {
        if !exact::is_for_tasks(&name) {
            let error = Error::new(operation, Some(&name), Win32Error::NOT_SUPPORTED);
            return Err(error.with_hint(
                "tasks can open pipes of this machine only: those of others are for `sync`, and for tokio's own types",
            ));
        }
        let (end, pipe_type) = self.0.open_end(operation, &name)?;
        // A task must not wait until a server elsewhere has closed its end.
        end.close_in_background();
        Ok(NamedPipeClient::new(Inner::new(
            end, name, pipe_type, runtime, None,
        )))
    }
}

/// How long a thread for blocking calls waits at a time.
const PIECE: Duration = Duration::from_millis(250);

/// How long such a thread waits for an instance now, and how much time is left in all.
fn piece_of(
    name: &PipeName,
    timeout: WaitTimeout,
    begun: Instant,
) -> exact::Result<(WaitTimeout, Duration)> {
    let limit = match timeout {
        WaitTimeout::Forever => Duration::MAX,
        WaitTimeout::For(limit) => limit,
        WaitTimeout::Default if !name.is_local() => return Ok((timeout, Duration::ZERO)),
        // Where it cannot be known, the system waits for the whole of it.
        WaitTimeout::Default => match exact::status(name)
            .ok()
            .and_then(|pipe| pipe.default_timeout)
        {
            None | Some(0) => return Ok((timeout, Duration::ZERO)),
            Some(u32::MAX) => Duration::MAX,
            Some(milliseconds) => Duration::from_millis(milliseconds.into()),
        },
    };
    let left = limit.saturating_sub(begun.elapsed());
    Ok((WaitTimeout::For(left.min(PIECE)), left))
}
