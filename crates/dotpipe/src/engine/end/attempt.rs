//! Operations that never sleep, and how a task waits for them: tries, looks on for a while, arms, sleeps.
//!
//! Nothing here looks at the wait mode of the end. A [`Conversation`] is what a task waits on: its
//! descriptor wakes whoever watches it, who then calls [`heard`](Conversation::heard) for all.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use super::End;
use crate::engine::core::{Core, Port, Rights};
use crate::engine::inlet::{Fill, Sink, SliceSink, Turn, VecSink};
use crate::engine::link::{Ending, Link};
use crate::engine::operation::Operation;
use crate::engine::outlet::Outlet;
use crate::engine::spin::Spin;
use crate::engine::tasks::Waiter;
use crate::exact::{Attempted, Next, Received, Result, Want};
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// The most bytes that a read takes at once, so that the writer fills their room while the reader goes on.
const PIECE: usize = 16 << 10;

/// The conversation in which an end is, for those who wait in it without a thread.
pub(crate) struct Conversation {
    core: Weak<Core>,
    link: Arc<Link>,
    /// How often something was heard.
    heard: AtomicU32,
}

/// Rings are taken from the socket once in so many times. Whoever is told of new ones only, as an
/// edge-triggered poll tells, need not take the old ones, and spares two system calls at each wake-up; but the
/// socket must never be full of them. A correct peer sends a few at a time, and some 200 have room.
const RINGS_TAKEN_EVERY: u32 = 8;

impl Conversation {
    /// What rings for those who wait in it, and hangs up with it. There always is such a thing here.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.link.bell.as_fd())
    }

    pub(crate) fn is_of(&self, other: &Conversation) -> bool {
        Arc::ptr_eq(&self.link, &other.link)
    }

    fn is_time_to_take(&self) -> bool {
        let before = self.heard.fetch_add(1, Ordering::Relaxed);
        before.is_multiple_of(RINGS_TAKEN_EVERY)
    }

    /// The descriptor has something new to hear, or has hung up: takes it for all.
    pub(crate) fn heard(&self, hung_up: bool) {
        if hung_up || self.is_time_to_take() {
            self.link.bell.hear_all();
        }
        if let Some(core) = self.core.upgrade() {
            core.settle_reads();
            core.settle_writes();
        }
        self.link.bell.wake_all();
    }

    /// Wakes all who wait in it, since they may have been waiting for the caller.
    pub(crate) fn wake_all(&self) {
        self.link.bell.wake_all();
    }

    /// Whether a process at the other end may run while this thread spins: another one.
    pub(crate) fn is_with_another_process(&self) -> bool {
        self.link.other_end.process != std::process::id()
    }

    fn spin(&self, want: Want) -> Option<&Spin> {
        match want {
            Want::Data | Want::Either(_) | Want::Answer => Some(&self.link.read_spin),
            Want::Room(_) => Some(&self.link.write_spin),
            Want::Turn => None,
        }
    }

    /// What a waiter does that has looked in vain.
    pub(crate) fn next(&self, want: Want, waiter: &Waiter) -> Next {
        self.spin(want)
            .map_or(Next::Sleep, |spin| waiter.look_on(spin))
    }

    /// Has a waiter woken at the next news.
    pub(crate) fn note(&self, waiter: &Waiter, waker: &Waker) {
        self.link.bell.tasks.note(waiter, waker);
        waiter.sleeps();
    }

    /// A waiter waits no longer.
    pub(crate) fn forget(&self, waiter: &Waiter) {
        self.link.bell.tasks.forget(waiter);
    }

    /// A waiter has what it waited for.
    pub(crate) fn served(&self, want: Want, waiter: &Waiter) {
        if let Some(spin) = self.spin(want) {
            waiter.is_served(spin, || self.link.other.stamp());
        }
    }
}

impl End {
    /// The conversation in which the end is.
    pub(crate) fn conversation(&self) -> Result<Conversation> {
        Ok(Conversation {
            link: self.core.inlet().linked()?.link.clone(),
            core: Arc::downgrade(&self.core),
            heard: AtomicU32::new(0),
        })
    }

