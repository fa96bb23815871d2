//! [`ClientOptions`]: how client ends come to be.
//!
//! Layer: the sync face.

#[cfg(all(feature = "smb", feature = "tokio", unix))]
use std::time::Duration;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::exact;
use crate::name::PipeName;
use crate::options::{
    DesiredAccess, ImpersonationLevel, OpenOptions, PipeMode, WaitMode, WaitTimeout,
};
#[cfg(all(feature = "smb", unix))]
use crate::remote::SmbOptions;
use crate::security::{RemoteClient, Sid};
use crate::sync::NamedPipeClient;
use crate::sync::name::{IntoPipeName, name_for};
use crate::win32::Win32Error;

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
    level: ImpersonationLevel,
    server: Option<Sid>,
    on_behalf_of: Option<RemoteClient>,
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
            level: ImpersonationLevel::Identification,
            server: None,
            on_behalf_of: None,
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

    /// Whether to ask for the right to change who may do what
    /// ([`set_security`](NamedPipeClient::set_security)); `false` by default.
    #[doc(alias = "WRITE_DAC")]
    pub fn write_dac(&mut self, asked: bool) -> &mut Self {
        self.access.set(DesiredAccess::WRITE_DAC, asked);
        self
    }

    /// Whether to ask for the right to change the owner of the pipe; `false` by default.
    #[doc(alias = "WRITE_OWNER")]
    pub fn write_owner(&mut self, asked: bool) -> &mut Self {
        self.access.set(DesiredAccess::WRITE_OWNER, asked);
        self
    }

    /// What the server may do with the identity of this client:
    /// [`Identification`](ImpersonationLevel::Identification) by default, as in tokio. On Linux it binds honest
    /// servers, on Windows any.
    ///
    /// # Win32
    /// `SECURITY_SQOS_PRESENT` with `SECURITY_ANONYMOUS`, `SECURITY_IDENTIFICATION`,
    /// `SECURITY_IMPERSONATION`, `SECURITY_DELEGATION`. `CreateFile` without it allows impersonation.
    #[doc(alias = "SECURITY_SQOS_PRESENT")]
    pub fn impersonation_level(&mut self, level: ImpersonationLevel) -> &mut Self {
        self.level = level;
        self
    }

    /// Who must serve the pipe: a user ([`Sid::user`], [`Sid::LOCAL_SYSTEM`] for root; on Windows any user's
    /// identifier) or a group to which the server must belong ([`Sid::group`]). Anybody by default.
    ///
    /// The kernel says who it is, and it is looked at before anything is sent. Wherever anybody may take a
    /// name before its right owner does, this is how a client with something to lose makes sure.
    ///
    /// # Platforms
    /// Win32 has nothing like it. There the pipe is opened first; then the token of the server's process is looked
    /// at, and the end is closed again if it is somebody else's. So a stranger sees a client come and go, and may
    /// do with its identity what [`impersonation_level`](Self::impersonation_level) allows. A process that does not
    /// let this one look at its token counts as somebody else.
    ///
    /// # Examples
    /// ```
    /// use dotpipe::security::Sid;
    /// use dotpipe::{ClientOptions, ServerOptions};
    ///
    /// # let name = format!(r"\\.\pipe\doc-require-server-{}", std::process::id());
    /// let server = ServerOptions::new().create(&name)?;
    /// let me = dotpipe::exact::own_token().unwrap().user();
    /// let client = ClientOptions::new().require_server(me).open(&name)?;
    ///
    /// let another = ServerOptions::new().create(&name)?;
    /// let error = ClientOptions::new().require_server(Sid::user(4_000_000)).open(&name).unwrap_err();
    /// assert!(error.is_access_denied());
    /// # Ok::<(), dotpipe::Error>(())
    /// ```
    pub fn require_server(&mut self, server: Sid) -> &mut Self {
        self.server = Some(server);
        self
    }

    /// Opens the pipe for a client on another machine: for bridges that take such clients in, as the SMB server of
    /// Windows does. Nobody by default.
    ///
    /// The server decides by [`client.token()`](RemoteClient::token) alone what the client may do, and finds all of it in
    /// [`remote_client`](crate::sync::NamedPipeServer::remote_client). It believes it of a process that runs as root or
    /// as the server's own user; anybody else gets `ERROR_ACCESS_DENIED`, whoever the client is. A server that runs as the
    /// overflow user (65534, `nobody`) believes root only: in a user namespace strangers appear as that user.
    ///
    /// What the server may do with the client's identity, [`impersonation_level`](Self::impersonation_level) says as
    /// ever: a bridge passes on what the client allows.
    ///
    /// The new end can read and write what the client may. The descriptor it can neither read nor change
    /// (`ERROR_ACCESS_DENIED`), since the server would be asked in the name of the caller.
    ///
    /// # Errors
    /// Of [`open`](Self::open) then, beside its own: `ERROR_ACCESS_DENIED` when the pipe
    /// [rejects remote clients](crate::sync::ServerOptions::reject_remote_clients), when its descriptor does not let this
    /// one in, and when the caller may not speak for others; `ERROR_INVALID_PARAMETER` when there is too much to say (64 KiB;
    /// the computer 255 bytes and not empty, the user's name 1,539) or a name has control characters; `ERROR_NOT_SUPPORTED`
    /// for a pipe on another machine.
    ///
    /// # Platforms
    /// Linux. On Windows the system is the bridge, and this is `ERROR_NOT_SUPPORTED`.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use dotpipe::security::{RemoteClient, SecurityDescriptor, Sid, Token};
    /// use dotpipe::{ClientOptions, ServerOptions};
    ///
    /// # let name = format!(r"\\.\pipe\doc-on-behalf-of-{}", std::process::id());
    /// let server = ServerOptions::new()
    ///     .reject_remote_clients(false)
    ///     .security(SecurityDescriptor::for_everyone())
    ///     .create(&name)?;
    ///
    /// let ann: Sid = "S-1-5-21-1-2-3-1105".parse().unwrap();
    /// let token = Token::of(ann, ann, [Sid::EVERYONE, Sid::AUTHENTICATED_USERS]);
    /// let client = RemoteClient::new(token, "192.0.2.7").user_name(r"EXAMPLE\ann");
    /// let end = ClientOptions::new().on_behalf_of(client.clone()).open(&name)?;
    ///
    /// assert_eq!(server.remote_client()?, Some(client));
    /// assert_eq!(server.peer_token()?.user(), ann);
    /// assert_eq!(server.peer_computer_name()?, "192.0.2.7");
    /// # drop(end);
    /// # }
    /// # Ok::<(), dotpipe::Error>(())
    /// ```
    pub fn on_behalf_of(&mut self, client: RemoteClient) -> &mut Self {
        self.on_behalf_of = Some(client);
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
    pub(in crate::sync) fn open_for(
        &self,
        operation: &'static str,
        name: &PipeName,
    ) -> Result<NamedPipeClient> {
        let (end, pipe_type) = self.open_end(operation, name)?;
        let name = name.clone();
        Ok(NamedPipeClient::new(end, name, pipe_type, self.read_mode))
    }

    /// The end that these options open, and the type of its pipe.
    pub(crate) fn open_end(
        &self,
        operation: &'static str,
        name: &PipeName,
    ) -> Result<(exact::End, PipeMode)> {
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
        Ok((end, pipe_type))
    }

    fn reach(&self, operation: &'static str, name: &PipeName) -> Result<exact::End> {
        let mut options = OpenOptions {
            access: self.access,
            level: self.level,
            server: self.server,
            on_behalf_of: self.on_behalf_of.clone(),
        };
        if self.read_mode == PipeMode::Message {
            // Without it the read mode could not be set, so asking for it loses nothing.
            options.access |= DesiredAccess::WRITE_ATTRIBUTES;
        }
        let told = |code| Error::new(operation, Some(name), code);
        #[cfg(all(feature = "smb", unix))]
        if !name.is_local() {
            if self.server.is_some() {
                return Err(told(Win32Error::NOT_SUPPORTED).with_hint(
                    "SMB does not tell who serves a pipe on another machine: open it without require_server",
                ));
            }
            if self.on_behalf_of.is_some() {
                return Err(told(Win32Error::NOT_SUPPORTED).with_hint(
                    "a pipe on another machine is opened as oneself: use on_behalf_of for pipes of this one",
                ));
            }
            return exact::open_remote_explained(
                name,
                options.access,
                self.wait_timeout,
                &self.smb,
            )
            .map_err(|failure| failure.into_error(operation, name));
        }
        let for_another = self.on_behalf_of.is_some();
        self.open_or_wait(name, &options).map_err(|code| {
            let hint = match code {
                Win32Error::ACCESS_DENIED if self.server.is_some() => {
                    "the server must be whom require_server names, and allow the access that is asked for"
                }
                Win32Error::ACCESS_DENIED if for_another => {
                    "the pipe must accept remote clients, its descriptor must let this one in, and only root and \
                     the user of the server may open it for others"
                }
                Win32Error::NOT_SUPPORTED if for_another && cfg!(windows) => {
                    "Windows itself takes clients of other machines in, and believes nobody else"
                }
                _ => return told(code),
            };
            told(code).with_hint(hint)
        })
    }

    /// Waits until an instance of the pipe listens. A server elsewhere that cannot be asked for that gets a
    /// pause.
    #[cfg(feature = "tokio")]
    pub(crate) fn wait_for_instance(
        &self,
        name: &PipeName,
        timeout: WaitTimeout,
    ) -> exact::Result<()> {
        #[cfg(all(feature = "smb", unix))]
        if !name.is_local() {
            const PAUSE: Duration = Duration::from_millis(20);
            return match (exact::wait_remote(name, timeout, &self.smb), timeout) {
                (Err(Win32Error::NOT_SUPPORTED), WaitTimeout::For(Duration::ZERO)) => {
                    Err(Win32Error::SEM_TIMEOUT)
                }
                (Err(Win32Error::NOT_SUPPORTED), _) => {
                    std::thread::sleep(PAUSE);
                    Ok(())
                }
                (result, _) => result,
            };
        }
        exact::wait(name, timeout)
    }

    fn open_or_wait(&self, name: &PipeName, options: &OpenOptions) -> exact::Result<exact::End> {
        let deadline = match self.wait_timeout {
            Some(WaitTimeout::For(limit)) => Instant::now().checked_add(limit),
            _ => None,
        };
        loop {
            match (exact::open_with(name, options), self.wait_timeout) {
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
