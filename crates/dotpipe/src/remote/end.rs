//! The client end of a pipe on another machine: the operations of the exact layer.
//!
//! The rules it owns: what SMB does not carry is either done here just as well or refused with
//! `ERROR_NOT_SUPPORTED` (the table is in `docs/remote.md`); a request that receives is sent only when
//! somebody wants to read, and what it brings late is kept for the next read.

#[cfg(feature = "tokio")]
mod attempt;
mod background;
mod modes;
mod read;
mod transact;
mod write;

#[cfg(feature = "tokio")]
pub(super) use self::attempt::{Asking, Conversation, Flushing};

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::handle::Handle;
use super::inbox::Inbox;
use super::options::{Collection, SmbOptions};
use super::outbox::Outbox;
use super::runtime;
#[cfg(feature = "tokio")]
use crate::engine::Tasks;
use crate::engine::{Canceller, HeldBack, Operation, Outcome};
use crate::exact::{Interest, ReceivedData, Result};
use crate::options::{DesiredAccess, PipeEnd, PipeMode};
use crate::win32::Win32Error;

/// The end. Closes on drop.
pub(crate) struct End {
    shared: Arc<Shared>,
    /// The process that opened it: after a fork the copy of the child is none.
    process: u32,
}

pub(super) struct Shared {
    handle: Handle,
    server: String,
    access: DesiredAccess,
    /// The server tells of a pipe and of its modes (Windows does, Samba does not).
    tells: bool,
    write_through: bool,
    limit: Duration,
    state: Mutex<State>,
    /// Something was sent, or is not to be sent any more.
    sent: Notify,
    /// The tasks that wait for news of it.
    #[cfg(feature = "tokio")]
    tasks: Tasks,
    me: Weak<Shared>,
}

struct State {
    inbox: Inbox<Arc<Outcome<ReceivedData>>>,
    outbox: Outbox<Ticket>,
    flushes: Vec<(u64, Arc<Outcome<()>>)>,
    read_mode: PipeMode,
    /// As the server or the user told it.
    pipe_type: Option<PipeMode>,
    collection: Collection,
    /// A request that receives is on its way.
    fetching: bool,
    /// Somebody has looked whether there is something to read.
    asked: bool,
    /// Why a request that receives failed for which nobody waited: told to whoever reads next.
    untold: Option<Win32Error>,
    /// What has been gathered is sent before long.
    timing: bool,
    closed: bool,
    /// Whoever drops the end does not wait until it is closed.
    leaves: bool,
    alarm: Option<OwnedFd>,
    armed: Interest,
    last_id: u64,
    tasks: Vec<AbortHandle>,
}

/// What stands behind something to be sent.
enum Ticket {
    /// A write.
    Write(Arc<Outcome<usize>>),
    /// The question of a transaction, whose read has this number.
    Question(u64),
}

/// The state, locked. No waker is called as long as it is.
struct Guard<'a> {
    // Dropped first.
    state: MutexGuard<'a, State>,
    _held: HeldBack,
}

impl std::ops::Deref for Guard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl End {
    /// The end of a pipe that was opened. `pipe_type` is what the server tells, if it does.
    pub(super) fn new(
        handle: Handle,
        server: &str,
        access: DesiredAccess,
        told: Option<PipeMode>,
        options: &SmbOptions,
    ) -> End {
        let shared = Arc::new_cyclic(|me| Shared {
            handle,
            server: server.to_owned(),
            access,
            tells: told.is_some(),
            write_through: options.write_through,
            limit: options.request_timeout,
            state: Mutex::new(State {
                inbox: Inbox::new(),
                outbox: Outbox::new(),
                flushes: Vec::new(),
                read_mode: PipeMode::Byte,
                pipe_type: told.or(options.pipe_type),
                collection: options.collection,
                fetching: false,
                asked: false,
                untold: None,
                timing: false,
                closed: false,
                leaves: false,
                alarm: None,
                armed: Interest::empty(),
                last_id: 0,
                tasks: Vec::new(),
            }),
            sent: Notify::new(),
            #[cfg(feature = "tokio")]
            tasks: Tasks::default(),
            me: me.clone(),
        });
        End {
            shared,
            process: std::process::id(),
        }
    }

    /// Refuses what needs a right that was not asked for, and the copy of a fork.
    fn need(&self, access: DesiredAccess) -> Result<()> {
        if self.process != std::process::id() {
            return Err(Win32Error::INVALID_HANDLE);
        }
        match self.shared.access.contains(access) {
            true => Ok(()),
            false => Err(Win32Error::ACCESS_DENIED),
        }
    }

