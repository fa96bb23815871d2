//! [`NamedPipeServer`]: the server end of one instance.
//!
//! Layer: the tokio face. What it shares with a client end is in `methods`; here is what only a server can do.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use bytes::BufMut;

use super::inner::Inner;
use super::methods;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
use super::transfer::joined;
use crate::error::Result;
use crate::exact::{HandleState, Peeked, Pending, Received, Want};
use crate::name::PipeName;
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::sync::PipeInfo;
use crate::win32::Win32Error;

/// The server end of one instance of a pipe.
///
/// [`ServerOptions::create`](crate::tokio::ServerOptions::create) makes one; it listens at once. An instance
/// serves one client at a time, and the next one after [`disconnect`](Self::disconnect) and
/// [`connect`](Self::connect). To serve many clients at once, create the next instance before the connected
/// one is handed to its task, as below, or let a
/// [`PipeListener`](crate::tokio::PipeListener) do so. Dropping it closes the end; what it wrote stays readable
/// for the client.
///
/// # Examples
/// ```
/// use std::io;
///
/// use dotpipe::tokio::{ClientOptions, ServerOptions};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> io::Result<()> {
/// # let name = format!(r"\\.\pipe\doc-tokio-server-{}", std::process::id());
/// let mut server = ServerOptions::new().first_pipe_instance(true).create(&name)?;
/// # let pipe = name.clone();
/// let serving = tokio::spawn(async move {
///     loop {
///         server.connect().await?;
///         let mut connected = server;
///         // The next instance, before this one is handed on: so clients always meet one that listens.
///         server = ServerOptions::new().create(&name)?;
///         tokio::spawn(async move {
///             let mut name = String::new();
///             connected.read_to_string(&mut name).await
///         });
///     }
///     # #[allow(unreachable_code)]
///     Ok::<(), io::Error>(())
/// });
///
/// let mut client = ClientOptions::new().open(&pipe)?;
/// client.write_all(b"somebody").await?;
/// # serving.abort();
/// # Ok(())
/// # }
/// ```
#[doc(alias = "CreateNamedPipe")]
pub struct NamedPipeServer {
    pub(super) inner: Arc<Inner>,
}

/// A connect that is given up when it is dropped.
struct Connecting(Pending<()>);

impl Drop for Connecting {
    fn drop(&mut self) {
        // Nothing to cancel is fine: it has ended.
        let _ = self.0.cancel();
    }
}

impl NamedPipeServer {
    pub(super) fn new(inner: Arc<Inner>) -> NamedPipeServer {
        NamedPipeServer { inner }
    }

    /// Waits until a client has opened this instance: `ConnectNamedPipe`.
    ///
    /// A client that is there already is a success, and so is one that came and left: what it wrote can be
    /// read, and then the stream ends.
    ///
    /// # Cancel safety
    /// Dropping the future loses no client: the instance goes on listening, and one that comes meanwhile is
    /// there for the next `connect`.
    ///
    /// # Errors
    /// What keeps the instance from listening.
    #[doc(alias = "ConnectNamedPipe")]
    pub async fn connect(&self) -> io::Result<()> {
        let mut connecting = Connecting(self.inner.end.start_connect());
        match (&mut connecting.0).await {
            Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => Ok(()),
            Err(code) => Err(self.inner.io_error("connect", code)),
        }
    }

    /// Breaks the connection with the client, so that the instance can serve the next one:
    /// `DisconnectNamedPipe`.
    ///
    /// Unread data are lost on both sides, and so is a write that was
    /// [taken over](crate::tokio#writing). When the client shall have them, await
    /// [`flush_pipe`](Self::flush_pipe) first. Operations that wait, on either end, fail with
    /// `ERROR_PIPE_NOT_CONNECTED`. A client can open the instance again after the next
    /// [`connect`](Self::connect).
    ///
    /// # Errors
    /// `ERROR_PIPE_NOT_CONNECTED` when it is disconnected already, `ERROR_PIPE_LISTENING` when no client has
    /// come yet.
    ///
    /// # Examples
    /// ```
    /// use dotpipe::Win32Error;
    /// use dotpipe::tokio::{ClientOptions, ServerOptions};
    /// use tokio::io::AsyncWriteExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let name = format!(r"\\.\pipe\doc-tokio-disconnect-{}", std::process::id());
    /// let server = ServerOptions::new().create(&name)?;
    /// let mut client = ClientOptions::new().open(&name)?;
    /// server.connect().await?;
    /// server.disconnect()?;
    ///
    /// let error = client.write(b"ping").await.unwrap_err();
    /// assert_eq!(error.raw_os_error(), Some(Win32Error::PIPE_NOT_CONNECTED.0 as i32));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "DisconnectNamedPipe")]
    pub fn disconnect(&self) -> io::Result<()> {
        let disconnected = self.inner.end.disconnect();
        disconnected.map_err(|code| self.inner.io_error("disconnect", code))?;
        self.inner.forget_conversation();
        Ok(())
    }

    /// Puts the two halves that [`into_split`](Self::into_split) made together again.
    ///
    /// # Errors
    /// [`ReuniteError`] gives them back when they are not the halves of one server end.
    pub fn reunite(
        read: OwnedReadHalf,
        write: OwnedWriteHalf,
    ) -> std::result::Result<NamedPipeServer, ReuniteError> {
        split::reunite(read, write, PipeEnd::Server).map(NamedPipeServer::new)
    }

    methods::common!();
    methods::identity!();
    methods::reading!();
    methods::writing!();
    methods::duplex!();
}

methods::impl_read!(NamedPipeServer);
methods::impl_write!(NamedPipeServer);
methods::impl_debug!(NamedPipeServer, "NamedPipeServer");
