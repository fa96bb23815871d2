//! [`Error`]: what went wrong, with which pipe, and what to do about it.
//!
//! For the faces; the exact layer speaks in bare codes ([`Win32Error`]). The rules it owns are two tables:
//! which [`io::ErrorKind`] a code is, and what to do next.

mod borders;

pub(crate) use borders::{why_not_receive, why_not_send};

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::name::{NameError, PipeName, printable};
use crate::win32::Win32Error;

/// The result of an operation on a pipe.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation on a pipe that failed.
///
/// It knows the operation, the pipe if there is one, and the Win32 code, and turns into an
/// [`io::Error`] of a fitting kind without losing them: see [`from_io`](Self::from_io).
///
/// # Examples
/// ```
/// use dotpipe::error::Error;
/// use dotpipe::name::PipeName;
/// use dotpipe::win32::Win32Error;
///
/// let name = PipeName::local("printer")?;
/// let error = Error::new("open", Some(&name), Win32Error::PIPE_BUSY);
/// assert!(error.is_busy());
/// assert!(error.to_string().starts_with(
///     r"open \\.\pipe\printer: all instances of the pipe are in use (ERROR_PIPE_BUSY 231); wait for"
/// ));
///
/// let error = std::io::Error::from(error);
/// assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
/// assert_eq!(Error::from_io(&error).map(Error::code), Some(Win32Error::PIPE_BUSY));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    operation: &'static str,
    subject: Subject,
    code: Win32Error,
    hint: Option<Cow<'static, str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What the operation was about.
#[derive(Clone)]
enum Subject {
    Nothing,
    Pipe(PipeName),
    /// A text that should have been the name of a pipe.
    Text(Box<str>),
}

impl Error {
    /// An error of an operation, on a pipe if there is a name.
    ///
    /// The operation is one word in small letters, as the functions of [`exact`](crate::exact) are
    /// called: `create`, `open`, `wait`, `call`, `connect`, `read`, `write`, `peek`, `transact` and so
    /// on. The [kind](Self::kind) and the advice of some codes depend on it.
    pub fn new(operation: &'static str, pipe: Option<&PipeName>, code: Win32Error) -> Self {
        let subject = pipe.map_or(Subject::Nothing, |name| Subject::Pipe(name.clone()));
        Error(Box::new(Parts {
            operation,
            subject,
            code,
            hint: None,
            source: None,
        }))
    }

    /// An error of an operation that was given something that is not the name of a pipe.
    pub fn invalid_name(operation: &'static str, error: &NameError) -> Self {
        Error(Box::new(Parts {
            operation,
            subject: Subject::Text(error.text().into()),
            code: error.code(),
            hint: Some(error.problem().to_string().into()),
            source: None,
        }))
    }

    /// Replaces the advice that `Display` ends with: what to do next, in words that can follow a
    /// semicolon.
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the error below this one, such as that of a system call.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The error inside of an [`io::Error`] that was made from one.
    pub fn from_io(error: &io::Error) -> Option<&Error> {
        error.get_ref()?.downcast_ref()
    }

    /// The Win32 code, what `GetLastError` would return.
    pub fn code(&self) -> Win32Error {
        self.0.code
    }

    /// The operation that failed, such as `open`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The pipe, unless the operation was about none or about something that is not the name of one.
    pub fn pipe(&self) -> Option<&PipeName> {
        match &self.0.subject {
            Subject::Pipe(name) => Some(name),
            Subject::Nothing | Subject::Text(_) => None,
        }
    }

    /// What to do next, if there is any advice.
    pub fn hint(&self) -> Option<&str> {
        self.0
            .hint
            .as_deref()
            .or_else(|| advice(self.0.code, self.0.operation))
    }

    /// The kind of [`io::Error`] that this is.
    ///
    /// Where Rust's standard library has a stable kind for a code on Windows it is the same one, but for
    /// two:
    ///
    /// - `ERROR_NO_DATA` of a read is [`WouldBlock`](io::ErrorKind::WouldBlock): the end does not wait
    ///   and the pipe is empty. Of any other operation it is `BrokenPipe`, as in the standard library.
    /// - `ERROR_OPERATION_ABORTED` is [`Other`](io::ErrorKind::Other). `TimedOut`, the standard library's,
    ///   would claim a deadline that nobody set; `Interrupted` would make `read_exact`, `write_all` and
    ///   their like start again what was just cancelled. Ask [`is_cancelled`](Self::is_cancelled).
    pub fn kind(&self) -> io::ErrorKind {
        kind(self.0.code, self.0.operation)
    }

