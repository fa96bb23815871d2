//! The raw limit: memory that two processes share, and the two simplest ways to pass messages there.
//!
//! Layer: below `peers/raw_*.rs`. A [`Mailbox`] holds one message per direction and is what a round trip
//! cannot beat; a [`Ring`] is what a stream cannot beat. Neither checks what the other process
//! does, sleeps, or notices its death: that is what they save. The rule it owns: a byte belongs to
//! one process at a time, and changes hands by a release store that an acquire load has seen, so the
//! plain `memcpy` is no race as long as both processes run this code.

#![expect(
    unsafe_code,
    reason = "a memcpy into memory of another process cannot be had in safe Rust, and is the measure"
)]

use std::fs::File;
use std::io;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags};

/// What may share a cache line with nothing else lies this far apart.
const LINE: usize = 128;

/// Room for data in a mailbox, in bytes.
pub(crate) const MAILBOX_LEN: usize = 4096;

const RING_LEN: usize = 256 << 10;
/// A large write is published in pieces of this size, so that both sides copy at the same time.
const STEP: usize = 32 << 10;

/// Memory of a file that another process maps as well.
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is an address that stays valid until drop; what may be done there, and when, is the
// business of the two types below.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `len` bytes of a file, which is made and zeroed if it does not exist.
    fn new(path: &Path, len: usize) -> io::Result<Mapping> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        file.set_len(len as u64)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing of ours. The file
        // lies in a directory of this run, where nobody shrinks it.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &file,
                0,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { base, len })
    }

    /// The place of `len` bytes.
    fn place(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(
            offset.checked_add(len).is_some_and(|end| end <= self.len),
            "inside the mapping"
        );
        // SAFETY: the assertion keeps the result inside the mapping.
        unsafe { self.base.as_ptr().add(offset) }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8), "offsets are of whole words");
        // SAFETY: aligned (the mapping is, the offset is a multiple of 8), inside the mapping, alive as
        // long as `self`. Words are only ever accessed as atomics: no copy below touches one.
        unsafe { AtomicU64::from_ptr(self.place(offset, 8).cast()) }
    }

    /// # Safety
    /// The bytes belong to this process now.
    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        let to = self.place(offset, from.len());
        // SAFETY: in bounds by `place`; ours by the caller's promise; a slice of ours does not overlap
        // a mapping to which no slices are given out.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    }

    /// # Safety
    /// The bytes belong to this process now.
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        let from = self.place(offset, to.len());
        // SAFETY: as in `copy_in`.
        unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this address and length; nothing borrowed from `self` is left.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Which of the two processes this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that sends first.
    Client,
    /// The one that answers.
    Server,
}

fn spin_until(ready: impl Fn() -> bool) {
    while !ready() {
        std::hint::spin_loop();
    }
}

/// One message in each direction, in turns.
///
/// ```text
///   | number of the message | data ...            (client to server)
///   | number of the message | data ...            (server to client)
/// ```
/// The receiver watches the number, which stands in the line where the data begin. A box is written
/// again only after the answer to it has been received: the turn says so.
pub(crate) struct Mailbox {
    mapping: Mapping,
    side: Side,
    /// Messages sent and received by this side.
    sent: u64,
    received: u64,
}

const BOX: usize = MAILBOX_LEN + LINE;

impl Mailbox {
    pub(crate) fn new(path: &Path, side: Side) -> io::Result<Mailbox> {
        Ok(Mailbox {
            mapping: Mapping::new(path, 2 * BOX)?,
            side,
            sent: 0,
            received: 0,
        })
    }

