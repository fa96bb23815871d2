//! Bytes through the socket to `smbd`: whole buffers in, whole frames out, and the wait until it has
//! fetched all.
//!
//! Layer: the socket. The rule it owns: a frame that has been begun is finished. `smbd` would give its client
//! what lies in its memory in place of the missing bytes.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::unsent::unsent;

/// The pauses between two looks at what `smbd` has fetched. The kernel tells of most of it, but not reliably of the
/// last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The socket's buffer for what `smbd` has not fetched, in bytes: what Linux has by default, whatever this machine has.
pub(super) const BUFFER: usize = 208 << 10;
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Reads until the buffer is full or the stream ends; gives how much there is.
pub(super) async fn fill(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        stream.readable().await?;
        match stream.try_read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Sends all of it.
pub(super) async fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    let mut frame = Frame::default();
    frame.begin(bytes.to_vec());
    frame.finish(stream).await
}

/// What is on its way to `smbd`: a frame, or what is left of it. It outlives those who send it, so that
/// another one can finish what they have begun.
#[derive(Default)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    sent: usize,
    has_begun: bool,
}

impl Frame {
    /// The next one. The last one has been finished.
    pub(super) fn begin(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.bytes.is_empty());
        self.bytes = bytes;
        self.sent = 0;
        self.has_begun = true;
    }

    /// Whether there ever was one.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Sends what is left. When it is given up, the rest is kept.
    pub(super) async fn finish(&mut self, stream: &UnixStream) -> io::Result<()> {
        if self.sent == 0 {
            room(stream).await?;
        }
        while self.sent < self.bytes.len() {
            match stream.try_write(&self.bytes[self.sent..]) {
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?
                }
                Err(error) => return Err(error),
            }
        }
        self.bytes = Vec::new();
        Ok(())
    }
}

/// Waits until the socket takes a whole frame at once. The kernel says so when no more than a quarter of the socket's
/// buffer is in use, and the rest ([`BUFFER`]) has room for the longest: so a frame is in the socket whole or not at all, and
/// whoever is cut off in between, or killed, leaves no half of one.
async fn room(stream: &UnixStream) -> io::Result<()> {
    let look = || {
        let mut socket = [PollFd::new(stream, PollFlags::OUT)];
        match poll(&mut socket, Some(&AT_ONCE))? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    };
    stream.async_io(Interest::WRITABLE, look).await
}

/// How long the socket of a byte pipe stays after `smbd` has fetched everything: it looks for more before it gives its
/// client what it has, and if the socket has been closed by then, it gives nothing (seen with 4.17).
pub(super) const LINGER: Duration = Duration::from_millis(200);

/// Waits until `smbd` has fetched everything, and `linger` longer, or until it has gone. What its client still writes is
/// thrown away: nobody is there to read it.
pub(super) async fn drain(stream: &UnixStream, linger: Duration) {
    let mut pause = PAUSES.0;
    let mut rest = [0; 4096];
    let mut fetched = None;
    loop {
        // So often, and then others have their turn: a client may write without end.
        for _ in 0..64 {
            match stream.try_read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return,
            }
        }
        if unsent(stream).unwrap_or(0) == 0 {
            let since = *fetched.get_or_insert_with(Instant::now);
            if since.elapsed() >= linger {
                return;
            }
        }
        // Whichever comes first, the next look is due.
        let _ = tokio::time::timeout(pause, stream.readable()).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn a_frame_that_was_given_up_is_finished_later() {
        run(async {
            let (ours, mut other) = UnixStream::pair().unwrap();
            let bytes: Vec<u8> = (0..1 << 20).map(|place| place as u8).collect();
            let mut frame = Frame::default();
            frame.begin(bytes.clone());
            // The socket does not take it all.
            let given_up = tokio::time::timeout(Duration::ZERO, frame.finish(&ours)).await;
            assert!(given_up.is_err() && frame.sent > 0);
            let mut received = vec![0; bytes.len()];
            let (sent, read) = tokio::join!(frame.finish(&ours), other.read_exact(&mut received));
            sent.unwrap();
            read.unwrap();
            assert!(received == bytes && frame.bytes.is_empty());
        });
    }

    #[test]
    fn draining_ends_when_all_has_been_fetched_or_nobody_is_there() {
        run(async {
            let (ours, mut other) = UnixStream::pair().unwrap();
            send(&ours, b"last words").await.unwrap();
            let begun =
                tokio::time::timeout(Duration::from_millis(5), drain(&ours, Duration::ZERO)).await;
            assert!(begun.is_err());
            let mut words = [0; 10];
            let (_, read) =
                tokio::join!(drain(&ours, Duration::ZERO), other.read_exact(&mut words));
            read.unwrap();
            assert_eq!(&words, b"last words");
            send(&ours, b"never fetched").await.unwrap();
            drop(other);
            drain(&ours, Duration::ZERO).await;
        });
    }

    #[test]
    fn what_comes_while_draining_is_thrown_away() {
        run(async {
            let (ours, mut other) = UnixStream::pair().unwrap();
            send(&ours, b"last words").await.unwrap();
            let talking = async {
                // More than the socket holds, so it must be taken.
                send(&other, &vec![7; 4 << 20]).await.unwrap();
                other.read_exact(&mut [0; 10]).await.unwrap();
            };
            tokio::join!(drain(&ours, Duration::ZERO), talking);
        });
    }
}
