//! A question and its answer as one operation.

use std::sync::Arc;
use std::time::Instant;

use super::{End, Ticket};
use crate::engine::{Operation, Outcome};
use crate::exact::{Received, ReceivedData, Result};
use crate::options::{DesiredAccess, PipeMode};
use crate::win32::Win32Error;

impl End {
    pub(crate) fn transact(
        &self,
        question: &[u8],
        reply: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<Received> {
        let (id, outcome) = self.ask(question.to_vec(), reply.len())?;
        let got = self.await_data(id, &outcome, deadline)?;
        reply[..got.data.len()].copy_from_slice(&got.data);
        Ok(Received {
            len: got.data.len(),
            more: got.more,
        })
    }

    pub(crate) fn start_transact(&self, question: Vec<u8>, len: usize) -> Operation<ReceivedData> {
        self.shared.going_on(self.ask(question, len))
    }

    /// Queues the read of the answer and asks. When a request that receives is on its way already, left by
    /// a read that was called off, its answer will be that of the question: then the question is a write.
    pub(super) fn ask(
        &self,
        question: Vec<u8>,
        len: usize,
    ) -> Result<(u64, Arc<Outcome<ReceivedData>>)> {
        self.need(DesiredAccess::READ | DesiredAccess::WRITE)?;
        let shared = &self.shared;
        let mut state = shared.lock();
        match state.inbox.ending() {
            _ if state.inbox.has_unread() => return Err(Win32Error::PIPE_BUSY),
            None => {}
            Some(Win32Error::BROKEN_PIPE) => return Err(Win32Error::BAD_PIPE),
            Some(code) => return Err(code),
        }
        if state.read_mode != PipeMode::Message {
            return Err(Win32Error::BAD_PIPE);
        }
        if question.len() > shared.handle.session.max_write {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        if question.is_empty() {
            shared.carries_nothing(&state)?;
        }
        let outcome = Outcome::new();
        let id = state.new_id();
        let free = !state.fetching && !state.inbox.has_waiting() && state.outbox.is_idle();
        state.inbox.queue(id, len, outcome.clone());
        if free {
            shared.fetch(&mut state, Some((id, question)));
        } else {
            state
                .outbox
                .queue(id, question, usize::MAX, Ticket::Question(id));
            shared.send(&mut state);
            shared.settle(&mut state);
        }
        Ok((id, outcome))
    }
}
