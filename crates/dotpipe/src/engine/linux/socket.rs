//! The socket between a client and a server process: first it carries the request and its answer, with
//! the shared memory; then it is the bell of the connection, and its end tells of the other's death.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, Result};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::process::Uid;

/// Connections that wait to be accepted; beyond that, clients wait in `connect`.
const BACKLOG: i32 = 1024;

fn new_socket() -> Result<OwnedFd> {
    rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// The address of a file in an open folder. Going through the descriptor keeps it short, whatever the
/// folder's path: an address holds 108 bytes.
fn address(folder: BorrowedFd<'_>, file: &str) -> Result<SocketAddrUnix> {
    use std::os::fd::AsRawFd;
    SocketAddrUnix::new(format!("/proc/self/fd/{}/{file}", folder.as_raw_fd()))
}

/// A listening socket at `file` in `folder`, which must not exist yet.
pub(in crate::engine) fn listen(folder: BorrowedFd<'_>, file: &str) -> Result<OwnedFd> {
    let socket = new_socket()?;
    rustix::net::bind(&socket, &address(folder, file)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

/// Connects to the socket `file` in `folder`; this and what is sent then takes at most `limit`.
pub(in crate::engine) fn connect(
    folder: BorrowedFd<'_>,
    file: &str,
    limit: Duration,
) -> Result<OwnedFd> {
    connect_to(&address(folder, file)?, limit)
}

/// The same by the address of the socket's file.
pub(in crate::engine) fn connect_to(address: &SocketAddrUnix, limit: Duration) -> Result<OwnedFd> {
    let socket = new_socket()?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    loop {
        match rustix::net::connect(&socket, address) {
            Ok(()) => return Ok(socket),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT),
            Err(error) => return Err(error),
        }
    }
}

/// The next client, or `None` when none waits.
pub(in crate::engine) fn accept(listener: impl AsFd) -> Result<Option<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match rustix::net::accept_with(listener, flags) {
        Ok(socket) => Ok(Some(socket)),
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends one packet, with a descriptor if there is one. Never waits longer than the socket's limit,
/// never raises a signal.
pub(in crate::engine) fn send(
    socket: impl AsFd,
    packet: &[u8],
    fd: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let fds = fd.map(|fd| [fd]);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if let Some(fds) = &fds {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    let flags = SendFlags::NOSIGNAL;
    loop {
        match rustix::net::sendmsg(&socket, &[IoSlice::new(packet)], &mut ancillary, flags) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What a packet brought.
pub(in crate::engine) struct Packet {
    /// Bytes; 0 when the other side has gone.
    pub(in crate::engine) len: usize,
    /// The descriptor that came with it.
    pub(in crate::engine) fd: Option<OwnedFd>,
    /// It was longer than the buffer, or brought more descriptors than one.
    pub(in crate::engine) truncated: bool,
}

/// Receives one packet and at most one descriptor; any other is closed. Never waits: `AGAIN` when nothing
/// is here.
pub(in crate::engine) fn receive(socket: impl AsFd, packet: &mut [u8]) -> Result<Packet> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = loop {
        let slices = &mut [IoSliceMut::new(packet)];
        match rustix::net::recvmsg(&socket, slices, &mut ancillary, flags) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut fd = None;
    let mut truncated = received
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            for each in fds {
                truncated |= fd.is_some();
                fd = Some(each);
            }
        }
    }
    Ok(Packet {
        len: received.bytes,
        fd,
        truncated,
    })
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Peer {
    /// Its process as this process sees it: 0 when it lives in a PID namespace that is hidden from here.
    pub(in crate::engine) process: u32,
    /// The user that it ran as.
    pub(in crate::engine) user: Uid,
}

/// Process and user at the other end when the connection was made: the kernel's word.
pub(in crate::engine) fn peer(socket: impl AsFd) -> Result<Peer> {
    // Not through rustix, whose type for this holds no process 0, which the kernel does say.
    let peer = nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::PeerCredentials)
        .map_err(|error| Errno::from_raw_os_error(error as i32))?;
    Ok(Peer {
        process: u32::try_from(peer.pid()).unwrap_or(0),
        user: Uid::from_raw(peer.uid()),
    })
}

/// Sends one byte to wake the other side. False when the other side has gone.
pub(in crate::engine) fn ring(socket: impl AsFd) -> bool {
    match rustix::net::send(socket, &[1], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        // A full socket holds plenty to wake up for.
        Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => true,
        Err(_) => false,
    }
}

/// Takes one ring of the bell. False when the other side has gone.
pub(in crate::engine) fn hear(socket: impl AsFd) -> bool {
    match rustix::net::recv(socket, &mut [0u8; 16][..], RecvFlags::DONTWAIT) {
        Ok((count, _)) => count > 0,
        Err(Errno::AGAIN | Errno::INTR) => true,
        Err(_) => false,
    }
}

/// Whether the other side has gone, without waiting and without taking anything.
pub(in crate::engine) fn has_hung_up(socket: impl AsFd) -> bool {
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    look(socket, PollFlags::RDHUP).intersects(gone)
}

/// Waits until there is something to receive, at the longest until `end`; false when nothing came.
pub(in crate::engine) fn wait_readable(socket: impl AsFd, end: Instant) -> Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(&socket, PollFlags::IN)];
        match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether there is something to receive or somebody to accept.
pub(in crate::engine) fn is_readable(socket: impl AsFd) -> bool {
    look(socket, PollFlags::IN).contains(PollFlags::IN)
}

/// What `poll` says of a socket at once.
fn look(socket: impl AsFd, flags: PollFlags) -> PollFlags {
    let mut fds = [PollFd::new(&socket, flags)];
    let none = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut fds, Some(&none)) {
        Ok(1..) => fds[0].revents(),
        _ => PollFlags::empty(),
    }
}

/// Ends the conversation for both sides at once, whoever still holds the descriptor.
pub(in crate::engine) fn shut(socket: impl AsFd) {
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
}