    /// Whether there is no such pipe, or the path to it leads nowhere.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.0.code,
            Win32Error::FILE_NOT_FOUND | Win32Error::PATH_NOT_FOUND | Win32Error::BAD_NETPATH
        )
    }

    /// Whether it failed with `ERROR_PIPE_BUSY`: no instance listens, the maximum of instances is
    /// reached, or unread data are in the way of a transaction.
    pub fn is_busy(&self) -> bool {
        self.0.code == Win32Error::PIPE_BUSY
    }

    /// Whether the conversation is over: the other end has closed, or the server has disconnected.
    pub fn is_broken(&self) -> bool {
        match self.0.code {
            Win32Error::BROKEN_PIPE
            | Win32Error::PIPE_NOT_CONNECTED
            | Win32Error::NETNAME_DELETED => true,
            Win32Error::NO_DATA => !self.is_would_block(),
            _ => false,
        }
    }

    /// Whether the operation would have had to wait and was told not to: there is nothing to read, no
    /// client to connect, or no result yet.
    pub fn is_would_block(&self) -> bool {
        self.kind() == io::ErrorKind::WouldBlock
    }

    /// Whether the message is longer than the buffer, so that the next read goes on in it.
    pub fn is_more_data(&self) -> bool {
        self.0.code == Win32Error::MORE_DATA
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        self.0.code == Win32Error::SEM_TIMEOUT
    }

    /// Whether the operation was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.code == Win32Error::OPERATION_ABORTED
    }

    /// Whether the operation was refused for lack of a right, or for options that a pipe which exists
    /// already does not allow.
    pub fn is_access_denied(&self) -> bool {
        self.0.code == Win32Error::ACCESS_DENIED
    }

    /// Whether a name was no valid name of a pipe.
    pub fn is_invalid_name(&self) -> bool {
        self.0.code == Win32Error::INVALID_NAME
    }
}

/// Whether an operation takes or looks at data, so that "no data" means "not yet".
fn reads(operation: &str) -> bool {
    matches!(operation, "read" | "peek" | "receive")
}

/// The one table of kinds; [`Error::kind`] says where it leaves the standard library and why.
fn kind(code: Win32Error, operation: &str) -> io::ErrorKind {
    use io::ErrorKind;

    match code {
        Win32Error::FILE_NOT_FOUND
        | Win32Error::PATH_NOT_FOUND
        | Win32Error::BAD_NETPATH
        | Win32Error::NOT_FOUND => ErrorKind::NotFound,
        Win32Error::ACCESS_DENIED
        | Win32Error::LOGON_FAILURE
        | Win32Error::ACCOUNT_RESTRICTION
        | Win32Error::PASSWORD_EXPIRED
        | Win32Error::ACCOUNT_DISABLED
        | Win32Error::ACCOUNT_LOCKED_OUT
        | Win32Error::PRIVILEGE_NOT_HELD
        | Win32Error::INVALID_OWNER
        | Win32Error::NONE_MAPPED
        | Win32Error::BAD_IMPERSONATION_LEVEL
        | Win32Error::CANT_OPEN_ANONYMOUS => ErrorKind::PermissionDenied,
        Win32Error::WRITE_PROTECT => ErrorKind::ReadOnlyFilesystem,
        // Not the end of a file: what is missing may have been on its way.
        Win32Error::NETNAME_DELETED => ErrorKind::ConnectionAborted,
        Win32Error::NOT_ENOUGH_MEMORY => ErrorKind::OutOfMemory,
        Win32Error::INVALID_FUNCTION | Win32Error::NOT_SUPPORTED => ErrorKind::Unsupported,
        Win32Error::INVALID_HANDLE
        | Win32Error::INVALID_PARAMETER
        | Win32Error::INVALID_SID
        | Win32Error::INVALID_SECURITY_DESCR
        | Win32Error::INSUFFICIENT_BUFFER => ErrorKind::InvalidInput,
        Win32Error::INVALID_NAME | Win32Error::BAD_PATHNAME | Win32Error::FILENAME_EXCED_RANGE => {
            ErrorKind::InvalidFilename
        }
        Win32Error::DISK_FULL => ErrorKind::StorageFull,
        Win32Error::SEM_TIMEOUT => ErrorKind::TimedOut,
        Win32Error::PIPE_BUSY => ErrorKind::ResourceBusy,
        Win32Error::NO_DATA if reads(operation) => ErrorKind::WouldBlock,
        Win32Error::BROKEN_PIPE | Win32Error::NO_DATA => ErrorKind::BrokenPipe,
        Win32Error::PIPE_NOT_CONNECTED | Win32Error::CANNOT_IMPERSONATE => ErrorKind::NotConnected,
        // A transaction or a receive may also be in the wrong mode; a peek can only lack a client.
        Win32Error::BAD_PIPE if matches!(operation, "read" | "peek") => ErrorKind::NotConnected,
        Win32Error::BAD_PIPE => ErrorKind::InvalidInput,
        // A connect that does not wait should be tried again. A read or write would never get further
        // by trying again: it is for the caller to connect first.
        Win32Error::PIPE_LISTENING if operation == "connect" => ErrorKind::WouldBlock,
        Win32Error::PIPE_LISTENING => ErrorKind::NotConnected,
        Win32Error::IO_INCOMPLETE | Win32Error::IO_PENDING => ErrorKind::WouldBlock,
        // No stable kind says any of these: TOO_MANY_OPEN_FILES, GEN_FAILURE, MORE_DATA, PIPE_CONNECTED,
        // HANDLES_CLOSED, OPERATION_ABORTED. Nor does one fit a code that nobody has heard of.
        _ => ErrorKind::Other,
    }
}

