//! [`PipeListener`]: an instance for every client that comes.
//!
//! Layer: the sync face. The rule it owns: as long as the maximum of instances allows it, one instance
//! listens at all times. The next one is created before the connected one is handed out, so no client
//! ever meets a name that is gone for a moment.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::server::NamedPipeServer;
use super::turn::Turn;
use crate::error::{Error, Result};
use crate::exact::{self, End, Pending};
use crate::name::PipeName;
use crate::options::CreateOptions;
use crate::win32::Win32Error;

/// How often to look whether another process has made room, at the maximum of instances. Nothing tells
/// of it; a server of this process that is dropped does.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(20);

/// A pipe that always has an instance listening, so that clients can come at any time.
///
/// [`ServerOptions::listen`](crate::sync::ServerOptions::listen) makes one. Every client gets an
/// instance of its own, which [`accept`](Self::accept) hands out. Several threads may accept at once.
///
/// # At the maximum of instances
/// When the pipe may have no further instance, none listens, and clients see `ERROR_PIPE_BUSY` or wait.
/// As soon as a server that was handed out is dropped, a new instance listens in its place; in between, and
/// only then, there is a moment without it, in which a pipe of one instance does not exist.
///
/// # Examples
/// The whole loop of a server with a thread for each client:
/// ```
/// use std::thread;
///
/// use dotpipe::PipeMode;
/// use dotpipe::sync::{ClientOptions, ServerOptions};
///
/// # let name = format!(r"\\.\pipe\doc-listener-{}", std::process::id());
/// let listener = ServerOptions::new()
///     .pipe_mode(PipeMode::Message)
///     .first_pipe_instance(true)
///     .listen(&name)?;
/// let stop = listener.canceller();
/// let serving = thread::spawn(move || -> dotpipe::Result<()> {
///     for server in listener.incoming() {
///         let server = server?;
///         thread::spawn(move || {
///             let mut message = Vec::new();
///             while server.recv(&mut message).is_ok() && server.send(&message).is_ok() {}
///         });
///     }
///     Ok(())
/// });
///
/// let mut reply = Vec::new();
/// for question in ["one", "two"] {
///     let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
///     client.transact(question.as_bytes(), &mut reply)?;
///     assert_eq!(reply, question.as_bytes());
/// }
///
/// stop.cancel();
/// serving.join().unwrap()?;
/// # Ok::<(), dotpipe::Error>(())
/// ```
pub struct PipeListener {
    shared: Arc<Listening>,
    /// One accept at a time waits for the client; the others wait for it.
    accepting: Turn,
}

/// What a listener shares with its cancellers and with the servers that it has handed out.
struct Listening {
    name: PipeName,
    options: CreateOptions,
    state: Mutex<State>,
    /// Room for an instance was made, or the listener was cancelled.
    changed: Condvar,
}

struct State {
    /// The instance that listens, unless the maximum kept it from being created.
    next: Option<End>,
    cancelled: bool,
    /// The listener is gone: no further instance.
    closed: bool,
}

impl PipeListener {
    pub(super) fn new(name: PipeName, mut options: CreateOptions) -> Result<PipeListener> {
        let first = exact::create(&name, &options)
            .map_err(|code| Error::new("create", Some(&name), code))?;
        // The further ones are not the first.
        options.first_instance = false;
        Ok(PipeListener {
            shared: Arc::new(Listening {
                name,
                options,
                state: Mutex::new(State {
                    next: Some(first),
                    cancelled: false,
                    closed: false,
                }),
                changed: Condvar::new(),
            }),
            accepting: Turn::new(),
        })
    }

    /// The name of the pipe.
    pub fn name(&self) -> &PipeName {
        &self.shared.name
    }

    /// Waits for a client, and hands out its server end. Before that it has the next instance listen.
    ///
    /// A client that came and has left already is handed out too: what it wrote can be read.
    ///
    /// # Win32
    /// [`ConnectNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe)
    /// and then
    /// [`CreateNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew)
    ///
    /// # Errors
    /// `ERROR_OPERATION_ABORTED` when the listener has been [cancelled](Self::canceller),
    /// `ERROR_PIPE_LISTENING` in non-blocking wait mode when there is no client yet,
    /// `ERROR_TOO_MANY_OPEN_FILES` and the like when the next instance could not be created by the last
    /// `accept` and cannot be now. The listener can still be used.
    #[doc(alias = "ConnectNamedPipe")]
    pub fn accept(&self) -> Result<NamedPipeServer> {
        self.accept_until(None)
    }

    /// [`accept`](Self::accept), waiting no longer than `limit`.
    ///
    /// # Errors
    /// Those of [`accept`](Self::accept), and `ERROR_SEM_TIMEOUT` when the time is up.
    pub fn accept_timeout(&self, limit: Duration) -> Result<NamedPipeServer> {
        self.accept_until(Instant::now().checked_add(limit))
    }

    /// [`accept`](Self::accept) again and again, until the listener is [cancelled](Self::canceller).
    /// An error does not end it; the next round tries again.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// A handle that ends accepting, for another thread. There can be any number of them.
    pub fn canceller(&self) -> Canceller {
        Canceller {
            shared: self.shared.clone(),
        }
    }

