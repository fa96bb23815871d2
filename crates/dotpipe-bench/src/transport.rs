//! What a transport is to the benchmark: something that listens, opens and passes messages.
//!
//! Layer: the seam between the measurements (`worker/`) and the transports (`peers/`). The rule it owns:
//! data start in a buffer of the sender and end in a buffer of the receiver, whatever the transport
//! could save by leaving them where they are.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Whether borders between messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A stream: what is received together need not have been sent together.
    Byte,
    /// Every message is received as it was sent.
    Message,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Byte => "byte",
            Kind::Message => "message",
        })
    }
}

/// What both ends know beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// A directory of this measurement alone, in memory if there is such a one.
    pub(crate) directory: PathBuf,
    /// The length of every message, in bytes.
    #[cfg_attr(
        not(feature = "peers"),
        expect(dead_code, reason = "only iceoryx2 must know it beforehand")
    )]
    pub(crate) len: usize,
    /// What the conversation is to be.
    pub(crate) kind: Kind,
}

/// One end of a conversation.
pub(crate) trait Channel {
    /// Sends a message and waits for room if it must.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Waits for a message that fills `buffer`. One of another length is an error, where there are
    /// borders.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()>;
}

/// The side that is opened.
pub(crate) trait Listener: Send {
    /// Waits for the next client.
    fn accept(&mut self) -> io::Result<Box<dyn Channel>>;
}

/// Who listens, and at which address.
pub(crate) type Listening = (Box<dyn Listener>, String);

/// The side that opens.
pub(crate) trait Connector: Send {
    /// Opens a conversation.
    fn open(&mut self) -> io::Result<Box<dyn Channel>>;
}

/// What a transport can do, and so where it has a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abilities {
    /// The kinds in which it streams. Round trips use messages where it can, bytes otherwise.
    pub(crate) kinds: &'static [Kind],
    /// It has a stream to measure at all; a mailbox has not.
    pub(crate) streams: bool,
    /// It takes any number of clients.
    pub(crate) connections: bool,
    /// A receiver sleeps when nothing comes; otherwise it spins for ever.
    pub(crate) sleeps: bool,
    /// The longest message, in bytes.
    pub(crate) longest: usize,
}

impl Abilities {
    /// Of what can do everything but keep borders.
    pub(crate) const STREAM: Abilities = Abilities {
        kinds: &[Kind::Byte],
        streams: true,
        connections: true,
        sleeps: true,
        longest: usize::MAX,
    };

    /// The kind for what is measured in one kind only.
    pub(crate) fn favourite(&self) -> Kind {
        if self.kinds.contains(&Kind::Message) {
            Kind::Message
        } else {
            Kind::Byte
        }
    }
}

/// A transport.
pub(crate) struct Peer {
    /// How it is called in tables, files and on the command line.
    pub(crate) name: &'static str,
    /// What it can do.
    pub(crate) abilities: Abilities,
    /// Variables for the environment of both its processes.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Begins to listen, and tells the address for [`connect`](Self::connect).
    pub(crate) listen: fn(&Setup) -> io::Result<Listening>,
    /// Gets ready to open conversations with whoever listens at this address.
    pub(crate) connect: fn(&Setup, &str) -> io::Result<Box<dyn Connector>>,
}

/// The error of a message of another length than was agreed.
pub(crate) fn wrong_length(received: usize, expected: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a message of {received} bytes came where one of {expected} was sent"),
    )
}
