//! Two bare rings in shared memory: what a stream costs when nothing is checked and nobody sleeps.

use std::io;
use std::path::PathBuf;

use crate::shared_memory::{Ring, Side};
use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Peer, Setup, wrong_length};

pub(super) const PEER: Peer = Peer {
    name: "raw-ring",
    abilities: Abilities {
        kinds: &[Kind::Byte, Kind::Message],
        streams: true,
        connections: false,
        sleeps: false,
        longest: usize::MAX,
    },
    environment: &[],
    listen: |setup| Ok((Box::new(Place::new(setup)), String::new())),
    connect: |setup, _| Ok(Box::new(Place::new(setup))),
};

struct Place {
    directory: PathBuf,
    framed: bool,
}

struct Pair {
    incoming: Ring,
    outgoing: Ring,
    framed: bool,
}

impl Place {
    fn new(setup: &Setup) -> Place {
        Place {
            directory: setup.directory.clone(),
            framed: setup.kind == Kind::Message,
        }
    }

    fn open_as(&self, side: Side) -> io::Result<Box<dyn Channel>> {
        let question = Ring::new(&self.directory.join("question"))?;
        let answer = Ring::new(&self.directory.join("answer"))?;
        let (incoming, outgoing) = match side {
            Side::Client => (answer, question),
            Side::Server => (question, answer),
        };
        Ok(Box::new(Pair {
            incoming,
            outgoing,
            framed: self.framed,
        }))
    }
}

impl Listener for Place {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        self.open_as(Side::Server)
    }
}

impl Connector for Place {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        self.open_as(Side::Client)
    }
}

impl Channel for Pair {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.outgoing.write(message, self.framed);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match self.incoming.read(buffer, self.framed) {
            len if len == buffer.len() => Ok(()),
            len => Err(wrong_length(len, buffer.len())),
        }
    }
}
