//! Operations that never sleep, and what a task waits on for them.
//!
//! The system has no readiness: it tells when an operation has ended. So for those who wait to read, one
//! read is under way at each end, on behalf of whoever reads next. Of a stream it takes nothing, since a read of
//! zero bytes ends as soon as there are some. In message read mode that would take an empty message along
//! or not, as it happened, and so the read is for one byte there: what it brings is *held* for whoever reads
//! next, who gets the rest of the message with it. A transaction takes the place of that read for as long
//! as it lasts.
//!
//! For writes there is nothing to ask: each one is started, and taken over if it does not end at once.

use std::os::windows::io::{AsHandle, OwnedHandle};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use windows_sys::Wdk::Storage::FileSystem::{
    FILE_PIPE_CLOSING_STATE, FILE_PIPE_DISCONNECTED_STATE, FILE_PIPE_LISTENING_STATE,
};

use super::calls::{pipe, transfer};
use super::deadline::Aside;
use super::end::{End, FIRST_PIECE, read_message};
use super::operation::Operation;
use super::port::Kind;
use super::tasks::{Conversation, Tasks};
use crate::exact::{Attempted, Peeked, Received, ReceivedData, Result, Want};
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::win32::Win32Error;

/// What the tasks of one end share.
#[derive(Default)]
pub(super) struct Waiting {
    tasks: Arc<Tasks>,
    reading: Mutex<Reading>,
}

/// How far reading has come for those who wait.
#[derive(Default)]
struct Reading {
    /// The one read that is under way.
    under_way: Option<Operation<ReceivedData>>,
    /// It is that of a transaction, which alone may look at it.
    asking: bool,
    /// What such a read has brought, for the next one who reads. With `more`, something stands behind it.
    held: Option<ReceivedData>,
}

impl Reading {
    /// Takes what the read has brought, if it has ended.
    fn settle(&mut self, mode: PipeMode) {
        let Some(result) = self.under_way.as_ref().and_then(Operation::result) else {
            return;
        };
        self.under_way = None;
        // Who reads next will be told of what has failed.
        if let Ok(mut brought) = result {
            // Of a stream nothing was taken.
            brought.more |= mode == PipeMode::Byte && brought.data.is_empty();
            self.held = Some(brought);
        }
    }

    /// Whether something was taken out of the pipe that nobody has read yet.
    fn has_taken(&self) -> bool {
        let takes = |held: &ReceivedData| !held.data.is_empty() || !held.more;
        self.held.as_ref().is_some_and(takes)
    }

    /// The conversation is over, and nobody wants what came of it.
    fn forget(&mut self) {
        // Nobody is told its result; what it knows of tasks it calls for nothing.
        self.under_way = None;
        self.held = None;
    }
}

/// What is held when nothing was taken, but something is there.
fn something() -> ReceivedData {
    ReceivedData {
        data: Vec::new(),
        more: true,
    }
}

impl Waiting {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the end of an operation calls: all who wait.
    fn ear(&self) -> Waker {
        Waker::from(self.tasks.clone())
    }
}

impl End {
    /// What tasks wait in.
    pub(crate) fn conversation(&self) -> Result<Conversation> {
        Ok(Conversation(self.waiting.tasks.clone()))
    }

    /// Whether the end is still in this conversation.
    pub(crate) fn is_in(&self, conversation: &Conversation) -> bool {
        Arc::ptr_eq(&self.waiting.tasks, &conversation.0)
    }

    /// Whether a read would not wait. Otherwise a read is under way that will tell.
    ///
    /// # Errors
    /// What a read answers at once.
    fn is_readable(&self, reading: &mut Reading) -> Result<bool> {
        if reading.asking {
            // Its answer comes first.
            return Ok(false);
        }
        reading.settle(self.read_mode());
        if reading.held.is_some() || reading.under_way.is_some() {
            return Ok(reading.held.is_some());
        }
        let len = match self.read_mode() {
            PipeMode::Byte => 0,
            PipeMode::Message => 1,
        };
        let read = self.start_read(len);
        let poll = read.poll(&mut Context::from_waker(&self.waiting.ear()));
        if let Poll::Ready(Err(code)) = poll {
            return Err(code);
        }
        reading.under_way = Some(read);
        reading.settle(self.read_mode());
        Ok(reading.held.is_some())
    }

    /// Ends the read that is under way, so that nothing is taken out of the pipe by it any more.
    fn calm(&self, reading: &mut Reading) {
        if let Some(read) = &reading.under_way {
            // It may have ended already. If not it ends now: the thread behind the port says so.
            let _ = read.cancel();
            let _ = read.wait();
        }
        reading.settle(self.read_mode());
    }

