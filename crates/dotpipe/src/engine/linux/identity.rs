//! Who a process is: the kernel's word on a peer, and on this process itself.
//!
//! The kernel remembers with a socket who connected it and who listens on it. That is what counts: it does
//! not change when the peer changes its user later, and it cannot be forged.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use nix::sys::socket::{getsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, Result};
use rustix::process::Uid;

use super::{peer_groups, socket};
use crate::security::Token;

/// The user and the groups at the other end of a connection.
pub(in crate::engine) fn peer_token(socket: impl AsFd) -> Result<Token> {
    let peer = socket::peer(&socket)?;
    let groups = peer_groups::of(socket.as_fd())?;
    Ok(Token::new(peer.user.as_raw(), peer.group.as_raw(), groups))
}

/// The user and the groups of this process.
pub(in crate::engine) fn own_token() -> Result<Token> {
    let groups = rustix::process::getgroups()?;
    Ok(Token::new(
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
        groups.into_iter().map(|group| group.as_raw()),
    ))
}

/// Whether this number may stand for anybody: users that are not mapped into this process's user namespace all appear as
/// the system's overflow user.
pub(in crate::engine) fn is_anybody(user: Uid) -> bool {
    /// What it is unless the machine's administrator has chosen another.
    const USUALLY: u32 = 65534;
    static OVERFLOW: OnceLock<u32> = OnceLock::new();
    let overflow = OVERFLOW.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
        text.ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(USUALLY)
    });
    user.as_raw() == *overflow
}

/// A descriptor of the process at the other end, which stays the same process whatever becomes of its
/// number. `EINVAL` or `ENOPROTOOPT` before Linux 6.5.
pub(in crate::engine) fn peer_descriptor(socket: impl AsFd) -> Result<OwnedFd> {
    getsockopt(&socket, sockopt::PeerPidfd).map_err(|error| Errno::from_raw_os_error(error as i32))
}

/// The login session of the process at the other end: `ENOENT` when the kernel keeps none, `ESRCH` when
/// the process has ended.
pub(in crate::engine) fn peer_session(socket: impl AsFd) -> Result<u32> {
    let process = socket::peer(&socket)?.process;
    let text = std::fs::read_to_string(format!("/proc/{process}/sessionid"));
    // Asked after the file was read: only if the process still lives was it the file of this one.
    if has_ended(&peer_descriptor(&socket)?)? {
        return Err(Errno::SRCH);
    }
    let text = text.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    text.trim().parse().map_err(|_| Errno::IO)
}

fn has_ended(process: &OwnedFd) -> Result<bool> {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    Ok(poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&at_once))? > 0)
}
