//! dotpipe's `sync` face, as a program would use it: default quotas, a listener, `send` and `recv_into` for
//! messages, `Read` and `Write` for bytes.

use std::io::{self, Read, Write};

use dotpipe::exact::Received;
use dotpipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeListener, PipeMode, ServerOptions,
    WaitTimeout,
};

use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Peer, Setup, wrong_length};

pub(super) const PEER: Peer = Peer {
    name: "dotpipe",
    abilities: Abilities {
        kinds: &[Kind::Byte, Kind::Message],
        ..Abilities::STREAM
    },
    environment: &[],
    listen,
    connect,
};

pub(super) const WITHOUT_SPINNING: Peer = Peer {
    name: "dotpipe-no-spin",
    environment: &[("DOTPIPE_SPIN", "never")],
    ..PEER
};

/// The server of a measurement is the only one in its `DOTPIPE_DIR`, so any name will do.
const NAME: &str = r"\\.\pipe\bench";

struct Client(PipeMode);

pub(super) fn mode(setup: &Setup) -> PipeMode {
    match setup.kind {
        Kind::Byte => PipeMode::Byte,
        Kind::Message => PipeMode::Message,
    }
}

fn listen(setup: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    let listener = ServerOptions::new().pipe_mode(mode(setup)).listen(NAME)?;
    Ok((Box::new(listener), NAME.into()))
}

fn connect(setup: &Setup, _: &str) -> io::Result<Box<dyn Connector>> {
    Ok(Box::new(Client(mode(setup))))
}

impl Listener for PipeListener {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        let pipe = PipeListener::accept(self)?;
        Ok(match pipe.info()?.mode {
            PipeMode::Byte => Box::new(Bytes(pipe)),
            PipeMode::Message => Box::new(Messages(pipe)),
        })
    }
}

impl Connector for Client {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let pipe = ClientOptions::new()
            .pipe_mode(self.0)
            .wait_timeout(Some(WaitTimeout::Forever))
            .open(NAME)?;
        Ok(match self.0 {
            PipeMode::Byte => Box::new(Bytes(pipe)),
            PipeMode::Message => Box::new(Messages(pipe)),
        })
    }
}

pub(super) struct Bytes<E>(pub(super) E);

impl<E: Read + Write> Channel for Bytes<E> {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.write_all(message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(buffer)
    }
}

pub(super) struct Messages<E>(pub(super) E);

/// Both ends have the same methods, but no trait for them.
macro_rules! messages {
    ($($end:ty),*) => {$(
        impl Channel for Messages<$end> {
            fn send(&mut self, message: &[u8]) -> io::Result<()> {
                Ok(self.0.send(message)?)
            }

            fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
                match self.0.recv_into(buffer)? {
                    Received { len, more: false } if len == buffer.len() => Ok(()),
                    Received { len, .. } => Err(wrong_length(len, buffer.len())),
                }
            }
        }
    )*};
}

messages!(NamedPipeServer, NamedPipeClient);
