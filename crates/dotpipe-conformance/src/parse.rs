//! The text of a script in, its commands out (FORMAT.md §1 to §3).
//!
//! Whatever a script can get wrong in its text is found here, before anything of it is carried out.

use std::fmt;
use std::time::Duration;
use std::vec;

use dotpipe::options::{
    Access, CreateOptions, DesiredAccess, PipeMode, UNLIMITED_INSTANCES, WaitMode, WaitTimeout,
};

use crate::face::{Question, Transfer};
use crate::payload::{number, payload, pipe_name};

/// How long `await` waits when the script does not say.
const AWAIT_LIMIT: u32 = 1000;

/// The quota of either direction when the script does not say, in bytes.
const DEFAULT_QUOTA: u32 = 4096;

/// A script that is well formed.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    pub(crate) lines: Vec<Line>,
}

/// One command with its place in the script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it stands, counted from 1, with comments and empty lines.
    pub(crate) number: usize,
    /// The text as it is repeated in the output: trimmed, nothing substituted.
    pub(crate) text: String,
    pub(crate) command: Command,
}

/// What a line asks for. Handles and tags are the names that the script gave them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `create H NAME …`
    Create {
        handle: String,
        name: String,
        options: CreateOptions,
    },
    /// `open H NAME …`
    Open {
        handle: String,
        name: String,
        access: DesiredAccess,
    },
    /// `anonpipe R W …`
    AnonPipe {
        read_end: String,
        write_end: String,
        size: u32,
    },
    /// `close H`
    Close { handle: String },
    /// `disconnect`, `peek`, `setstate`, `getstate`, `info`
    Ask { handle: String, question: Question },
    /// `connect`, `read`, `write`, `flush`, `transact`
    Start {
        handle: String,
        transfer: Transfer,
        tag: Option<String>,
    },
    /// `call NAME …`
    Call {
        name: String,
        question: Vec<u8>,
        reply_len: usize,
        timeout: WaitTimeout,
        tag: Option<String>,
    },
    /// `waitpipe NAME …`
    WaitPipe {
        name: String,
        timeout: WaitTimeout,
        tag: Option<String>,
    },
    /// `await TAG …`
    Await { tag: String, limit: Duration },
    /// `cancel TAG`
    Cancel { tag: String },
}

impl Command {
    /// Whether it begins an operation that may wait.
    pub(crate) fn may_wait(&self) -> bool {
        matches!(
            self,
            Command::Start { .. } | Command::Call { .. } | Command::WaitPipe { .. }
        )
    }
}

/// Why a script is malformed (FORMAT.md §6).
#[derive(Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "script error, line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a script; `run` stands for every `$RUN` in it.
    ///
    /// # Errors
    /// The first line that is no command.
    pub fn parse(text: &str, run: &str) -> Result<Script, ScriptError> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let text = line.trim_matches([' ', '\t', '\r']);
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let command = command(&text.replace("$RUN", run)).map_err(|reason| ScriptError {
                line: number,
                reason,
            })?;
            lines.push(Line {
                number,
                text: text.to_owned(),
                command,
            });
        }
        Ok(Script { lines })
    }
}

/// What the first line of a script says that it pins, without the `#`.
pub fn subject(text: &str) -> &str {
    text.lines()
        .next()
        .and_then(|line| line.strip_prefix('#'))
        .unwrap_or_default()
        .trim()
}

fn command(line: &str) -> Result<Command, String> {
    // At spaces and tabs, and at nothing else that may pass for white space: a name may hold it.
    let words: Vec<&str> = line
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    let mut words = Words {
        rest: words.into_iter(),
    };
    let verb = words.next("a command")?;
    let command = match verb {
        "create" => Command::Create {
            handle: words.handle()?,
            name: words.name()?,
            options: create_options(&mut words)?,
        },
        "open" => Command::Open {
            handle: words.handle()?,
            name: words.name()?,
            access: words.options(
                DesiredAccess::READ | DesiredAccess::WRITE,
                |access, key, value| {
                    *access = match (key, value) {
                        ("access", value) => client_access(value)?,
                        _ => return Err(unexpected(key)),
                    };
                    Ok(())
                },
            )?,
        },
        "anonpipe" => anonymous_pipe(&mut words)?,
        "close" => Command::Close {
            handle: words.handle()?,
        },
        "disconnect" => ask(words.handle()?, Question::Disconnect),
        "peek" => ask(words.handle()?, Question::Peek(words.len()?)),
        "setstate" => {
            let handle = words.handle()?;
            let unset = (PipeMode::Byte, WaitMode::Blocking);
            let (read_mode, wait_mode) =
                words.options(unset, |(read_mode, wait_mode), key, value| {
                    match key {
                        "read" => *read_mode = pipe_mode(value)?,
                        "wait" => *wait_mode = wait_mode_of(value)?,
                        _ => return Err(unexpected(key)),
                    }
                    Ok(())
                })?;
            ask(handle, Question::SetState(read_mode, wait_mode))
        }
        "getstate" => ask(words.handle()?, Question::State),
        "info" => ask(words.handle()?, Question::Info),
        "connect" | "read" | "write" | "flush" | "transact" => {
            let handle = words.handle()?;
            let transfer = match verb {
                "connect" => Transfer::Connect,
                "read" => Transfer::Read(words.len()?),
                "write" => Transfer::Write(words.payload()?),
                "flush" => Transfer::Flush,
                _ => Transfer::Transact(words.payload()?, words.len()?),
            };
            Command::Start {
                handle,
                transfer,
                tag: words.tag()?,
            }
        }
        "call" => Command::Call {
            name: words.name()?,
            question: words.payload()?,
            reply_len: words.len()?,
            timeout: words.timeout()?,
            tag: words.tag()?,
        },
        "waitpipe" => Command::WaitPipe {
            name: words.name()?,
            timeout: words.timeout()?,
            tag: words.tag()?,
        },
        "await" => {
            let tag = words.next("a tag")?.to_owned();
            let limit = words.rest.next().map_or(Ok(AWAIT_LIMIT), number)?;
            Command::Await {
                tag,
                limit: Duration::from_millis(limit.into()),
            }
        }
        "cancel" => Command::Cancel {
            tag: words.next("a tag")?.to_owned(),
        },
        _ => return Err(format!("unknown command '{verb}'")),
    };
    match words.rest.next() {
        None => Ok(command),
        Some(word) => Err(unexpected(word)),
    }
}

