//! What a way of using pipes must offer so that scripts can drive it.
//!
//! The runner knows pipes only through these traits, so that the same scripts can be put to every face
//! of dotpipe (the exact layer, the friendlier ones, the C library) and to the pipes of another system.
//! A face adds nothing and forgives nothing: it hands on what was asked, and the code that came back.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use dotpipe::exact::{HandleInfo, HandleState, ReceivedData};
use dotpipe::options::{CreateOptions, DesiredAccess, PipeMode, WaitMode, WaitTimeout};
use dotpipe::win32::Win32Error;

/// The end of an operation: what it brought, or its error.
///
/// `ERROR_MORE_DATA` is not among the errors: data come with it.
pub type Outcome = Result<Answer, Win32Error>;

/// What an operation brought when it succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing but success.
    Done,
    /// The number of bytes that were written.
    Written(usize),
    /// The bytes that were read, and whether there is more of the message.
    Data(ReceivedData),
    /// What a peek saw.
    Peeked {
        /// The bytes that were copied.
        data: Vec<u8>,
        /// All bytes that could be read.
        available: u32,
        /// Bytes left in this message.
        left: u32,
    },
    /// The answer to [`Question::State`].
    State(HandleState),
    /// The answer to [`Question::Info`].
    Info(HandleInfo),
}

/// What can be asked of a handle, and must be answered without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `DisconnectNamedPipe`.
    Disconnect,
    /// `PeekNamedPipe` into a buffer of so many bytes.
    Peek(usize),
    /// `SetNamedPipeHandleState`, always both modes.
    SetState(PipeMode, WaitMode),
    /// `GetNamedPipeHandleState`.
    State,
    /// `GetNamedPipeInfo`.
    Info,
}

/// What can be started on a handle, and may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// `ConnectNamedPipe`.
    Connect,
    /// `ReadFile` into a buffer of so many bytes.
    Read(usize),
    /// `WriteFile`.
    Write(Vec<u8>),
    /// `FlushFileBuffers`.
    Flush,
    /// `TransactNamedPipe`: the question, and the size of the buffer for the reply.
    Transact(Vec<u8>, usize),
}

/// A way of using pipes. Names are whole (`\\.\pipe\…`) and not checked yet.
pub trait Face: Send + Sync {
    /// `CreateNamedPipe`.
    fn create(&self, name: &str, options: &CreateOptions) -> Result<Box<dyn Handle>, Win32Error>;

    /// `CreateFile`.
    fn open(&self, name: &str, access: DesiredAccess) -> Result<Box<dyn Handle>, Win32Error>;

    /// `CreatePipe`: the read end and the write end.
    fn anonymous_pipe(&self, size: u32) -> Result<[Box<dyn Handle>; 2], Win32Error>;

    /// `CallNamedPipe`; it may wait, and the runner gives it a thread of its own.
    fn call(&self, name: &str, question: &[u8], reply_len: usize, timeout: WaitTimeout) -> Outcome;

    /// `WaitNamedPipe`; it may wait, and the runner gives it a thread of its own.
    fn wait(&self, name: &str, timeout: WaitTimeout) -> Outcome;

    /// Waits until everything that was asked so far has taken effect. On one machine it has, when a call
    /// returns; between two of them something may be on its way.
    fn settle(&self) {}
}

/// An open end of a pipe. Dropping it closes it (`CloseHandle`).
pub trait Handle: Send + Sync {
    /// Answers a question; never waits.
    fn ask(&self, question: Question) -> Outcome;

    /// Starts something that may wait; does not itself wait for it.
    fn start(&self, transfer: Transfer) -> Box<dyn Operation>;
}

/// An operation that was started and may go on. Dropping it neither ends nor cancels it.
pub trait Operation: Send {
    /// Waits for its end, but not longer than `limit`; `None` when it still goes on. It can be asked again
    /// after the end, and the outcome stays the same.
    fn wait_for(&mut self, limit: Duration) -> Option<Outcome>;

    /// Cancels it. The runner asks this only of the operations that FORMAT.md allows to be cancelled.
    fn cancel(&self) -> Result<(), Win32Error>;
}

/// An operation that is a blocking call on a thread of its own. It cannot be cancelled.
pub struct Threaded {
    arrival: Receiver<Outcome>,
    outcome: Option<Outcome>,
}

impl Threaded {
    /// Starts the call.
    pub fn start(call: impl FnOnce() -> Outcome + Send + 'static) -> Self {
        Threaded {
            arrival: in_background(call),
            outcome: None,
        }
    }
}

impl Operation for Threaded {
    fn wait_for(&mut self, limit: Duration) -> Option<Outcome> {
        if self.outcome.is_none() {
            self.outcome = self.arrival.recv_timeout(limit).ok();
        }
        self.outcome.clone()
    }

    fn cancel(&self) -> Result<(), Win32Error> {
        Err(Win32Error::NOT_SUPPORTED)
    }
}

/// Carries `work` out on a thread of its own; its result arrives at the receiver, unless it panics.
pub(crate) fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Receiver<T> {
    let (done, arrival) = mpsc::channel();
    thread::spawn(move || {
        // What `work` holds, above all handles, is dropped before anyone learns that it is over: a
        // handle that is closed after that must really be closed.
        let result = work();
        // Nobody listens any more when the script ended first.
        let _ = done.send(result);
    });
    arrival
}
