//! [`unsent`]: how much of what was sent the other side has not fetched yet.
//!
//! Layer: one system call. The rule it owns: `ioctl(SIOCOUTQ)`, which no crate in use offers as a safe function.

#![expect(
    unsafe_code,
    reason = "the one request that tells when smbd has fetched everything has no safe function"
)]

use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// SIOCOUTQ, on Linux the same number as TIOCOUTQ: `linux/sockios.h`.
const SIOCOUTQ: Opcode = 0x5411;

/// The bytes that lie in the socket's queue, with what the kernel itself needs for them: 0 when there are
/// none.
pub(super) fn unsent(socket: impl AsFd) -> rustix::io::Result<i32> {
    // SAFETY: of a Unix socket this request is answered with one `int`, of which every value is one.
    let request = unsafe { Getter::<SIOCOUTQ, i32>::new() };
    // SAFETY: the request above writes its answer and has no other effect.
    unsafe { ioctl(socket, request) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_fetched_is_not_unsent() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        assert_eq!(unsent(&one), Ok(0));
        one.write_all(b"five!").unwrap();
        assert!(unsent(&one).unwrap() > 0);
        other.read_exact(&mut [0; 4]).unwrap();
        assert!(unsent(&one).unwrap() > 0);
        other.read_exact(&mut [0; 1]).unwrap();
        assert_eq!(unsent(&one), Ok(0));
    }
}
