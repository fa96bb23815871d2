//! Writing and flushing.

use std::sync::Arc;
use std::time::Instant;

use super::{End, Ticket};
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

    fn begin_write(&self, data: &[u8]) -> Result<(u64, Arc<Outcome<usize>>)> {
        self.need(DesiredAccess::WRITE)?;
        let mut state = self.shared.lock();
        match state.inbox.ending() {
            None => {}
            Some(Win32Error::BROKEN_PIPE) => return Err(Win32Error::NO_DATA),
            Some(code) => return Err(code),
        }
        if let Some(code) = state.outbox.take_failure() {
            return Err(code);
        }
        let outcome = Outcome::new();
        let id = state.new_id();
        if data.is_empty() && !self.shared.carries_nothing(&state)? {
            outcome.complete(Ok(0));
            return Ok((id, outcome));
        }
        let bytes = state.collection.bytes;
        let is_stream = state.pipe_type == Some(PipeMode::Byte);
        if is_stream
            && !self.shared.write_through
            && data.len() < bytes
            && state.outbox.collect(data, bytes)
        {
            self.shared.send_soon(&mut state);
            self.shared.send(&mut state);
            outcome.complete(Ok(data.len()));
            return Ok((id, outcome));
        }
        let most = self.shared.handle.session.max_write;
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

    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        self.need(DesiredAccess::WRITE)?;
        let outcome = Outcome::new();
        let id = {
            let mut state = self.shared.lock();
            if let Some(code) = state.outbox.take_failure() {
                return Err(code);
            }
            let id = state.new_id();
            state.flushes.push((id, outcome.clone()));
            self.shared.send_gathered(&mut state);
            let shared = self.shared.clone();
            self.shared.spawn(&mut state, shared.flush(id))?;
            id
        };
        outcome.wait_until(deadline).unwrap_or_else(|| {
            self.shared.take_flush(id);
            outcome.result().unwrap_or(Err(Win32Error::SEM_TIMEOUT))
        })
    }
}
