//! Unix sockets that keep borders (`SOCK_SEQPACKET`), with the system's buffers or large ones.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};

use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Peer, Setup, wrong_length};

pub(super) const PEER: Peer = Peer {
    name: "unix-seqpacket",
    abilities: Abilities {
        kinds: &[Kind::Message],
        // A message must fit the system's buffer, 208 KiB by default.
        longest: 64 << 10,
        ..Abilities::STREAM
    },
    environment: &[],
    listen: listen::<false>,
    connect: connect::<false>,
};

pub(super) const TUNED: Peer = Peer {
    name: "unix-seqpacket-tuned",
    abilities: Abilities {
        kinds: &[Kind::Message],
        connections: false,
        ..Abilities::STREAM
    },
    environment: &[],
    listen: listen::<true>,
    connect: connect::<true>,
};

/// What a tuned buffer is to be, in bytes.
const LARGE: usize = 4 << 20;

/// Gives a socket large buffers: as large as we want if we may, else as large as anyone may have.
pub(super) fn enlarge(socket: &impl AsFd) -> io::Result<()> {
    let plainly = |error| match error {
        Errno::PERM => Ok(()),
        error => Err(error),
    };
    sockopt::set_socket_send_buffer_size(socket, LARGE)?;
    sockopt::set_socket_recv_buffer_size(socket, LARGE)?;
    sockopt::set_socket_send_buffer_size_force(socket, LARGE).or_else(plainly)?;
    sockopt::set_socket_recv_buffer_size_force(socket, LARGE).or_else(plainly)?;
    Ok(())
}

fn socket() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

fn listen<const TUNED: bool>(setup: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    let path = setup.directory.join("seqpacket");
    let socket = socket()?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    rustix::net::listen(&socket, 128)?;
    let address = path.to_string_lossy().into_owned();
    Ok((Box::new(Server(socket, TUNED)), address))
}

fn connect<const TUNED: bool>(_: &Setup, address: &str) -> io::Result<Box<dyn Connector>> {
    Ok(Box::new(Client(Path::new(address).into(), TUNED)))
}

struct Server(OwnedFd, bool);

impl Listener for Server {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        let socket = rustix::net::accept_with(&self.0, SocketFlags::CLOEXEC)?;
        finish(socket, self.1)
    }
}

struct Client(PathBuf, bool);

impl Connector for Client {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let socket = socket()?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(&self.0)?)?;
        finish(socket, self.1)
    }
}

fn finish(socket: OwnedFd, tuned: bool) -> io::Result<Box<dyn Channel>> {
    if tuned {
        enlarge(&socket)?;
    }
    Ok(Box::new(Messages(socket)))
}

struct Messages(OwnedFd);

impl Channel for Messages {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match rustix::net::send(&self.0, message, SendFlags::NOSIGNAL)? {
            sent if sent == message.len() => Ok(()),
            sent => Err(wrong_length(sent, message.len())),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        // With this flag the length is that of the message, also when it was too long for the buffer.
        let (_, len) = rustix::net::recv(&self.0, &mut *buffer, RecvFlags::TRUNC)?;
        match len {
            len if len == buffer.len() => Ok(()),
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => Err(wrong_length(len, buffer.len())),
        }
    }
}