    /// Reads what is there, of bytes a piece; `None` when there is nothing.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        let room = match self.core.read_mode() {
            PipeMode::Byte => buffer.len().min(PIECE),
            PipeMode::Message => buffer.len(),
        };
        let buffer = &mut buffer[..room];
        let mut sink = SliceSink { buffer, len: 0 };
        let received = self.try_read_into(&mut sink)?;
        Ok(received.filter(|received| received.len > 0 || !received.more))
    }

    /// Reads on in the message of which `message` holds the beginning, or in the next one. `None` when it
    /// has not come to its end; then `message` holds what has come.
    pub(crate) fn try_read_message(&self, message: &mut Vec<u8>) -> Result<Option<usize>> {
        if self.core.read_mode() != PipeMode::Message {
            self.core.need(Rights::READ)?;
            return Err(Win32Error::BAD_PIPE);
        }
        let received = self.try_read_into(&mut VecSink::new(message, usize::MAX))?;
        Ok(received
            .filter(|received| !received.more)
            .map(|received| received.len))
    }

    fn try_read_into(&self, sink: &mut impl Sink) -> Result<Option<Received>> {
        self.core.need(Rights::READ)?;
        let mut port = self.core.inlet();
        let inlet = port.linked()?;
        let mode = self.core.read_mode();
        if inlet.has_waiting() {
            // They come first: see `transact`.
            return Ok(None);
        }
        inlet.link.ending_now();
        let more = match inlet.fill(sink, mode)? {
            Fill::Done { more } => more,
            Fill::Begun => mode == PipeMode::Message,
            Fill::Nothing => return Ok(None),
        };
        Ok(Some(Received {
            len: sink.len(),
            more,
        }))
    }

    /// Writes what there is room for: see [`Attempted`].
    pub(crate) fn try_write(&self, data: &[u8]) -> Result<Attempted> {
        self.core.need(Rights::WRITE)?;
        let mut port = self.core.outlet();
        let outlet = port.linked()?;
        match outlet.link.ending_now() {
            Some(ending) => Err(Outlet::refused(ending)),
            None => outlet.write_what_fits(data),
        }
    }

    /// Takes a write over that never fits: it goes on as the reader reads, and as those who hear rings
    /// settle. Only behind [`Attempted::NeverFits`], which says that none is before it.
    pub(crate) fn take_write(&self, data: Vec<u8>) -> Result<Operation<usize>> {
        self.core.need(Rights::WRITE)?;
        let mut port = self.core.outlet();
        let outlet = port.linked()?;
        let id = self.core.new_id();
        let outcome = outlet.queue_owned(id, data)?;
        if outlet.settle() {
            outlet.link.bell.wake_all();
        }
        Ok(Operation::going_on(outcome, self.core.canceller(), id))
    }

    /// Whether everything written stands in the ring, so that nothing of it is kept here.
    pub(crate) fn is_all_placed(&self) -> Result<bool> {
        Ok(match &mut *self.core.outlet() {
            Port::Listening | Port::Disconnected => true,
            Port::Linked(outlet) => outlet.link.ending().is_some() || outlet.is_all_placed(),
        })
    }

    /// Whether what is wanted need not be waited for.
    pub(crate) fn is_ready(&self, want: Want) -> Result<bool> {
        match want {
            Want::Data => {
                let mut port = self.core.inlet();
                let inlet = port.linked()?;
                inlet.link.ending_now();
                Ok(inlet.is_readable())
            }
            Want::Room(len) => {
                let mut port = self.core.outlet();
                let outlet = port.linked()?;
                outlet.link.ending_now();
                outlet.is_writable(len as u64)
            }
            Want::Either(len) => Ok(self.is_ready(Want::Data)? || self.is_ready(Want::Room(len))?),
            Want::Answer | Want::Turn => Ok(false),
        }
    }

    /// Whether the end is still in this conversation.
    pub(crate) fn is_in(&self, conversation: &Conversation) -> bool {
        self.core.inlet().linked_to(&conversation.link).is_ok()
    }

    /// Whether what is wanted need not be waited for; if it must be, asks to be rung in this conversation. When
    /// another one has begun meanwhile, this one is over, and that is the answer.
    pub(crate) fn is_ready_or_arm(&self, want: Want, conversation: &Conversation) -> Result<bool> {
        let link = &conversation.link;
        match want {
            Want::Data => {
                let mut port = self.core.inlet();
                let inlet = port.linked_to(link)?;
                Ok(match inlet.has_waiting() {
                    // Whoever ends the last of those that wait wakes all.
                    true => inlet.link.ending().is_some(),
                    false => inlet.is_readable_or_arm(),
                })
            }
            Want::Room(len) => {
                let mut port = self.core.outlet();
                port.linked_to(link)?.is_writable_or_arm(len as u64)
            }
            Want::Either(len) => {
                // Both are armed, whichever is ready.
                let readable = self.is_ready_or_arm(Want::Data, conversation)?;
                Ok(self.is_ready_or_arm(Want::Room(len), conversation)? || readable)
            }
            Want::Answer => {
                let mut port = self.core.inlet();
                let inlet = port.linked_to(link)?;
                let can_go_on = inlet.settle(self.core.read_mode());
                if can_go_on {
                    // It may be another one's answer.
                    inlet.link.bell.wake_all();
                }
                Ok(can_go_on)
            }
            Want::Turn => Ok(false),
        }
    }

    /// The read mode of the end, whoever may ask for it.
    pub(crate) fn read_mode(&self) -> PipeMode {
        self.core.read_mode()
    }

    /// Whether the other end has gone, as far as is known without asking.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        Ok(self.core.inlet().linked()?.link.ending().is_some())
    }

    /// Begins to wait until the other end has read everything; `None` when there is nothing to wait for.
    pub(crate) fn begin_flush(&self) -> Result<Option<Flushing>> {
        self.core.need(Rights::WRITE)?;
        match &mut *self.core.outlet() {
            Port::Listening | Port::Disconnected => Ok(None),
            Port::Linked(outlet) => match outlet.link.ending_now() {
                Some(Ending::Disconnected) => Err(Win32Error::PIPE_NOT_CONNECTED),
                Some(Ending::Closed | Ending::Died) => Ok(None),
                None => {
                    let id = self.core.new_id();
                    outlet.begin_flush(id);
                    Ok(Some(Flushing {
                        core: self.core.clone(),
                        link: outlet.link.clone(),
                        id,
                    }))
                }
            },
        }
    }

    /// Sends a question and begins to wait for the answer.
    pub(crate) fn begin_transact(&self, question: &[u8]) -> Result<Asking> {
        let id = self.core.new_id();
        let (_, link) = self.ask(question, |inlet| inlet.queue_thread(id, usize::MAX))?;
        Ok(Asking {
            core: self.core.clone(),
            link,
            id,
        })
    }
}

