//! Unix stream sockets: blocking or polled, with the system's buffers or large ones.
//!
//! The polled ones never block: both sides ask again and again, which saves the wake-up and costs a
//! whole processor each.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::seqpacket::enlarge;
use crate::transport::{Abilities, Channel, Connector, Listener, Peer, Setup};

pub(super) const BLOCKING: Peer = peer::<false, false>("unix-stream");
pub(super) const BLOCKING_TUNED: Peer = peer::<false, true>("unix-stream-tuned");
pub(super) const POLLED: Peer = peer::<true, false>("unix-polled");
pub(super) const POLLED_TUNED: Peer = peer::<true, true>("unix-polled-tuned");

const fn peer<const POLLED: bool, const TUNED: bool>(name: &'static str) -> Peer {
    Peer {
        name,
        abilities: Abilities {
            sleeps: !POLLED,
            // To be opened by many is the same with other buffers.
            connections: !POLLED && !TUNED,
            ..Abilities::STREAM
        },
        environment: &[],
        listen: listen::<POLLED, TUNED>,
        connect: connect::<POLLED, TUNED>,
    }
}

#[derive(Clone, Copy)]
struct Manner {
    polled: bool,
    tuned: bool,
}

impl Manner {
    fn apply(self, stream: UnixStream) -> io::Result<Box<dyn Channel>> {
        stream.set_nonblocking(self.polled)?;
        if self.tuned {
            enlarge(&stream)?;
        }
        Ok(Box::new(Bytes(stream)))
    }
}

fn listen<const POLLED: bool, const TUNED: bool>(
    setup: &Setup,
) -> io::Result<(Box<dyn Listener>, String)> {
    let path = setup.directory.join("stream");
    let listener = UnixListener::bind(&path)?;
    let manner = Manner {
        polled: POLLED,
        tuned: TUNED,
    };
    let address = path.to_string_lossy().into_owned();
    Ok((Box::new(Server(listener, manner)), address))
}

fn connect<const POLLED: bool, const TUNED: bool>(
    _: &Setup,
    address: &str,
) -> io::Result<Box<dyn Connector>> {
    let manner = Manner {
        polled: POLLED,
        tuned: TUNED,
    };
    Ok(Box::new(Client(Path::new(address).into(), manner)))
}

struct Server(UnixListener, Manner);

impl Listener for Server {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        self.1.apply(self.0.accept()?.0)
    }
}

struct Client(PathBuf, Manner);

impl Connector for Client {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        self.1.apply(UnixStream::connect(&self.0)?)
    }
}

/// Anything that reads and writes bytes, and may say that it would have to wait.
pub(super) struct Bytes<S>(pub(super) S);

impl<S: Read + Write> Channel for Bytes<S> {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        write_all(&mut self.0, message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        read_exact(&mut self.0, buffer)
    }
}

/// As `Write::write_all`, but asks again when it would have to wait.
fn write_all(stream: &mut impl Write, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match stream.write(data) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => data = &data[written..],
            Err(error) if is_passing(&error) => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// As `Read::read_exact`, but asks again when it would have to wait.
fn read_exact(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    let mut received = 0;
    while received < buffer.len() {
        match stream.read(&mut buffer[received..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(more) => received += more,
            Err(error) if is_passing(&error) => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