fn ask(handle: String, question: Question) -> Command {
    Command::Ask { handle, question }
}

fn anonymous_pipe(words: &mut Words<'_>) -> Result<Command, String> {
    let (read_end, write_end) = (words.handle()?, words.handle()?);
    if read_end == write_end {
        return Err(format!("handle '{read_end}' is named twice"));
    }
    let size = words.rest.next().map_or(Ok(0), number)?;
    Ok(Command::AnonPipe {
        read_end,
        write_end,
        size,
    })
}

fn create_options(words: &mut Words<'_>) -> Result<CreateOptions, String> {
    let unset = CreateOptions {
        out_quota: DEFAULT_QUOTA,
        in_quota: DEFAULT_QUOTA,
        ..CreateOptions::default()
    };
    words.options(unset, |options, key, value| {
        match key {
            "access" => options.access = server_access(value)?,
            "first" if value.is_empty() => options.first_instance = true,
            "type" => options.pipe_type = pipe_mode(value)?,
            "read" => options.read_mode = pipe_mode(value)?,
            "wait" => options.wait_mode = wait_mode_of(value)?,
            "max" if value == "unlimited" => options.max_instances = UNLIMITED_INSTANCES,
            "max" => options.max_instances = number(value)?,
            "out" => options.out_quota = number(value)?,
            "in" => options.in_quota = number(value)?,
            "timeout" => options.default_timeout = number(value)?,
            _ => return Err(unexpected(key)),
        }
        Ok(())
    })
}

fn server_access(word: &str) -> Result<Access, String> {
    match word {
        "duplex" => Ok(Access::Duplex),
        "in" => Ok(Access::Inbound),
        "out" => Ok(Access::Outbound),
        _ => Err(unexpected(word)),
    }
}

fn client_access(word: &str) -> Result<DesiredAccess, String> {
    match word {
        "rw" => Ok(DesiredAccess::READ | DesiredAccess::WRITE),
        "r" => Ok(DesiredAccess::READ),
        "w" => Ok(DesiredAccess::WRITE),
        "none" => Ok(DesiredAccess::empty()),
        "r+wa" => Ok(DesiredAccess::READ | DesiredAccess::WRITE_ATTRIBUTES),
        _ => Err(unexpected(word)),
    }
}

fn pipe_mode(word: &str) -> Result<PipeMode, String> {
    match word {
        "byte" => Ok(PipeMode::Byte),
        "msg" => Ok(PipeMode::Message),
        _ => Err(unexpected(word)),
    }
}

fn wait_mode_of(word: &str) -> Result<WaitMode, String> {
    match word {
        "block" => Ok(WaitMode::Blocking),
        "nowait" => Ok(WaitMode::NonBlocking),
        _ => Err(unexpected(word)),
    }
}

fn unexpected(word: &str) -> String {
    format!("unexpected '{word}'")
}

/// The words of a line that have not been used yet.
struct Words<'line> {
    rest: vec::IntoIter<&'line str>,
}

impl<'line> Words<'line> {
    fn next(&mut self, what: &str) -> Result<&'line str, String> {
        self.rest.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn handle(&mut self) -> Result<String, String> {
        self.next("a handle").map(str::to_owned)
    }

    fn name(&mut self) -> Result<String, String> {
        pipe_name(self.next("a pipe name")?)
    }

    fn payload(&mut self) -> Result<Vec<u8>, String> {
        payload(self.next("a payload")?)
    }

    fn len(&mut self) -> Result<usize, String> {
        number(self.next("a number of bytes")?).map(|len| len as usize)
    }

    fn timeout(&mut self) -> Result<WaitTimeout, String> {
        let milliseconds = match self.next("a time-out")? {
            "default" => 0,
            "nowait" => 1,
            "forever" => u32::MAX,
            word => number(word)?,
        };
        Ok(WaitTimeout::from_win32(milliseconds))
    }

    /// `as TAG`, when it is there.
    fn tag(&mut self) -> Result<Option<String>, String> {
        match self.rest.next() {
            None => Ok(None),
            Some("as") => self.next("a tag").map(|tag| Some(tag.to_owned())),
            Some(word) => Err(unexpected(word)),
        }
    }

    /// All words that are left, as `KEY=VALUE` or as `KEY` with an empty value; each key once.
    fn options<T>(
        &mut self,
        unset: T,
        mut set: impl FnMut(&mut T, &str, &str) -> Result<(), String>,
    ) -> Result<T, String> {
        let (mut options, mut seen) = (unset, Vec::new());
        for word in self.rest.by_ref() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            if seen.contains(&key) {
                return Err(format!("'{key}' is said twice"));
            }
            seen.push(key);
            set(&mut options, key, value)?;
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests;
