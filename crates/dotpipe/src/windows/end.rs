//! [`End`]: a handle of a named pipe, and the operations of the exact layer on it.
//!
//! All handles are opened for overlapped operation: otherwise the system would let only one operation at a
//! time into an end, and nothing could have a deadline. A thread that waits does so on an event of its own.

use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use windows_sys::Wdk::Storage::FileSystem::{
    FILE_PIPE_CONNECTED_STATE, FILE_PIPE_DISCONNECTED_STATE, FILE_PIPE_LISTENING_STATE,
};
use windows_sys::Win32::Foundation::ERROR_PIPE_LOCAL;
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
};
use windows_sys::Win32::System::Pipes::{
    PIPE_NOWAIT, PIPE_READMODE_MESSAGE, PIPE_SERVER_END, PIPE_TYPE_MESSAGE,
};

use super::calls::{self, handle, pipe, transfer};
use super::deadline::within;
use super::descriptor::{decode, encode};
use super::identity::{self, Impersonation};
use super::operation::{Operation, Outcome};
use super::port::{self, Ended, Kind, Task};
use crate::exact::{HandleInfo, HandleState, Peeked, Received, ReceivedData, Result};
use crate::name::PipeName;
use crate::options::{CreateOptions, PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::win32::Win32Error;

/// How much of a message is read at once before it is known how long it is.
pub(super) const FIRST_PIECE: usize = 4096;

/// The server end or the client end of an instance. Closes on drop.
pub(crate) struct End {
    /// Shared with nobody; operations that go on know it weakly.
    handle: Arc<OwnedHandle>,
    end: PipeEnd,
    /// At a client end, the computer that it named, unless it was this one.
    server: Option<String>,
    /// Whether its client may be on another computer.
    accepts_remote: bool,
    /// Whether the read mode is message, which is asked for without the right to ask the system.
    reads_messages: AtomicBool,
    /// Whether the handle is bound to the port, as it is once it has had a pending operation.
    bound: Mutex<bool>,
    #[cfg(feature = "tokio")]
    pub(super) waiting: Arc<super::attempt::Waiting>,
}

impl End {
    /// A server end as it was created.
    pub(super) fn server(handle: OwnedHandle, options: &CreateOptions) -> End {
        let mut end = End::new(handle, PipeEnd::Server, None, options.read_mode);
        end.accepts_remote = !options.reject_remote_clients;
        end
    }

    /// A client end of a pipe of this name, as it was opened.
    pub(super) fn client(handle: OwnedHandle, name: &PipeName) -> End {
        let server = name.server().map(str::to_owned);
        End::new(handle, PipeEnd::Client, server, PipeMode::Byte)
    }

    /// An end whose handle was made elsewhere, and the name of its pipe. Being bound at once tells whether the
    /// handle is one for overlapped operation.
    #[cfg(feature = "tokio")]
    pub(crate) fn from_handle(handle: OwnedHandle) -> Result<(End, PipeName)> {
        let told = info(handle.as_handle())?;
        let read_mode = match told.pipe_type {
            PipeMode::Byte => PipeMode::Byte,
            PipeMode::Message => state(handle.as_handle())?.read_mode,
        };
        let name = pipe::name(handle.as_handle())?;
        let name = name.strip_prefix('\\').unwrap_or(&name);
        let name = PipeName::local(name).map_err(|_| Win32Error::INVALID_NAME)?;
        let end = End::new(handle, told.end, None, read_mode);
        end.bind()?;
        Ok((end, name))
    }

    fn new(handle: OwnedHandle, end: PipeEnd, server: Option<String>, read_mode: PipeMode) -> End {
        End {
            handle: Arc::new(handle),
            end,
            server,
            accepts_remote: false,
            reads_messages: AtomicBool::new(read_mode == PipeMode::Message),
            bound: Mutex::new(false),
            #[cfg(feature = "tokio")]
            waiting: Arc::default(),
        }
    }

    pub(crate) fn handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }

    /// The handle, to be kept open for a while.
    #[cfg(feature = "tokio")]
    pub(super) fn shared_handle(&self) -> Arc<OwnedHandle> {
        self.handle.clone()
    }

    pub(crate) fn end(&self) -> PipeEnd {
        self.end
    }

    /// Whether its read mode is message.
    pub(super) fn reads_messages(&self) -> bool {
        // Relaxed: the mode publishes nothing but itself.
        self.reads_messages.load(Ordering::Relaxed)
    }

    pub(crate) fn connect(&self, deadline: Option<Instant>) -> Result<()> {
        transfer::connect(self.handle(), deadline)
    }

    pub(crate) fn start_connect(&self) -> Operation<()> {
        self.start(Kind::Connect, Vec::new(), 0, |_| ())
    }

    pub(crate) fn disconnect(&self) -> Result<()> {
        #[cfg(feature = "tokio")]
        return self.disconnect_held();
        #[cfg(not(feature = "tokio"))]
        pipe::disconnect(self.handle())
    }

    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        transfer::read(self.handle(), buffer, deadline)
    }

    pub(crate) fn read_message(
        &self,
        message: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<Received> {
        match self.reads_messages() {
            true => read_message(self.handle(), message, deadline),
            false => Err(Win32Error::BAD_PIPE),
        }
    }

    pub(crate) fn start_read(&self, len: usize) -> Operation<ReceivedData> {
        self.start(Kind::Read, Vec::new(), len, |ended| ended.received)
    }

    pub(crate) fn write(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        transfer::write(self.handle(), data, deadline)
    }

    pub(crate) fn start_write(&self, data: Vec<u8>) -> Operation<usize> {
        self.start(Kind::Write, data, 0, |ended| ended.count)
    }

    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        within(deadline, || pipe::flush(self.handle()))
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        #[cfg(feature = "tokio")]
        return self.peek_held(buffer);
        #[cfg(not(feature = "tokio"))]
        pipe::peek(self.handle(), buffer)
    }

    pub(crate) fn transact(
        &self,
        question: &[u8],
        reply: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<Received> {
        transfer::transact(self.handle(), question, reply, deadline)
    }

    pub(crate) fn start_transact(&self, question: Vec<u8>, len: usize) -> Operation<ReceivedData> {
        self.start(Kind::Transact, question, len, |ended| ended.received)
    }

    pub(crate) fn state(&self) -> Result<HandleState> {
        state(self.handle())
    }

    pub(crate) fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        #[cfg(feature = "tokio")]
        return self.set_state_held(read_mode, wait_mode);
        #[cfg(not(feature = "tokio"))]
        self.set_state_now(read_mode, wait_mode)
    }

    pub(super) fn set_state_now(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        pipe::set_state(self.handle(), modes(read_mode, wait_mode))?;
        self.reads_messages
            .store(read_mode == PipeMode::Message, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn info(&self) -> Result<HandleInfo> {
        info(self.handle())
    }

    pub(crate) fn cancel(&self) -> Result<()> {
        handle::cancel_all(self.handle())
    }

    /// That this server end has a client, or had one and was not disconnected since. Without one, the system
    /// tells of the last client, or of nobody.
    fn need_client(&self) -> Result<()> {
        match pipe::life(self.handle())? {
            FILE_PIPE_LISTENING_STATE => Err(Win32Error::PIPE_LISTENING),
            FILE_PIPE_DISCONNECTED_STATE => Err(Win32Error::PIPE_NOT_CONNECTED),
            _ => Ok(()),
        }
    }

    pub(crate) fn peer_process_id(&self) -> Result<u32> {
        match self.end {
            PipeEnd::Server => {
                self.need_client()?;
                pipe::client_process(self.handle())
            }
            PipeEnd::Client => pipe::server_process(self.handle()),
        }
    }

    pub(crate) fn peer_session_id(&self) -> Result<u32> {
        match self.end {
            PipeEnd::Server => {
                self.need_client()?;
                pipe::client_session(self.handle())
            }
            PipeEnd::Client => pipe::server_session(self.handle()),
        }
    }

    pub(crate) fn peer_token(&self) -> Result<Token> {
        match (self.end, &self.server) {
            (PipeEnd::Server, _) => {
                self.need_client()?;
                identity::of_client(self.handle())
            }
            (PipeEnd::Client, None) => {
                let token = identity::of_process(pipe::server_process(self.handle())?)?;
                // Asked afterwards: as long as the server lives its number is nobody else's.
                match pipe::life(self.handle())? {
                    FILE_PIPE_CONNECTED_STATE => Ok(token),
                    _ => Err(Win32Error::PIPE_NOT_CONNECTED),
                }
            }
            // Its processes are not known here.
            (PipeEnd::Client, Some(_)) => Err(Win32Error::NOT_SUPPORTED),
        }
    }

    /// What the system knows of clients on other machines it tells in other ways.
    pub(crate) fn remote_client(&self) -> Result<Option<RemoteClient>> {
        Err(Win32Error::NOT_SUPPORTED)
    }

    pub(crate) fn impersonate(&self) -> Result<Impersonation> {
        if self.end == PipeEnd::Client {
            return Err(Win32Error::INVALID_FUNCTION);
        }
        self.need_client()
            .map_err(|_| Win32Error::CANNOT_IMPERSONATE)?;
        Impersonation::of_client(self.handle())
    }

    pub(crate) fn security(&self) -> Result<SecurityDescriptor> {
        let parts =
            OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        decode(&calls::descriptor::get(self.handle(), parts)?)
    }

    pub(crate) fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
        let mut parts = DACL_SECURITY_INFORMATION;
        if descriptor.owner().is_some() {
            parts |= OWNER_SECURITY_INFORMATION;
        }
        if descriptor.group().is_some() {
            parts |= GROUP_SECURITY_INFORMATION;
        }
        // Only the placeholders need to know whose the pipe is; an end need not have the right to ask.
        let old = match descriptor.has_placeholders() {
            true => self.security()?,
            false => SecurityDescriptor::new(),
        };
        calls::descriptor::set(self.handle(), parts, &encode(&descriptor.after(&old))?)
    }

    pub(crate) fn peer_computer_name(&self) -> Result<String> {
        // Fails without a conversation.
        self.peer_process_id()?;
        match &self.server {
            Some(server) => Ok(server.clone()),
            None if self.accepts_remote => match pipe::client_computer(self.handle()) {
                Err(Win32Error(ERROR_PIPE_LOCAL)) => pipe::this_computer(),
                name => name,
            },
            // The client is here, so the system need not be asked; Wine has nothing to ask it with.
            None => pipe::this_computer(),
        }
    }

    /// Starts an operation that may go on.
    fn start<T: Clone + Send + 'static>(
        &self,
        kind: Kind,
        sent: Vec<u8>,
        room: usize,
        value: fn(Ended) -> T,
    ) -> Operation<T> {
        self.start_and_tell(kind, sent, room, value, || {})
    }

    /// [`start`](Self::start), and calls `tell` once its result is there.
    pub(super) fn start_and_tell<T: Clone + Send + 'static>(
        &self,
        kind: Kind,
        sent: Vec<u8>,
        room: usize,
        value: fn(Ended) -> T,
        tell: impl FnOnce() + Send + 'static,
    ) -> Operation<T> {
        let outcome = Outcome::new();
        let told = outcome.clone();
        let task = Task { kind, sent, room };
        let started = self.bind().and_then(|()| {
            port::start(self.handle(), task, move |ended| {
                told.complete(ended.map(value));
                tell();
            })
        });
        match started {
            Ok(ticket) => Operation::started(outcome, ticket, &self.handle),
            Err(code) => Operation::failed(code),
        }
    }

    fn bind(&self) -> Result<()> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if !*bound {
            port::bind(self.handle())?;
            *bound = true;
        }
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Closing the handle would end them too, but with the code of the other end's closing.
        let bound = self.bound.get_mut();
        if *bound.unwrap_or_else(PoisonError::into_inner) {
            // There may be nothing to cancel.
            let _ = handle::cancel_all(self.handle.as_handle());
        }
    }
}

