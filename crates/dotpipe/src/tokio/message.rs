//! Whole messages: what `send`, `recv` and `transact` do.
//!
//! Layer: the core of the tokio face. The rule it owns: a message is received whole or not at all. What has
//! come of a message whose receiver gives up is kept for the next one, also while a receiver sleeps: so
//! several of them can wait, and any of them can go.

use std::mem;
use std::sync::Arc;

use super::inner::{Inner, Step};
use crate::error::{Error, Result, why_not_receive, why_not_send};
use crate::exact::sys::Asking;
use crate::exact::{self, Received, Want};
use crate::options::PipeMode;
use crate::win32::Win32Error;

impl Inner {
    pub(super) async fn send(self: &Arc<Self>, message: &[u8]) -> Result<()> {
        if let Some(hint) = why_not_send(self.pipe_type) {
            return Err(self.error("send", Win32Error::BAD_PIPE).with_hint(hint));
        }
        let sent = self
            .wait(Want::Room(1), || self.attempt_write(message))
            .await;
        sent.map(drop).map_err(|code| self.error("send", code))
    }

    pub(super) async fn recv(&self, message: &mut Vec<u8>) -> Result<usize> {
        message.clear();
        let received = self.wait(Want::Data, || self.attempt_recv(message)).await;
        received.map_err(|code| self.receive_error(code))
    }

    fn attempt_recv(&self, message: &mut Vec<u8>) -> exact::Result<Step<usize>> {
        let mut begun = self.lock_begun();
        if !begun.is_empty() {
            mem::swap(&mut *begun, message);
        }
        let received = self.end.below().try_read_message(message);
        match received {
            Ok(Some(len)) => {
                begun.clear();
                Ok(Step::Done(len))
            }
            Ok(None) => {
                if !message.is_empty() {
                    mem::swap(&mut *begun, message);
                }
                Ok(Step::Wait(Want::Data))
            }
            Err(code) => {
                begun.clear();
                message.clear();
                Err(code)
            }
        }
    }

    pub(super) async fn recv_into(&self, buffer: &mut [u8]) -> Result<Received> {
        self.needs_message_mode()?;
        let attempt = || {
            if let Some(len) = self.take_begun(buffer) {
                return Ok(Step::Done(Received { len, more: true }));
            }
            let received = self.end.below().try_read(buffer)?;
            Ok(received.map_or(Step::Wait(Want::Data), Step::Done))
        };
        let received = self.wait(Want::Data, attempt).await;
        received.map_err(|code| self.receive_error(code))
    }

    pub(super) async fn transact(&self, question: &[u8], reply: &mut Vec<u8>) -> Result<usize> {
        reply.clear();
        let told = |code| self.error("transact", code);
        if !self.lock_begun().is_empty() {
            // The rest of it would be taken for the reply.
            return Err(told(Win32Error::PIPE_BUSY));
        }
        let end = self.end.below();
        let asking = end.begin_transact(question).map_err(told)?;
        let mut answer = Answer {
            inner: self,
            asking,
            data: mem::take(reply),
        };
        let attempt = || {
            Ok(match answer.asking.result(&mut answer.data) {
                Some(result) => Step::Done(result?),
                None => Step::Wait(Want::Answer),
            })
        };
        let result = self.wait(Want::Answer, attempt).await;
        *reply = mem::take(&mut answer.data);
        match result {
            Ok(()) => Ok(reply.len()),
            Err(code) => {
                reply.clear();
                Err(told(code))
            }
        }
    }

    fn receive_error(&self, code: Win32Error) -> Error {
        match self.needs_message_mode() {
            Err(error) if code == Win32Error::BAD_PIPE => error,
            _ => self.error("receive", code),
        }
    }

    fn read_mode(&self) -> PipeMode {
        self.end.below().read_mode()
    }

    fn needs_message_mode(&self) -> Result<()> {
        match why_not_receive(self.pipe_type, self.read_mode()) {
            None => Ok(()),
            Some(hint) => Err(self.error("receive", Win32Error::BAD_PIPE).with_hint(hint)),
        }
    }
}

/// A transaction that goes on.
struct Answer<'a> {
    inner: &'a Inner,
    asking: Asking,
    /// What has come of the answer.
    data: Vec<u8>,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        if !self.data.is_empty() {
            // Given up in the midst of it: the next receiver gets it whole.
            self.inner.keep_begun(mem::take(&mut self.data));
        }
    }
}
