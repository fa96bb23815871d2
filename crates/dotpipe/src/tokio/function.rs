//! What is asked of a pipe by its name alone: [`call`].
//!
//! Layer: the tokio face.

use std::ffi::OsStr;

use ::tokio::runtime::Handle;

use super::options::{ClientOptions, name_for};
use crate::error::{Error, Result};
use crate::options::{PipeMode, WaitTimeout};
use crate::win32::Win32Error;

/// Opens a message pipe, sends a question, receives the whole reply in place of what `reply` held, and closes:
/// `CallNamedPipe`. Gives the length of the reply. Not in tokio.
///
/// `timeout` limits the wait for an instance that listens, as on Windows, and not the time that the server
/// takes for its reply; for that there is [`tokio::time::timeout`](https://docs.rs/tokio/latest/tokio/time/fn.timeout.html).
/// It waits as [`ClientOptions::open_wait`] does.
///
/// # Cancel safety
/// Dropping the future gives the call up; the server may have got the question.
///
/// # Errors
/// Those of [`ClientOptions::open_wait`] and
/// [`transact`](crate::tokio::NamedPipeClient::transact); `ERROR_INVALID_PARAMETER` when the pipe is of byte
/// type.
///
/// # Examples
/// ```
/// use dotpipe::tokio::{PipeMode, ServerOptions, call};
/// use dotpipe::WaitTimeout;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> dotpipe::Result<()> {
/// # let name = format!(r"\\.\pipe\doc-tokio-call-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name).unwrap();
/// let answering = async {
///     server.connect().await.unwrap();
///     let mut question = Vec::new();
///     server.recv(&mut question).await?;
///     server.send(&question.repeat(2)).await
/// };
/// let mut reply = Vec::new();
/// let (answered, called) =
///     tokio::join!(answering, call(&name, b"ha", &mut reply, WaitTimeout::Default));
/// answered?;
/// assert_eq!(called?, 4);
/// assert_eq!(reply, b"haha");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "CallNamedPipe")]
pub async fn call(
    addr: impl AsRef<OsStr>,
    question: &[u8],
    reply: &mut Vec<u8>,
    timeout: WaitTimeout,
) -> Result<usize> {
    let name = name_for("call", addr.as_ref())?;
    let told = |code| Error::new("call", Some(&name), code);
    let runtime = Handle::try_current()
        .map_err(|missing| told(Win32Error::NOT_SUPPORTED).with_source(missing))?;
    let mut options = ClientOptions::new();
    options.pipe_mode(PipeMode::Message);
    let pipe = options
        .open_in_time("call", name.clone(), timeout, runtime)
        .await?;
    let received = pipe.transact(question, reply).await;
    received.map_err(|error| told(error.code()))
}