/// Reads one whole message, of which `message` may hold the beginning. What does not fit is read in pieces: the
/// system has all of it by then.
pub(super) fn read_message(
    handle: BorrowedHandle<'_>,
    message: &mut Vec<u8>,
    deadline: Option<Instant>,
) -> Result<Received> {
    let mut room = (message.capacity() - message.len()).max(FIRST_PIECE);
    loop {
        let begun = message.len();
        message
            .try_reserve(room)
            .map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
        message.resize(begun + room, 0);
        let read = transfer::read(handle, &mut message[begun..], deadline);
        message.truncate(begun + read.as_ref().map_or(0, |piece| piece.len));
        if !read?.more {
            return Ok(Received {
                len: message.len(),
                more: false,
            });
        }
        room = pipe::peek(handle, &mut [])?.left_in_message as usize;
        if room == 0 {
            // The writer has taken the rest back: its beginning goes, and the next message comes.
            message.clear();
            room = FIRST_PIECE;
        }
    }
}

/// The modes as `SetNamedPipeHandleState` takes them and `CreateNamedPipe` as well.
pub(super) fn modes(read_mode: PipeMode, wait_mode: WaitMode) -> u32 {
    let read_mode = match read_mode {
        PipeMode::Byte => 0,
        PipeMode::Message => PIPE_READMODE_MESSAGE,
    };
    let wait_mode = match wait_mode {
        WaitMode::Blocking => 0,
        WaitMode::NonBlocking => PIPE_NOWAIT,
    };
    read_mode | wait_mode
}

pub(super) fn state(handle: BorrowedHandle<'_>) -> Result<HandleState> {
    let (modes, instances) = pipe::state(handle)?;
    Ok(HandleState {
        read_mode: match modes & PIPE_READMODE_MESSAGE {
            0 => PipeMode::Byte,
            _ => PipeMode::Message,
        },
        wait_mode: match modes & PIPE_NOWAIT {
            0 => WaitMode::Blocking,
            _ => WaitMode::NonBlocking,
        },
        instances,
    })
}

pub(super) fn info(handle: BorrowedHandle<'_>) -> Result<HandleInfo> {
    let info = pipe::info(handle)?;
    Ok(HandleInfo {
        end: match info.flags & PIPE_SERVER_END {
            0 => PipeEnd::Client,
            _ => PipeEnd::Server,
        },
        pipe_type: match info.flags & PIPE_TYPE_MESSAGE {
            0 => PipeMode::Byte,
            _ => PipeMode::Message,
        },
        out_quota: info.out_quota,
        in_quota: info.in_quota,
        max_instances: info.max_instances,
    })
}
