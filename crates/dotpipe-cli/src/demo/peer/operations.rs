//! [`Operation`]: the commands that can wait, run at once or started to go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use dotpipe::exact::{self, End, Pending, Received, ReceivedData, Result};
use dotpipe::name::PipeName;
use dotpipe::options::WaitTimeout;
use dotpipe::win32::Win32Error;

use super::Answer;
use super::words::{Words, show};

/// How long an operation may wait that is not meant to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an operation that must not have ended is watched.
const WATCH: Duration = Duration::from_millis(30);

/// An operation that was read and not carried out yet.
pub(super) enum Operation {
    Connect(Arc<End>),
    Read(Arc<End>, usize, Duration),
    Write(Arc<End>, Vec<u8>),
    Transact(Arc<End>, Vec<u8>, usize),
    Flush(Arc<End>),
    Call(PipeName, Vec<u8>, usize),
    Wait(PipeName, WaitTimeout),
}

impl Operation {
    pub(super) fn parse(
        words: &mut Words<'_>,
        ends: &HashMap<String, Arc<End>>,
    ) -> Result<Operation> {
        Ok(match words.word() {
            "connect" => Operation::Connect(words.end(ends)?),
            "read" => Operation::Read(words.end(ends)?, words.number()?, words.limit(PATIENCE)?),
            "write" => Operation::Write(words.end(ends)?, words.data()?),
            "transact" => Operation::Transact(words.end(ends)?, words.data()?, words.number()?),
            "flush" => Operation::Flush(words.end(ends)?),
            "call" => Operation::Call(words.pipe()?, words.data()?, words.number()?),
            "wait" => Operation::Wait(words.pipe()?, words.milliseconds()?),
            _ => return Err(Win32Error::INVALID_PARAMETER),
        })
    }

    /// Carries it out, within [`PATIENCE`].
    pub(super) fn run(self) -> Answer {
        let deadline = Some(Instant::now() + PATIENCE);
        match self {
            Operation::Connect(end) => end.connect_until(deadline).map(|()| nothing()),
            Operation::Read(end, len, limit) => {
                let mut buffer = vec![0; len];
                end.read_until(&mut buffer, Some(Instant::now() + limit))
                    .map(|received| bytes(&buffer, received))
            }
            Operation::Write(end, data) => end.write_until(&data, deadline).map(count),
            Operation::Transact(end, question, len) => {
                let mut reply = vec![0; len];
                end.transact_until(&question, &mut reply, deadline)
                    .map(|received| bytes(&reply, received))
            }
            Operation::Flush(end) => end.flush_until(deadline).map(|()| nothing()),
            Operation::Call(name, question, len) => {
                let mut reply = vec![0; len];
                exact::call(&name, &question, &mut reply, WaitTimeout::Default, deadline)
                    .map(|received| bytes(&reply, received))
            }
            Operation::Wait(name, timeout) => exact::wait(&name, timeout).map(|()| nothing()),
        }
    }

    /// Begins it: overlapped where there is such a thing, else on a thread.
    pub(super) fn start(self) -> Started {
        match self {
            Operation::Connect(end) => Started::Connect(end.start_connect()),
            Operation::Read(end, len, _) => Started::Data(end.start_read(len)),
            Operation::Write(end, data) => Started::Count(end.start_write(data)),
            Operation::Transact(end, question, len) => {
                Started::Data(end.start_transact(question, len))
            }
            other => {
                let (sender, receiver) = channel();
                thread::spawn(move || sender.send(other.run()));
                Started::Thread(receiver, None)
            }
        }
    }
}

/// An operation that goes on.
pub(super) enum Started {
    Connect(Pending<()>),
    Count(Pending<usize>),
    Data(Pending<ReceivedData>),
    /// With the answer, once it is there.
    Thread(Receiver<Answer>, Option<Answer>),
}

impl Started {
    /// Its answer; ERROR_IO_INCOMPLETE when it does not end within [`PATIENCE`].
    pub(super) fn wait(&mut self) -> Answer {
        self.wait_for(PATIENCE)
            .unwrap_or(Err(Win32Error::IO_INCOMPLETE))
    }

    /// Whether it still goes on.
    pub(super) fn pending(&mut self) -> String {
        match self.wait_for(WATCH) {
            None => "ok it waits".into(),
            Some(Ok(answer)) => format!("it has ended: {answer}"),
            Some(Err(code)) => format!("it has ended: {code:?}"),
        }
    }

    pub(super) fn cancel(&self) -> Result<()> {
        match self {
            Started::Connect(pending) => pending.cancel(),
            Started::Count(pending) => pending.cancel(),
            Started::Data(pending) => pending.cancel(),
            Started::Thread(..) => Err(Win32Error::INVALID_FUNCTION),
        }
    }

    fn wait_for(&mut self, limit: Duration) -> Option<Answer> {
        match self {
            Started::Connect(pending) => Some(pending.wait_for(limit)?.map(|()| nothing())),
            Started::Count(pending) => Some(pending.wait_for(limit)?.map(count)),
            Started::Data(pending) => {
                Some(pending.wait_for(limit)?.map(|ReceivedData { data, more }| {
                    bytes(
                        &data,
                        Received {
                            len: data.len(),
                            more,
                        },
                    )
                }))
            }
            Started::Thread(receiver, answer) => {
                if answer.is_none() {
                    *answer = receiver.recv_timeout(limit).ok();
                }
                answer.clone()
            }
        }
    }
}

fn nothing() -> String {
    "ok".into()
}

fn count(written: usize) -> String {
    format!("ok {written}")
}

fn bytes(buffer: &[u8], received: Received) -> String {
    let word = if received.more { "more" } else { "ok" };
    format!("{word} {}", show(&buffer[..received.len]))
}
