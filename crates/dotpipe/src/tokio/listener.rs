//! [`PipeListener`]: an instance for every client that comes, as a stream.
//!
//! Layer: the tokio face. The rule it owns: as long as the maximum of instances allows it, one instance
//! listens at all times. The next one is created before the connected one is handed out.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ::tokio::runtime::Handle;
use futures_core::Stream;

use super::fault::io_error;
use super::inner::{Inner, lock};
use super::server::NamedPipeServer;
use crate::error::{Error, Result};
use crate::exact::sys::{Tasks, Waiter};
use crate::exact::{self, End, Pending};
use crate::name::PipeName;
use crate::options::CreateOptions;
use crate::win32::Win32Error;

/// How often to look whether another process has made room, at the maximum of instances. Nothing tells
/// of it; a server of this listener that is dropped does.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(20);

/// A pipe that always has an instance listening, so that clients can come at any time. Not in tokio, whose
/// programs create the next instance by hand.
///
/// [`ServerOptions::listen`](crate::tokio::ServerOptions::listen) makes one. Every client gets an instance of
/// its own, which [`accept`](Self::accept) hands out, or the listener as a [`Stream`] that never ends.
/// Several tasks may accept at once.
///
/// # At the maximum of instances
/// When the pipe may have no further instance, none listens, and clients see `ERROR_PIPE_BUSY` or wait. As
/// soon as a server that was handed out is dropped, a new instance listens in its place; in between, and
/// only then, there is a moment without it, in which a pipe all of whose servers are dropped at once does not
/// exist.
///
/// # Examples
/// ```
/// use dotpipe::tokio::{ClientOptions, PipeMode, ServerOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// # let name = format!(r"\\.\pipe\doc-tokio-listener-{}", std::process::id());
/// let listener = ServerOptions::new()
///     .pipe_mode(PipeMode::Message)
///     .first_pipe_instance(true)
///     .listen(&name)?;
/// let serving = tokio::spawn(async move {
///     while let Ok(server) = listener.accept().await {
///         tokio::spawn(async move {
///             let mut message = Vec::new();
///             while server.recv(&mut message).await.is_ok() && server.send(&message).await.is_ok() {}
///         });
///     }
/// });
///
/// let mut reply = Vec::new();
/// for question in ["one", "two"] {
///     let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
///     client.transact(question.as_bytes(), &mut reply).await?;
///     assert_eq!(reply, question.as_bytes());
/// }
/// serving.abort();
/// # Ok(())
/// # }
/// ```
pub struct PipeListener {
    shared: Arc<Listening>,
    /// Who waits through the stream: the last task that did.
    looker: Waiter,
}

/// What a listener shares with the servers that it has handed out.
struct Listening {
    name: PipeName,
    options: CreateOptions,
    runtime: Handle,
    state: Mutex<State>,
    /// Those who wait for a client.
    tasks: Tasks,
    /// Wakes them all.
    ear: Waker,
}

struct State {
    /// The instance that listens, unless the maximum kept it from being created, and the wait for its client.
    next: Option<(End, Pending<()>)>,
    /// Somebody looks for room now and then.
    looking: bool,
    /// The listener is gone: no further instance.
    closed: bool,
}

struct Ear(Weak<Listening>);

impl Wake for Ear {
    fn wake(self: Arc<Self>) {
        if let Some(listening) = self.0.upgrade() {
            listening.tasks.wake_all();
        }
    }
}

impl PipeListener {
    pub(super) fn new(
        name: PipeName,
        mut options: CreateOptions,
        runtime: Handle,
    ) -> Result<PipeListener> {
        let first =
            listen(&name, &options).map_err(|code| Error::new("create", Some(&name), code))?;
        // The further ones are not the first.
        options.first_instance = false;
        let shared = Arc::new_cyclic(|this: &Weak<Listening>| Listening {
            name,
            options,
            runtime,
            state: Mutex::new(State {
                next: Some(first),
                looking: false,
                closed: false,
            }),
            tasks: Tasks::default(),
            ear: Waker::from(Arc::new(Ear(this.clone()))),
        });
        let looker = Waiter::new();
        Ok(PipeListener { shared, looker })
    }

    /// The name of the pipe.
    pub fn name(&self) -> &PipeName {
        &self.shared.name
    }

