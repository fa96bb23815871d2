//! The mapping: all `unsafe` of shared memory.
//!
//! A segment is a `memfd` whose size is sealed, so that no peer can shrink it and make the other die of
//! `SIGBUS`. Both sides check seals and size before they map it, and both map it for the life of the
//! connection.
//!
//! # Which guarantee the copies rely on
//! Another process may write any byte at any time, so neither references to the bytes nor `memcpy` are
//! allowed: both are data races, undefined in Rust's memory model. Everything goes through whole-word
//! relaxed atomic loads and stores, or through assembly that does the same with more bytes at a time
//! (`bulk.rs`); those are defined whatever the other side does, and a torn message is then merely wrong
//! data from a peer that wanted it so.
//!
//! Under loom there is no mapping; see `heap.rs`.

#![cfg_attr(
    not(loom),
    expect(
        unsafe_code,
        reason = "maps memory that another process writes; the only such module here"
    )
)]

mod bulk;

use crate::layout::{Direction, HEADER_LEN, Layout};
use crate::primitive::{AtomicU64, Ordering};

#[cfg(loom)]
use crate::heap::Memory;
#[cfg(not(loom))]
use mapping::Memory;

/// Memory that another process shares.
pub struct Segment {
    memory: Memory,
    layout: Layout,
}

impl Segment {
    /// A segment for both ends in one process, the only kind that loom can follow.
    #[cfg(loom)]
    pub fn on_heap(layout: Layout) -> Segment {
        let memory = Memory::new(layout.segment_len());
        Segment { memory, layout }
    }

    /// The sizes of the rings.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Makes it as new: no entries, and no flags. Nobody may be using it but, perhaps, a hostile peer.
    pub fn reset(&self) {
        let control = self.words(8, HEADER_LEN / 8 - 1);
        control
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        for direction in [Direction::ServerToClient, Direction::ClientToServer] {
            let first_header = self.word(self.layout.ring_offset(direction));
            first_header.store(0, Ordering::Relaxed);
        }
    }

    /// `count` words from `offset` on.
    #[inline]
    fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        assert!(offset.is_multiple_of(8), "offsets are of whole words");
        &self.memory.words()[offset / 8..][..count]
    }

    /// One word.
    #[inline]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        &self.words(offset, 1)[0]
    }

    /// Says that the line of this offset will be written soon. A hint.
    #[inline]
    pub(crate) fn expect_write(&self, offset: usize) {
        if let Some(word) = self.memory.words().get(offset / 8) {
            bulk::expect_write(word);
        }
    }

    /// Copies out of the segment.
    #[inline]
    pub(crate) fn read(&self, offset: usize, to: &mut [u8]) {
        let skip = offset % 8;
        let words = self.words(offset - skip, (skip + to.len()).div_ceil(8));
        let bulk = bulk::load(to, words, skip);
        read_words(&words[bulk / 8..], skip, &mut to[bulk..]);
    }

    /// Copies into the segment, from a whole word on. The bytes that fill up the last word become zero.
    #[inline]
    pub(crate) fn write(&self, offset: usize, from: &[u8]) {
        let words = self.words(offset, from.len().div_ceil(8));
        let bulk = bulk::store(words, from);
        write_words(&words[bulk / 8..], &from[bulk..]);
    }

    /// Forges one word: what a hostile peer does. For tests of whoever must withstand it.
    #[doc(hidden)]
    pub fn forge(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::SeqCst);
    }
}

/// Copies word by word, from the byte `skip` of the first one on.
#[inline]
fn read_words(words: &[AtomicU64], skip: usize, to: &mut [u8]) {
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

#[inline]
fn write_words(words: &[AtomicU64], from: &[u8]) {
    let mut words = words.iter();
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

/// The memory itself: made, checked, mapped, and unmapped.
#[cfg(not(loom))]
mod mapping {
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::ptr::NonNull;

    use rustix::fs::{MemfdFlags, SealFlags};
    use rustix::io::Errno;
    use rustix::mm::{MapFlags, ProtFlags};

    use super::Segment;
    use crate::layout::{self, Layout};
    use crate::primitive::{AtomicU64, Ordering};

    /// What a peer must not be able to do to the memory once it is mapped.
    const SEALS: SealFlags = SealFlags::SHRINK
        .union(SealFlags::GROW)
        .union(SealFlags::SEAL);

    /// A mapping of this many words.
    pub(super) struct Memory {
        base: NonNull<AtomicU64>,
        count: usize,
    }

    // SAFETY: this is a pointer to memory that lives until drop, and every access to that memory is
    // atomic, so threads may share and move it.
    unsafe impl Send for Memory {}
    // SAFETY: as above.
    unsafe impl Sync for Memory {}

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
            let segment = map(&fd, layout)?;
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
            let segment = map(fd.as_fd(), layout)?;
            if segment.word(0).load(Ordering::Relaxed) != layout::MAGIC {
                return Err(not_ours(
                    "the memory has another layout than this version knows",
                ));
            }
            Ok(segment)
        }
    }

    /// Maps the file, whose size the caller has set or checked and which cannot shrink.
    fn map(fd: impl AsFd, layout: Layout) -> io::Result<Segment> {
        let len = layout.segment_len();
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing of ours. The file
        // cannot shrink below `len` (sealed by us or checked by the caller), so touching the mapping
        // cannot fault.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                0,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        let memory = Memory {
            base,
            count: len / 8,
        };
        Ok(Segment { memory, layout })
    }

    impl Memory {
        /// All of it.
        #[inline]
        pub(super) fn words(&self) -> &[AtomicU64] {
            // SAFETY: aligned (a mapping begins on a page), `count` words long, alive as long as
            // `self`; `AtomicU64` is valid for any bits and allows writes by others.
            unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.count) }
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: mapped by `map` with this address and length, unmapped nowhere else, and all
            // references into it borrow from `self`.
            let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.count * 8) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use rustix::fs::MemfdFlags;

    use super::*;
    use crate::layout;

    #[test]
    fn copies_keep_every_byte_at_every_alignment() {
        let (segment, _fd) = Segment::create(Layout::new(4096, 4096).unwrap()).unwrap();
        let data: Vec<u8> = (0..1500u32)
            .map(|byte| (byte * 7 + byte / 256) as u8)
            .collect();
        let lens = (0..200).chain((510..530).chain([576, 640, 700, 1023, 1024, 1100, 1500]));
        for len in lens {
            segment.write(layout::HEADER_LEN, &data[..len]);
            for skip in (0..=len).filter(|skip| *skip < 20 || len - skip < 70) {
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
