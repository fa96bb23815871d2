//! What the exact layer finds below its seam when pipes on other machines can be opened: everything that
//! the engine has, and for names on other machines what is here.
//!
//! The rule it owns: the name decides.

/// Does it with an end here; SMB has nothing like it.
macro_rules! local {
    ($self:ident, $end:ident => $what:expr) => {
        match $self {
            End::Local($end) => $what,
            End::Remote(_) => Err(Win32Error::NOT_SUPPORTED),
        }
    };
}

/// Does the same with the one end or the other.
macro_rules! either {
    ($self:ident, $end:ident => $what:expr) => {
        match $self {
            End::Local($end) => $what,
            End::Remote($end) => $what,
        }
    };
}

#[cfg(feature = "tokio")]
mod attempt;

use std::os::fd::OwnedFd;
use std::time::Instant;

#[cfg(feature = "tokio")]
pub(crate) use self::attempt::{Asking, Conversation};

use super::options::{Collection, SmbOptions};
use super::{end, open as remote};
use crate::engine;
pub(crate) use crate::engine::{Impersonation, Operation, anonymous, list, own_token};
#[cfg(feature = "tokio")]
pub(crate) use crate::engine::{Tasks, Waiter};
use crate::exact::{
    HandleInfo, HandleState, Interest, Peeked, PipeStatus, Received, ReceivedData, Result,
};
use crate::name::PipeName;
use crate::options::{
    CreateOptions, DesiredAccess, OpenOptions, PipeEnd, PipeMode, WaitMode, WaitTimeout,
};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::win32::Win32Error;

/// An end here, or the client end of a pipe elsewhere.
pub(crate) enum End {
    Local(engine::End),
    Remote(end::End),
}

pub(crate) fn create(name: &PipeName, options: &CreateOptions) -> Result<End> {
    engine::create(name, options).map(End::Local)
}

pub(crate) fn create_another(
    sibling: &End,
    name: &PipeName,
    options: &CreateOptions,
) -> Result<End> {
    match sibling {
        End::Local(sibling) => engine::create_another(sibling, name, options).map(End::Local),
        End::Remote(_) => create(name, options),
    }
}

pub(crate) fn open(name: &PipeName, access: DesiredAccess) -> Result<End> {
    match name.is_local() {
        true => engine::open(name, access).map(End::Local),
        false => remote::open(name, access).map(End::Remote),
    }
}

pub(crate) fn open_with(name: &PipeName, options: &OpenOptions) -> Result<End> {
    match name.is_local() {
        true => engine::open_with(name, options).map(End::Local),
        // SMB does not tell who serves the pipe, and takes nobody's word for somebody else.
        false if options.server.is_some() || options.on_behalf_of.is_some() => {
            Err(Win32Error::NOT_SUPPORTED)
        }
        false => remote::open(name, options.access).map(End::Remote),
    }
}

pub(crate) fn security(name: &PipeName) -> Result<SecurityDescriptor> {
    match name.is_local() {
        true => engine::security(name),
        false => Err(Win32Error::NOT_SUPPORTED),
    }
}

pub(crate) fn wait(name: &PipeName, timeout: WaitTimeout) -> Result<()> {
    match name.is_local() {
        true => engine::wait(name, timeout),
        false => remote::wait_explained(name, timeout, &SmbOptions::new())
            .map_err(|failure| failure.code),
    }
}

pub(crate) fn call(
    name: &PipeName,
    question: &[u8],
    reply: &mut [u8],
    timeout: WaitTimeout,
    deadline: Option<Instant>,
) -> Result<Received> {
    match name.is_local() {
        true => engine::call(name, question, reply, timeout, deadline),
        false => remote::call(name, question, reply, timeout, deadline),
    }
}

pub(crate) fn exists(name: &PipeName) -> Result<bool> {
    match name.is_local() {
        true => engine::exists(name),
        // To look from outside is nothing that SMB has a request for.
        false => Err(Win32Error::NOT_SUPPORTED),
    }
}