/// The one table of advice: what to do next, in words that can follow a semicolon.
fn advice(code: Win32Error, operation: &str) -> Option<&'static str> {
    Some(match (code, operation) {
        (Win32Error::INVALID_FUNCTION, _) => "only the server end can do this",
        (Win32Error::FILE_NOT_FOUND, _) => {
            "check the spelling of the name and that its server is running"
        }
        (Win32Error::PATH_NOT_FOUND | Win32Error::BAD_PATHNAME, _) => {
            r"the path must look like \\.\pipe\Name or \\Server\pipe\Name"
        }
        (Win32Error::TOO_MANY_OPEN_FILES, _) => {
            "close pipes that are not needed, or raise the limit of open files"
        }
        (Win32Error::ACCESS_DENIED, "create") => {
            "if the pipe exists, further instances need the same access and type, the right to create \
             them, and may not ask to be the first; if not, what another user's server left \
             behind may be in the way: `dotpipe ls` as root removes it"
        }
        (Win32Error::ACCESS_DENIED, "open" | "call") => {
            "ask for the access that the pipe offers only, or have its owner allow it"
        }
        (Win32Error::ACCESS_DENIED, "security" | "set_security") => {
            "open the end with the right to read (READ_CONTROL) or to change (WRITE_DAC, WRITE_OWNER) the \
             descriptor, and have the descriptor allow it"
        }
        (Win32Error::ACCESS_DENIED, _) => "open the end with the access that this operation needs",
        (Win32Error::INVALID_HANDLE, _) => "use an end that is open, and keep it open meanwhile",
        (Win32Error::NOT_ENOUGH_MEMORY, _) => "free memory, or ask for smaller quotas",
        (Win32Error::GEN_FAILURE, _) => {
            "look at the error below this one, and at the rights of the directory that holds the pipes"
        }
        (Win32Error::WRITE_PROTECT, _) => {
            "have the directory of the pipes on a file system that can be written, or set DOTPIPE_DIR to one"
        }
        (Win32Error::NOT_SUPPORTED, "open" | "create" | "call") => {
            "both ends need the same version, and a thread that acts as its client stops that first"
        }
        (Win32Error::NOT_SUPPORTED, _) => {
            "see the documentation of the operation for where it is supported"
        }
        (Win32Error::BAD_NETPATH, _) => "check the name of the server and that it can be reached",
        (Win32Error::NETNAME_DELETED, _) => "open the pipe anew once its server can be reached",
        (Win32Error::LOGON_FAILURE, _) => "check user, domain and password",
        (Win32Error::ACCOUNT_RESTRICTION, _) => {
            "ask the administrator of the server from where and when this user may log on"
        }
        (Win32Error::PASSWORD_EXPIRED, _) => "set a new password on the server",
        (Win32Error::ACCOUNT_DISABLED | Win32Error::ACCOUNT_LOCKED_OUT, _) => {
            "ask the administrator of the server to let this user in again"
        }
        (Win32Error::INVALID_PARAMETER, "create") => {
            "message read mode needs a pipe of message type, and the maximum of instances is 1 to 255"
        }
        (Win32Error::INVALID_PARAMETER, "set_state" | "call") => {
            "message read mode needs a pipe of message type"
        }
        (Win32Error::INVALID_PARAMETER, _) => {
            "check the arguments against the documentation of the operation"
        }
        (Win32Error::BROKEN_PIPE | Win32Error::PIPE_NOT_CONNECTED, _) => {
            "a server goes on with disconnect and connect, a client opens the pipe anew"
        }
        (Win32Error::DISK_FULL, _) => "free space where the directory of the pipes lies",
        (Win32Error::SEM_TIMEOUT, _) => "try again, or allow more time",
        (Win32Error::INSUFFICIENT_BUFFER, _) => "use a larger buffer",
        (Win32Error::INVALID_NAME, "create") => {
            "a server creates on its own machine only (\\\\.\\pipe\\Name), with a name of 1 to 256 UTF-16 \
             units without a backslash"
        }
        (Win32Error::INVALID_NAME, _) => {
            "write \\\\.\\pipe\\Name or \\\\Server\\pipe\\Name, with a name of 1 to 256 UTF-16 units \
             without a backslash"
        }
        (Win32Error::FILENAME_EXCED_RANGE, _) => "use a name of at most 256 UTF-16 units",
        (Win32Error::BAD_PIPE, "transact" | "call") => {
            "it takes a pipe of message type in message read mode, with the other end open"
        }
        (Win32Error::BAD_PIPE, _) => "wait for a client with connect first",
        (Win32Error::PIPE_BUSY, "create") => {
            "close another instance, or let the first one allow more of them"
        }
        (Win32Error::PIPE_BUSY, "transact") => {
            "for a transaction this means unread data: read them first"
        }
        (Win32Error::PIPE_BUSY, _) => {
            "wait for one with WaitNamedPipe (wait) and try again, or have the server create more"
        }
        (Win32Error::NO_DATA, "connect") => {
            "the last client has left: disconnect this instance, then connect again"
        }
        (Win32Error::NO_DATA, operation) if reads(operation) => {
            "try again later, or use the blocking wait mode"
        }
        (Win32Error::NO_DATA, _) => {
            "the other end has closed: a server goes on with disconnect and connect, a client opens the \
             pipe anew"
        }
        (Win32Error::MORE_DATA, "call") => {
            "the rest of the reply is lost: call with a larger buffer"
        }
        (Win32Error::MORE_DATA, _) => "read on until the message ends, or use a larger buffer",
        (Win32Error::PIPE_CONNECTED, _) => "take it for a success and go on",
        (Win32Error::PIPE_LISTENING, "connect") => "try again later, or use the blocking wait mode",
        (Win32Error::PIPE_LISTENING, _) => "wait for a client with connect first",
        (Win32Error::HANDLES_CLOSED, _) => "open the pipe anew once its server is back",
        (Win32Error::OPERATION_ABORTED, _) => "start it again if it is still wanted",
        (Win32Error::IO_INCOMPLETE | Win32Error::IO_PENDING, _) => "wait for its end",
        (Win32Error::NOT_FOUND, "info") => "the process at the other end has ended",
        (Win32Error::NOT_FOUND, _) => "it may have ended already: take its result",
        (Win32Error::INVALID_OWNER, _) => "only root can give a pipe to somebody else",
        (Win32Error::PRIVILEGE_NOT_HELD, _) => {
            "give the server CAP_SETUID and CAP_SETGID, or run it as the user of its clients"
        }
        (Win32Error::NONE_MAPPED, _) => {
            "have the server of the other machines' clients map this one to a user here"
        }
        (Win32Error::INVALID_SID, _) => {
            "write S-1-22-1-<uid> for a user, S-1-22-2-<gid> for a group"
        }
        (Win32Error::INVALID_SECURITY_DESCR, _) => {
            "write SDDL as D:(A;;GRGW;;;WD), at most 4096 bytes"
        }
        (Win32Error::BAD_IMPERSONATION_LEVEL, _) => {
            "the client must open the pipe with impersonation_level(Impersonation)"
        }
        (Win32Error::CANT_OPEN_ANONYMOUS, _) => {
            "the client must open the pipe with impersonation_level(Identification) or more"
        }
        (Win32Error::CANNOT_IMPERSONATE, _) => {
            "wait for a client with connect first, and act as one client at a time"
        }
        _ => return None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.operation)?;
        match &self.0.subject {
            Subject::Nothing => {}
            Subject::Pipe(name) => write!(f, " {}", printable(&name.to_string()))?,
            Subject::Text(text) => write!(f, " `{}`", printable(text))?,
        }
        write!(f, ": {}", self.0.code)?;
        match self.hint() {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("operation", &self.0.operation);
        match &self.0.subject {
            Subject::Nothing => {}
            Subject::Pipe(name) => {
                debug.field("pipe", name);
            }
            Subject::Text(text) => {
                debug.field("text", text);
            }
        }
        debug.field("code", &self.0.code);
        if let Some(hint) = &self.0.hint {
            debug.field("hint", hint);
        }
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Error::invalid_name("parse", &error)
    }
}

impl From<Error> for io::Error {
    /// An error of the same [kind](Error::kind); [`Error::from_io`] finds the original in it.
    fn from(error: Error) -> Self {
        io::Error::new(error.kind(), error)
    }
}

impl From<NameError> for io::Error {
    fn from(error: NameError) -> Self {
        Error::from(error).into()
    }
}

#[cfg(test)]
mod tests;