/// A flush that waits. Dropping it gives it up.
pub(crate) struct Flushing {
    core: Arc<Core>,
    link: Arc<Link>,
    id: u64,
}

impl Flushing {
    /// Its result, once there is one; until then the bell is armed.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        let mut port = self.core.outlet();
        let outlet = match port.linked_to(&self.link) {
            Ok(outlet) => outlet,
            Err(code) => return Some(Err(code)),
        };
        outlet.flush_turn(self.id).or_else(|| {
            outlet.settle();
            outlet.flush_turn(self.id)
        })
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        if let Ok(outlet) = self.core.outlet().linked_to(&self.link) {
            outlet.end_flush(self.id);
        }
    }
}

/// A question that was sent, and the read of its answer, which stands in the queue. Dropping it withdraws
/// the read.
pub(crate) struct Asking {
    core: Arc<Core>,
    link: Arc<Link>,
    id: u64,
}

impl Asking {
    /// The end of the answer, once it has come; until then `answer` holds what has come of it.
    pub(crate) fn result(&self, answer: &mut Vec<u8>) -> Option<Result<()>> {
        let mut port = self.core.inlet();
        let inlet = match port.linked_to(&self.link) {
            Ok(inlet) => inlet,
            Err(code) => return Some(Err(code)),
        };
        let mut sink = VecSink::new(answer, usize::MAX);
        match inlet.turn(self.id, &mut sink, self.core.read_mode()) {
            Turn::Over(result) => Some(result.map(drop)),
            Turn::Wait => None,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Ok(inlet) = self.core.inlet().linked_to(&self.link) {
            inlet.give_up_read(self.id);
        }
        // Those who could not read before it can now.
        self.link.bell.wake_all();
    }
}
