//! [`Shared`]: one end with its name, its time-outs and its modes. What the public types do is here.
//!
//! Layer: the core of the sync face. The rule it owns is how exact results become results of this face:
//! every error gets its operation and its pipe, a broken pipe is the end of a file to
//! [`std::io::Read`].

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::listener::Slot;
use super::message::Begun;
use super::turn::Turn;
use crate::error::{Error, Result};
use crate::exact::{End, HandleInfo, HandleState, Peeked};
use crate::name::PipeName;
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::win32::Win32Error;

/// What an instance was made with: the answer of `GetNamedPipeInfo`, in tokio's words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipeInfo {
    /// The type of the pipe. It says nothing about the read mode of an end.
    pub mode: PipeMode,
    /// Which end was asked.
    pub end: PipeEnd,
    /// At most how many instances there may be; 255 for no limit.
    pub max_instances: u32,
    /// The quota of what the server end writes, in bytes.
    pub out_buffer_size: u32,
    /// The quota of what the client end writes, in bytes.
    pub in_buffer_size: u32,
}

impl From<HandleInfo> for PipeInfo {
    fn from(info: HandleInfo) -> PipeInfo {
        PipeInfo {
            mode: info.pipe_type,
            end: info.end,
            max_instances: info.max_instances,
            out_buffer_size: info.out_quota,
            in_buffer_size: info.in_quota,
        }
    }
}

/// One end, as the public types share it.
pub(super) struct Shared {
    pub(super) end: End,
    pub(super) name: PipeName,
    pub(super) pipe_type: PipeMode,
    modes: Modes,
    pub(super) read_timeout: Timeout,
    pub(super) write_timeout: Timeout,
    /// Who receives.
    pub(super) receiving: Turn,
    pub(super) begun: Begun,
    /// The listener to tell when this end is gone. It stands behind `end`, since fields are dropped in
    /// their order.
    _slot: Option<Slot>,
}

impl Shared {
    pub(super) fn new(
        end: End,
        name: PipeName,
        pipe_type: PipeMode,
        read_mode: PipeMode,
        wait_mode: WaitMode,
        slot: Option<Slot>,
    ) -> Shared {
        Shared {
            end,
            name,
            pipe_type,
            modes: Modes::new(read_mode, wait_mode),
            read_timeout: Timeout::none(),
            write_timeout: Timeout::none(),
            receiving: Turn::new(),
            begun: Begun::default(),
            _slot: slot,
        }
    }

    pub(super) fn error(&self, operation: &'static str, code: Win32Error) -> Error {
        Error::new(operation, Some(&self.name), code)
    }

    /// Puts the operation and the pipe to an exact result.
    pub(super) fn told<T>(
        &self,
        operation: &'static str,
        result: crate::exact::Result<T>,
    ) -> Result<T> {
        result.map_err(|code| self.error(operation, code))
    }

    pub(super) fn read_mode(&self) -> PipeMode {
        self.modes.get().0
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let deadline = self.read_timeout.deadline();
        loop {
            match self.end.read_until(buffer, deadline) {
                // An empty message. To a reader of a stream it would look like the end.
                Ok(received) if received.len == 0 => {}
                Ok(received) => return Ok(received.len),
                Err(Win32Error::BROKEN_PIPE) => return Ok(0),
                Err(code) => return Err(self.error("read", code).into()),
            }
        }
    }

    pub(super) fn write(&self, data: &[u8]) -> io::Result<usize> {
        match self.end.write_until(data, self.write_timeout.deadline()) {
            Ok(0) if !data.is_empty() => Err(self.no_room("write").into()),
            result => Ok(self.told("write", result)?),
        }
    }

    /// The error of a write that wrote nothing, which to Win32 is a success.
    pub(super) fn no_room(&self, operation: &'static str) -> Error {
        self.error(operation, Win32Error::IO_INCOMPLETE).with_hint(
            "this end does not wait and there is no room, so nothing was written: try again later, or \
             use the blocking wait mode",
        )
    }

    pub(super) fn flush_pipe(&self) -> Result<()> {
        let deadline = self.write_timeout.deadline();
        self.told("flush", self.end.flush_until(deadline))
    }

