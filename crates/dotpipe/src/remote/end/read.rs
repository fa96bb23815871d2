//! Reading and peeking.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use super::End;
use crate::engine::{Operation, Outcome};
use crate::exact::{Interest, Peeked, Received, ReceivedData, Result};
use crate::options::{DesiredAccess, PipeMode};
use crate::win32::Win32Error;

impl End {
    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        let got = self.read_data(buffer.len(), deadline)?;
        buffer[..got.data.len()].copy_from_slice(&got.data);
        Ok(Received {
            len: got.data.len(),
            more: got.more,
        })
    }

    pub(crate) fn read_message(
        &self,
        message: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<Received> {
        self.need(DesiredAccess::READ)?;
        if self.shared.lock().read_mode != PipeMode::Message {
            return Err(Win32Error::BAD_PIPE);
        }
        match self.read_data(usize::MAX, deadline) {
            Ok(got) => {
                message.extend_from_slice(&got.data);
                Ok(Received {
                    len: message.len(),
                    more: got.more,
                })
            }
            // It has begun, and goes on another time.
            Err(Win32Error::SEM_TIMEOUT | Win32Error::OPERATION_ABORTED) if !message.is_empty() => {
                Ok(Received {
                    len: message.len(),
                    more: true,
                })
            }
            Err(code) => Err(code),
        }
    }

    fn read_data(&self, len: usize, deadline: Option<Instant>) -> Result<ReceivedData> {
        let (id, outcome) = self.begin_read(len)?;
        self.await_data(id, &outcome, deadline)
    }

    /// Waits for a read. When the time is up it is taken back, and what arrives later is for the next one.
    pub(super) fn await_data(
        &self,
        id: u64,
        outcome: &Outcome<ReceivedData>,
        deadline: Option<Instant>,
    ) -> Result<ReceivedData> {
        if let Some(result) = outcome.wait_until(deadline) {
            return result;
        }
        let withdrawn = self.shared.lock().inbox.withdraw(id);
        match (withdrawn, outcome.result()) {
            (None, Some(result)) => result,
            _ => Err(Win32Error::SEM_TIMEOUT),
        }
    }

    pub(crate) fn start_read(&self, len: usize) -> Operation<ReceivedData> {
        self.shared.going_on(self.begin_read(len))
    }

    fn begin_read(&self, len: usize) -> Result<(u64, Arc<Outcome<ReceivedData>>)> {
        self.need(DesiredAccess::READ)?;
        let mut state = self.shared.lock();
        if let Some(code) = state.untold.take() {
            return Err(code);
        }
        let outcome = Outcome::new();
        let id = state.new_id();
        state.inbox.queue(id, len, outcome.clone());
        self.shared.send_gathered(&mut state);
        self.shared.settle(&mut state);
        Ok((id, outcome))
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.need(DesiredAccess::READ)?;
        let mut state = self.shared.lock();
        // To look is to want something to be there: it comes, and the next look sees it.
        state.asked = true;
        self.shared.send_gathered(&mut state);
        self.shared.settle(&mut state);
        let pipe_type = state.pipe_type.unwrap_or(PipeMode::Byte);
        state.inbox.peek(buffer, pipe_type)
    }

    pub(crate) fn poll_descriptor(&self) -> Result<OwnedFd> {
        let mut state = self.shared.lock();
        let descriptor = state.alarm()?.try_clone();
        descriptor.map_err(|_| Win32Error::TOO_MANY_OPEN_FILES)
    }

    pub(crate) fn arm(&self, interest: Interest) -> Result<Interest> {
        let mut state = self.shared.lock();
        // It rings anew from now on.
        let _ = rustix::io::read(state.alarm()?, &mut [0u8; 8]);
        state.asked |= interest.contains(Interest::READABLE);
        self.shared.send_gathered(&mut state);
        self.shared.settle(&mut state);
        let ready = state.ready() & interest;
        state.armed = interest - ready;
        Ok(ready)
    }
}
