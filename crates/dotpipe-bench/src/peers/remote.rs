//! What is measured on the way to other machines: dotpipe's `sync` face with a client that comes through SMB, and what
//! TCP has to offer without it.

use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use dotpipe::security::SecurityDescriptor;
use dotpipe::{ClientOptions, NamedPipeClient, PipeMode, PipeName, ServerOptions};

use super::dotpipe::{Bytes, Messages, mode};
use super::unix_stream;
use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Listening, Peer, Setup};

/// The transports of the table, and the server of a client that is another program.
pub(crate) const ALL: &[Peer] = &[SMB, TRANSACTING, TCP];

/// Messages are written and read.
pub(crate) const SMB: Peer = Peer {
    name: "dotpipe-smb",
    abilities: Abilities {
        kinds: &[Kind::Byte, Kind::Message],
        ..Abilities::STREAM
    },
    environment: &[],
    listen: listen_smb,
    connect: connect_smb::<false>,
};

/// Questions are asked with `TransactNamedPipe`, which is one request instead of two.
pub(crate) const TRANSACTING: Peer = Peer {
    name: "dotpipe-smb-transact",
    abilities: Abilities {
        kinds: &[Kind::Message],
        streams: false,
        ..Abilities::STREAM
    },
    connect: connect_smb::<true>,
    ..SMB
};

/// A socket with `TCP_NODELAY`.
const TCP: Peer = Peer {
    name: "tcp",
    abilities: Abilities::STREAM,
    environment: &[],
    listen: listen_tcp,
    connect: connect_tcp,
};

/// The name of the pipe; the two processes have a namespace of their own.
pub(crate) const NAME: &str = "bench";

/// Whoever has logged on may read and write.
const DESCRIPTOR: &str = "D:(A;;GA;;;OW)(A;;0x12019b;;;AU)";

fn listen_smb(setup: &Setup) -> io::Result<Listening> {
    let descriptor: SecurityDescriptor = DESCRIPTOR.parse().map_err(io::Error::other)?;
    let listener = ServerOptions::new()
        .pipe_mode(mode(setup))
        .reject_remote_clients(false)
        .security(descriptor)
        .listen(PipeName::local(NAME)?)?;
    Ok((Box::new(listener), NAME.into()))
}

/// The port and the credentials come from the environment.
fn connect_smb<const TRANSACTS: bool>(setup: &Setup, name: &str) -> io::Result<Box<dyn Connector>> {
    Ok(Box::new(Client {
        name: format!(r"\\127.0.0.1\pipe\{name}"),
        mode: mode(setup),
        transacts: TRANSACTS,
    }))
}

struct Client {
    name: String,
    mode: PipeMode,
    transacts: bool,
}

impl Connector for Client {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let pipe = ClientOptions::new()
            .pipe_mode(self.mode)
            .open(&*self.name)?;
        Ok(match (self.transacts, self.mode) {
            (true, _) => Box::new(Transacting {
                pipe,
                question: Vec::new(),
                reply: Vec::new(),
            }),
            (false, PipeMode::Byte) => Box::new(Bytes(pipe)),
            (false, PipeMode::Message) => Box::new(Messages(pipe)),
        })
    }
}

/// A client whose question goes out when the answer is waited for.
struct Transacting {
    pipe: NamedPipeClient,
    question: Vec<u8>,
    reply: Vec<u8>,
}

impl Channel for Transacting {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.question.clear();
        self.question.extend_from_slice(message);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.reply.clear();
        self.pipe.transact(&self.question, &mut self.reply)?;
        (&*self.reply).read_exact(buffer)
    }
}

fn listen_tcp(_: &Setup) -> io::Result<Listening> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?.to_string();
    Ok((Box::new(listener), address))
}

fn connect_tcp(_: &Setup, address: &str) -> io::Result<Box<dyn Connector>> {
    Ok(Box::new(Address(address.into())))
}

impl Listener for TcpListener {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        channel(TcpListener::accept(self)?.0)
    }
}

struct Address(String);

impl Connector for Address {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        channel(TcpStream::connect(&self.0)?)
    }
}

fn channel(stream: TcpStream) -> io::Result<Box<dyn Channel>> {
    stream.set_nodelay(true)?;
    Ok(Box::new(unix_stream::Bytes(stream)))
}
