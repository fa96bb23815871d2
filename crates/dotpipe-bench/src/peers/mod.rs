//! The transports, one file each.
//!
//! Layer: below the measurements. A file here knows its transport and nothing of what is measured;
//! [`ALL`] is the list, in the order of the tables, and [`remote::ALL`] that of the way to other machines. Wine's pipes are not in it, since their program is not
//! this one: see [`wine`].

mod dotpipe;
#[cfg(feature = "peers")]
mod iceoryx2;
#[cfg(feature = "peers")]
mod interprocess;
#[cfg(feature = "peers")]
mod ipc_channel;
mod kernel_pipe;
mod raw_mailbox;
mod raw_ring;
pub(crate) mod remote;
mod seqpacket;
mod tokio;
mod unix_stream;
pub(crate) mod wine;

pub(crate) use self::tokio::{Stream, Tasks, tasks};
use crate::transport::Peer;

/// All transports that speak in processes of this program.
pub(crate) const ALL: &[Peer] = &[
    raw_mailbox::PEER,
    raw_ring::PEER,
    dotpipe::PEER,
    dotpipe::WITHOUT_SPINNING,
    tokio::PIPE_ONE,
    tokio::PIPE_SEVERAL,
    tokio::SOCKET_ONE,
    tokio::SOCKET_SEVERAL,
    unix_stream::BLOCKING,
    unix_stream::BLOCKING_TUNED,
    unix_stream::POLLED,
    unix_stream::POLLED_TUNED,
    seqpacket::PEER,
    seqpacket::TUNED,
    kernel_pipe::PEER,
    #[cfg(feature = "peers")]
    interprocess::PEER,
    #[cfg(feature = "peers")]
    iceoryx2::PEER,
    #[cfg(feature = "peers")]
    ipc_channel::PEER,
];

/// The one that all others are compared with.
pub(crate) const OURS: &str = dotpipe::PEER.name;

/// The transport of that name.
pub(crate) fn find(name: &str) -> Option<&'static Peer> {
    let mut all = ALL.iter().chain(remote::ALL);
    all.find(|peer| peer.name == name)
}
