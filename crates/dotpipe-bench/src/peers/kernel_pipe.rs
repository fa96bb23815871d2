//! Kernel pipes, one for each direction, as named FIFOs so that two unrelated processes can meet.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode};

use crate::transport::{Abilities, Channel, Connector, Listener, Peer, Setup};

pub(super) const PEER: Peer = Peer {
    name: "kernel-pipe",
    abilities: Abilities {
        // A FIFO has no notion of who opened it: one server, one client.
        connections: false,
        ..Abilities::STREAM
    },
    environment: &[],
    listen,
    connect: |setup, _| Ok(Box::new(Place(setup.directory.clone()))),
};

struct Place(PathBuf);

const QUESTION: &str = "question";
const ANSWER: &str = "answer";

fn listen(setup: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    for name in [QUESTION, ANSWER] {
        let path = setup.directory.join(name);
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0)?;
    }
    Ok((Box::new(Place(setup.directory.clone())), String::new()))
}

/// Opening waits until the other side opens too, so both sides take them in the same order.
fn reader(directory: &Path, name: &str) -> io::Result<File> {
    File::open(directory.join(name))
}

fn writer(directory: &Path, name: &str) -> io::Result<File> {
    File::options().write(true).open(directory.join(name))
}

impl Listener for Place {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        let incoming = reader(&self.0, QUESTION)?;
        let outgoing = writer(&self.0, ANSWER)?;
        Ok(Box::new(Pair { incoming, outgoing }))
    }
}

impl Connector for Place {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let outgoing = writer(&self.0, QUESTION)?;
        let incoming = reader(&self.0, ANSWER)?;
        Ok(Box::new(Pair { incoming, outgoing }))
    }
}

struct Pair {
    incoming: File,
    outgoing: File,
}

impl Channel for Pair {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.outgoing.write_all(message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.incoming.read_exact(buffer)
    }
}
