//! Whole messages: what [`send`](super::NamedPipeServer::send), [`recv`](super::NamedPipeServer::recv)
//! and [`transact`](super::NamedPipeServer::transact) do.
//!
//! Layer: the core of the sync face. The rule it owns: a message is received whole or not at all. A
//! message that has begun to arrive when the time runs out is kept for the next receive, and one
//! receive at a time takes from the pipe.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::shared::Shared;
use crate::error::{Result, why_not_receive, why_not_send};
use crate::exact::Received;
use crate::win32::Win32Error;

/// How much of a reply is asked for at first, in bytes: what most replies fit in, and little enough to
/// be filled with zeros every time.
const FIRST_PIECE: std::ops::RangeInclusive<usize> = 512..=4096;

/// The beginning of a message whose rest did not come in time. Touched only by whoever has the turn to
/// receive.
#[derive(Default)]
pub(super) struct Begun {
    /// Whether there is one; so that nobody need lock to learn that there is none.
    exists: AtomicBool,
    bytes: Mutex<Vec<u8>>,
}

impl Begun {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut bytes);
        self.exists.store(!bytes.is_empty(), Ordering::Relaxed);
        result
    }

    fn exists(&self) -> bool {
        self.exists.load(Ordering::Relaxed)
    }
}

impl Shared {
    pub(super) fn send(&self, message: &[u8]) -> Result<()> {
        if let Some(hint) = why_not_send(self.pipe_type) {
            return Err(self.error("send", Win32Error::BAD_PIPE).with_hint(hint));
        }
        let deadline = self.write_timeout.deadline();
        match self.told("send", self.end.write_until(message, deadline))? {
            written if written == message.len() => Ok(()),
            _ => Err(self.no_room("send")),
        }
    }

    pub(super) fn recv(&self, message: &mut Vec<u8>) -> Result<usize> {
        message.clear();
        self.needs_message_mode("receive")?;
        let deadline = self.read_timeout.deadline();
        let _turn = self.told("receive", self.receiving.take(deadline))?;
        if self.begun.exists() {
            self.begun.change(|begun| message.append(begun));
        }
        self.go_on("receive", message, deadline)
    }

    pub(super) fn recv_into(&self, buffer: &mut [u8]) -> Result<Received> {
        self.needs_message_mode("receive")?;
        let deadline = self.read_timeout.deadline();
        let _turn = self.told("receive", self.receiving.take(deadline))?;
        if self.begun.exists() {
            let len = self.begun.change(|begun| {
                let len = begun.len().min(buffer.len());
                buffer[..len].copy_from_slice(&begun[..len]);
                begun.drain(..len);
                len
            });
            return Ok(Received { len, more: true });
        }
        self.told("receive", self.end.read_until(buffer, deadline))
    }

    pub(super) fn transact(&self, question: &[u8], reply: &mut Vec<u8>) -> Result<usize> {
        let deadline = self.read_timeout.deadline();
        let turn = self.told("transact", self.receiving.take(deadline));
        let _turn = turn.inspect_err(|_| reply.clear())?;
        let first = reply
            .capacity()
            .clamp(*FIRST_PIECE.start(), *FIRST_PIECE.end());
        reply.resize(first, 0);
        let received = match self.end.transact_until(question, reply, deadline) {
            Ok(received) => received,
            Err(code) => {
                reply.clear();
                return Err(self.error("transact", code));
            }
        };
        reply.truncate(received.len);
        match received.more {
            false => Ok(received.len),
            true => self.go_on("transact", reply, deadline),
        }
    }

    /// Reads the message on of which `message` holds the beginning. The caller has the turn.
    fn go_on(
        &self,
        operation: &'static str,
        message: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<usize> {
        match self.end.read_message_until(message, deadline) {
            Ok(received) if !received.more => Ok(received.len),
            Ok(_) => {
                self.begun.change(|begun| *begun = mem::take(message));
                let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                Err(self.error(
                    operation,
                    match late {
                        true => Win32Error::SEM_TIMEOUT,
                        false => Win32Error::OPERATION_ABORTED,
                    },
                ))
            }
            Err(code) => {
                message.clear();
                Err(self.error(operation, code))
            }
        }
    }

    fn needs_message_mode(&self, operation: &'static str) -> Result<()> {
        match why_not_receive(self.pipe_type, self.read_mode()) {
            None => Ok(()),
            Some(hint) => Err(self.error(operation, Win32Error::BAD_PIPE).with_hint(hint)),
        }
    }

    /// Forgets the beginning of a message: the conversation that it belongs to is over.
    pub(super) fn forget_begun(&self) {
        // Who has the turn now finds out from the end of the conversation.
        if let Ok(_turn) = self.receiving.take(Some(Instant::now())) {
            self.begun.change(Vec::clear);
        }
    }
}
