//! [`End`]: the server end or the client end of one instance, and everything it can do.

#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::time::Instant;

#[cfg(unix)]
use super::Interest;
use super::{
    HandleInfo, HandleState, Impersonation, Peeked, Pending, Received, ReceivedData, Result, sys,
};
use crate::name::PipeName;
use crate::options::{CreateOptions, PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};

/// One end of an instance: what a pipe `HANDLE` is on Windows.
///
/// An end can be used from several threads at once: one may read while another writes, and several
/// reads or writes may wait; each kind completes in the order in which it was started. Dropping the
/// end closes it (`CloseHandle`): operations that are pending end with `ERROR_OPERATION_ABORTED`, what
/// had been written stays readable for the other end.
///
/// Every blocking method has a twin with a deadline (`None`: no limit); when it passes the operation
/// is cancelled as `CancelIoEx` would, and the method fails with `ERROR_SEM_TIMEOUT`.
///
/// # Platforms
/// On Windows deadlines have the granularity of the system's clock, some 15 ms, and [`flush_until`](Self::flush_until)
/// takes a second thread for its deadline. The handle is overlapped.
pub struct End {
    pub(super) inner: sys::End,
}

impl End {
    /// What is below the seam, for the face for tasks, which waits in its own way.
    #[cfg(feature = "tokio")]
    pub(crate) fn below(&self) -> &sys::End {
        &self.inner
    }

    /// Lets the end close in the background when it is dropped, if closing can take long.
    #[cfg(feature = "tokio")]
    pub(crate) fn close_in_background(&self) {
        #[cfg(all(feature = "smb", unix))]
        self.inner.close_in_background();
    }

    /// An end with a handle that was made elsewhere, for overlapped operation, and the name of its pipe.
    #[cfg(all(feature = "tokio", windows))]
    pub(crate) fn from_handle(
        handle: std::os::windows::io::OwnedHandle,
    ) -> Result<(End, PipeName)> {
        let (inner, name) = sys::End::from_handle(handle)?;
        Ok((End { inner }, name))
    }

