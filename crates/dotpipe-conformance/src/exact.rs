//! The face that is `dotpipe::exact` itself: one call in, one call out.

use std::sync::Arc;
use std::time::Duration;

use dotpipe::exact::{self, AnonymousEnd, End, Peeked, Pending, Received, ReceivedData};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::face::{Answer, Face, Handle, Operation, Outcome, Question, Threaded, Transfer};

/// Drives `dotpipe::exact`. `connect`, `read`, `write` and `transact` on named pipes are its pending
/// operations; everything else that may wait is a blocking call on a thread of its own.
pub struct ExactFace;

impl Face for ExactFace {
    fn create(&self, name: &str, options: &CreateOptions) -> Result<Box<dyn Handle>, Win32Error> {
        Ok(NamedHandle::boxed(exact::create(&parsed(name)?, options)?))
    }

    fn open(&self, name: &str, access: DesiredAccess) -> Result<Box<dyn Handle>, Win32Error> {
        Ok(NamedHandle::boxed(exact::open(&parsed(name)?, access)?))
    }

    fn anonymous_pipe(&self, size: u32) -> Result<[Box<dyn Handle>; 2], Win32Error> {
        let (read_end, write_end) = exact::anonymous_pipe(size)?;
        let boxed = |end| Box::new(AnonymousHandle { end: Arc::new(end) }) as Box<dyn Handle>;
        Ok([boxed(read_end), boxed(write_end)])
    }

    fn call(&self, name: &str, question: &[u8], reply_len: usize, timeout: WaitTimeout) -> Outcome {
        let name = parsed(name)?;
        received(reply_len, |buffer| {
            exact::call(&name, question, buffer, timeout, None)
        })
    }

    fn wait(&self, name: &str, timeout: WaitTimeout) -> Outcome {
        exact::wait(&parsed(name)?, timeout).map(done)
    }
}

/// An end of a named pipe. Shared, because a flush on a thread of its own needs it as well.
pub(crate) struct NamedHandle {
    end: Arc<End>,
}

impl NamedHandle {
    pub(crate) fn boxed(end: End) -> Box<dyn Handle> {
        Box::new(NamedHandle { end: Arc::new(end) })
    }
}

impl Handle for NamedHandle {
    fn ask(&self, question: Question) -> Outcome {
        let end = &self.end;
        match question {
            Question::Disconnect => end.disconnect().map(done),
            Question::Peek(len) => peeked(len, |buffer| end.peek(buffer)),
            Question::SetState(read_mode, wait_mode) => {
                end.set_state(read_mode, wait_mode).map(done)
            }
            Question::State => end.state().map(Answer::State),
            Question::Info => end.info().map(Answer::Info),
        }
    }

    fn start(&self, transfer: Transfer) -> Box<dyn Operation> {
        let end = &self.end;
        match transfer {
            Transfer::Connect => Overlapped::boxed(end.start_connect(), done),
            Transfer::Read(len) => Overlapped::boxed(end.start_read(len), Answer::Data),
            Transfer::Write(data) => Overlapped::boxed(end.start_write(data), Answer::Written),
            Transfer::Transact(question, len) => {
                Overlapped::boxed(end.start_transact(question, len), Answer::Data)
            }
            Transfer::Flush => {
                let end = Arc::clone(end);
                Box::new(Threaded::start(move || end.flush().map(done)))
            }
        }
    }
}

impl Drop for NamedHandle {
    fn drop(&mut self) {
        // A flush that still waits holds the end open: it must come back for the end to be closed.
        if Arc::strong_count(&self.end) > 1 {
            // When it has just come back by itself there is nothing to cancel.
            let _ = self.end.cancel();
        }
    }
}

/// A pending operation of the exact layer, and what its value is called here.
struct Overlapped<T> {
    pending: Pending<T>,
    answer: fn(T) -> Answer,
}

impl<T: Clone + Send + 'static> Overlapped<T> {
    fn boxed(pending: Pending<T>, answer: fn(T) -> Answer) -> Box<dyn Operation>
    where
        Pending<T>: Send,
    {
        Box::new(Overlapped { pending, answer })
    }
}

impl<T: Clone> Operation for Overlapped<T>
where
    Pending<T>: Send,
{
    fn wait_for(&mut self, limit: Duration) -> Option<Outcome> {
        Some(self.pending.wait_for(limit)?.map(self.answer))
    }

    fn cancel(&self) -> Result<(), Win32Error> {
        self.pending.cancel()
    }
}

/// An end of an anonymous pipe; nothing on it is overlapped.
struct AnonymousHandle {
    end: Arc<AnonymousEnd>,
}

impl Handle for AnonymousHandle {
    fn ask(&self, question: Question) -> Outcome {
        let end = &self.end;
        match question {
            Question::Peek(len) => peeked(len, |buffer| end.peek(buffer)),
            Question::SetState(read_mode, wait_mode) => {
                end.set_state(read_mode, wait_mode).map(done)
            }
            Question::State => end.state().map(Answer::State),
            Question::Info => end.info().map(Answer::Info),
            // No instance stands behind an anonymous pipe that could be disconnected.
            Question::Disconnect => Err(Win32Error::INVALID_FUNCTION),
        }
    }

    fn start(&self, transfer: Transfer) -> Box<dyn Operation> {
        let end = Arc::clone(&self.end);
        Box::new(Threaded::start(move || match transfer {
            Transfer::Read(len) => received(len, |buffer| end.read(buffer)),
            Transfer::Write(data) => end.write(&data).map(Answer::Written),
            Transfer::Flush => end.flush().map(done),
            Transfer::Transact(question, len) => {
                received(len, |buffer| end.transact(&question, buffer))
            }
            Transfer::Connect => Err(Win32Error::INVALID_FUNCTION),
        }))
    }
}

pub(crate) fn parsed(name: &str) -> Result<PipeName, Win32Error> {
    PipeName::parse(name).map_err(|error| error.code())
}

pub(crate) fn done(_: ()) -> Answer {
    Answer::Done
}

/// Lets `read` fill a buffer of `len` bytes.
pub(crate) fn received(
    len: usize,
    read: impl FnOnce(&mut [u8]) -> exact::Result<Received>,
) -> Outcome {
    let mut data = vec![0; len];
    let Received { len, more } = read(&mut data)?;
    data.truncate(len);
    Ok(Answer::Data(ReceivedData { data, more }))
}

/// Lets `peek` fill a buffer of `len` bytes.
fn peeked(len: usize, peek: impl FnOnce(&mut [u8]) -> exact::Result<Peeked>) -> Outcome {
    let mut data = vec![0; len];
    let Peeked {
        len,
        available,
        left_in_message,
    } = peek(&mut data)?;
    data.truncate(len);
    Ok(Answer::Peeked {
        data,
        available,
        left: left_in_message,
    })
}
