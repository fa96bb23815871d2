//! Streams that tasks use: dotpipe's `tokio` face and tokio's Unix stream sockets, on a runtime of one thread and
//! on one of several.
//!
//! What is measured runs as a task ([`Tasks`]); only the check goes through a thread that blocks.

use std::future::Future;
use std::io;
use std::pin::Pin;

use dotpipe::WaitTimeout;
use dotpipe::tokio::{ClientOptions, ServerOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};

use crate::transport::{Abilities, Channel, Connector, Listener, Peer, Setup};

pub(super) const PIPE_ONE: Peer = peer::<true, false>("dotpipe-tokio-current");
pub(super) const PIPE_SEVERAL: Peer = peer::<true, true>("dotpipe-tokio-multi");
pub(super) const SOCKET_ONE: Peer = peer::<false, false>("tokio-unix-current");
pub(super) const SOCKET_SEVERAL: Peer = peer::<false, true>("tokio-unix-multi");

const fn peer<const PIPE: bool, const SEVERAL: bool>(name: &'static str) -> Peer {
    Peer {
        name,
        abilities: Abilities {
            connections: false,
            ..Abilities::STREAM
        },
        environment: &[],
        listen: listen::<PIPE, SEVERAL>,
        connect: connect::<PIPE, SEVERAL>,
    }
}

/// A stream as tasks use it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that is about to be there.
pub(crate) type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// What a transport has whose ends are used by tasks.
pub(crate) struct Tasks {
    several: bool,
    pipe: bool,
}

/// That of a peer, if it is such a one.
pub(crate) fn tasks(peer: &Peer) -> Option<Tasks> {
    let all = [PIPE_ONE, PIPE_SEVERAL, SOCKET_ONE, SOCKET_SEVERAL];
    let place = all.iter().position(|known| known.name == peer.name)?;
    Some(Tasks {
        pipe: place < 2,
        several: place % 2 == 1,
    })
}

/// The server of a measurement is the only one in its `DOTPIPE_DIR`, so any name will do.
const NAME: &str = r"\\.\pipe\bench";

impl Tasks {
    pub(crate) fn runtime(&self) -> io::Result<Runtime> {
        let mut builder = match self.several {
            true => Builder::new_multi_thread(),
            false => Builder::new_current_thread(),
        };
        // As many threads as a small server would have; the machine may have more processors.
        builder.worker_threads(2).enable_all().build()
    }

    /// Begins to listen, within a runtime.
    pub(crate) fn listen(&self, setup: &Setup) -> io::Result<(Opening, String)> {
        if self.pipe {
            let server = ServerOptions::new().create(NAME)?;
            let opening = Box::pin(async move {
                server.connect().await?;
                Ok(Box::new(server) as Box<dyn Stream>)
            });
            return Ok((opening, NAME.into()));
        }
        let path = setup.directory.join("stream");
        let listener = UnixListener::bind(&path)?;
        let opening = Box::pin(async move {
            let (stream, _) = listener.accept().await?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        });
        Ok((opening, path.to_string_lossy().into_owned()))
    }

    pub(crate) fn connect(&self, address: &str) -> Opening {
        let address = address.to_owned();
        if self.pipe {
            return Box::pin(async {
                let client = ClientOptions::new()
                    .open_wait(NAME, WaitTimeout::Forever)
                    .await?;
                Ok(Box::new(client) as Box<dyn Stream>)
            });
        }
        Box::pin(async {
            let stream = UnixStream::connect(address).await?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// One side for a thread that blocks.
struct Side {
    runtime: Option<Runtime>,
    opening: Option<Opening>,
}

struct Blocking(Runtime, Box<dyn Stream>);

fn of<const PIPE: bool, const SEVERAL: bool>() -> Tasks {
    Tasks {
        several: SEVERAL,
        pipe: PIPE,
    }
}

fn listen<const PIPE: bool, const SEVERAL: bool>(
    setup: &Setup,
) -> io::Result<(Box<dyn Listener>, String)> {
    let tasks = of::<PIPE, SEVERAL>();
    let runtime = tasks.runtime()?;
    let (opening, address) = runtime.block_on(async { tasks.listen(setup) })?;
    Ok((Box::new(Side::new(runtime, opening)), address))
}

fn connect<const PIPE: bool, const SEVERAL: bool>(
    _: &Setup,
    address: &str,
) -> io::Result<Box<dyn Connector>> {
    let tasks = of::<PIPE, SEVERAL>();
    let runtime = tasks.runtime()?;
    Ok(Box::new(Side::new(runtime, tasks.connect(address))))
}

impl Side {
    fn new(runtime: Runtime, opening: Opening) -> Side {
        Side {
            runtime: Some(runtime),
            opening: Some(opening),
        }
    }

    fn open_once(&mut self) -> io::Result<Box<dyn Channel>> {
        let (Some(runtime), Some(opening)) = (self.runtime.take(), self.opening.take()) else {
            return Err(io::Error::other("there is one conversation only"));
        };
        let stream = runtime.block_on(opening)?;
        Ok(Box::new(Blocking(runtime, stream)))
    }
}

impl Listener for Side {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        self.open_once()
    }
}

impl Connector for Side {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        self.open_once()
    }
}

impl Channel for Blocking {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.block_on(self.1.write_all(message))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.0.block_on(self.1.read_exact(buffer)).map(drop)
    }
}
