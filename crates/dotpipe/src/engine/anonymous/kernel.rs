//! What anonymous pipes ask of the Linux kernel, typed. Layer: engine, the lowest part of it.
//!
//! Owns two rules: a call here **never waits** unless it is [`poll`], and a write **never raises
//! `SIGPIPE`**. It knows no Win32 rule but one table of codes, [`win32_code`].
//!
//! # Not waiting without `O_NONBLOCK`, not signalling without touching signal masks
//!
//! The flag and the signal's disposition belong to others (the open file is shared with children,
//! the disposition with the whole program), so both are asked for call by call. There are three
//! ways, and each serves where the one before cannot:
//!
//! 1. `preadv2` with `RWF_NOWAIT`, `pwritev2` with `RWF_NOWAIT` and `RWF_NOSIGNAL`: Linux 6.4 and
//!    6.18, for descriptors that came out of `pipe2`.
//! 2. The pipe is opened once more through `/proc`, non-blocking, for this one call. For a write it
//!    is opened to read *and* write: so the pipe has a reader while the call lasts, and a pipe with
//!    a reader raises no signal. That the true reader is gone is looked up just before; when it
//!    goes in between, the bytes stay unread, as they would had it gone just after.
//! 3. `poll`, then a plain call that it declared possible, at most `PIPE_BUF` bytes for a write.
//!    This is left where there is no `/proc`, or the pipe belongs to another user. It may wait when
//!    another process is faster than this one, and in a program that does not ignore `SIGPIPE`
//!    (every Rust program does from the start) the signal may come when the last reader closes
//!    between the two calls. No other case of either is known.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, FdFlags, ReadWriteFlags, Result};
use rustix::pipe::{PIPE_BUF, PipeFlags, SpliceFlags};

use crate::options::PipeEnd;
use crate::win32::Win32Error;

/// `RWF_NOSIGNAL` of Linux 6.18, which rustix does not name yet: no `SIGPIPE` from this write.
const NO_SIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

/// The offset that means none; a pipe has no other.
const NO_OFFSET: u64 = u64::MAX;

/// Makes a pipe that no child inherits, with room for `size` bytes however small the writes are.
///
/// The kernel counts pages, and a page may be filled only in part. Since a write goes on in the
/// last page when it fits there, any two neighbours hold more than one page's worth together: twice
/// the size is enough. The size is a suggestion: beyond `/proc/sys/fs/pipe-max-size` (1 MiB as a
/// rule), or when the user's pipes have grown too many, the kernel refuses an unprivileged process.
/// Then half of it is tried, and so on; as capacities are powers of two, this ends at the largest
/// that is allowed.
pub(super) fn create(size: u32) -> Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let mut wanted = (size as usize).saturating_mul(2);
    while wanted > capacity(&writer)? {
        if rustix::pipe::fcntl_setpipe_size(&writer, wanted).is_ok() {
            break;
        }
        wanted /= 2;
    }
    Ok((reader, writer))
}

/// How many bytes the pipe has room for when all of its pages are full.
pub(super) fn capacity(fd: &OwnedFd) -> Result<usize> {
    rustix::pipe::fcntl_getpipe_size(fd)
}

/// How many bytes wait to be read; either end can ask.
pub(super) fn unread(fd: &OwnedFd) -> Result<usize> {
    let bytes = rustix::io::ioctl_fionread(fd)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Which end of a pipe this is; `None` when it is no pipe, or open for both.
pub(super) fn which_end(fd: &OwnedFd) -> Result<Option<PipeEnd>> {
    if FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) != FileType::Fifo {
        return Ok(None);
    }
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(match flags & OFlags::RWMODE {
        OFlags::RDONLY => Some(PipeEnd::Server),
        OFlags::WRONLY => Some(PipeEnd::Client),
        _ => None,
    })
}

/// Whether the descriptor stays open in programs that this process starts.
pub(super) fn set_inheritable(fd: &OwnedFd, inheritable: bool) -> Result<()> {
    let flags = if inheritable {
        FdFlags::empty()
    } else {
        FdFlags::CLOEXEC
    };
    rustix::io::fcntl_setfd(fd, flags)
}

/// Opens the end of a pipe behind a descriptor number once more; `None` when there is none.
///
/// The number need not be open, and whose it is cannot be known: so nothing is done to it. The link
/// in `/proc` tells by its permissions for what the descriptor is open; an end must be opened for
/// the same, since a pipe lets its owner open either end.
pub(super) fn reopen_number(number: u32) -> Result<Option<OwnedFd>> {
    let path = format!("/proc/thread-self/fd/{number}");
    let (link, file) = match (rustix::fs::lstat(&path), rustix::fs::stat(&path)) {
        (Ok(link), Ok(file)) => (link, file),
        (Err(Errno::NOENT), _) | (_, Err(Errno::NOENT)) => return Ok(None),
        (Err(errno), _) | (_, Err(errno)) => return Err(errno),
    };
    if FileType::from_raw_mode(file.st_mode) != FileType::Fifo {
        return Ok(None);
    }
    let rights = Mode::from_raw_mode(link.st_mode) & Mode::RWXU;
    let access = if !rights.contains(Mode::WUSR) {
        OFlags::RDONLY
    } else if !rights.contains(Mode::RUSR) {
        OFlags::WRONLY
    } else {
        return Ok(None);
    };
    rustix::fs::open(&path, access | OFlags::CLOEXEC, Mode::empty()).map(Some)
}

