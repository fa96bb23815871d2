//! [`SmbOptions`]: how to reach a pipe on another machine. Plain data.

use std::time::Duration;

use super::credentials::{Credentials, CredentialsError};
use crate::options::PipeMode;

/// The port of SMB over TCP.
const SMB_PORT: u16 = 445;

/// How a pipe on another machine is reached, and who reaches it.
///
/// The default takes the credentials from the environment when a pipe is opened (see
/// [`Credentials::from_environment`]), the port 445 or `$DOTPIPE_SMB_PORT`, and lets the server decide on
/// encryption. What is sent in the name of a user is always signed or encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmbOptions {
    credentials: Option<Credentials>,
    pub(super) port: Option<u16>,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) silence_timeout: Duration,
    pub(super) encryption: Option<Encryption>,
    pub(super) own_connection: bool,
    pub(super) pipe_type: Option<PipeMode>,
    pub(super) write_through: bool,
    pub(super) collection: Collection,
}

/// Whether what is sent is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// As the server demands.
    AsServed,
    /// Always: a server that cannot is refused with `ERROR_ACCESS_DENIED`.
    Required,
}

/// How many bytes of writes to a byte pipe are gathered, and for how long, before they are sent: what
/// `SetNamedPipeHandleState` calls the maximum collection count and the collect data time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Collection {
    /// When so many bytes have been gathered they are sent. A write of as many or more is sent at once,
    /// behind what has been gathered.
    pub bytes: usize,
    /// What has been gathered is sent after so long, however little it is.
    pub delay: Duration,
}

impl Default for Collection {
    /// 4096 bytes, 10 milliseconds.
    fn default() -> Collection {
        Collection {
            bytes: 4096,
            delay: Duration::from_millis(10),
        }
    }
}

impl Default for SmbOptions {
    fn default() -> SmbOptions {
        SmbOptions::new()
    }
}

impl SmbOptions {
    /// The default options.
    pub fn new() -> SmbOptions {
        SmbOptions {
            credentials: None,
            port: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            silence_timeout: Duration::from_secs(30),
            encryption: None,
            own_connection: false,
            pipe_type: None,
            write_through: false,
            collection: Collection::default(),
        }
    }

    /// Who logs on. Without it the environment says who.
    pub fn credentials(mut self, credentials: Credentials) -> SmbOptions {
        self.credentials = Some(credentials);
        self
    }

    /// The TCP port of the server: `$DOTPIPE_SMB_PORT` if that is set, else 445.
    pub fn port(mut self, port: u16) -> SmbOptions {
        self.port = Some(port);
        self
    }

    /// How long it may take to find the server, to connect and to log on: 10 seconds by default.
    pub fn connect_timeout(mut self, limit: Duration) -> SmbOptions {
        self.connect_timeout = limit;
        self
    }

    /// How long the server may take for requests that it answers without waiting for anybody: open,
    /// close, state, info. 10 seconds by default.
    pub fn request_timeout(mut self, limit: Duration) -> SmbOptions {
        self.request_timeout = limit;
        self
    }

    /// How long the server may be silent, although it is asked whether it is still there, until the
    /// connection is given up and everything that waits ends with `ERROR_NETNAME_DELETED`: 30 seconds by
    /// default.
    pub fn silence_timeout(mut self, limit: Duration) -> SmbOptions {
        self.silence_timeout = limit;
        self
    }

    /// Whether what is sent is encrypted: `$DOTPIPE_SMB_ENCRYPTION` (`required`) if that is set, else as
    /// the server demands.
    pub fn encryption(mut self, encryption: Encryption) -> SmbOptions {
        self.encryption = Some(encryption);
        self
    }

    /// Whether the pipe gets a connection of its own: `false` by default, so that pipes of one user on one
    /// server share a connection. A Samba server opens the pipes of one connection one after the other; a
    /// slow one delays the others.
    pub fn own_connection(mut self, own: bool) -> SmbOptions {
        self.own_connection = own;
        self
    }

    /// The type of the pipe, for servers that do not tell it (Samba). Only on a pipe of byte type are
    /// small writes gathered and long ones divided; while the type is not known, every write is sent as
    /// it is.
    ///
    /// Whoever opens the pipe in message read mode has said enough.
    pub fn pipe_type(mut self, pipe_type: PipeMode) -> SmbOptions {
        self.pipe_type = Some(pipe_type);
        self
    }

    /// Whether every write to a byte pipe is sent before it returns: `false` by default, so that small
    /// writes are gathered, see [`collection`](Self::collection).
    ///
    /// # Win32
    /// `FILE_FLAG_WRITE_THROUGH`
    pub fn write_through(mut self, through: bool) -> SmbOptions {
        self.write_through = through;
        self
    }

    /// How much is gathered for how long, when [`write_through`](Self::write_through) is off.
    pub fn collection(mut self, collection: Collection) -> SmbOptions {
        self.collection = collection;
        self
    }

    /// The type of the pipe, as far as it was said.
    pub(crate) fn known_type(&self) -> Option<PipeMode> {
        self.pipe_type
    }

    /// Who logs on, in the end.
    pub(super) fn resolve_credentials(&self) -> Result<Credentials, CredentialsError> {
        match &self.credentials {
            Some(credentials) => Ok(credentials.clone()),
            None => Credentials::from_environment(),
        }
    }

    /// The port, in the end; `None` when the environment says nonsense.
    pub(super) fn resolve_port(&self) -> Option<u16> {
        match (self.port, std::env::var("DOTPIPE_SMB_PORT")) {
            (Some(port), _) => Some(port),
            (None, Ok(text)) if !text.is_empty() => text.parse().ok(),
            (None, _) => Some(SMB_PORT),
        }
    }

    /// Whether to encrypt, in the end; `None` when the environment says nonsense.
    pub(super) fn resolve_encryption(&self) -> Option<Encryption> {
        match (self.encryption, std::env::var("DOTPIPE_SMB_ENCRYPTION")) {
            (Some(encryption), _) => Some(encryption),
            (None, Ok(text)) if text == "required" => Some(Encryption::Required),
            (None, Ok(text)) if !text.is_empty() => None,
            (None, _) => Some(Encryption::AsServed),
        }
    }
}
