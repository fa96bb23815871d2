//! Open, ask, read the answer, close.

use std::time::Instant;

use super::rendezvous::{open, wait_until};
use crate::exact::{Received, Result};
use crate::name::PipeName;
use crate::options::{DesiredAccess, PipeMode, WaitMode, WaitTimeout};
use crate::win32::Win32Error;

pub(crate) fn call(
    name: &PipeName,
    question: &[u8],
    reply: &mut [u8],
    timeout: WaitTimeout,
    deadline: Option<Instant>,
) -> Result<Received> {
    let start = Instant::now();
    let end = loop {
        match open(name, DesiredAccess::READ | DesiredAccess::WRITE) {
            Err(Win32Error::PIPE_BUSY) => wait_until(name, left_of(timeout, start)?, deadline)?,
            opened => break opened?,
        }
        // Somebody else may have been faster.
    };
    end.set_state(PipeMode::Message, WaitMode::Blocking)?;
    end.transact(question, reply, deadline)
}

/// What is left of the time to wait for an instance.
fn left_of(timeout: WaitTimeout, start: Instant) -> Result<WaitTimeout> {
    match timeout {
        WaitTimeout::For(limit) => match limit.checked_sub(start.elapsed()) {
            Some(left) => Ok(WaitTimeout::For(left)),
            // The first wait is granted however little time there is.
            None if start.elapsed() < std::time::Duration::from_millis(1) => Ok(timeout),
            None => Err(Win32Error::SEM_TIMEOUT),
        },
        other => Ok(other),
    }
}
