//! [`Export`]: local pipes for clients of other machines, by way of Samba.
//!
//! ```text
//! client on another machine ── SMB ── smbd ── unix socket ── export ── the pipe, as any client opens it
//! ```
//! `smbd` connects to the socket that is called like the pipe, says who the client is ([`npa`](crate::npa)), and
//! passes on what the client writes and reads. For each client the export opens an instance of the pipe in the
//! client's name and passes on between the two.
//!
//! | file | what it has |
//! |---|---|
//! | `place` | the directory for the sockets: which is safe, what a socket is called |
//! | `lower` | the small letters that Samba knows |
//! | `roster` | which pipes are exported, kept true to which there are |
//! | `door` | the socket of one pipe: who comes, limits, opening an instance |
//! | `threads` | the threads on which servers are asked, and how many a pipe may have |
//! | `request` | what `smbd` says first, and how it is answered |
//! | `identity` | who a client is |
//! | `conversation` | one client and its instance, until one of them goes |
//! | `transfer` | bytes through the socket; whole frames; draining |
//! | `unsent` | the one system call that has no safe function |
//! | `event` | what is told, for a log |

mod conversation;
mod door;
mod event;
mod identity;
mod lower;
mod place;
mod request;
mod roster;
mod threads;
mod transfer;
mod unsent;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dotpipe::name::PipeName;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

pub use event::{Event, Visitor};
pub use place::{LONGEST_PATH, PIPES_OF_SAMBA, Unfit, file_name};

use door::House;
pub(crate) use place::{Place, is_stale};
use roster::Roster;
use threads::Threads;

/// How long conversations may take to end when the export stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Which pipes are exported.
#[derive(Debug, Clone)]
enum Pipes {
    All,
    Named(Vec<PipeName>),
}

/// Serves pipes of this machine to clients of other machines, by way of Samba.
///
/// It has a socket for each pipe in the directory in which `smbd` looks for it, as long as a server of this machine
/// serves the pipe. For each client it opens an instance in the client's name
/// ([`on_behalf_of`](dotpipe::sync::ClientOptions::on_behalf_of)): so it must run as root or as the user of the
/// pipes, whose servers believe nobody else. What Samba has to be told, what it does not carry, and what is done
/// in its place stands in `docs/remote.md`; [`setup`](crate::setup) says what is wrong with a machine.
///
/// # Limits
/// It runs on any tokio runtime; a [current-thread](tokio::runtime::Builder::new_current_thread) one will do. Servers
/// are asked on threads of its own, at most two for each pipe whose server does not answer, and no other pipe waits
/// for those. 1,024 pipes are exported at once. Every client is answered within five seconds. In each direction of a conversation at most one message, or 64 KiB of bytes, is
/// kept, while it is on its way, and one more toward a server whose quota is smaller than the message. A client
/// takes two descriptors.
///
/// # Examples
/// ```
/// use dotpipe_samba::Export;
///
/// # let directory = tempfile::Builder::new().prefix("np").tempdir()?;
/// # let directory = directory.path();
/// # let stop = async {};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let export = Export::all(directory).on_event(|event| eprintln!("{event}"));
/// export.serve(stop).await // until a signal comes, say
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Export {
    directory: PathBuf,
    pipes: Pipes,
    interval: Duration,
    patience: Duration,
    most_clients: usize,
    log: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Export {
    /// Exports all pipes that do not reject remote clients, those too that come later.
    ///
    /// `directory` is where the sockets are put: where Samba [looks for them](crate::setup::Samba::directory), or one
    /// to which links lead from there.
    pub fn all(directory: impl Into<PathBuf>) -> Export {
        Export::of(directory.into(), Pipes::All)
    }

    /// Exports the pipes of these names, whenever they are there. Clients of those that reject remote clients are
    /// denied.
    pub fn pipes(
        directory: impl Into<PathBuf>,
        names: impl IntoIterator<Item = PipeName>,
    ) -> Export {
        Export::of(directory.into(), Pipes::Named(names.into_iter().collect()))
    }

    fn of(directory: PathBuf, pipes: Pipes) -> Export {
        Export {
            directory,
            pipes,
            interval: Duration::from_secs(1),
            patience: Duration::from_secs(30),
            most_clients: 256,
            log: Box::new(|_| {}),
        }
    }

    /// How often to look which pipes there are, which is how long a new one may take to appear, or one that has gone to
    /// vanish. At each look every server is asked for a word. The default is a second.
    pub fn interval(mut self, interval: Duration) -> Export {
        self.interval = interval;
        self
    }

    /// How long a client may take to fetch what the server wrote before it closed or disconnected. The default is
    /// 30 seconds.
    pub fn drain_timeout(mut self, timeout: Duration) -> Export {
        self.patience = timeout;
        self
    }

    /// How many clients of other machines one pipe may have at once. The default is 256.
    pub fn max_clients(mut self, clients: usize) -> Export {
        self.most_clients = clients;
        self
    }

    /// Has `log` told of what happens.
    pub fn on_event(mut self, log: impl Fn(&Event) + Send + Sync + 'static) -> Export {
        self.log = Box::new(log);
        self
    }

    /// Exports until `stop` is ready. Then the sockets go at once, and conversations have a few seconds to finish what
    /// is on its way to a client.
    ///
    /// # Cancel safety
    /// Dropping the future removes the sockets. Conversations are cut off with the runtime, and a client may be given
    /// bytes that nobody wrote in place of the rest of a message: better have `stop` be ready.
    ///
    /// # Errors
    /// When the directory is not there or not safe. What goes wrong later is told as an [`Event`] and tried again.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let place = Place::open(&self.directory)?;
        let house = Arc::new(House {
            log: self.log,
            patience: self.patience,
            most_clients: self.most_clients,
            look: Notify::new(),
        });
        let (stopping, stopped) = watch::channel(false);
        let mut roster = Roster::new(Threads::new()?, place, house.clone(), stopped);
        let looking = async {
            loop {
                roster.look(&self.pipes).await?;
                // Whichever comes first.
                let _ = timeout(self.interval, house.look.notified()).await;
            }
        };
        let result = tokio::select! {
            result = looking => result,
            () = stop => Ok(()),
        };
        drop(roster);
        stopping.send_replace(true);
        // Those who do not end in time are ended with the runtime.
        let _ = timeout(FAREWELL, stopping.closed()).await;
        result
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("directory", &self.directory)
            .field("pipes", &self.pipes)
            .finish_non_exhaustive()
    }
}
