//! Anonymous pipes of the system.
//!
//! `CreatePipe` makes no overlapped handles, since a program that inherits one as its standard input or
//! output reads and writes it as a plain file. So a call sleeps in the system, and a deadline calls it off
//! from another thread.

use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::time::Instant;

use super::calls::{handle, pipe, transfer};
use super::deadline::within;
use super::end::{info, modes, state};
use crate::exact::{HandleInfo, HandleState, Peeked, Received, Result};
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::win32::Win32Error;

/// One end of an anonymous pipe. Closes on drop.
pub(crate) struct End {
    handle: OwnedHandle,
    /// What the system told of it when it came to be.
    info: HandleInfo,
}

pub(crate) fn pipe(size: u32) -> Result<(End, End)> {
    let (reader, writer) = pipe::anonymous(size)?;
    Ok((End::new(reader)?, End::new(writer)?))
}

impl End {
    fn new(handle: OwnedHandle) -> Result<End> {
        let info = info(handle.as_handle())?;
        Ok(End { handle, info })
    }

    /// Takes over a handle that came from elsewhere.
    pub(crate) fn adopt(handle: OwnedHandle) -> Result<End> {
        match handle::is_pipe(handle.as_handle()) {
            // A socket counts as one too, but has no info.
            true => End::new(handle).map_err(|_| Win32Error::INVALID_HANDLE),
            false => Err(Win32Error::INVALID_HANDLE),
        }
    }

    pub(crate) fn reopen(number: u32) -> Result<End> {
        End::adopt(handle::duplicate_number(number)?)
    }

    pub(crate) fn duplicate(&self) -> Result<End> {
        let handle = handle::duplicate(self.as_handle())?;
        let info = self.info;
        Ok(End { handle, info })
    }

    pub(crate) fn set_inheritable(&self, inheritable: bool) -> Result<()> {
        handle::set_inheritable(self.as_handle(), inheritable)
    }

    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        // The second deadline is for a handle from elsewhere, which may be overlapped.
        within(deadline, || {
            transfer::read(self.as_handle(), buffer, deadline)
        })
    }

    pub(crate) fn write(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        within(deadline, || {
            transfer::write(self.as_handle(), data, deadline)
        })
    }

    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        within(deadline, || pipe::flush(self.as_handle()))
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        pipe::peek(self.as_handle(), buffer)
    }

    pub(crate) fn state(&self) -> Result<HandleState> {
        state(self.as_handle())
    }

    pub(crate) fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        pipe::set_state(self.as_handle(), modes(read_mode, wait_mode))
    }

    pub(crate) fn info(&self) -> HandleInfo {
        self.info
    }

    pub(crate) fn end(&self) -> PipeEnd {
        self.info.end
    }
}

impl AsHandle for End {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

impl From<End> for OwnedHandle {
    fn from(end: End) -> OwnedHandle {
        end.handle
    }
}