    fn accept_until(&self, deadline: Option<Instant>) -> Result<NamedPipeServer> {
        let shared = &self.shared;
        shared.accept(&self.accepting, deadline).map_err(|code| {
            let error = Error::new("connect", Some(&shared.name), code);
            match code {
                Win32Error::OPERATION_ABORTED => {
                    error.with_hint("this listener has been cancelled; to serve on, make a new one")
                }
                _ => error,
            }
        })
    }
}

impl Drop for PipeListener {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let last = state.next.take();
        drop(state);
        drop(last);
    }
}

impl Listening {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(
        self: &Arc<Self>,
        accepting: &Turn,
        deadline: Option<Instant>,
    ) -> exact::Result<NamedPipeServer> {
        let turn = accepting.take(deadline)?;
        let connect = self.begin_connect(deadline)?;
        match Self::end_of(&connect, deadline) {
            // A client that has left may have written something.
            Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => {}
            Err(code) => return Err(code),
        }
        let mut state = self.lock();
        // The turn is ours, so nobody else has taken it.
        let connected = state.next.take().ok_or(Win32Error::INVALID_HANDLE)?;
        // What keeps it from being created now, the next accept will tell. This client is not to blame.
        state.next = connected.create_another(&self.name, &self.options).ok();
        drop(state);
        drop(turn);
        let slot = Slot {
            listening: Arc::downgrade(self),
        };
        let name = self.name.clone();
        Ok(NamedPipeServer::new(
            connected,
            name,
            &self.options,
            Some(slot),
        ))
    }

    /// Begins to wait for a client, as soon as there is an instance to wait with.
    fn begin_connect(&self, deadline: Option<Instant>) -> exact::Result<Pending<()>> {
        let mut state = self.lock();
        loop {
            if state.cancelled {
                return Err(Win32Error::OPERATION_ABORTED);
            }
            if let Some(next) = &state.next {
                // Under the lock: whoever cancels from now on finds it waiting.
                return Ok(next.start_connect());
            }
            match exact::create(&self.name, &self.options) {
                Ok(next) => {
                    state.next = Some(next);
                    continue;
                }
                Err(Win32Error::PIPE_BUSY) => {}
                Err(code) => return Err(code),
            }
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => LOOK_FOR_ROOM,
            };
            if left.is_zero() {
                return Err(Win32Error::SEM_TIMEOUT);
            }
            state = self
                .changed
                .wait_timeout(state, left.min(LOOK_FOR_ROOM))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The result of a connect; it is cancelled when the deadline passes.
    fn end_of(connect: &Pending<()>, deadline: Option<Instant>) -> exact::Result<()> {
        let Some(deadline) = deadline else {
            return connect.wait();
        };
        if let Some(result) = connect.wait_for(deadline.saturating_duration_since(Instant::now())) {
            return result;
        }
        match connect.cancel() {
            Ok(()) => Err(Win32Error::SEM_TIMEOUT),
            // It has ended just now.
            Err(_) => connect.wait(),
        }
    }

    /// A server that was handed out is gone: where no instance could listen, one can now.
    fn make_up(&self) {
        let mut state = self.lock();
        if state.next.is_none() && !state.closed {
            state.next = exact::create(&self.name, &self.options).ok();
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// Tells the listener when the server that it handed out is gone.
pub(super) struct Slot {
    listening: Weak<Listening>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.upgrade() {
            listening.make_up();
        }
    }
}

/// Ends the accepting of a [`PipeListener`] from another thread.
#[derive(Clone)]
pub struct Canceller {
    shared: Arc<Listening>,
}

impl Canceller {
    /// Makes every [`accept`](PipeListener::accept) that waits fail with `ERROR_OPERATION_ABORTED`, and
    /// every later one: so it does not matter whether the listener was just waiting.
    /// [`incoming`](PipeListener::incoming) ends.
    ///
    /// Servers that were handed out are not touched. The pipe goes on listening until the listener is
    /// dropped.
    ///
    /// # Win32
    /// [`CancelIoEx`](https://learn.microsoft.com/windows/win32/fileio/cancelioex-func)
    #[doc(alias = "CancelIoEx")]
    pub fn cancel(&self) {
        let mut state = self.shared.lock();
        state.cancelled = true;
        if let Some(next) = &state.next {
            // Nothing to cancel is fine: then nobody waits for this instance.
            let _ = next.cancel();
        }
        drop(state);
        // Those who wait for their turn find out when it comes.
        self.shared.changed.notify_all();
    }
}

/// The clients of a [`PipeListener`]: see [`PipeListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a PipeListener,
}

impl Iterator for Incoming<'_> {
    type Item = Result<NamedPipeServer>;

    /// The next client; `None` when the listener has been cancelled.
    fn next(&mut self) -> Option<Self::Item> {
        match self.listener.accept() {
            Err(error) if error.is_cancelled() => None,
            result => Some(result),
        }
    }
}

impl fmt::Debug for PipeListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeListener")
            .field(&self.shared.name)
            .finish()
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canceller").field(&self.shared.name).finish()
    }
}
