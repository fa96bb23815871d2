//! Operations that never sleep, for tasks: what the tokio face finds for a pipe on another machine.
//!
//! The rules it owns: a task is woken by every news of the pipe, since there are few; a write is taken over
//! whole and goes on by itself, since a server takes data only as an answer to a request.

use std::sync::Arc;

use super::{End, Shared};
use crate::engine::{Operation, Outcome, Waiter};
use crate::exact::{Attempted, Received, ReceivedData, Result, Want};
use crate::options::{DesiredAccess, PipeMode};
use crate::win32::Win32Error;

/// The open pipe, for those who wait on it without a thread.
pub(crate) struct Conversation(Arc<Shared>);

impl Conversation {
    pub(crate) fn is_of(&self, other: &Conversation) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Wakes all who wait.
    pub(crate) fn wake_all(&self) {
        self.0.tasks.wake_all();
    }

    /// Has a waiter woken at the next news.
    pub(crate) fn note(&self, waiter: &Waiter, waker: &std::task::Waker) {
        self.0.tasks.note(waiter, waker);
    }

    /// A waiter waits no longer.
    pub(crate) fn forget(&self, waiter: &Waiter) {
        self.0.tasks.forget(waiter);
    }
}

impl End {
    /// Whoever drops the end does not wait for the server.
    pub(crate) fn close_in_background(&self) {
        self.shared.lock().leaves = true;
    }

    pub(crate) fn conversation(&self) -> Result<Conversation> {
        self.need(DesiredAccess::empty())?;
        Ok(Conversation(self.shared.clone()))
    }

    /// Reads what has arrived; `None` when nothing has.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        let taken = self.take(buffer.len(), |_| Ok(()))?;
        Ok(taken.map(|got| {
            buffer[..got.data.len()].copy_from_slice(&got.data);
            Received {
                len: got.data.len(),
                more: got.more,
            }
        }))
    }

    /// Reads on in the message of which `message` holds the beginning, or in the next one. `None` when it
    /// has not come to its end; then `message` holds what has come.
    pub(crate) fn try_read_message(&self, message: &mut Vec<u8>) -> Result<Option<usize>> {
        let taken = self.take(usize::MAX, |read_mode| match read_mode {
            PipeMode::Message => Ok(()),
            PipeMode::Byte => Err(Win32Error::BAD_PIPE),
        })?;
        Ok(taken.and_then(|got| {
            message.extend_from_slice(&got.data);
            (!got.more).then_some(message.len())
        }))
    }

    fn take(
        &self,
        len: usize,
        allowed: impl FnOnce(PipeMode) -> Result<()>,
    ) -> Result<Option<ReceivedData>> {
        self.need(DesiredAccess::READ)?;
        let mut state = self.shared.lock();
        allowed(state.read_mode)?;
        if let Some(code) = state.untold.take() {
            return Err(code);
        }
        let mode = state.read_mode;
        state.inbox.take(len, mode).transpose()
    }

    /// Writes without waiting. What is not gathered is for [`take_write`](Self::take_write), one at a time.
    pub(crate) fn try_write(&self, data: &[u8]) -> Result<Attempted> {
        let mut state = self.writable_state()?;
        if self.gather(&mut state, data)? {
            return Ok(Attempted::Written(data.len()));
        }
        Ok(match state.outbox.is_idle() {
            true => Attempted::NeverFits,
            false => Attempted::NoRoom,
        })
    }

    /// Takes a write over, behind [`Attempted::NeverFits`].
    pub(crate) fn take_write(&self, data: Vec<u8>) -> Result<Operation<usize>> {
        let (id, outcome) = self.begin_write(&data)?;
        Ok(Operation::going_on(outcome, self.shared.me.clone(), id))
    }

    /// Whether the server has taken all that was written; what was gathered is sent.
    pub(crate) fn is_all_placed(&self) -> Result<bool> {
        let mut state = self.shared.lock();
        self.shared.send_gathered(&mut state);
        match state.outbox.take_failure() {
            Some(code) => Err(code),
            None => Ok(state.outbox.is_idle()),
        }
    }

    /// Whether what is wanted need not be waited for.
    pub(crate) fn is_ready(&self, want: Want) -> Result<bool> {
        let state = self.shared.lock();
        let ended = state.inbox.ending().is_some();
        let readable = ended || state.is_readable();
        let writable = ended || state.outbox.is_idle();
        Ok(match want {
            Want::Data => readable,
            Want::Room(_) => writable,
            Want::Either(_) => readable || writable,
            Want::Answer | Want::Turn => false,
        })
    }

    /// The same; and if it must be waited for, that it comes.
    pub(crate) fn is_ready_or_arm(&self, want: Want) -> Result<bool> {
        {
            let mut state = self.shared.lock();
            state.asked |= matches!(want, Want::Data | Want::Either(_));
            self.shared.send_gathered(&mut state);
            self.shared.settle(&mut state);
        }
        self.is_ready(want)
    }

    pub(crate) fn read_mode(&self) -> PipeMode {
        self.shared.lock().read_mode
    }

    /// Whether the pipe has ended, as far as is known.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        Ok(self.shared.lock().inbox.ending().is_some())
    }

    /// Begins to wait until everything has been read at the other end.
    pub(crate) fn begin_flush(&self) -> Result<Option<Flushing>> {
        let (id, outcome) = self.start_flush()?;
        let shared = self.shared.clone();
        Ok(Some(Flushing {
            shared,
            id,
            outcome,
        }))
    }

    /// Sends a question and begins to wait for the answer.
    pub(crate) fn begin_transact(&self, question: &[u8]) -> Result<Asking> {
        let (id, outcome) = self.ask(question.to_vec(), usize::MAX)?;
        let shared = self.shared.clone();
        Ok(Asking {
            shared,
            id,
            outcome,
        })
    }
}

/// A flush that waits. Dropping it gives it up.
pub(crate) struct Flushing {
    shared: Arc<Shared>,
    id: u64,
    outcome: Arc<Outcome<()>>,
}

impl Flushing {
    /// Its result, once there is one.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        self.outcome.result()
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        self.shared.take_flush(self.id);
    }
}

/// A question that was sent, and the read of its answer. Dropping it withdraws the read.
pub(crate) struct Asking {
    shared: Arc<Shared>,
    id: u64,
    outcome: Arc<Outcome<ReceivedData>>,
}

impl Asking {
    /// The end of the answer, once it has come; then it is behind what `answer` held.
    pub(crate) fn result(&self, answer: &mut Vec<u8>) -> Option<Result<()>> {
        let result = self.outcome.result()?;
        Some(result.map(|got| answer.extend_from_slice(&got.data)))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.shared.lock().inbox.withdraw(self.id);
        // Those who could not read before it can now.
        self.shared.tasks.wake_all();
    }
}
