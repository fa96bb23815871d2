//! [`NamedPipeServer`]: the server end of one instance.
//!
//! Layer: the sync face. What it shares with a client end is in `methods`; here is what only a server
//! can do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listener::Slot;
use super::methods;
use super::shared::{PipeInfo, Shared};
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
use crate::error::Result;
use crate::exact::{self, HandleState, Peeked, Received};
use crate::name::PipeName;
use crate::options::{CreateOptions, PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::win32::Win32Error;

/// The server end of one instance of a pipe.
///
/// [`ServerOptions::create`](crate::sync::ServerOptions::create) makes one; it listens at once. An
/// instance serves one client at a time, and the next one after [`disconnect`](Self::disconnect) and
/// [`connect`](Self::connect). A server for many clients at once is a
/// [`PipeListener`](crate::sync::PipeListener). Dropping it closes the end; what it wrote stays
/// readable for the client. The pipe goes away with its last instance.
///
/// # Examples
/// The whole loop of a server that serves its clients one after the other:
/// ```
/// use dotpipe::sync::{NamedPipeServer, ServerOptions};
/// use dotpipe::{PipeMode, WaitTimeout};
///
/// fn serve(server: NamedPipeServer) -> dotpipe::Result<()> {
///     let mut request = Vec::new();
///     loop {
///         server.connect()?;
///         // This client's requests, until it closes its end.
///         while server.recv(&mut request).is_ok() {
///             if request == b"stop" {
///                 return Ok(());
///             }
///             request.reverse();
///             if server.send(&request).is_err() {
///                 break;
///             }
///         }
///         server.disconnect()?;
///     }
/// }
///
/// # let name = format!(r"\\.\pipe\doc-server-{}", std::process::id());
/// let server = ServerOptions::new()
///     .pipe_mode(PipeMode::Message)
///     .first_pipe_instance(true)
///     .create(&name)?;
/// let thread = std::thread::spawn(|| serve(server));
///
/// let mut reply = Vec::new();
/// for _ in 0..2 {
///     dotpipe::sync::call(&name, b"abc", &mut reply, WaitTimeout::Forever)?;
///     assert_eq!(reply, b"cba");
/// }
/// # dotpipe::sync::ClientOptions::new().wait_timeout(Some(WaitTimeout::Forever)).open(&name)?.send(b"stop")?;
/// # thread.join().unwrap()?;
/// # Ok::<(), dotpipe::Error>(())
/// ```
#[doc(alias = "CreateNamedPipe")]
pub struct NamedPipeServer {
    shared: Arc<Shared>,
}

impl NamedPipeServer {
    pub(super) fn new(
        end: exact::End,
        name: PipeName,
        options: &CreateOptions,
        slot: Option<Slot>,
    ) -> NamedPipeServer {
        NamedPipeServer {
            shared: Arc::new(Shared::new(
                end,
                name,
                options.pipe_type,
                options.read_mode,
                options.wait_mode,
                slot,
            )),
        }
    }

    /// Waits until a client has opened this instance. A client that is there already is a success.
    ///
    /// # Win32
    /// [`ConnectNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe);
    /// `ERROR_PIPE_CONNECTED` is a success here
    ///
    /// # Errors
    /// `ERROR_NO_DATA` when a client came and left: what it wrote can still be read, then
    /// [`disconnect`](Self::disconnect) and connect again. `ERROR_OPERATION_ABORTED` when it was cancelled,
    /// `ERROR_PIPE_LISTENING` in non-blocking wait mode when there is no client yet.
    #[doc(alias = "ConnectNamedPipe")]
    pub fn connect(&self) -> Result<()> {
        self.connect_until(None)
    }

    /// [`connect`](Self::connect), waiting no longer than `limit`. The instance goes on listening when
    /// the time is up.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and `ERROR_SEM_TIMEOUT` when the time is up.
    pub fn connect_timeout(&self, limit: Duration) -> Result<()> {
        self.connect_until(Instant::now().checked_add(limit))
    }

    fn connect_until(&self, deadline: Option<Instant>) -> Result<()> {
        match self.shared.end.connect_until(deadline) {
            Err(Win32Error::PIPE_CONNECTED) => Ok(()),
            result => self.shared.told("connect", result),
        }
    }

    /// Breaks the connection with the client, so that the instance can serve the next one.
    ///
    /// Unread data are lost on both sides. When the client shall have them, call
    /// [`flush_pipe`](Self::flush_pipe) first. Operations that wait, on either end, fail with
    /// `ERROR_PIPE_NOT_CONNECTED`. The modes of this end stay. A client can open the instance again after
    /// the next [`connect`](Self::connect).
    ///
    /// # Win32
    /// [`DisconnectNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-disconnectnamedpipe)
    ///
    /// # Errors
    /// `ERROR_PIPE_NOT_CONNECTED` when it is disconnected already, `ERROR_PIPE_LISTENING` when no client
    /// has come yet.
    #[doc(alias = "DisconnectNamedPipe")]
    pub fn disconnect(&self) -> Result<()> {
        self.shared
            .told("disconnect", self.shared.end.disconnect())?;
        self.shared.forget_begun();
        Ok(())
    }

    /// Acts as the client in this thread, when it gets at files, until what it returns is dropped.
    ///
    /// What holds meanwhile is said at [`exact::End::impersonate`].
    ///
    /// # Win32
    /// [`ImpersonateNamedPipeClient`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-impersonatenamedpipeclient)
    ///
    /// # Errors
    /// `ERROR_PRIVILEGE_NOT_HELD` when the server is not the client's user and may not become it (on Windows
    /// `ERROR_BAD_IMPERSONATION_LEVEL` as well),
    /// `ERROR_BAD_IMPERSONATION_LEVEL` when the client does not allow it, `ERROR_CANNOT_IMPERSONATE` when there
    /// is no client or this thread acts as one already.
    #[doc(alias = "ImpersonateNamedPipeClient")]
    pub fn impersonate(&self) -> Result<exact::Impersonation<'_>> {
        self.shared
            .told("impersonate", self.shared.end.impersonate())
    }

    /// Puts the two halves that [`into_split`](Self::into_split) made together again.
    ///
    /// # Errors
    /// [`ReuniteError`] gives them back when they are not the halves of one server end.
    pub fn reunite(
        read: OwnedReadHalf,
        write: OwnedWriteHalf,
    ) -> std::result::Result<NamedPipeServer, ReuniteError> {
        split::reunite(read, write, PipeEnd::Server).map(|shared| NamedPipeServer { shared })
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
