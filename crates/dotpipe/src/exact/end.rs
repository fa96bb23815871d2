//! [`End`]: the server end or the client end of one instance, and everything it can do.

#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::time::Instant;

#[cfg(unix)]
use super::Interest;
use super::{HandleInfo, HandleState, Peeked, Pending, Received, ReceivedData, Result, sys};
use crate::name::PipeName;
use crate::options::{CreateOptions, PipeEnd, PipeMode, WaitMode};

/// One end of an instance: what a pipe `HANDLE` is on Windows.
///
/// An end can be used from several threads at once: one may read while another writes, and several
/// reads or writes may wait; each kind completes in the order in which it was started. Dropping the
/// end closes it (`CloseHandle`): operations that are pending end with `ERROR_OPERATION_ABORTED`, what
/// had been written stays readable for the other end.
///
/// Every blocking method has a twin with a deadline (`None`: no limit); when it passes the operation
/// is cancelled as `CancelIoEx` would, and the method fails with `ERROR_SEM_TIMEOUT`.
pub struct End {
    pub(super) inner: sys::End,
}

impl End {
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
    pub fn peer_process_id(&self) -> Result<u32> {
        self.inner.peer_process_id()
    }

    /// The computer at the other end: `GetNamedPipeClientComputerName`.
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
