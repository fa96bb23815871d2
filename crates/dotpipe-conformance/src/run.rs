//! Carries a script out and prints its output (FORMAT.md §2 to §6).
//!
//! The runner owns one rule only: what is still going on after its moment is `pending`. It never
//! sleeps; it waits for the operation itself, so that what ends at once is printed at once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use dotpipe::win32::Win32Error;

use crate::face::{Face, Handle, Operation, Outcome, Threaded, Transfer, in_background};
use crate::format;
use crate::parse::{Command, Script, ScriptError};

/// After so long an overlapped operation counts as pending.
const SETTLE_OVERLAPPED: Duration = Duration::from_millis(100);

/// After so long an operation that runs on a thread of its own counts as pending: a flush, a call, a
/// wait, and everything on an anonymous pipe. Longer than the longest time-out that a script expects to
/// run out (50 ms).
const SETTLE_THREADED: Duration = Duration::from_millis(200);

/// After so long a call that must not wait counts as hung.
const PROMPT_LIMIT: Duration = Duration::from_secs(5);

/// Carries a script out. The result is its output, one line for each command, without line ends.
///
/// # Errors
/// A name that is used against FORMAT.md §2; nothing of the output is of use then.
pub fn run(script: &Script, face: &Arc<dyn Face>) -> Result<Vec<String>, ScriptError> {
    let mut runner = Runner {
        face: Arc::clone(face),
        handles: HashMap::new(),
        tags: HashMap::new(),
    };
    let mut output = Vec::with_capacity(script.lines.len());
    for line in &script.lines {
        let result = runner
            .command(&line.command)
            .map_err(|reason| ScriptError {
                line: line.number,
                reason,
            })?;
        if !line.command.may_wait() {
            face.settle();
        }
        output.push(format!("{} -> {result}", line.text));
    }
    // Closing must not stop the runner either. What hangs here hung in the script already, or is of no
    // interest to it.
    let Runner { handles, .. } = runner;
    promptly(move || drop(handles));
    Ok(output)
}

/// Eight characters that no other run uses at the time, for `$RUN`.
pub fn fresh_run() -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // The standard library seeds every such state at random, and no two in a process are alike.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let mut number = hasher.finish();
    let mut digit = || {
        let digit = DIGITS[(number % 36) as usize];
        number /= 36;
        char::from(digit)
    };
    (0..8).map(|_| digit()).collect()
}

struct Runner {
    face: Arc<dyn Face>,
    handles: HashMap<String, Slot>,
    tags: HashMap<String, Tagged>,
}

/// An open handle.
struct Slot {
    handle: Arc<dyn Handle>,
    anonymous: bool,
}

/// An operation that can be asked about.
struct Tagged {
    operation: Box<dyn Operation>,
    cancellable: bool,
}

impl Runner {
    /// Carries one command out; the result is what stands behind the arrow.
    fn command(&mut self, command: &Command) -> Result<String, String> {
        match command {
            Command::Create {
                handle,
                name,
                options,
            } => {
                let (name, options) = (name.clone(), options.clone());
                self.bind_one(handle, move |face| face.create(&name, &options))
            }
            Command::Open {
                handle,
                name,
                access,
            } => {
                let (name, access) = (name.clone(), *access);
                self.bind_one(handle, move |face| face.open(&name, access))
            }
            Command::AnonPipe {
                read_end,
                write_end,
                size,
            } => {
                let size = *size;
                self.bind([read_end, write_end], true, move |face| {
                    face.anonymous_pipe(size)
                })
            }
            Command::Close { handle } => Ok(self.close(handle)),
            Command::Ask { handle, question } => {
                let (Some(slot), question) = (self.handles.get(handle), *question) else {
                    return Ok(no_handle());
                };
                let asked = Arc::clone(&slot.handle);
                Ok(promptly(move || asked.ask(question))
                    .map_or_else(hung, |outcome| format::outcome(&outcome)))
            }
            Command::Start {
                handle,
                transfer,
                tag,
            } => self.start(handle, transfer, tag.as_deref()),
            Command::Call {
                name,
                question,
                reply_len,
                timeout,
                tag,
            } => {
                let (name, question) = (name.clone(), question.clone());
                let (reply_len, timeout) = (*reply_len, *timeout);
                self.start_threaded(tag.as_deref(), move |face| {
                    face.call(&name, &question, reply_len, timeout)
                })
            }
            Command::WaitPipe { name, timeout, tag } => {
                let (name, timeout) = (name.clone(), *timeout);
                self.start_threaded(tag.as_deref(), move |face| face.wait(&name, timeout))
            }
            Command::Await { tag, limit } => Ok(match self.tags.get_mut(tag) {
                Some(tagged) => shown(tagged.operation.wait_for(*limit)),
                None => no_tag(),
            }),
            Command::Cancel { tag } => self.cancel(tag),
        }
    }