    /// Reads what is there; `None` when there is nothing.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        let mut reading = self.waiting.reading();
        if !self.is_readable(&mut reading)? {
            return Ok(None);
        }
        let Some(mut held) = reading.held.take() else {
            return Ok(None);
        };
        let begun = held.data.len().min(buffer.len());
        let (first, rest) = buffer.split_at_mut(begun);
        first.copy_from_slice(&held.data[..begun]);
        held.data.drain(..begun);
        let is_full = begun > 0 && rest.is_empty();
        let more = held.more || !held.data.is_empty();
        if is_full || !held.data.is_empty() || !more {
            reading.held = more.then_some(held);
            return Ok(Some(Received { len: begun, more }));
        }
        match transfer::read(self.handle(), rest, Some(Instant::now())) {
            Ok(read) => {
                reading.held = read.more.then(something);
                Ok(Some(Received {
                    len: begun + read.len,
                    more: read.more,
                }))
            }
            // Its writer has taken it back.
            Err(Win32Error::SEM_TIMEOUT) => Ok(None),
            Err(code) => Err(code),
        }
    }

    /// Reads the next message whole; `None` when there is none.
    pub(crate) fn try_read_message(&self, message: &mut Vec<u8>) -> Result<Option<usize>> {
        if self.read_mode() != PipeMode::Message {
            return Err(Win32Error::BAD_PIPE);
        }
        let mut reading = self.waiting.reading();
        if !self.is_readable(&mut reading)? {
            return Ok(None);
        }
        let Some(held) = reading.held.take() else {
            return Ok(None);
        };
        message.extend_from_slice(&held.data);
        if !held.more {
            return Ok(Some(message.len()));
        }
        match read_message(self.handle(), message, Some(Instant::now())) {
            Ok(read) => Ok(Some(read.len)),
            // Its writer has taken it back.
            Err(Win32Error::SEM_TIMEOUT) => {
                message.clear();
                Ok(None)
            }
            Err(code) => Err(code),
        }
    }

    /// Has every write taken over: how much room there is, nobody knows but by writing.
    pub(crate) fn try_write(&self, _: &[u8]) -> Result<Attempted> {
        Ok(Attempted::NeverFits)
    }

    /// Starts a write, which goes on by itself if it does not end at once.
    pub(crate) fn take_write(&self, data: Vec<u8>) -> Result<Operation<usize>> {
        let tasks = self.waiting.tasks.clone();
        let count = |ended: super::port::Ended| ended.count;
        let write = self.start_and_tell(Kind::Write, data, 0, count, move || tasks.wake_all());
        match write.result() {
            Some(Err(code)) => Err(code),
            _ => Ok(write),
        }
    }

    /// Whether everything written can be read: the system takes all of it at once.
    pub(crate) fn is_all_placed(&self) -> Result<bool> {
        Ok(true)
    }

    /// Whether what is wanted need not be waited for. For a write that is always so, unless another one was
    /// taken over.
    pub(crate) fn is_ready(&self, want: Want) -> Result<bool> {
        match want {
            Want::Data => {
                let mut reading = self.waiting.reading();
                match self.is_readable(&mut reading) {
                    Err(code @ Win32Error::PIPE_LISTENING) => Err(code),
                    Err(code @ Win32Error::PIPE_NOT_CONNECTED) if self.end() == PipeEnd::Server => {
                        Err(code)
                    }
                    // It need not be waited for.
                    Err(_) => Ok(true),
                    Ok(ready) => Ok(ready),
                }
            }
            Want::Room(_) => match (self.end(), pipe::life(self.handle())) {
                (PipeEnd::Server, Ok(FILE_PIPE_LISTENING_STATE)) => Err(Win32Error::PIPE_LISTENING),
                (PipeEnd::Server, Ok(FILE_PIPE_DISCONNECTED_STATE)) => {
                    Err(Win32Error::PIPE_NOT_CONNECTED)
                }
                _ => Ok(true),
            },
            Want::Either(len) => Ok(self.is_ready(Want::Data)? || self.is_ready(Want::Room(len))?),
            Want::Answer => {
                let reading = self.waiting.reading();
                let has_ended = |read: &Operation<_>| read.result().is_some();
                Ok(reading.under_way.as_ref().is_none_or(has_ended))
            }
            Want::Turn => Ok(false),
        }
    }

    /// The same. What would have to be waited for is under way then, and tells all.
    pub(crate) fn is_ready_or_arm(&self, want: Want, _: &Conversation) -> Result<bool> {
        self.is_ready(want)
    }

    /// The read mode of the end, whoever may ask for it.
    pub(crate) fn read_mode(&self) -> PipeMode {
        match self.reads_messages() {
            false => PipeMode::Byte,
            true => PipeMode::Message,
        }
    }

    /// Whether the other end has gone.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        Ok(matches!(
            pipe::life(self.handle()),
            Ok(FILE_PIPE_CLOSING_STATE | FILE_PIPE_DISCONNECTED_STATE)
                | Err(Win32Error::BROKEN_PIPE | Win32Error::PIPE_NOT_CONNECTED)
        ))
    }

    /// Begins to wait until the other end has read everything.
    pub(crate) fn begin_flush(&self) -> Result<Option<Flushing>> {
        let (handle, tasks) = (self.shared_handle(), self.waiting.tasks.clone());
        let call = move || pipe::flush(handle.as_handle());
        Aside::start("dotpipe flush", call, move || tasks.wake_all())
            .map(|flush| Some(Flushing(flush)))
    }

    /// Sends a question and begins to wait for the answer.
    ///
    /// # Errors
    /// What the system answers, and `ERROR_PIPE_BUSY` while another transaction goes on.
    pub(crate) fn begin_transact(&self, question: &[u8]) -> Result<Asking> {
        let mut reading = self.waiting.reading();
        if reading.asking {
            return Err(Win32Error::PIPE_BUSY);
        }
        self.calm(&mut reading);
        if reading.has_taken() {
            return Err(Win32Error::PIPE_BUSY);
        }
        reading.held = None;
        let asking = self.start_transact(question.to_vec(), FIRST_PIECE);
        let poll = asking.poll(&mut Context::from_waker(&self.waiting.ear()));
        if let Poll::Ready(Err(code)) = poll {
            return Err(code);
        }
        reading.under_way = Some(asking);
        reading.asking = true;
        Ok(Asking {
            waiting: self.waiting.clone(),
            handle: self.shared_handle(),
            is_over: false,
        })
    }

    /// Looks at what could be read, that which is held first.
    pub(super) fn peek_held(&self, buffer: &mut [u8]) -> Result<Peeked> {
        let mut reading = self.waiting.reading();
        if !reading.asking {
            self.calm(&mut reading);
        }
        let held = match &reading.held {
            Some(held) if reading.has_taken() => held,
            _ => return pipe::peek(self.handle(), buffer),
        };
        let begun = held.data.len().min(buffer.len());
        let (first, rest) = buffer.split_at_mut(begun);
        first.copy_from_slice(&held.data[..begun]);
        let unseen = (held.data.len() - begun) as u32;
        // Of the messages behind a whole one, only the number of bytes counts.
        let room = match held.more && unseen == 0 {
            true => rest,
            false => &mut [],
        };
        let behind = match pipe::peek(self.handle(), room) {
            // The other end has gone, and nothing is left in the pipe.
            Err(Win32Error::BROKEN_PIPE) => Peeked {
                len: 0,
                available: 0,
                left_in_message: 0,
            },
            peeked => peeked?,
        };
        Ok(Peeked {
            len: begun + behind.len,
            available: held.data.len() as u32 + behind.available,
            left_in_message: match held.more {
                true => unseen + behind.left_in_message,
                false => unseen,
            },
        })
    }

    /// Disconnects, and forgets with the conversation what is held of it. In one go, so that nothing of the
    /// next conversation is forgotten.
    pub(super) fn disconnect_held(&self) -> Result<()> {
        let mut reading = self.waiting.reading();
        pipe::disconnect(self.handle())?;
        reading.forget();
        Ok(())
    }

    /// Sets the modes while no read is under way: it would end by the rules of another mode than it began with.
    pub(super) fn set_state_held(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        let mut reading = self.waiting.reading();
        if !reading.asking {
            self.calm(&mut reading);
        }
        self.set_state_now(read_mode, wait_mode)
    }
}

