//! `dotpipe demo-peer`: a process of the demonstration. It reads a command per line, carries it out
//! through [`dotpipe::exact`] and answers with one line.
//!
//! | command | does |
//! |---|---|
//! | `create H NAME [first] [KEY=VALUE]…` | CreateNamedPipe; keys: `access`, `type`, `read`, `wait`, `max`, `in`, `out`, `who` (SDDL) |
//! | `open H NAME [r\|w\|rw\|none\|r+wa]` | CreateFile |
//! | `connect H`, `disconnect H`, `close H`, `flush H` | the function of that name |
//! | `read H N [MS]`, `write H DATA`, `transact H DATA N` | DATA is a word, `-` for nothing, `fill:N` for N bytes; MS is a limit |
//! | `peek H N`, `state H`, `info H`, `peer H` | what they tell |
//! | `user H`, `impersonate H` | whether the other end is this user, and acting as it |
//! | `allow H SDDL` | SetSecurityInfo |
//! | `setstate H READ WAIT` | `byte`, `message`; `block`, `nowait` |
//! | `call NAME DATA N`, `wait NAME MS` | CallNamedPipe, WaitNamedPipe |
//! | `start TAG COMMAND` | begins `connect`, `read`, `write`, `transact`, `flush`, `call` or `wait`, and goes on |
//! | `await TAG`, `pending TAG` | its answer, when it has ended; whether it has not |
//! | `cancel TAG` | CancelIoEx; not for `flush`, `call` and `wait` |
//! | `echo H`, `echo-socket WORD` | sends back what comes until the other side closes |
//!
//! Answers: `ok` and what there is to tell, `more` for ERROR_MORE_DATA, `started`, or the name of the
//! error. What waits without `start` is given up after two seconds, with ERROR_SEM_TIMEOUT.

mod operations;
mod words;

use std::collections::HashMap;
use std::io;
use std::io::{BufRead, Read, Write};
use std::sync::Arc;

use dotpipe::exact::{self, End};
use dotpipe::win32::Win32Error;

use crate::failure::{Failure, Result};
use crate::output;
use crate::system;
use operations::{Operation, Started};
use words::Words;

/// A process of the demonstration: not for people.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the names of all pipes begin with.
    prefix: String,
}

/// The answer to a command, or the code that it failed with.
type Answer = exact::Result<String>;

pub(crate) fn run(args: &Args) -> Result {
    let mut peer = Peer {
        ends: HashMap::new(),
        started: HashMap::new(),
    };
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| Failure::System("read a command".into(), error))?;
        let answer = match peer.carry_out(&mut Words::new(&line, &args.prefix)) {
            Ok(answer) => answer,
            Err(code) => code.name().unwrap_or("an unknown error").into(),
        };
        output::line(answer)?;
    }
    Ok(())
}

struct Peer {
    ends: HashMap<String, Arc<End>>,
    started: HashMap<String, Started>,
}

impl Peer {
    fn carry_out(&mut self, words: &mut Words<'_>) -> Answer {
        match words.word() {
            "create" => {
                let (handle, name) = (words.word(), words.pipe()?);
                self.keep(handle, exact::create(&name, &words.create_options()?)?)
            }
            "open" => {
                let (handle, name) = (words.word(), words.pipe()?);
                self.keep(handle, exact::open(&name, words.desired_access()?)?)
            }
            "close" => self
                .ends
                .remove(words.word())
                .map(|_| ok())
                .ok_or(Win32Error::INVALID_HANDLE),
            "disconnect" => self.end(words)?.disconnect().map(|()| ok()),
            "peek" => {
                let end = self.end(words)?;
                let mut buffer = vec![0; words.number()?];
                let peeked = end.peek(&mut buffer)?;
                let data = words::show(&buffer[..peeked.len]);
                Ok(format!(
                    "ok {data} of {}, {} left",
                    peeked.available, peeked.left_in_message
                ))
            }
            "state" => {
                let state = self.end(words)?.state()?;
                Ok(format!(
                    "ok {} {} instances={}",
                    output::mode(state.read_mode),
                    words::wait_word(state.wait_mode),
                    state.instances
                ))
            }
            "setstate" => {
                let end = self.end(words)?;
                end.set_state(words.mode()?, words.wait_mode()?)
                    .map(|()| ok())
            }
            "info" => {
                let info = self.end(words)?.info()?;
                Ok(format!(
                    "ok {} {} max={}",
                    words::end_word(info.end),
                    output::mode(info.pipe_type),
                    info.max_instances
                ))
            }
            "peer" => Ok(format!("ok {}", self.end(words)?.peer_process_id()?)),
            "user" => {
                let user = self.end(words)?.peer_token()?.user();
                let own = exact::own_token()?.user();
                Ok(if user == own { "ok me" } else { "ok another" }.into())
            }
            "impersonate" => self.end(words)?.impersonate().map(|_| ok()),
            "allow" => {
                let end = self.end(words)?;
                let descriptor = words.word().parse();
                let descriptor = descriptor.map_err(|_| Win32Error::INVALID_SECURITY_DESCR)?;
                end.set_security(&descriptor).map(|()| ok())
            }
            "start" => {
                let tag = words.word();
                let started = Operation::parse(words, &self.ends)?.start();
                self.started.insert(tag.into(), started);
                Ok("started".into())
            }
            "await" => self.started(words)?.wait(),
            "pending" => Ok(self.started(words)?.pending()),
            "cancel" => self.started(words)?.cancel().map(|()| ok()),
            "echo" => echo(&*self.end(words)?),
            "echo-socket" => echo_socket(words.word()).map_err(|_| Win32Error::GEN_FAILURE),
            _ => {
                words.again();
                Operation::parse(words, &self.ends)?.run()
            }
        }
    }

    fn keep(&mut self, handle: &str, end: End) -> Answer {
        self.ends.insert(handle.into(), Arc::new(end));
        Ok(ok())
    }

    fn end(&self, words: &mut Words<'_>) -> exact::Result<Arc<End>> {
        words.end(&self.ends)
    }

    fn started(&mut self, words: &mut Words<'_>) -> exact::Result<&mut Started> {
        self.started
            .get_mut(words.word())
            .ok_or(Win32Error::NOT_FOUND)
    }
}

fn ok() -> String {
    "ok".into()
}

/// Sends everything back, until the client has gone.
fn echo(end: &End) -> Answer {
    let mut buffer = [0; 4096];
    loop {
        match end.read(&mut buffer) {
            Ok(received) => end.write(&buffer[..received.len])?,
            Err(Win32Error::BROKEN_PIPE) => return Ok(ok()),
            Err(code) => return Err(code),
        };
    }
}

/// The same with a socket, for comparison: connects to the one that is known by `word`.
fn echo_socket(word: &str) -> io::Result<String> {
    let mut stream = system::connect_socket(word)?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(ok()),
            len => stream.write_all(&buffer[..len])?,
        }
    }
}