    fn bind_one(
        &mut self,
        name: &str,
        make: impl FnOnce(&dyn Face) -> Result<Box<dyn Handle>, Win32Error> + Send + 'static,
    ) -> Result<String, String> {
        self.bind([name], false, move |face| make(face).map(|handle| [handle]))
    }

    /// Makes handles and gives them names.
    fn bind<const N: usize>(
        &mut self,
        names: [&str; N],
        anonymous: bool,
        make: impl FnOnce(&dyn Face) -> Result<[Box<dyn Handle>; N], Win32Error> + Send + 'static,
    ) -> Result<String, String> {
        if let Some(name) = names.iter().find(|name| self.handles.contains_key(**name)) {
            return Err(format!("handle '{name}' is open already"));
        }
        let face = Arc::clone(&self.face);
        let handles = match promptly(move || make(face.as_ref())) {
            None => return Ok(hung()),
            Some(Err(code)) => return Ok(format::error(code)),
            Some(Ok(handles)) => handles,
        };
        for (name, handle) in names.into_iter().zip(handles) {
            self.handles.insert(
                name.to_owned(),
                Slot {
                    handle: handle.into(),
                    anonymous,
                },
            );
        }
        Ok("ok".to_owned())
    }

    fn close(&mut self, name: &str) -> String {
        match self.handles.remove(name) {
            None => no_handle(),
            Some(slot) => promptly(move || drop(slot)).map_or_else(hung, |()| "ok".to_owned()),
        }
    }

    fn start(
        &mut self,
        name: &str,
        transfer: &Transfer,
        tag: Option<&str>,
    ) -> Result<String, String> {
        let Some(slot) = self.handles.get(name) else {
            return Ok(no_handle());
        };
        let overlapped = !slot.anonymous && !matches!(transfer, Transfer::Flush);
        let (handle, transfer) = (Arc::clone(&slot.handle), transfer.clone());
        self.free_tag(tag)?;
        let Some(operation) = promptly(move || handle.start(transfer)) else {
            return Ok(hung());
        };
        let settle = if overlapped {
            SETTLE_OVERLAPPED
        } else {
            SETTLE_THREADED
        };
        Ok(self.settle(operation, overlapped, settle, tag))
    }

    fn start_threaded(
        &mut self,
        tag: Option<&str>,
        call: impl FnOnce(&dyn Face) -> Outcome + Send + 'static,
    ) -> Result<String, String> {
        self.free_tag(tag)?;
        let face = Arc::clone(&self.face);
        let operation = Threaded::start(move || call(face.as_ref()));
        Ok(self.settle(Box::new(operation), false, SETTLE_THREADED, tag))
    }

    /// Gives an operation its moment to end, and its tag.
    fn settle(
        &mut self,
        mut operation: Box<dyn Operation>,
        cancellable: bool,
        moment: Duration,
        tag: Option<&str>,
    ) -> String {
        // Whoever has not ended then, waits.
        self.face.settle();
        let result = shown(operation.wait_for(moment));
        if let Some(tag) = tag {
            self.tags.insert(
                tag.to_owned(),
                Tagged {
                    operation,
                    cancellable,
                },
            );
        }
        result
    }

    /// A tag may be given away again only when its operation has ended.
    fn free_tag(&mut self, tag: Option<&str>) -> Result<(), String> {
        let Some(tag) = tag else { return Ok(()) };
        match self
            .tags
            .get_mut(tag)
            .map(|tagged| tagged.operation.wait_for(Duration::ZERO))
        {
            Some(None) => Err(format!("the operation with tag '{tag}' is still pending")),
            _ => Ok(()),
        }
    }

    fn cancel(&self, tag: &str) -> Result<String, String> {
        let Some(tagged) = self.tags.get(tag) else {
            return Ok(no_tag());
        };
        if !tagged.cancellable {
            return Err(format!(
                "the operation with tag '{tag}' cannot be cancelled"
            ));
        }
        Ok(match tagged.operation.cancel() {
            Ok(()) => "ok".to_owned(),
            Err(code) => format::error(code),
        })
    }
}

/// The result of something that must not wait, or `None` when it does (or panics, which does not return
/// either).
fn promptly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    in_background(work).recv_timeout(PROMPT_LIMIT).ok()
}

fn shown(outcome: Option<Outcome>) -> String {
    outcome.map_or_else(|| "pending".to_owned(), |outcome| format::outcome(&outcome))
}

fn hung() -> String {
    "hung".to_owned()
}

fn no_handle() -> String {
    "nohandle".to_owned()
}

fn no_tag() -> String {
    "notag".to_owned()
}

#[cfg(test)]
mod tests;
