//! The crate `interprocess`: its local sockets, which on Linux are Unix sockets behind a portable face.

use std::io;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Stream};

use super::unix_stream::Bytes;
use crate::transport::{Abilities, Channel, Connector, Listener, Peer, Setup};

pub(super) const PEER: Peer = Peer {
    name: "interprocess",
    abilities: Abilities::STREAM,
    environment: &[],
    listen,
    connect: |_, address| Ok(Box::new(Client(address.into()))),
};

struct Server(interprocess::local_socket::Listener);

struct Client(String);

fn listen(setup: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    let path = setup.directory.join("interprocess");
    let address = path.to_string_lossy().into_owned();
    let name = path.to_fs_name::<GenericFilePath>()?;
    let listener = ListenerOptions::new().name(name).create_sync()?;
    Ok((Box::new(Server(listener)), address))
}

impl Listener for Server {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        Ok(Box::new(Bytes(self.0.accept()?)))
    }
}

impl Connector for Client {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let name = self.0.as_str().to_fs_name::<GenericFilePath>()?;
        Ok(Box::new(Bytes(Stream::connect(name)?)))
    }
}
