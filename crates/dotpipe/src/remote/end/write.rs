//! Writing and flushing.

use std::sync::Arc;
use std::time::Instant;

use super::{End, Guard, State, Ticket};
use crate::engine::{Operation, Outcome};
use crate::exact::Result;
use crate::options::{DesiredAccess, PipeMode};
use crate::win32::Win32Error;

/// How much of a long write to a byte pipe one request carries, in bytes.
const PORTION: usize = 256 * 1024;

impl End {
    pub(crate) fn write(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        let (id, outcome) = self.begin_write(data)?;
        if let Some(result) = outcome.wait_until(deadline) {
            return result;
        }
        let withdrawn = self.shared.lock().outbox.withdraw(id);
        match (withdrawn, outcome.result()) {
            (None, Some(result)) => result,
            _ => Err(Win32Error::SEM_TIMEOUT),
        }
    }

    pub(crate) fn start_write(&self, data: Vec<u8>) -> Operation<usize> {
        self.shared.going_on(self.begin_write(&data))
    }

    pub(super) fn begin_write(&self, data: &[u8]) -> Result<(u64, Arc<Outcome<usize>>)> {
        let mut state = self.writable_state()?;
        let outcome = Outcome::new();
        let id = state.new_id();
        if self.gather(&mut state, data)? {
            outcome.complete(Ok(data.len()));
            return Ok((id, outcome));
        }
        let most = self.shared.handle.session.max_write;
        let is_stream = state.pipe_type == Some(PipeMode::Byte);
        if data.len() > most && !is_stream {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        let portion = match is_stream {
            true => PORTION.min(most),
            false => usize::MAX,
        };
        state.outbox.release();
        let ticket = Ticket::Write(outcome.clone());
        state.outbox.queue(id, data.to_vec(), portion, ticket);
        self.shared.send(&mut state);
        Ok((id, outcome))
    }

    /// The state, if a write may begin.
    pub(super) fn writable_state(&self) -> Result<Guard<'_>> {
        self.need(DesiredAccess::WRITE)?;
        let mut state = self.shared.lock();
        match state.inbox.ending() {
            None => {}
            Some(Win32Error::BROKEN_PIPE) => return Err(Win32Error::NO_DATA),
            Some(code) => return Err(code),
        }
        match state.outbox.take_failure() {
            Some(code) => Err(code),
            None => Ok(state),
        }
    }

    /// Writes what takes no request of its own: nothing at all on a pipe of bytes, and little enough to be
    /// gathered. True when that was all.
    pub(super) fn gather(&self, state: &mut State, data: &[u8]) -> Result<bool> {
        if data.is_empty() && !self.shared.carries_nothing(state)? {
            return Ok(true);
        }
        let bytes = state.collection.bytes;
        let small = state.pipe_type == Some(PipeMode::Byte)
            && !self.shared.write_through
            && data.len() < bytes;
        if !small || !state.outbox.collect(data, bytes) {
            return Ok(false);
        }
        self.shared.send_soon(state);
        self.shared.send(state);
        Ok(true)
    }

    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        let (id, outcome) = self.start_flush()?;
        outcome.wait_until(deadline).unwrap_or_else(|| {
            self.shared.take_flush(id);
            outcome.result().unwrap_or(Err(Win32Error::SEM_TIMEOUT))
        })
    }

    pub(super) fn start_flush(&self) -> Result<(u64, Arc<Outcome<()>>)> {
        self.need(DesiredAccess::WRITE)?;
        let outcome = Outcome::new();
        let mut state = self.shared.lock();
        if let Some(code) = state.outbox.take_failure() {
            return Err(code);
        }
        let id = state.new_id();
        state.flushes.push((id, outcome.clone()));
        self.shared.send_gathered(&mut state);
        let shared = self.shared.clone();
        self.shared.spawn(&mut state, shared.flush(id))?;
        Ok((id, outcome))
    }
}
