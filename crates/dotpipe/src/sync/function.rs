//! What is asked of a pipe by its name alone: [`wait`], [`call`], [`exists`].
//!
//! Layer: the sync face, thin over the functions of [`exact`](crate::exact).

use super::ClientOptions;
use super::name::{IntoPipeName, name_for};
use crate::error::{Error, Result};
use crate::exact;
use crate::options::{PipeMode, WaitTimeout};
#[cfg(all(feature = "smb", unix))]
use crate::remote::SmbOptions;

/// Waits until an instance of the pipe listens.
///
/// It reserves nothing: another client may be faster, and then
/// [`open`](ClientOptions::open) fails with `ERROR_PIPE_BUSY` all the same. To wait and open as one,
/// use [`ClientOptions::wait_timeout`].
///
/// # Win32
/// [`WaitNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-waitnamedpipew)
///
/// # Errors
/// `ERROR_FILE_NOT_FOUND` when the pipe does not exist or goes away: it does not wait for the pipe to be
/// created. `ERROR_SEM_TIMEOUT` when time runs out, `ERROR_INVALID_NAME`.
///
/// # Examples
/// ```
/// use dotpipe::WaitTimeout;
/// use dotpipe::sync::{ClientOptions, ServerOptions, wait};
///
/// # let name = format!(r"\\.\pipe\doc-wait-{}", std::process::id());
/// assert!(wait(&name, WaitTimeout::Default).unwrap_err().is_not_found());
///
/// let _server = ServerOptions::new().create(&name)?;
/// wait(&name, WaitTimeout::Default)?;
///
/// let _client = ClientOptions::new().open(&name)?;
/// assert!(wait(&name, WaitTimeout::Default).unwrap_err().is_timeout());
/// # Ok::<(), dotpipe::Error>(())
/// ```
#[doc(alias = "WaitNamedPipe")]
pub fn wait(name: impl IntoPipeName, timeout: WaitTimeout) -> Result<()> {
    let name = name_for("wait", name)?;
    #[cfg(all(feature = "smb", unix))]
    if !name.is_local() {
        return crate::remote::wait_explained(&name, timeout, &SmbOptions::new())
            .map_err(|failure| failure.into_error("wait", &name));
    }
    exact::wait(&name, timeout).map_err(|code| Error::new("wait", Some(&name), code))
}

/// Opens a message pipe, sends a question, receives the whole reply in place of what `reply` held, and
/// closes. Gives the length of the reply.
///
/// `timeout` limits the wait for an instance that listens, as on Windows, and not the time that the
/// server takes for its reply. To limit that too, open the pipe with [`ClientOptions`], set a read
/// time-out and use [`transact`](crate::sync::NamedPipeClient::transact).
///
/// # Win32
/// [`CallNamedPipe`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-callnamedpipea).
/// It loses what does not fit the buffer for the reply, and so does
/// [`exact::call`](crate::exact::call); this function does not.
///
/// # Errors
/// Those of [`ClientOptions::open`], [`wait`] and
/// [`transact`](crate::sync::NamedPipeClient::transact); `ERROR_INVALID_PARAMETER` when the pipe is of
/// byte type.
///
/// # Examples
/// ```
/// use dotpipe::sync::{ServerOptions, call};
/// use dotpipe::{PipeMode, WaitTimeout};
///
/// # let name = format!(r"\\.\pipe\doc-call-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// let answering = std::thread::spawn(move || {
///     let mut question = Vec::new();
///     server.connect()?;
///     server.recv(&mut question)?;
///     server.send(&question.repeat(1000))
/// });
///
/// let mut reply = Vec::new();
/// assert_eq!(call(&name, b"ha", &mut reply, WaitTimeout::Default)?, 2000);
/// assert!(reply.starts_with(b"hahaha"));
/// # answering.join().unwrap()?;
/// # Ok::<(), dotpipe::Error>(())
/// ```
#[doc(alias = "CallNamedPipe")]
pub fn call(
    name: impl IntoPipeName,
    question: &[u8],
    reply: &mut Vec<u8>,
    timeout: WaitTimeout,
) -> Result<usize> {
    let name = name_for("call", name)?;
    ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .wait_timeout(Some(timeout))
        .open_for("call", &name)?
        .transact(question, reply)
        .map_err(|error| Error::new("call", Some(&name), error.code()))
}

/// Whether there is a pipe of this name now, whether or not an instance listens.
///
/// # Errors
/// `ERROR_INVALID_NAME`, and what keeps the system from looking.
pub fn exists(name: impl IntoPipeName) -> Result<bool> {
    let name = name_for("info", name)?;
    exact::exists(&name).map_err(|code| Error::new("info", Some(&name), code))
}