/// Waits for one of these events, an error or a hang-up; returns nothing when the deadline passes.
pub(super) fn poll(
    fd: &OwnedFd,
    events: PollFlags,
    deadline: Option<Instant>,
) -> Result<PollFlags> {
    loop {
        // A deadline too far away for the kernel's clock is none.
        let left = deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
            .and_then(|left| Timespec::try_from(left).ok());
        let mut polled = [PollFd::new(fd, events)];
        match rustix::event::poll(&mut polled, left.as_ref()) {
            Ok(_) => return Ok(polled[0].revents()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Which of these events, error and hang-up are the case.
pub(super) fn poll_now(fd: &OwnedFd, events: PollFlags) -> Result<PollFlags> {
    let mut polled = [PollFd::new(fd, events)];
    rustix::io::retry_on_intr(|| {
        rustix::event::poll(
            &mut polled,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )
    })?;
    Ok(polled[0].revents())
}

/// Reads what is there. Returns 0 when the pipe is empty for good, [`Errno::AGAIN`] when only for
/// now.
pub(super) fn read_some(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize> {
    match read_by_flag(fd, buffer) {
        Err(errno) if is_unsupported(errno) => {}
        result => return result,
    }
    match reopen(fd.as_fd(), OFlags::RDONLY) {
        Ok(again) => rustix::io::read(again, buffer),
        Err(_) => read_after_poll(fd, buffer),
    }
}

fn read_by_flag(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize> {
    let buffers = &mut [IoSliceMut::new(buffer)];
    rustix::io::preadv2(fd, buffers, NO_OFFSET, ReadWriteFlags::NOWAIT)
}

fn read_after_poll(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize> {
    if poll_now(fd, PollFlags::IN)?.is_empty() {
        return Err(Errno::AGAIN);
    }
    rustix::io::read(fd, buffer)
}

/// Writes some of what there is room for; up to `PIPE_BUF` bytes whole or not at all. [`Errno::AGAIN`] when
/// there is no room, [`Errno::PIPE`], and no signal, when there is no reader.
pub(super) fn write_some(fd: &OwnedFd, data: &[u8]) -> Result<usize> {
    match write_by_flags(fd, data) {
        Err(errno) if is_unsupported(errno) => {}
        result => return result,
    }
    write_with_guard(fd, data).unwrap_or_else(|| write_after_poll(fd, data))
}

fn write_by_flags(fd: &OwnedFd, data: &[u8]) -> Result<usize> {
    let flags = ReadWriteFlags::NOWAIT | NO_SIGNAL;
    rustix::io::pwritev2(fd, &[IoSlice::new(data)], NO_OFFSET, flags)
}

/// `None` when the pipe cannot be opened once more.
fn write_with_guard(fd: &OwnedFd, data: &[u8]) -> Option<Result<usize>> {
    match poll_now(fd, PollFlags::empty()) {
        Ok(events) if events.contains(PollFlags::ERR) => return Some(Err(Errno::PIPE)),
        Ok(_) => {}
        Err(errno) => return Some(Err(errno)),
    }
    let guard = reopen(fd.as_fd(), OFlags::RDWR).ok()?;
    Some(rustix::io::write(guard, data))
}

fn write_after_poll(fd: &OwnedFd, data: &[u8]) -> Result<usize> {
    let events = poll_now(fd, PollFlags::OUT)?;
    if events.contains(PollFlags::ERR) {
        return Err(Errno::PIPE);
    }
    if !events.contains(PollFlags::OUT) {
        return Err(Errno::AGAIN);
    }
    rustix::io::write(fd, &data[..data.len().min(PIPE_BUF)])
}

/// The same pipe as a new open file, whose flags nobody shares.
fn reopen(fd: BorrowedFd<'_>, access: OFlags) -> Result<OwnedFd> {
    // Of this thread, and not of the process: a thread may have a table of descriptors of its own.
    let path = format!("/proc/thread-self/fd/{}", fd.as_raw_fd());
    rustix::fs::open(
        path,
        access | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// Whether the kernel does not know a flag, for this descriptor or at all.
fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS)
}

/// Copies from the front of the pipe what fits into the buffer, and leaves it there.
///
/// `tee` doubles references to pages into a pipe made for this one call, from which they are read.
/// That pipe gets the capacity of the true one; should the kernel refuse that, fewer bytes are
/// copied.
pub(super) fn copy_front(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize> {
    if buffer.is_empty() || unread(fd)? == 0 {
        return Ok(0);
    }
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let wanted = capacity(fd)?;
    if wanted > capacity(&writer)? {
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, wanted);
    }
    let len = loop {
        match rustix::pipe::tee(fd, &writer, buffer.len(), SpliceFlags::NONBLOCK) {
            Ok(len) => break len,
            Err(Errno::AGAIN) => return Ok(0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    };
    let mut copied = 0;
    while copied < len {
        match rustix::io::read(&reader, &mut buffer[copied..len]) {
            Ok(0) => break,
            Ok(read) => copied += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(copied)
}

/// The Win32 code for what the kernel reports about a pipe. What has a meaning of its own in an
/// operation (`EPIPE`, `EAGAIN`, `EINTR`) has been dealt with before.
pub(super) fn win32_code(errno: Errno) -> Win32Error {
    match errno {
        Errno::MFILE | Errno::NFILE => Win32Error::TOO_MANY_OPEN_FILES,
        Errno::NOMEM => Win32Error::NOT_ENOUGH_MEMORY,
        Errno::ACCESS | Errno::PERM => Win32Error::ACCESS_DENIED,
        Errno::BADF => Win32Error::INVALID_HANDLE,
        _ => Win32Error::GEN_FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Write = fn(&OwnedFd, &[u8]) -> Result<usize>;
    type Read = fn(&OwnedFd, &mut [u8]) -> Result<usize>;

    fn write_with_guard_only(fd: &OwnedFd, data: &[u8]) -> Result<usize> {
        write_with_guard(fd, data).expect("/proc is needed for this test")
    }

    fn read_reopened(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize> {
        rustix::io::read(reopen(fd.as_fd(), OFlags::RDONLY)?, buffer)
    }

    /// The way by flags is the kernel's to offer, the other two must work everywhere.
    const WRITES: [Write; 3] = [write_some, write_with_guard_only, write_after_poll];
    const READS: [Read; 3] = [read_some, read_reopened, read_after_poll];

    #[test]
    fn no_way_to_write_waits_or_forgets_a_byte() {
        for write in WRITES {
            let (reader, writer) = create(4096).unwrap();
            let mut written = 0;
            let full = loop {
                match write(&writer, &[7; 3000]) {
                    Ok(len) => written += len,
                    Err(errno) => break errno,
                }
            };
            assert_eq!(full, Errno::AGAIN);
            assert_eq!(unread(&reader).unwrap(), written);
            assert!(written >= 4096);
        }
    }

    #[test]
    fn every_way_to_write_notices_that_the_reader_is_gone() {
        for write in WRITES {
            let (reader, writer) = create(4096).unwrap();
            assert_eq!(write(&writer, b"unread"), Ok(6));
            drop(reader);
            assert_eq!(write(&writer, b"x"), Err(Errno::PIPE));
        }
    }

    #[test]
    fn no_way_to_read_waits() {
        for read in READS {
            let (reader, writer) = create(4096).unwrap();
            let mut buffer = [0; 9];
            assert_eq!(read(&reader, &mut buffer), Err(Errno::AGAIN));
            write_some(&writer, b"abc").unwrap();
            assert_eq!(read(&reader, &mut buffer), Ok(3));
            assert_eq!(&buffer[..3], b"abc");
            drop(writer);
            assert_eq!(read(&reader, &mut buffer), Ok(0));
        }
    }

    #[test]
    fn the_shared_open_file_stays_blocking() {
        let (reader, writer) = create(4096).unwrap();
        for write in WRITES {
            write(&writer, b"x").unwrap();
        }
        for read in READS {
            read(&reader, &mut [0]).unwrap();
        }
        for fd in [reader, writer] {
            assert!(
                !rustix::fs::fcntl_getfl(fd)
                    .unwrap()
                    .contains(OFlags::NONBLOCK)
            );
        }
    }

    #[test]
    fn room_does_not_depend_on_how_large_the_writes_are() {
        const SIZE: usize = 200_000;
        for step in [1, 700, 2049, 4095, 4097] {
            let (_reader, writer) = create(SIZE as u32).unwrap();
            let data = vec![1; step];
            let mut written = 0;
            while written + step <= SIZE {
                let mut rest = &data[..];
                while !rest.is_empty() {
                    let len = write_some(&writer, rest);
                    rest = &rest[len.unwrap_or_else(|_| panic!("full at {written} by {step}"))..];
                }
                written += step;
            }
        }
    }

    #[test]
    fn a_number_leads_to_the_same_end_of_the_same_pipe_or_to_none() {
        let (reader, writer) = create(4096).unwrap();
        let number = |fd: &OwnedFd| u32::try_from(fd.as_raw_fd()).unwrap();
        let reader_again = reopen_number(number(&reader)).unwrap().unwrap();
        let writer_again = reopen_number(number(&writer)).unwrap().unwrap();
        assert_eq!(which_end(&reader_again), Ok(Some(PipeEnd::Server)));
        assert_eq!(which_end(&writer_again), Ok(Some(PipeEnd::Client)));
        write_some(&writer_again, b"same").unwrap();
        let mut buffer = [0; 9];
        assert_eq!(read_some(&reader_again, &mut buffer), Ok(4));

        let file = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        assert!(reopen_number(number(&file)).unwrap().is_none());
        assert!(reopen_number(u32::MAX).unwrap().is_none());
    }
}
