//! The supplementary groups of a peer: `SO_PEERGROUPS`. No wrapper has it, so this file calls the system.

#![expect(unsafe_code, reason = "no safe wrapper has SO_PEERGROUPS")]

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;
use rustix::io::{Errno, Result};

/// The supplementary groups that the process at the other end had when it connected or listened.
pub(super) fn of(socket: BorrowedFd<'_>) -> Result<Vec<u32>> {
    // Most have few; the system says how many there are when it is too little.
    let mut groups = vec![0u32; 32];
    loop {
        let mut bytes =
            libc::socklen_t::try_from(size_of_val(groups.as_slice())).map_err(|_| Errno::RANGE)?;
        // SAFETY:
        // - `groups` is valid for writes of `bytes` bytes, which is its size, and any bytes make a `u32`;
        // - `bytes` is a valid `socklen_t`, which nobody else uses;
        // - the descriptor is open for as long as it is borrowed.
        let result = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &mut bytes,
            )
        };
        let count = usize::try_from(bytes).unwrap_or(0) / size_of::<u32>();
        match result {
            0 => {
                groups.truncate(count);
                return Ok(groups);
            }
            _ => match Errno::from_io_error(&std::io::Error::last_os_error()) {
                // What a peer has does not change, so the second try is the last one.
                Some(Errno::RANGE) if count > groups.len() => groups.resize(count, 0),
                error => return Err(error.unwrap_or(Errno::IO)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_peer_in_this_process_has_the_groups_of_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let own = rustix::process::getgroups().unwrap();
        let own: BTreeSet<u32> = own.into_iter().map(|group| group.as_raw()).collect();
        let peers: BTreeSet<u32> = of(one.as_fd()).unwrap().into_iter().collect();
        assert_eq!(peers, own);
    }

    #[test]
    fn many_groups_come_whole() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can have other groups");
            return;
        }
        let many: Vec<rustix::process::Gid> =
            (5000..5100).map(rustix::process::Gid::from_raw).collect();
        // A thread of its own: it alone gets the groups.
        std::thread::spawn(move || {
            rustix::thread::set_thread_groups(&many).unwrap();
            let (one, _other) = UnixStream::pair().unwrap();
            assert_eq!(of(one.as_fd()).unwrap(), (5000..5100).collect::<Vec<u32>>());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn what_is_no_socket_has_no_peer() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(of(file.as_fd()), Err(Errno::NOTSOCK));
    }
}
