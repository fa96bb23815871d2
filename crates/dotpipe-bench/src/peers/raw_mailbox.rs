//! A mailbox in shared memory: what a round trip costs when nothing is checked and nobody sleeps.

use std::io;
use std::path::{Path, PathBuf};

use crate::shared_memory::{MAILBOX_LEN, Mailbox, Side};
use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Peer, Setup};

pub(super) const PEER: Peer = Peer {
    name: "raw-mailbox",
    abilities: Abilities {
        kinds: &[Kind::Message],
        streams: false,
        connections: false,
        sleeps: false,
        longest: MAILBOX_LEN,
    },
    environment: &[],
    listen,
    connect,
};

struct Place(PathBuf);

fn listen(setup: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    let path = setup.directory.join("mailbox");
    let address = path.to_string_lossy().into_owned();
    Ok((Box::new(Place(path)), address))
}

fn connect(_: &Setup, address: &str) -> io::Result<Box<dyn Connector>> {
    Ok(Box::new(Place(Path::new(address).into())))
}

impl Listener for Place {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        Ok(Box::new(Mailbox::new(&self.0, Side::Server)?))
    }
}

impl Connector for Place {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        Ok(Box::new(Mailbox::new(&self.0, Side::Client)?))
    }
}

impl Channel for Mailbox {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        Mailbox::send(self, message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        Mailbox::receive(self, buffer)
    }
}