    pub(crate) fn end(&self) -> PipeEnd {
        PipeEnd::Client
    }

    pub(crate) fn peer_computer_name(&self) -> Result<String> {
        Ok(self.shared.server.clone())
    }

    pub(crate) fn cancel(&self) -> Result<()> {
        match self.shared.withdraw_all(Win32Error::OPERATION_ABORTED) {
            0 => Err(Win32Error::NOT_FOUND),
            _ => Ok(()),
        }
    }
}

impl Drop for End {
    /// Ends what waits, sends what was gathered, and closes: the pipe is closed on the server when this
    /// returns, unless the server takes longer than requests may, or has still not taken a write that was
    /// called off (Samba lets the close wait for it), or a task does not wait.
    fn drop(&mut self) {
        if self.process != std::process::id() {
            return; // a copy that a fork made: the pipe is the parent's
        }
        self.shared.withdraw_all(Win32Error::OPERATION_ABORTED);
        let at_once = {
            let state = self.shared.lock();
            let stuck = !state.outbox.is_idle() && !state.outbox.has_gathered();
            stuck || state.leaves
        };
        let until = match at_once {
            true => Some(Instant::now()),
            false => Instant::now().checked_add(self.shared.limit),
        };
        // It goes on in the background.
        let _ = runtime::run(self.shared.clone().close(), until);
    }
}

impl State {
    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// What rings for whoever waits with `poll`, made when it is wanted.
    fn alarm(&mut self) -> Result<&OwnedFd> {
        if self.alarm.is_none() {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            let made = eventfd(0, flags).map_err(|_| Win32Error::TOO_MANY_OPEN_FILES)?;
            self.alarm = Some(made);
        }
        self.alarm.as_ref().ok_or(Win32Error::TOO_MANY_OPEN_FILES)
    }

    /// Whether a read would be told something now, though the pipe goes on.
    fn is_readable(&self) -> bool {
        let has_news = self.inbox.has_unread() || self.untold.is_some();
        has_news && !self.inbox.has_waiting()
    }

    /// What would not wait now.
    fn ready(&self) -> Interest {
        let mut ready = Interest::empty();
        let ended = self.inbox.ending().is_some();
        ready.set(Interest::READABLE, ended || self.is_readable());
        ready.set(Interest::WRITABLE, ended || self.outbox.is_idle());
        ready
    }
}

impl Canceller for Shared {
    fn cancel_operation(&self, id: u64) -> Result<()> {
        let mut state = self.lock();
        let aborted = Win32Error::OPERATION_ABORTED;
        if let Some(outcome) = state.inbox.withdraw(id) {
            outcome.complete(Err(aborted));
        } else if let Some(Ticket::Write(outcome)) = state.outbox.withdraw(id) {
            outcome.complete(Err(aborted));
        } else {
            return Err(Win32Error::NOT_FOUND);
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> Guard<'_> {
        let held = HeldBack::begin();
        Guard {
            state: self.state.lock().unwrap_or_else(PoisonError::into_inner),
            _held: held,
        }
    }

    /// A pending operation for its starter.
    fn going_on<T: Clone>(&self, begun: Result<(u64, Arc<Outcome<T>>)>) -> Operation<T> {
        match begun {
            Ok((id, outcome)) => Operation::going_on(outcome, self.me.clone(), id),
            Err(code) => Operation::ended(Err(code)),
        }
    }

    /// Whether an empty write has to be sent. On a byte pipe it does nothing. As a message it is one, which
    /// a Samba server swallows.
    fn carries_nothing(&self, state: &State) -> Result<bool> {
        match (state.pipe_type, self.tells) {
            (Some(PipeMode::Message), true) => Ok(true),
            (Some(PipeMode::Message), false) => Err(Win32Error::NOT_SUPPORTED),
            (Some(PipeMode::Byte) | None, _) => Ok(false),
        }
    }

    /// Takes everything back that somebody waits for, and tells how much that was.
    fn withdraw_all(&self, code: Win32Error) -> usize {
        let mut state = self.lock();
        let reads = state.inbox.withdraw_all();
        let writes = state.outbox.withdraw_all();
        let flushes = std::mem::take(&mut state.flushes);
        let count = reads.len() + writes.len() + flushes.len();
        for outcome in reads {
            outcome.complete(Err(code));
        }
        for ticket in writes {
            if let Ticket::Write(outcome) = ticket {
                outcome.complete(Err(code));
            }
        }
        for (_, outcome) in flushes {
            outcome.complete(Err(code));
        }
        count
    }
}