    /// The handle of this end.
    #[cfg(all(feature = "tokio", windows))]
    pub(crate) fn handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        self.inner.handle()
    }

    /// Creates a further instance of the pipe of this server end, whose name is `name`: `CreateNamedPipe`,
    /// without looking for the pipe where that is not needed.
    pub(crate) fn create_another(&self, name: &PipeName, options: &CreateOptions) -> Result<End> {
        sys::create_another(&self.inner, name, options).map(|inner| End { inner })
    }

    /// Waits for a client to open this instance: `ConnectNamedPipe`.
    ///
    /// # Errors
    /// `ERROR_PIPE_CONNECTED` when a client is there already (a success, seen with kinder eyes),
    /// `ERROR_NO_DATA` when a client came and left and the instance was not disconnected since,
    /// `ERROR_PIPE_LISTENING` on a non-blocking end without a client, `ERROR_INVALID_FUNCTION` on a
    /// client end, `ERROR_OPERATION_ABORTED` when cancelled.
    pub fn connect(&self) -> Result<()> {
        self.inner.connect(None)
    }

    /// [`connect`](Self::connect) with a deadline.
    pub fn connect_until(&self, deadline: Option<Instant>) -> Result<()> {
        self.inner.connect(deadline)
    }

    /// Starts a connect: `ConnectNamedPipe` with an `OVERLAPPED`.
    pub fn start_connect(&self) -> Pending<()> {
        Pending::new(self.inner.start_connect())
    }

    /// Breaks the connection with the client: `DisconnectNamedPipe`.
    ///
    /// Unread data are lost on both sides; every operation that waits on either end fails with
    /// `ERROR_PIPE_NOT_CONNECTED`. The instance listens again after the next connect.
    ///
    /// # Errors
    /// `ERROR_PIPE_NOT_CONNECTED` when it is disconnected already, `ERROR_PIPE_LISTENING` when no
    /// client has come yet, `ERROR_INVALID_FUNCTION` on a client end.
    pub fn disconnect(&self) -> Result<()> {
        self.inner.disconnect()
    }

    /// Reads what is there, or waits for it: `ReadFile`.
    pub fn read(&self, buffer: &mut [u8]) -> Result<Received> {
        self.inner.read(buffer, None)
    }

    /// [`read`](Self::read) with a deadline.
    pub fn read_until(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        self.inner.read(buffer, deadline)
    }

    /// Reads one whole message, however long: a `ReadFile` whose buffer is never too small. `message`
    /// holds the beginning of it, if that has been read already, or nothing; the count is that of all
    /// of it. When the writer takes the message back meanwhile, its beginning goes, and the next one
    /// comes whole: reading on with `ERROR_MORE_DATA` could not tell the two apart.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), and `ERROR_BAD_PIPE` unless this end is in message read mode.
    ///
    /// # Platforms
    /// On Windows a long message is read in pieces. When it is taken back between two of them and another one
    /// stands behind it, the beginning of the one and the rest of the other come as one.
    pub fn read_message(&self, message: &mut Vec<u8>) -> Result<Received> {
        self.inner.read_message(message, None)
    }

    /// [`read_message`](Self::read_message) with a deadline. When it passes in the midst of a message,
    /// `message` holds its beginning, and `more` is set.
    pub fn read_message_until(
        &self,
        message: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<Received> {
        self.inner.read_message(message, deadline)
    }

    /// Starts a read of up to `len` bytes: `ReadFile` with an `OVERLAPPED`.
    pub fn start_read(&self, len: usize) -> Pending<ReceivedData> {
        Pending::new(self.inner.start_read(len))
    }

    /// Writes, and waits until the unread data up to and including these fit the quota: `WriteFile`.
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        self.inner.write(data, None)
    }

    /// [`write`](Self::write) with a deadline. When it passes, what has not been read is taken back.
    pub fn write_until(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        self.inner.write(data, deadline)
    }

    /// Starts a write: `WriteFile` with an `OVERLAPPED`.
    pub fn start_write(&self, data: Vec<u8>) -> Pending<usize> {
        Pending::new(self.inner.start_write(data))
    }

    /// Waits until the other end has read everything that was written: `FlushFileBuffers`.
    pub fn flush(&self) -> Result<()> {
        self.inner.flush(None)
    }

    /// [`flush`](Self::flush) with a deadline.
    pub fn flush_until(&self, deadline: Option<Instant>) -> Result<()> {
        self.inner.flush(deadline)
    }

    /// Copies what could be read without taking it: `PeekNamedPipe`. Never waits.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.inner.peek(buffer)
    }

    /// Writes a message and reads the reply as one operation: `TransactNamedPipe`.
    pub fn transact(&self, question: &[u8], reply: &mut [u8]) -> Result<Received> {
        self.inner.transact(question, reply, None)
    }

    /// [`transact`](Self::transact) with a deadline. When it passes, the question stays in the pipe.
    pub fn transact_until(
        &self,
        question: &[u8],
        reply: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<Received> {
        self.inner.transact(question, reply, deadline)
    }

    /// Starts a transaction with a reply of up to `len` bytes: `TransactNamedPipe` with an
    /// `OVERLAPPED`.
    pub fn start_transact(&self, question: Vec<u8>, len: usize) -> Pending<ReceivedData> {
        Pending::new(self.inner.start_transact(question, len))
    }

    /// The modes of this end and the instances that exist: `GetNamedPipeHandleState`.
    pub fn state(&self) -> Result<HandleState> {
        self.inner.state()
    }

    /// Sets both modes of this end: `SetNamedPipeHandleState`.
    pub fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        self.inner.set_state(read_mode, wait_mode)
    }

    /// Sets how much of what is written to a byte pipe on another machine is gathered before it is sent:
    /// the last two parameters of `SetNamedPipeHandleState`.
    ///
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` on a pipe of this machine, `ERROR_ACCESS_DENIED` on an end that may not
    /// write.
    #[cfg(all(feature = "smb", unix))]
    pub fn set_collection(&self, collection: crate::remote::Collection) -> Result<()> {
        self.inner.set_collection(collection)
    }

    /// What the instance was made with: `GetNamedPipeInfo`.
    pub fn info(&self) -> Result<HandleInfo> {
        self.inner.info()
    }

    /// Which end this is. Unlike [`info`](Self::info) it needs no right and no connection.
    pub fn end(&self) -> PipeEnd {
        self.inner.end()
    }

    /// Cancels every operation that waits on this end, whichever thread waits: `CancelIoEx` without
    /// an `OVERLAPPED`. They fail with `ERROR_OPERATION_ABORTED`.
    ///
    /// # Errors
    /// `ERROR_NOT_FOUND` when nothing waits.
    pub fn cancel(&self) -> Result<()> {
        self.inner.cancel()
    }

    /// The process at the other end, `GetNamedPipeClientProcessId` on a server end and
    /// `GetNamedPipeServerProcessId` on a client end. The kernel told it when the pipe was opened.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation, `ERROR_NOT_SUPPORTED` when
    /// the client is [on another machine](Self::remote_client): its process is none of this one.
    pub fn peer_process_id(&self) -> Result<u32> {
        self.inner.peer_process_id()
    }

    /// The user and the groups at the other end, as they were when it opened or created the pipe: the
    /// kernel's word. On a server end this is what `ImpersonateNamedPipeClient` and `OpenThreadToken`
    /// find out. Of a client [on another machine](Self::remote_client) it is the word of the bridge.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
    /// `ERROR_CANT_OPEN_ANONYMOUS` when the client has opened the pipe with
    /// [`ImpersonationLevel::Anonymous`](crate::options::ImpersonationLevel::Anonymous). On a client end on
    /// Windows, `ERROR_ACCESS_DENIED` when the server's process does not let this one look,
    /// `ERROR_NOT_FOUND` when it has ended, `ERROR_NOT_SUPPORTED` when it is on another machine.
    ///
    /// # Platforms
    /// On Windows a client end learns who the server's process is now.
    pub fn peer_token(&self) -> Result<Token> {
        self.inner.peer_token()
    }

    /// The client of this server end, if it is on another machine: who it is, as the bridge says that has opened the
    /// pipe [for it](crate::sync::ClientOptions::on_behalf_of). `None` for a client of this machine, and on a client end.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
    /// `ERROR_CANT_OPEN_ANONYMOUS` when the client does not want to be known
    /// ([`ImpersonationLevel::Anonymous`](crate::options::ImpersonationLevel::Anonymous)).
    ///
    /// # Platforms
    /// On Windows `ERROR_NOT_SUPPORTED`: the system takes clients of other machines in, and
    /// [`peer_token`](Self::peer_token) and [`peer_computer_name`](Self::peer_computer_name) tell who they are.
    pub fn remote_client(&self) -> Result<Option<RemoteClient>> {
        self.inner.remote_client()
    }

    /// A descriptor of the process at the other end (a pidfd). Unlike its number it cannot come to mean
    /// another process; it becomes readable when the process ends.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
    /// `ERROR_NOT_SUPPORTED` before Linux 6.5 and for a client on another machine, `ERROR_NOT_FOUND` when the process
    /// has ended.
    ///
    /// # Platforms
    /// Linux only.
    #[cfg(unix)]
    pub fn peer_process(&self) -> Result<OwnedFd> {
        self.inner.peer_descriptor()
    }

    /// The login session of the process at the other end: `GetNamedPipeClientSessionId`,
    /// `GetNamedPipeServerSessionId`.
    ///
    /// Linux has nothing just like a session of Windows. This is the session of the audit system
    /// (`/proc/<pid>/sessionid`), which begins when somebody logs in and is handed down to all processes
    /// begun there; services have none, which is `u32::MAX`.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
    /// `ERROR_NOT_FOUND` when the process has ended, `ERROR_NOT_SUPPORTED` before Linux 6.5, where the
    /// kernel keeps no sessions, and for a client on another machine.
    ///
    /// # Platforms
    /// On Windows it is the session of the terminal services.
    #[doc(alias = "GetNamedPipeClientSessionId")]
    #[doc(alias = "GetNamedPipeServerSessionId")]
    pub fn peer_session_id(&self) -> Result<u32> {
        self.inner.peer_session_id()
    }

    /// Acts as the client of this server end, in this thread, until what it returns is dropped:
    /// `ImpersonateNamedPipeClient`.
    ///
    /// Access to files is then checked with the user, the group and the supplementary groups of the client,
    /// and so what the thread makes belongs to the client. It takes the privilege to do so (`CAP_SETUID` and
    /// `CAP_SETGID`, which root has), unless the server is who the client is already.
    ///
    /// - Other threads are not touched. Threads and processes that are *started meanwhile* are: they have
    ///   the identity of this one for good.
    /// - It is for files. Signals, sockets to elsewhere and other rights of the process stay its own. Pipes
    ///   cannot be opened or created meanwhile (`ERROR_NOT_SUPPORTED`), since the kernel would name the
    ///   process as the one who does it.
    /// - The identity is the one that the client had when it opened the pipe.
    /// - A client [on another machine](Self::remote_client) is whom its bridge has mapped it to
    ///   ([`RemoteClient::unix_token`]). Only a bridge of root's can say that it is another than the server itself.
    ///
    /// Should the thread ever be unable to turn back, the process is aborted.
    ///
    /// # Errors
    /// `ERROR_PRIVILEGE_NOT_HELD` without the privilege, and nothing has changed then (Windows would go on
    /// with an identity that opens nothing), or when the client is mapped to somebody by a bridge that is not root's;
    /// `ERROR_NONE_MAPPED` when a client on another machine is nobody on this one; `ERROR_BAD_IMPERSONATION_LEVEL` when the client allows it less
    /// than [`ImpersonationLevel::Impersonation`](crate::options::ImpersonationLevel::Impersonation);
    /// `ERROR_CANNOT_IMPERSONATE` when there is no client, and when this thread acts as one already;
    /// `ERROR_INVALID_FUNCTION` on a client end.
    ///
    /// # Platforms
    /// What is said of Linux above is otherwise on Windows: the thread acts as its client in everything, pipes
    /// included, and what it starts meanwhile acts as the process. Without the privilege (`SeImpersonatePrivilege`)
    /// it is `ERROR_BAD_IMPERSONATION_LEVEL`, which the system does not tell apart from a client that refuses.
    ///
    /// # Examples
    /// ```
    /// use dotpipe::{ClientOptions, ImpersonationLevel, ServerOptions};
    ///
    /// # let name = format!(r"\\.\pipe\doc-impersonate-{}", std::process::id());
    /// let server = ServerOptions::new().create(&name)?;
    /// let client = ClientOptions::new()
    ///     .impersonation_level(ImpersonationLevel::Impersonation)
    ///     .open(&name)?;
    ///
    /// let acting = server.impersonate()?;
    /// let _mine = std::fs::read_dir("/").unwrap(); // as the client
    /// drop(acting);
    /// # Ok::<(), dotpipe::Error>(())
    /// ```
    #[doc(alias = "ImpersonateNamedPipeClient")]
    pub fn impersonate(&self) -> Result<Impersonation<'_>> {
        self.inner.impersonate().map(Impersonation::new)
    }

    /// Who may do what with the pipe: `GetSecurityInfo`.
    ///
    /// # Errors
    /// `ERROR_ACCESS_DENIED` unless this end has `READ_CONTROL`, which reading and writing include;
    /// `ERROR_FILE_NOT_FOUND` on a client end whose pipe is gone; on Windows `ERROR_INVALID_SECURITY_DESCR` for one
    /// with entries that a [`SecurityDescriptor`] cannot say.
    #[doc(alias = "GetSecurityInfo")]
    pub fn security(&self) -> Result<SecurityDescriptor> {
        self.inner.security()
    }

    /// Changes who may do what with the pipe, all of its instances: `SetSecurityInfo`. An owner or a group
    /// that the descriptor does not name stays. Ends that are open keep the rights they were opened with.
    ///
    /// # Errors
    /// `ERROR_ACCESS_DENIED` unless this end has `WRITE_DAC`, and `WRITE_OWNER` to change owner or group (a
    /// client end asks for them with [`DesiredAccess`](crate::options::DesiredAccess), a server end with
    /// [`CreateOptions`](crate::options::CreateOptions)), and when the pipe does not give them to this user
    /// any more; `ERROR_INVALID_OWNER` for an owner that is somebody else, unless root asks;
    /// `ERROR_INVALID_SECURITY_DESCR` for one that is too long; `ERROR_FILE_NOT_FOUND` on a client end whose
    /// pipe is gone. When several processes serve the pipe each of them decides, and one may refuse what
    /// another has done.
    ///
    /// # Platforms
    /// On Windows only the rights of the end count, and a list with [`Sid::CREATOR_OWNER`](crate::security::Sid::CREATOR_OWNER)
    /// or its like takes `READ_CONTROL` besides.
    #[doc(alias = "SetSecurityInfo")]
    pub fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
        self.inner.set_security(descriptor)
    }

    /// The computer at the other end: `GetNamedPipeClientComputerName`. Of a client on another machine it is the name
    /// or the address that its bridge has for it.
    ///
    /// # Platforms
    /// On Windows a client end gives the server as it was named when the pipe was opened.
    #[doc(alias = "GetNamedPipeClientComputerName")]
    pub fn peer_computer_name(&self) -> Result<String> {
        self.inner.peer_computer_name()
    }

    /// A descriptor to wait on with `poll` or `epoll`, together with other things a program waits for.
    ///
    /// # Readiness
    /// 1. Call [`arm`](Self::arm) with what you want to do. What it gives back can be done now.
    /// 2. When it gives nothing, wait until the descriptor is readable or hung up, and go to 1.
    ///
    /// Without `arm` the descriptor says nothing: between two ends that are awake, data pass without the
    /// kernel. Do not read from or write to it. It belongs to the present conversation; after a
    /// disconnect and a connect, ask for it anew. Do not wait on it while a thread blocks in an
    /// operation on the same end, or one is pending: they may take the wake-up that was meant for you.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation.
    ///
    /// # Platforms
    /// Linux only: Windows has no such thing. [`start_read`](Self::start_read) and its like are everywhere.
    #[cfg(unix)]
    pub fn poll_descriptor(&self) -> Result<OwnedFd> {
        self.inner.poll_descriptor()
    }

    /// Asks to be woken through [`poll_descriptor`](Self::poll_descriptor), and tells which of
    /// `interest` would not wait right now.
    ///
    /// # Errors
    /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation.
    ///
    /// # Platforms
    /// Linux only, as is the descriptor.
    #[cfg(unix)]
    pub fn arm(&self, interest: Interest) -> Result<Interest> {
        self.inner.arm(interest)
    }
}