    fn offset(writer: Side) -> usize {
        match writer {
            Side::Client => 0,
            Side::Server => BOX,
        }
    }

    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let my_turn = match self.side {
            Side::Client => self.sent == self.received,
            Side::Server => self.sent < self.received,
        };
        if !my_turn || message.len() > MAILBOX_LEN {
            return Err(io::Error::other(
                "a mailbox takes one short message at a time",
            ));
        }
        let offset = Mailbox::offset(self.side);
        // SAFETY: our turn. The other side has taken what was here, since it has sent something
        // after that, and does not look again before it sees the new number.
        unsafe { self.mapping.copy_in(offset + 8, message) };
        self.sent += 1;
        self.mapping
            .word(offset)
            .store(self.sent, Ordering::Release);
        Ok(())
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let other = match self.side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let offset = Mailbox::offset(other);
        if buffer.len() > MAILBOX_LEN || (self.side == Side::Client && self.sent == self.received) {
            return Err(io::Error::other("nothing can be in the mailbox"));
        }
        let next = self.received + 1;
        let number = self.mapping.word(offset);
        spin_until(|| number.load(Ordering::Acquire) == next);
        // SAFETY: the other side has published these bytes, and waits for our message before it
        // writes there again.
        unsafe { self.mapping.copy_out(offset + 8, buffer) };
        self.received = next;
        Ok(())
    }
}

/// A ring of bytes with one writer and one reader.
///
/// `tail` counts the bytes written and `head` those read, for ever; each stands on a line of its own,
/// and each side asks for the other's word only when its own copy of it says that it must wait.
pub(crate) struct Ring {
    mapping: Mapping,
    /// Where this side is. The writer has published up to `published`.
    position: u64,
    published: u64,
    /// Where the other side was, when last asked.
    other: u64,
}

const TAIL: usize = 0;
const HEAD: usize = LINE;
const DATA: usize = 2 * LINE;

impl Ring {
    pub(crate) fn new(path: &Path) -> io::Result<Ring> {
        Ok(Ring {
            mapping: Mapping::new(path, DATA + RING_LEN)?,
            position: 0,
            published: 0,
            other: 0,
        })
    }

    /// Writes a message, with its length in front if `framed`.
    pub(crate) fn write(&mut self, message: &[u8], framed: bool) {
        if framed {
            self.put(&(message.len() as u64).to_le_bytes());
        }
        self.put(message);
        self.publish();
    }

    /// Reads a message of the buffer's length. Gives the length that stood in front if `framed`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], framed: bool) -> usize {
        let mut len = [0; 8];
        if framed {
            self.take(&mut len);
        }
        self.take(buffer);
        self.release();
        if framed {
            u64::from_le_bytes(len) as usize
        } else {
            buffer.len()
        }
    }

    fn put(&mut self, data: &[u8]) {
        for piece in data.chunks(STEP) {
            if self.room() < piece.len() {
                self.publish();
                while self.room() < piece.len() {
                    self.other = self.mapping.word(HEAD).load(Ordering::Acquire);
                    std::hint::spin_loop();
                }
            }
            let at = (self.position % RING_LEN as u64) as usize;
            let (first, second) = piece.split_at(piece.len().min(RING_LEN - at));
            // SAFETY: `room` says that the reader has released these bytes, and it does not look at
            // them before they are published.
            unsafe { self.mapping.copy_in(DATA + at, first) };
            // SAFETY: as above.
            unsafe { self.mapping.copy_in(DATA, second) };
            self.position += piece.len() as u64;
            if piece.len() == STEP {
                self.publish();
            }
        }
    }

    fn room(&self) -> usize {
        RING_LEN - (self.position - self.other) as usize
    }

    fn publish(&mut self) {
        if self.published != self.position {
            self.published = self.position;
            self.mapping
                .word(TAIL)
                .store(self.position, Ordering::Release);
        }
    }

    fn take(&mut self, buffer: &mut [u8]) {
        for piece in buffer.chunks_mut(STEP) {
            while self.other - self.position < piece.len() as u64 {
                self.other = self.mapping.word(TAIL).load(Ordering::Acquire);
                std::hint::spin_loop();
            }
            let at = (self.position % RING_LEN as u64) as usize;
            let (first, second) = piece.split_at_mut(piece.len().min(RING_LEN - at));
            // SAFETY: the writer has published these bytes and does not write there before they are
            // released.
            unsafe { self.mapping.copy_out(DATA + at, first) };
            // SAFETY: as above.
            unsafe { self.mapping.copy_out(DATA, second) };
            self.position += piece.len() as u64;
            if piece.len() == STEP {
                self.release();
            }
        }
    }

    fn release(&mut self) {
        self.mapping
            .word(HEAD)
            .store(self.position, Ordering::Release);
    }
}