/// A flush that waits. Dropping it gives it up.
pub(crate) struct Flushing(Aside<()>);

impl Flushing {
    /// Its result, once there is one.
    pub(crate) fn result(&self) -> Option<Result<()>> {
        self.0.result()
    }
}

/// A transaction that goes on. Dropping it gives it up; what has come of its answer is held.
pub(crate) struct Asking {
    waiting: Arc<Waiting>,
    handle: Arc<OwnedHandle>,
    /// Its result has been taken.
    is_over: bool,
}

impl Asking {
    /// The end of the answer, once it has come; `answer` holds it then.
    pub(crate) fn result(&mut self, answer: &mut Vec<u8>) -> Option<Result<()>> {
        let mut reading = self.waiting.reading();
        let result = match &reading.under_way {
            Some(asking) => asking.result()?,
            // The conversation was forgotten.
            None => Err(Win32Error::PIPE_NOT_CONNECTED),
        };
        reading.under_way = None;
        self.is_over = true;
        Some(result.and_then(|ReceivedData { data, more }| {
            answer.extend_from_slice(&data);
            if !more {
                return Ok(());
            }
            match read_message(self.handle.as_handle(), answer, Some(Instant::now())) {
                // Its writer has taken the rest back.
                Err(Win32Error::SEM_TIMEOUT) => Err(Win32Error::OPERATION_ABORTED),
                read => read.map(drop),
            }
        }))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut reading = self.waiting.reading();
        reading.asking = false;
        if !self.is_over
            && let Some(asking) = &reading.under_way
        {
            // Whatever it has brought is for who reads next.
            let _ = asking.cancel();
        }
        drop(reading);
        // Those who could not read before it can now.
        self.waiting.tasks.wake_all();
    }
}