    /// Waits for a client, and hands out its server end. Before that it has the next instance listen.
    ///
    /// A client that came and has left already is handed out too: what it wrote can be read.
    ///
    /// # Cancel safety
    /// Dropping the future loses no client.
    ///
    /// # Errors
    /// `ERROR_TOO_MANY_OPEN_FILES` and the like when the next instance could not be created by the last
    /// `accept` and cannot be now. The listener can still be used.
    #[doc(alias = "ConnectNamedPipe")]
    pub async fn accept(&self) -> io::Result<NamedPipeServer> {
        let accepting = Accepting {
            shared: &self.shared,
            waiter: Waiter::new(),
        };
        poll_fn(|context| self.shared.poll_accept(context, &accepting.waiter)).await
    }

    /// [`accept`](Self::accept) for those who write a `poll` function: the last task that called it is woken.
    ///
    /// # Errors
    /// Those of [`accept`](Self::accept).
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<NamedPipeServer>> {
        self.shared.poll_accept(context, &self.looker)
    }
}

impl Stream for PipeListener {
    type Item = io::Result<NamedPipeServer>;

    /// The next client. It never ends, not with an error either.
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_accept(context).map(Some)
    }
}

/// An instance that listens.
fn listen(name: &PipeName, options: &CreateOptions) -> exact::Result<(End, Pending<()>)> {
    let end = exact::create(name, options)?;
    let connect = end.start_connect();
    Ok((end, connect))
}

impl Listening {
    fn poll_accept(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        waiter: &Waiter,
    ) -> Poll<io::Result<NamedPipeServer>> {
        // Before the look, so that nothing is missed.
        self.tasks.note(waiter, context.waker());
        let mut state = lock(&self.state);
        if state.next.is_none() {
            match listen(&self.name, &self.options) {
                Ok(next) => state.next = Some(next),
                Err(Win32Error::PIPE_BUSY) => {
                    self.look_for_room(&mut state);
                    return Poll::Pending;
                }
                Err(code) => return Poll::Ready(Err(self.io_error("create", code))),
            }
        }
        let Some((_, connect)) = &mut state.next else {
            return Poll::Pending;
        };
        match Pin::new(connect).poll(&mut Context::from_waker(&self.ear)) {
            Poll::Pending => Poll::Pending,
            // A client that has left may have written something.
            Poll::Ready(Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA)) => {
                // What keeps the next one from being created now, the next accept will tell. This client
                // is not to blame.
                let next = listen(&self.name, &self.options).ok();
                let connected = std::mem::replace(&mut state.next, next);
                drop(state);
                self.tasks.forget(waiter);
                // The others have another instance to wait with.
                self.tasks.wake_all();
                match connected {
                    Some((end, _)) => Poll::Ready(Ok(self.hand_out(end))),
                    None => Poll::Pending,
                }
            }
            Poll::Ready(Err(code)) => {
                state.next = None;
                Poll::Ready(Err(self.io_error("connect", code)))
            }
        }
    }

    fn hand_out(self: &Arc<Self>, end: End) -> NamedPipeServer {
        let slot = Slot(Arc::downgrade(self));
        NamedPipeServer::new(Inner::new(
            end,
            self.name.clone(),
            self.options.pipe_type,
            self.runtime.clone(),
            Some(slot),
        ))
    }

    fn io_error(&self, operation: &'static str, code: Win32Error) -> io::Error {
        io_error(Error::new(operation, Some(&self.name), code))
    }

    /// Has those who wait look again soon. A thread for blocking calls does it, since the runtime need not
    /// have a clock.
    fn look_for_room(self: &Arc<Self>, state: &mut State) {
        if state.looking {
            return;
        }
        state.looking = true;
        let listening = Arc::downgrade(self);
        self.runtime.spawn_blocking(move || {
            std::thread::sleep(LOOK_FOR_ROOM);
            if let Some(listening) = listening.upgrade() {
                lock(&listening.state).looking = false;
                listening.tasks.wake_all();
            }
        });
    }

    /// A server that was handed out is gone: where no instance could listen, one can now.
    fn make_up(&self) {
        let mut state = lock(&self.state);
        if state.next.is_none() && !state.closed {
            state.next = listen(&self.name, &self.options).ok();
        }
        drop(state);
        self.tasks.wake_all();
    }
}

/// A future that accepts: takes its waker out of the list when it is dropped.
struct Accepting<'a> {
    shared: &'a Listening,
    waiter: Waiter,
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.shared.tasks.forget(&self.waiter);
    }
}

/// Tells the listener when the server that it handed out is gone.
pub(super) struct Slot(Weak<Listening>);

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(listening) = self.0.upgrade() {
            listening.make_up();
        }
    }
}

impl Drop for PipeListener {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        let last = state.next.take();
        drop(state);
        drop(last);
    }
}

impl fmt::Debug for PipeListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeListener")
            .field(&self.shared.name)
            .finish()
    }
}
