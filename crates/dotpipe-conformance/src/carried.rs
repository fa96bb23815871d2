//! Which scripts SMB and Samba can carry, and in which lines the answer is another one by nature.
//!
//! Layer: scripts and their expectations in, reasons out; nothing is run here. The rules it owns are [`Obstacle`]
//! and [`Difference`], as `docs/remote.md` has them. Both follow from the lines of a script: no script is left out by its name
//! alone, and none because it fails.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use dotpipe::name::PipeName;
use dotpipe::options::{PipeMode, WaitMode};
use dotpipe_samba::export::file_name;

use crate::face::{Question, Transfer};
use crate::parse::{Command, Line, Script};

/// The most bytes that Samba passes on at once.
const LONGEST: usize = 65_535;

/// A name of more bytes may not have room in the path of a socket, which has 107.
const LONGEST_NAME: usize = 64;

/// How many characters of a line are shown.
const SHOWN: usize = 72;

const NOT_SUPPORTED: &str = "err ERROR_NOT_SUPPORTED 50";
const NOT_CONNECTED: &str = "err ERROR_PIPE_NOT_CONNECTED 233";
const ACCESS_DENIED: &str = "err ERROR_ACCESS_DENIED 5";

/// Why a script cannot be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// There is no client in it.
    NoClient,
    /// A write waits for room in the quota.
    Room,
    /// A flush of the server waits until the client has read.
    Flush,
    /// A client looks at what has come without taking it.
    Peek,
    /// An empty message is sent.
    EmptyMessage,
    /// More than 65535 bytes are sent at once.
    Long,
    /// A client does not want to wait.
    NonBlocking,
    /// A client waits for an instance without opening it.
    Wait,
    /// A client is denied the access that it asks for.
    Access,
    /// A client is disconnected that has not read everything.
    Discard,
    /// The name is none for the file system.
    Name,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Obstacle::NoClient => "no client in it",
            Obstacle::Room => {
                "the export and Samba take data before the client reads, so nobody waits for room"
            }
            Obstacle::Flush => "a flush ends when the export has the data, before the client has",
            Obstacle::Peek => "a client's peek sees only what has been fetched",
            Obstacle::EmptyMessage => "Samba carries no empty messages",
            Obstacle::Long => "Samba carries at most 65535 bytes at once",
            Obstacle::NonBlocking => "a client cannot know whether something is on its way",
            Obstacle::Wait => "Samba cannot wait for an instance",
            Obstacle::Access => "Samba does not say what access a client asks for",
            Obstacle::Discard => "what the export has taken is not discarded any more",
            Obstacle::Name => "Samba looks for a file of this name",
        })
    }
}

/// A line that keeps a script from being carried.
#[derive(Debug, PartialEq, Eq)]
pub struct Hindrance {
    /// Why.
    pub obstacle: Obstacle,
    /// The line with its expectation; empty for what is about the script as a whole.
    pub line: String,
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.obstacle)?;
        // Names can be long.
        let start: String = self.line.chars().take(SHOWN).collect();
        match start.len() {
            0 => Ok(()),
            len if len < self.line.len() => write!(f, ": {start}…"),
            _ => write!(f, ": {start}"),
        }
    }
}

/// How the answer to a client of another machine differs by nature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// What a client asks of the pipe or of Samba without moving data: state, information, flush, wait.
    Refused,
    /// Samba has one status for both: to a client, a server that has disconnected it is one that has closed its
    /// end.
    OneEnd,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Difference::Refused => "refused",
            Difference::OneEnd => "one-end",
        })
    }
}

/// What is known of a handle while the lines go by.
#[derive(Clone)]
struct Known {
    is_client: bool,
    pipe: Option<PipeName>,
    messages: bool,
    wait_mode: WaitMode,
}

/// A script with its expectation, looked at from another machine.
pub struct Carried {
    /// Why it cannot be carried; one line for each obstacle.
    pub hindrances: Vec<Hindrance>,
    /// For each line the difference that it may show.
    differences: Vec<Option<Difference>>,
}