pub(crate) fn status(name: &PipeName) -> Result<PipeStatus> {
    match name.is_local() {
        true => engine::status(name),
        // To look from outside is nothing that SMB has a request for.
        false => Err(Win32Error::NOT_SUPPORTED),
    }
}

impl End {
    pub(crate) fn connect(&self, deadline: Option<Instant>) -> Result<()> {
        match self {
            End::Local(end) => end.connect(deadline),
            End::Remote(_) => Err(Win32Error::INVALID_FUNCTION),
        }
    }

    pub(crate) fn start_connect(&self) -> Operation<()> {
        match self {
            End::Local(end) => end.start_connect(),
            End::Remote(_) => Operation::ended(Err(Win32Error::INVALID_FUNCTION)),
        }
    }

    pub(crate) fn disconnect(&self) -> Result<()> {
        match self {
            End::Local(end) => end.disconnect(),
            End::Remote(_) => Err(Win32Error::INVALID_FUNCTION),
        }
    }

    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        either!(self, end => end.read(buffer, deadline))
    }

    pub(crate) fn read_message(
        &self,
        message: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<Received> {
        either!(self, end => end.read_message(message, deadline))
    }

    pub(crate) fn start_read(&self, len: usize) -> Operation<ReceivedData> {
        either!(self, end => end.start_read(len))
    }

    pub(crate) fn write(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        either!(self, end => end.write(data, deadline))
    }

    pub(crate) fn start_write(&self, data: Vec<u8>) -> Operation<usize> {
        either!(self, end => end.start_write(data))
    }

    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        either!(self, end => end.flush(deadline))
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        either!(self, end => end.peek(buffer))
    }

    pub(crate) fn transact(
        &self,
        question: &[u8],
        reply: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<Received> {
        either!(self, end => end.transact(question, reply, deadline))
    }

    pub(crate) fn start_transact(&self, question: Vec<u8>, len: usize) -> Operation<ReceivedData> {
        either!(self, end => end.start_transact(question, len))
    }

    pub(crate) fn state(&self) -> Result<HandleState> {
        either!(self, end => end.state())
    }

    pub(crate) fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        either!(self, end => end.set_state(read_mode, wait_mode))
    }

    /// Windows refuses this on a pipe of the same machine as well.
    pub(crate) fn set_collection(&self, collection: Collection) -> Result<()> {
        match self {
            End::Local(_) => Err(Win32Error::INVALID_PARAMETER),
            End::Remote(end) => end.set_collection(collection),
        }
    }

    pub(crate) fn info(&self) -> Result<HandleInfo> {
        either!(self, end => end.info())
    }

    pub(crate) fn end(&self) -> PipeEnd {
        either!(self, end => end.end())
    }

    pub(crate) fn cancel(&self) -> Result<()> {
        either!(self, end => end.cancel())
    }

    pub(crate) fn peer_process_id(&self) -> Result<u32> {
        local!(self, end => end.peer_process_id())
    }

    pub(crate) fn peer_token(&self) -> Result<Token> {
        local!(self, end => end.peer_token())
    }

    pub(crate) fn remote_client(&self) -> Result<Option<RemoteClient>> {
        local!(self, end => end.remote_client())
    }

    pub(crate) fn peer_descriptor(&self) -> Result<OwnedFd> {
        local!(self, end => end.peer_descriptor())
    }

    pub(crate) fn peer_session_id(&self) -> Result<u32> {
        local!(self, end => end.peer_session_id())
    }

    pub(crate) fn impersonate(&self) -> Result<Impersonation> {
        local!(self, end => end.impersonate())
    }

    pub(crate) fn security(&self) -> Result<SecurityDescriptor> {
        local!(self, end => end.security())
    }

    pub(crate) fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
        local!(self, end => end.set_security(descriptor))
    }

    pub(crate) fn peer_computer_name(&self) -> Result<String> {
        either!(self, end => end.peer_computer_name())
    }

    pub(crate) fn poll_descriptor(&self) -> Result<OwnedFd> {
        either!(self, end => end.poll_descriptor())
    }

    pub(crate) fn arm(&self, interest: Interest) -> Result<Interest> {
        either!(self, end => end.arm(interest))
    }
}
