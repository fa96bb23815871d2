//! [`NamedPipeClient`]: the client end of one instance.
//!
//! Layer: the tokio face. What it can do it shares with a server end: see `methods`.

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
use crate::exact::{HandleState, Peeked, Received, Want};
use crate::name::PipeName;
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::sync::PipeInfo;

/// The client end of one instance of a pipe: a connection to its server.
///
/// [`ClientOptions::open`](crate::tokio::ClientOptions::open) makes one. Dropping it closes the end; what it
/// wrote stays readable for the server.
///
/// # Examples
/// ```
/// use dotpipe::tokio::{ClientOptions, ServerOptions};
/// use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let name = format!(r"\\.\pipe\doc-tokio-client-{}", std::process::id());
/// let mut server = ServerOptions::new().create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
///
/// server.connect().await?;
/// server.write_all(b"one\ntwo\n").await?;
/// drop(server); // the end of the stream, for the client
///
/// let mut lines = BufReader::new(client).lines();
/// assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
/// assert_eq!(lines.next_line().await?.as_deref(), Some("two"));
/// assert_eq!(lines.next_line().await?, None);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "CreateFile")]
pub struct NamedPipeClient {
    pub(super) inner: Arc<Inner>,
}

impl NamedPipeClient {
    pub(super) fn new(inner: Arc<Inner>) -> NamedPipeClient {
        NamedPipeClient { inner }
    }

    /// Puts the two halves that [`into_split`](Self::into_split) made together again.
    ///
    /// # Errors
    /// [`ReuniteError`] gives them back when they are not the halves of one client end.
    pub fn reunite(
        read: OwnedReadHalf,
        write: OwnedWriteHalf,
    ) -> std::result::Result<NamedPipeClient, ReuniteError> {
        split::reunite(read, write, PipeEnd::Client).map(NamedPipeClient::new)
    }

    methods::common!();
    methods::identity!();
    methods::reading!();
    methods::writing!();
    methods::duplex!();
}

methods::impl_read!(NamedPipeClient);
methods::impl_write!(NamedPipeClient);
methods::impl_debug!(NamedPipeClient, "NamedPipeClient");