impl Carried {
    /// Looks at a script.
    pub fn new(script: &Script, expected: &str) -> Carried {
        let mut view = View::default();
        for (line, expected) in script.lines.iter().zip(expected.lines()) {
            let result = expected.split_once(" -> ").map_or("", |(_, result)| result);
            view.line(line, expected, result);
        }
        if !view.has_client {
            view.hindrances.insert(Obstacle::NoClient, String::new());
        }
        Carried {
            hindrances: view
                .hindrances
                .into_iter()
                .map(|(obstacle, line)| Hindrance { obstacle, line })
                .collect(),
            differences: view.differences,
        }
    }

    /// The expectation with those lines replaced in which the output differs by nature, and how often.
    pub fn expectation(
        &self,
        expected: &str,
        got: &[String],
    ) -> (String, BTreeMap<Difference, usize>) {
        let mut counts = BTreeMap::new();
        let mut text = String::new();
        for (index, line) in expected.lines().enumerate() {
            let other = self.differences.get(index).copied().flatten();
            let answer = got.get(index).filter(|got| {
                other.is_some_and(|difference| *got != line && difference.allows(line, got))
            });
            if let (Some(difference), Some(_)) = (other, answer) {
                *counts.entry(difference).or_default() += 1;
            }
            text += answer.map_or(line, String::as_str);
            text.push('\n');
        }
        (text, counts)
    }
}

impl Difference {
    fn allows(self, expected: &str, got: &str) -> bool {
        let (Some((command, expected)), Some((_, got))) =
            (expected.split_once(" -> "), got.split_once(" -> "))
        else {
            return false;
        };
        match self {
            Difference::Refused => got == NOT_SUPPORTED,
            // What an end answers whose other side was closed.
            Difference::OneEnd => {
                expected == NOT_CONNECTED
                    && match command.split(' ').next() {
                        Some("write") => got == "err ERROR_NO_DATA 232",
                        Some("transact") => got == "err ERROR_BAD_PIPE 230",
                        Some("setstate") => got == "ok",
                        _ => got == "err ERROR_BROKEN_PIPE 109",
                    }
            }
        }
    }
}

/// The handles, tags and pipes of a script so far.
#[derive(Default)]
struct View {
    handles: HashMap<String, Known>,
    /// The types of the pipes.
    pipes: HashMap<PipeName, PipeMode>,
    /// Pipes whose servers have written something that no client has read.
    unread: HashSet<PipeName>,
    /// What the operations with these tags may show.
    tags: HashMap<String, Option<Difference>>,
    hindrances: BTreeMap<Obstacle, String>,
    differences: Vec<Option<Difference>>,
    has_client: bool,
}

impl View {
    fn line(&mut self, line: &Line, text: &str, result: &str) {
        let difference = self.difference(&line.command);
        if let Some(obstacle) = self.obstacle(&line.command, result) {
            self.hindrances
                .entry(obstacle)
                .or_insert_with(|| text.to_owned());
        }
        if let Command::Start { tag: Some(tag), .. }
        | Command::Call { tag: Some(tag), .. }
        | Command::WaitPipe { tag: Some(tag), .. } = &line.command
        {
            self.tags.insert(tag.clone(), difference);
        }
        self.differences.push(difference);
        self.bind(&line.command, result);
    }

    /// What the line may show.
    fn difference(&self, command: &Command) -> Option<Difference> {
        let is_client = |handle: &String| self.known(handle).is_some_and(|known| known.is_client);
        match command {
            Command::WaitPipe { .. } => Some(Difference::Refused),
            Command::Ask { handle, question } if is_client(handle) => match question {
                Question::State | Question::Info => Some(Difference::Refused),
                Question::Peek(_) | Question::SetState(..) => Some(Difference::OneEnd),
                Question::Disconnect => None,
            },
            Command::Start {
                handle, transfer, ..
            } if is_client(handle) => match transfer {
                Transfer::Flush => Some(Difference::Refused),
                Transfer::Connect => None,
                _ => Some(Difference::OneEnd),
            },
            Command::Call { .. } => Some(Difference::OneEnd),
            Command::Await { tag, .. } => self.tags.get(tag).copied().flatten(),
            _ => None,
        }
    }

