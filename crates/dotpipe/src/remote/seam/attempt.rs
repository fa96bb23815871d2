//! The operations that never sleep, for ends here and elsewhere.

use std::os::fd::BorrowedFd;
use std::task::Waker;

use super::End;
use crate::engine::{self, Operation, Waiter};
use crate::exact::{Attempted, Next, Received, Result, Want};
use crate::options::PipeMode;
use crate::remote::end;

/// The conversation in which an end is, for those who wait in it without a thread.
pub(crate) enum Conversation {
    Local(engine::Conversation),
    Remote(end::Conversation),
}

impl Conversation {
    /// What rings for those who wait in it; `None` when they are told without it.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Conversation::Local(conversation) => conversation.descriptor(),
            Conversation::Remote(_) => None,
        }
    }

    pub(crate) fn is_of(&self, other: &Conversation) -> bool {
        match (self, other) {
            (Conversation::Local(this), Conversation::Local(other)) => this.is_of(other),
            (Conversation::Remote(this), Conversation::Remote(other)) => this.is_of(other),
            _ => false,
        }
    }

    pub(crate) fn heard(&self, hung_up: bool) {
        if let Conversation::Local(conversation) = self {
            conversation.heard(hung_up);
        }
    }

    pub(crate) fn wake_all(&self) {
        match self {
            Conversation::Local(conversation) => conversation.wake_all(),
            Conversation::Remote(conversation) => conversation.wake_all(),
        }
    }

    pub(crate) fn is_with_another_process(&self) -> bool {
        match self {
            Conversation::Local(conversation) => conversation.is_with_another_process(),
            Conversation::Remote(_) => true,
        }
    }

    /// Nobody spins for what another machine is about to do.
    pub(crate) fn next(&self, want: Want, waiter: &Waiter) -> Next {
        match self {
            Conversation::Local(conversation) => conversation.next(want, waiter),
            Conversation::Remote(_) => Next::Sleep,
        }
    }

    pub(crate) fn note(&self, waiter: &Waiter, waker: &Waker) {
        match self {
            Conversation::Local(conversation) => conversation.note(waiter, waker),
            Conversation::Remote(conversation) => conversation.note(waiter, waker),
        }
    }

    pub(crate) fn forget(&self, waiter: &Waiter) {
        match self {
            Conversation::Local(conversation) => conversation.forget(waiter),
            Conversation::Remote(conversation) => conversation.forget(waiter),
        }
    }

    pub(crate) fn served(&self, want: Want, waiter: &Waiter) {
        if let Conversation::Local(conversation) = self {
            conversation.served(want, waiter);
        }
    }
}

/// A flush that waits. Dropping it gives it up.
pub(crate) enum Flushing {
    Local(engine::Flushing),
    Remote(end::Flushing),
}

impl Flushing {
    pub(crate) fn result(&self) -> Option<Result<()>> {
        match self {
            Flushing::Local(flushing) => flushing.result(),
            Flushing::Remote(flushing) => flushing.result(),
        }
    }
}

/// A question that was sent. Dropping it withdraws the read of its answer.
pub(crate) enum Asking {
    Local(engine::Asking),
    Remote(end::Asking),
}

impl Asking {
    pub(crate) fn result(&self, answer: &mut Vec<u8>) -> Option<Result<()>> {
        match self {
            Asking::Local(asking) => asking.result(answer),
            Asking::Remote(asking) => asking.result(answer),
        }
    }
}

impl End {
    /// To close an end here takes no time.
    pub(crate) fn close_in_background(&self) {
        if let End::Remote(end) = self {
            end.close_in_background();
        }
    }

    pub(crate) fn conversation(&self) -> Result<Conversation> {
        match self {
            End::Local(end) => end.conversation().map(Conversation::Local),
            End::Remote(end) => end.conversation().map(Conversation::Remote),
        }
    }

    pub(crate) fn is_in(&self, conversation: &Conversation) -> bool {
        match (self, conversation) {
            (End::Local(end), Conversation::Local(conversation)) => end.is_in(conversation),
            // It has only one.
            (End::Remote(_), Conversation::Remote(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        either!(self, end => end.try_read(buffer))
    }

    pub(crate) fn try_read_message(&self, message: &mut Vec<u8>) -> Result<Option<usize>> {
        either!(self, end => end.try_read_message(message))
    }

    pub(crate) fn try_write(&self, data: &[u8]) -> Result<Attempted> {
        either!(self, end => end.try_write(data))
    }

    pub(crate) fn take_write(&self, data: Vec<u8>) -> Result<Operation<usize>> {
        either!(self, end => end.take_write(data))
    }

    pub(crate) fn is_all_placed(&self) -> Result<bool> {
        either!(self, end => end.is_all_placed())
    }

    pub(crate) fn is_ready(&self, want: Want) -> Result<bool> {
        either!(self, end => end.is_ready(want))
    }

    pub(crate) fn is_ready_or_arm(&self, want: Want, conversation: &Conversation) -> Result<bool> {
        match (self, conversation) {
            (End::Local(end), Conversation::Local(conversation)) => {
                end.is_ready_or_arm(want, conversation)
            }
            (End::Remote(end), _) => end.is_ready_or_arm(want),
            // The conversation of another end.
            (End::Local(_), Conversation::Remote(_)) => Ok(true),
        }
    }

    pub(crate) fn read_mode(&self) -> PipeMode {
        either!(self, end => end.read_mode())
    }

    pub(crate) fn has_ended(&self) -> Result<bool> {
        either!(self, end => end.has_ended())
    }

    pub(crate) fn begin_flush(&self) -> Result<Option<Flushing>> {
        match self {
            End::Local(end) => Ok(end.begin_flush()?.map(Flushing::Local)),
            End::Remote(end) => Ok(end.begin_flush()?.map(Flushing::Remote)),
        }
    }

    pub(crate) fn begin_transact(&self, question: &[u8]) -> Result<Asking> {
        match self {
            End::Local(end) => end.begin_transact(question).map(Asking::Local),
            End::Remote(end) => end.begin_transact(question).map(Asking::Remote),
        }
    }
}