    pub(super) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.told("peek", self.end.peek(buffer))
    }

    pub(super) fn set_timeout(&self, timeout: &Timeout, limit: Option<Duration>) -> Result<()> {
        if limit == Some(Duration::ZERO) {
            return Err(self
                .error("set_state", Win32Error::INVALID_PARAMETER)
                .with_hint("a time-out is longer than nothing; None is no time-out"));
        }
        timeout.set(limit);
        Ok(())
    }

    pub(super) fn state(&self) -> Result<HandleState> {
        self.told("state", self.end.state())
    }

    pub(super) fn set_read_mode(&self, read_mode: PipeMode) -> Result<()> {
        self.told("set_state", {
            self.modes.change(&self.end, |modes| modes.0 = read_mode)
        })
    }

    pub(super) fn set_wait_mode(&self, wait_mode: WaitMode) -> Result<()> {
        self.told("set_state", {
            self.modes.change(&self.end, |modes| modes.1 = wait_mode)
        })
    }

    pub(super) fn info(&self) -> Result<PipeInfo> {
        Ok(self.told("info", self.end.info())?.into())
    }

    pub(super) fn cancel(&self) -> Result<()> {
        // Those who wait for their turn first: otherwise one of them could go on when the turn is free.
        let called_off = self.receiving.cancel_waiting();
        match self.end.cancel() {
            Err(Win32Error::NOT_FOUND) if called_off => Ok(()),
            result => self.told("cancel", result),
        }
    }

    pub(super) fn peer_process_id(&self) -> Result<u32> {
        self.told("info", self.end.peer_process_id())
    }

    pub(super) fn peer_token(&self) -> Result<Token> {
        self.told("info", self.end.peer_token())
    }

    pub(super) fn remote_client(&self) -> Result<Option<RemoteClient>> {
        self.told("info", self.end.remote_client())
    }

    #[cfg(unix)]
    pub(super) fn peer_process(&self) -> Result<std::os::fd::OwnedFd> {
        self.told("info", self.end.peer_process())
    }

    pub(super) fn peer_session_id(&self) -> Result<u32> {
        self.told("info", self.end.peer_session_id())
    }

    pub(super) fn security(&self) -> Result<SecurityDescriptor> {
        self.told("security", self.end.security())
    }

    pub(super) fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
        self.told("set_security", self.end.set_security(descriptor))
    }

    pub(super) fn peer_computer_name(&self) -> Result<String> {
        self.told("info", self.end.peer_computer_name())
    }
}

/// The modes of an end as this face set them: Win32 can only set both at once, and asking for them
/// needs a right that not every end has.
struct Modes {
    /// Read mode message.
    message: AtomicBool,
    /// Wait mode non-blocking.
    non_blocking: AtomicBool,
    /// Two threads that each change one mode must not undo each other's change.
    changing: Mutex<()>,
}

impl Modes {
    fn new(read_mode: PipeMode, wait_mode: WaitMode) -> Modes {
        Modes {
            message: AtomicBool::new(read_mode == PipeMode::Message),
            non_blocking: AtomicBool::new(wait_mode == WaitMode::NonBlocking),
            changing: Mutex::new(()),
        }
    }

    // Relaxed: the modes publish nothing but themselves.
    fn get(&self) -> (PipeMode, WaitMode) {
        let read_mode = match self.message.load(Ordering::Relaxed) {
            true => PipeMode::Message,
            false => PipeMode::Byte,
        };
        let wait_mode = match self.non_blocking.load(Ordering::Relaxed) {
            true => WaitMode::NonBlocking,
            false => WaitMode::Blocking,
        };
        (read_mode, wait_mode)
    }

    fn change(
        &self,
        end: &End,
        change: impl FnOnce(&mut (PipeMode, WaitMode)),
    ) -> crate::exact::Result<()> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut modes = self.get();
        change(&mut modes);
        end.set_state(modes.0, modes.1)?;
        self.message
            .store(modes.0 == PipeMode::Message, Ordering::Relaxed);
        self.non_blocking
            .store(modes.1 == WaitMode::NonBlocking, Ordering::Relaxed);
        Ok(())
    }
}

/// A time-out that threads can change while others wait.
pub(super) struct Timeout {
    /// In nanoseconds; `NONE` for no limit.
    nanoseconds: AtomicU64,
}

impl Timeout {
    const NONE: u64 = u64::MAX;

    fn none() -> Timeout {
        Timeout {
            nanoseconds: AtomicU64::new(Timeout::NONE),
        }
    }

    fn set(&self, limit: Option<Duration>) {
        // What does not fit is longer than 500 years.
        let nanoseconds = limit
            .and_then(|limit| limit.as_nanos().try_into().ok())
            .unwrap_or(Timeout::NONE);
        self.nanoseconds.store(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<Duration> {
        match self.nanoseconds.load(Ordering::Relaxed) {
            Timeout::NONE => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// When an operation that begins now runs out of time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.get()
            .and_then(|limit| Instant::now().checked_add(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_comes_back_as_it_was_set() {
        let timeout = Timeout::none();
        for limit in [
            None,
            Some(Duration::from_nanos(1)),
            Some(Duration::from_secs(86_400)),
        ] {
            timeout.set(limit);
            assert_eq!(timeout.get(), limit);
            assert_eq!(timeout.deadline().is_some(), limit.is_some());
        }
        timeout.set(Some(Duration::MAX));
        assert_eq!(timeout.get(), None);
    }
}