    /// What keeps the line from being carried.
    fn obstacle(&mut self, command: &Command, result: &str) -> Option<Obstacle> {
        match command {
            Command::Open { name, .. } => self.reach(name, result),
            Command::Call { name, question, .. } => {
                let messages = self.pipe_type(name) == Some(PipeMode::Message);
                self.reach(name, result)
                    .or_else(|| sent(question, messages))
            }
            Command::WaitPipe { name, tag, .. } => {
                let reached = self.reach(name, result);
                reached.or(tag.as_ref().map(|_| Obstacle::Wait))
            }
            Command::Ask { handle, question } => {
                let known = self.known(handle)?;
                let is_refused = result.starts_with("err");
                match question {
                    Question::SetState(_, WaitMode::NonBlocking)
                        if known.is_client && !is_refused =>
                    {
                        Some(Obstacle::NonBlocking)
                    }
                    Question::Peek(_)
                        if known.is_client && !is_refused && !result.contains("avail=0") =>
                    {
                        Some(Obstacle::Peek)
                    }
                    Question::Disconnect
                        if result == "ok"
                            && known
                                .pipe
                                .as_ref()
                                .is_some_and(|pipe| self.unread.contains(pipe)) =>
                    {
                        Some(Obstacle::Discard)
                    }
                    _ => None,
                }
            }
            Command::Start {
                handle, transfer, ..
            } => {
                let known = self.known(handle)?;
                match transfer {
                    Transfer::Write(_) if result == "pending" => Some(Obstacle::Room),
                    Transfer::Write(_) if result.starts_with("err") => None,
                    Transfer::Write(data)
                        if known.wait_mode == WaitMode::NonBlocking
                            && result != format!("ok n={}", data.len()) =>
                    {
                        Some(Obstacle::Room)
                    }
                    Transfer::Write(data) => sent(data, known.messages),
                    Transfer::Transact(data, _) => sent(data, known.messages),
                    Transfer::Flush if !known.is_client && result == "pending" => {
                        Some(Obstacle::Flush)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A client that comes to a pipe.
    fn reach(&mut self, name: &str, result: &str) -> Option<Obstacle> {
        self.has_client = true;
        let name = PipeName::parse(name).ok()?;
        match file_name(&name) {
            Err(_) => Some(Obstacle::Name),
            Ok(file) if file.len() > LONGEST_NAME => Some(Obstacle::Name),
            _ if result == ACCESS_DENIED => Some(Obstacle::Access),
            _ => None,
        }
    }

    fn bind(&mut self, command: &Command, result: &str) {
        match command {
            Command::Create {
                handle,
                name,
                options,
            } if result == "ok" => {
                let known = Known {
                    is_client: false,
                    pipe: PipeName::parse(name).ok(),
                    messages: options.pipe_type == PipeMode::Message,
                    wait_mode: options.wait_mode,
                };
                self.handles.insert(handle.clone(), known);
                if let Ok(name) = PipeName::parse(name) {
                    self.pipes.insert(name, options.pipe_type);
                }
            }
            Command::Open { handle, name, .. } if result == "ok" => {
                let known = Known {
                    is_client: true,
                    pipe: PipeName::parse(name).ok(),
                    messages: self.pipe_type(name) == Some(PipeMode::Message),
                    wait_mode: WaitMode::Blocking,
                };
                self.handles.insert(handle.clone(), known);
            }
            Command::Close { handle } => {
                self.handles.remove(handle);
            }
            Command::Start {
                handle, transfer, ..
            } => {
                let Some(known) = self.handles.get_mut(handle) else {
                    return;
                };
                let pipe = known.pipe.clone();
                match transfer {
                    Transfer::Write(_) if !known.is_client && !result.starts_with("err") => {
                        self.unread.extend(pipe);
                    }
                    Transfer::Read(_) if known.is_client && result.starts_with("ok") => {
                        pipe.map(|pipe| self.unread.remove(&pipe));
                    }
                    _ => {}
                }
            }
            Command::Ask {
                handle,
                question: Question::SetState(_, wait_mode),
            } if result == "ok" => {
                if let Some(known) = self.handles.get_mut(handle) {
                    known.wait_mode = *wait_mode;
                }
            }
            _ => {}
        }
    }

    fn known(&self, handle: &str) -> Option<&Known> {
        self.handles.get(handle)
    }

    fn pipe_type(&self, name: &str) -> Option<PipeMode> {
        self.pipes.get(&PipeName::parse(name).ok()?).copied()
    }
}

/// What keeps data from being sent.
fn sent(data: &[u8], messages: bool) -> Option<Obstacle> {
    match data.len() {
        0 if messages => Some(Obstacle::EmptyMessage),
        len if len > LONGEST => Some(Obstacle::Long),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
