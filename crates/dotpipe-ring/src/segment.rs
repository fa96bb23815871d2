//! The mapping: all `unsafe` of shared memory.
//!
//! A segment is a `memfd` whose size is sealed, so that no peer can shrink it and make the other die of
//! `SIGBUS`. Both sides check seals and size before they map it, and both map it for the life of the
//! connection.
//!
//! # Which guarantee the copies rely on
//! Another process may write any byte at any time, so neither references to the bytes nor `memcpy` are
//! allowed: both are data races, undefined in Rust's memory model. Everything goes through whole-word
//! relaxed atomic loads and stores, which are defined whatever the other side does; a torn message is
//! then merely wrong data from a peer that wanted it so.

#![expect(
    unsafe_code,
    reason = "maps memory that another process writes; the only such module here"
)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::layout::{self, Layout};

/// What a peer must not be able to do to the memory once it is mapped.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// Memory that another process shares.
pub struct Segment {
    base: NonNull<AtomicU64>,
    layout: Layout,
}

// SAFETY: a segment is a pointer to memory that lives until drop, and every access to that memory is
// atomic, so threads may share and move it.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

impl Segment {
    /// Makes a segment and the descriptor by which the peer gets it.
    ///
    /// # Errors
    /// Those of the system: out of memory or descriptors.
    pub fn create(layout: Layout) -> io::Result<(Segment, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = match rustix::fs::memfd_create(c"dotpipe", flags | MemfdFlags::NOEXEC_SEAL) {
            // Kernels before 6.3 do not know the flag.
            Err(Errno::INVAL) => rustix::fs::memfd_create(c"dotpipe", flags)?,
            other => other?,
        };
        rustix::fs::ftruncate(&fd, layout.segment_len() as u64)?;
        rustix::fs::fcntl_add_seals(&fd, SEALS)?;
        let segment = Segment::map(&fd, layout)?;
        segment.word(0).store(layout::MAGIC, Ordering::Relaxed);
        Ok((segment, fd))
    }

    /// Maps the segment that the peer sent, after having checked that its size is `layout`'s and that
    /// nobody can change it. The descriptor may be closed afterwards.
    ///
    /// # Errors
    /// `InvalidData` when the descriptor is not such a segment; otherwise those of the system.
    pub fn open(fd: impl AsFd, layout: Layout) -> io::Result<Segment> {
        let not_ours = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let seals = rustix::fs::fcntl_get_seals(&fd)
            .map_err(|_| not_ours("the descriptor cannot be sealed"))?;
        if !seals.contains(SEALS) {
            return Err(not_ours("the size of the memory is not sealed"));
        }
        if seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
            return Err(not_ours("the memory is sealed against writing"));
        }
        let size = rustix::fs::fstat(&fd)?.st_size;
        if u64::try_from(size).ok() != Some(layout.segment_len() as u64) {
            return Err(not_ours("the memory has another size than agreed"));
        }
        let segment = Segment::map(fd.as_fd(), layout)?;
        if segment.word(0).load(Ordering::Relaxed) != layout::MAGIC {
            return Err(not_ours(
                "the memory has another layout than this version knows",
            ));
        }
        Ok(segment)
    }

    fn map(fd: impl AsFd, layout: Layout) -> io::Result<Segment> {
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing of ours. The file
        // cannot shrink below `layout.segment_len()` (sealed by us or checked by the caller), so touching the
        // mapping cannot fault.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                layout.segment_len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                0,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Segment { base, layout })
    }

    /// The sizes of the rings.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// `count` words from `offset` on.
    fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        assert!(offset.is_multiple_of(8), "offsets are of whole words");
        let end = count.checked_mul(8).and_then(|len| offset.checked_add(len));
        assert!(
            end.is_some_and(|end| end <= self.layout.segment_len()),
            "inside the segment"
        );
        // SAFETY: the mapping is `layout.segment_len()` bytes long and the assertion keeps the result inside it.
        let first = unsafe { self.base.as_ptr().add(offset / 8) };
        // SAFETY: aligned (the mapping is, and the offset is a multiple of 8), inside the mapping, alive
        // as long as `self`; `AtomicU64` is valid for any bits and allows writes by others.
        unsafe { std::slice::from_raw_parts(first, count) }
    }

    /// One word.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        &self.words(offset, 1)[0]
    }

    /// Copies out of the segment.
    pub(crate) fn read(&self, offset: usize, to: &mut [u8]) {
        let skip = offset % 8;
        let words = self.words(offset - skip, (skip + to.len()).div_ceil(8));
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed).to_ne_bytes();
        let (mut words, mut to) = (words.iter(), to);
        if skip > 0
            && let Some(first) = words.next()
        {
            let part = to.len().min(8 - skip);
            let (now, rest) = to.split_at_mut(part);
            now.copy_from_slice(&load(first)[skip..skip + part]);
            to = rest;
        }
        let mut chunks = to.chunks_exact_mut(8);
        for (chunk, word) in chunks.by_ref().zip(words.by_ref()) {
            chunk.copy_from_slice(&load(word));
        }
        let rest = chunks.into_remainder();
        if let Some(last) = words.next() {
            rest.copy_from_slice(&load(last)[..rest.len()]);
        }
    }

    /// Copies into the segment, from a whole word on. The bytes that fill up the last word become zero.
    pub(crate) fn write(&self, offset: usize, from: &[u8]) {
        let mut words = self.words(offset, from.len().div_ceil(8)).iter();
        let mut chunks = from.chunks_exact(8);
        for (chunk, word) in chunks.by_ref().zip(words.by_ref()) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
        if let Some(last) = words.next() {
            let rest = chunks.remainder();
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            last.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
    }

    /// Forges one word: what a hostile peer does. For tests of whoever must withstand it.
    #[doc(hidden)]
    pub fn forge(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::SeqCst);
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this address and length, unmapped nowhere else, and all
        // references into it borrow from `self`.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.layout.segment_len()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_keep_every_byte_at_every_alignment() {
        let (segment, _fd) = Segment::create(Layout::new(4096, 4096).unwrap()).unwrap();
        let data: Vec<u8> = (1..=64).collect();
        for len in 0..=data.len() {
            segment.write(layout::HEADER_LEN, &data[..len]);
            for skip in 0..=len {
                let mut back = vec![0; len - skip];
                segment.read(layout::HEADER_LEN + skip, &mut back);
                assert_eq!(back, data[skip..len], "len {len} skip {skip}");
            }
        }
    }

    #[test]
    fn only_a_sealed_segment_of_the_agreed_size_is_mapped() {
        let layout = Layout::new(4096, 4096).unwrap();
        let (_segment, fd) = Segment::create(layout).unwrap();
        assert!(Segment::open(&fd, layout).is_ok());
        assert!(Segment::open(&fd, Layout::new(8192, 4096).unwrap()).is_err());
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let open = rustix::fs::memfd_create(c"unsealed", flags).unwrap();
        rustix::fs::ftruncate(&open, layout.segment_len() as u64).unwrap();
        assert!(Segment::open(&open, layout).is_err());
        assert!(Segment::open(std::fs::File::open("/dev/zero").unwrap(), layout).is_err());
    }
}
