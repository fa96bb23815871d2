//! The crate `ipc-channel`: a pair of its byte channels for each conversation.
//!
//! A client makes both channels and sends the server's ends of them through one that stays open, which
//! is what opening a conversation is there.

use std::io;

use ipc_channel::IpcError;
use ipc_channel::ipc::{
    self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender,
};

use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Peer, Setup, wrong_length};

pub(super) const PEER: Peer = Peer {
    name: "ipc-channel",
    abilities: Abilities {
        kinds: &[Kind::Message],
        ..Abilities::STREAM
    },
    environment: &[],
    listen,
    connect,
};

/// What a client sends to open: where the server is to send to and to receive from.
type Ends = (IpcBytesSender, IpcBytesReceiver);

fn listen(_: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    let (server, address) = IpcOneShotServer::<IpcReceiver<Ends>>::new()?;
    Ok((Box::new(Server::Waiting(Some(server))), address))
}

fn connect(_: &Setup, address: &str) -> io::Result<Box<dyn Connector>> {
    let (requests, receiver) = ipc::channel()?;
    let first = IpcSender::<IpcReceiver<Ends>>::connect(address.into())?;
    first.send(receiver).map_err(told)?;
    Ok(Box::new(Client(requests)))
}

fn told(error: IpcError) -> io::Error {
    io::Error::other(error)
}

enum Server {
    Waiting(Option<IpcOneShotServer<IpcReceiver<Ends>>>),
    Open(IpcReceiver<Ends>),
}

impl Listener for Server {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        if let Server::Waiting(first) = self {
            let first = first.take().ok_or(io::ErrorKind::NotConnected)?;
            let (_, requests) = first.accept().map_err(told)?;
            *self = Server::Open(requests);
        }
        let Server::Open(requests) = self else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (outgoing, incoming) = requests.recv().map_err(told)?;
        Ok(Box::new(Pair { incoming, outgoing }))
    }
}

struct Client(IpcSender<Ends>);

impl Connector for Client {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let (outgoing, question) = ipc::bytes_channel()?;
        let (answer, incoming) = ipc::bytes_channel()?;
        self.0.send((answer, question)).map_err(told)?;
        Ok(Box::new(Pair { incoming, outgoing }))
    }
}

struct Pair {
    incoming: IpcBytesReceiver,
    outgoing: IpcBytesSender,
}

impl Channel for Pair {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.outgoing.send(message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let message = self.incoming.recv().map_err(told)?;
        if message.len() != buffer.len() {
            return Err(wrong_length(message.len(), buffer.len()));
        }
        buffer.copy_from_slice(&message);
        Ok(())
    }
}
