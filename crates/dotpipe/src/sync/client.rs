//! [`NamedPipeClient`]: the client end of one instance.
//!
//! Layer: the sync face. What it can do it shares with a server end: see `methods`.

use std::sync::Arc;
use std::time::Duration;

use super::methods;
use super::shared::{PipeInfo, Shared};
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
use crate::error::Result;
use crate::exact::{self, HandleState, Peeked, Received};
use crate::name::PipeName;
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};

/// The client end of one instance of a pipe: a connection to its server.
///
/// [`ClientOptions::open`](crate::sync::ClientOptions::open) makes one. Dropping it closes the end;
/// what it wrote stays readable for the server.
///
/// # Examples
/// As a stream of bytes, with the tools of the standard library:
/// ```
/// use std::io::{BufRead, BufReader, Write};
///
/// use dotpipe::sync::{ClientOptions, ServerOptions};
///
/// # let name = format!(r"\\.\pipe\doc-client-{}", std::process::id());
/// let mut server = ServerOptions::new().create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
///
/// server.connect()?;
/// server.write_all(b"one\ntwo\n")?;
/// drop(server); // the end of the stream, for the client
///
/// let lines: Vec<String> = BufReader::new(client).lines().collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["one", "two"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "CreateFile")]
pub struct NamedPipeClient {
    shared: Arc<Shared>,
}

impl NamedPipeClient {
    pub(super) fn new(
        end: exact::End,
        name: PipeName,
        pipe_type: PipeMode,
        read_mode: PipeMode,
    ) -> NamedPipeClient {
        NamedPipeClient {
            shared: Arc::new(Shared::new(
                end,
                name,
                pipe_type,
                read_mode,
                WaitMode::Blocking,
                None,
            )),
        }
    }

    /// Puts the two halves that [`into_split`](Self::into_split) made together again.
    ///
    /// # Errors
    /// [`ReuniteError`] gives them back when they are not the halves of one client end.
    pub fn reunite(
        read: OwnedReadHalf,
        write: OwnedWriteHalf,
    ) -> std::result::Result<NamedPipeClient, ReuniteError> {
        split::reunite(read, write, PipeEnd::Client).map(|shared| NamedPipeClient { shared })
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
