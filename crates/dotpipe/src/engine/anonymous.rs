//! The two ends of an anonymous pipe over a kernel pipe. Layer: engine, below the seam.
//!
//! Owns the rules of anonymous pipes (contract, section 9): which end may do what, when an
//! operation waits, and with which code it ends. What the kernel is asked for stands in [`kernel`],
//! the order of several writers in [`turn`].
//!
//! A kernel pipe, and not dotpipe's own rings, so that any program can have it as its standard
//! input or output. That has a price, paid here and nowhere else:
//!
//! - The capacity counts pages and not bytes. The size that was asked for is therefore a lower
//!   bound for what a blocking write may leave unread, and exact only in non-blocking wait mode.
//! - A write larger than the room that is left streams: what has not found room yet is not readable
//!   yet, and peek does not count it.
//! - What the kernel has taken cannot be taken back, not even when a deadline passes.

mod kernel;
mod turn;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;

use self::kernel::win32_code;
use self::turn::Turn;
use crate::exact::{HandleInfo, HandleState, Peeked, Received, Result};
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::win32::Win32Error;

/// What `CreatePipe` takes when it is asked for a size of 0, in bytes.
const DEFAULT_SIZE: u32 = 4096;

/// The first pause of a flush between two looks at the pipe, and the longest one.
const FLUSH_PAUSE: Duration = Duration::from_micros(20);
const LONGEST_FLUSH_PAUSE: Duration = Duration::from_millis(5);

/// One end. The read end is the server end, as `CreatePipe` makes it.
pub(crate) struct End {
    fd: OwnedFd,
    end: PipeEnd,
    shared: Arc<Shared>,
}

/// What the duplicates of an end in this process have in common, as the handles that
/// `DuplicateHandle` makes have it.
///
/// The wait mode is kept here and never becomes `O_NONBLOCK`: that flag belongs to the open file,
/// which a child inherits, and `cat` does not expect it on its standard input.
struct Shared {
    /// The size that was asked for, in bytes.
    quota: u32,
    /// Written by `set_state`, read at the start of an operation. It publishes nothing else, so
    /// every access is relaxed.
    nonblocking: AtomicBool,
    /// Whose write it is.
    turn: Turn,
}

/// Makes a pipe: its read end and its write end.
pub(crate) fn pipe(size: u32) -> Result<(End, End)> {
    let quota = if size == 0 { DEFAULT_SIZE } else { size };
    let (reader, writer) = kernel::create(quota).map_err(win32_code)?;
    Ok((
        End::new(reader, PipeEnd::Server, quota),
        End::new(writer, PipeEnd::Client, quota),
    ))
}

impl End {
    fn new(fd: OwnedFd, end: PipeEnd, quota: u32) -> Self {
        let nonblocking = AtomicBool::new(false);
        let turn = Turn::default();
        End {
            fd,
            end,
            shared: Arc::new(Shared {
                quota,
                nonblocking,
                turn,
            }),
        }
    }

    /// Takes over a descriptor that came from elsewhere; its capacity stands for the size.
    pub(crate) fn adopt(fd: OwnedFd) -> Result<Self> {
        let end = kernel::which_end(&fd)
            .map_err(win32_code)?
            .ok_or(Win32Error::INVALID_HANDLE)?;
        let capacity = kernel::capacity(&fd).map_err(win32_code)?;
        Ok(End::new(
            fd,
            end,
            u32::try_from(capacity).unwrap_or(u32::MAX),
        ))
    }

    /// Opens the pipe that stands behind a descriptor number of this process once more. Returns
    /// `ERROR_INVALID_HANDLE` when there is no end of a pipe behind it.
    pub(crate) fn reopen(number: u32) -> Result<Self> {
        let fd = kernel::reopen_number(number).map_err(win32_code)?;
        End::adopt(fd.ok_or(Win32Error::INVALID_HANDLE)?)
    }

    pub(crate) fn duplicate(&self) -> Result<Self> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&self.fd, 0).map_err(win32_code)?;
        Ok(End {
            fd,
            end: self.end,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Whether programs that this process starts from now on get this descriptor as well.
    pub(crate) fn set_inheritable(&self, inheritable: bool) -> Result<()> {
        kernel::set_inheritable(&self.fd, inheritable).map_err(win32_code)
    }

    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        self.must_be(PipeEnd::Server)?;
        if buffer.is_empty() {
            return self.wait_for_data(deadline);
        }
        let may_wait = !self.is_nonblocking();
        loop {
            let result = if may_wait && deadline.is_none() {
                rustix::io::read(&self.fd, &mut *buffer)
            } else {
                kernel::read_some(&self.fd, buffer)
            };
            match result {
                Ok(0) => return Err(Win32Error::BROKEN_PIPE),
                Ok(len) => return Ok(Received { len, more: false }),
                Err(Errno::INTR) => {}
                // Also when somebody else has put `O_NONBLOCK` on the open file.
                Err(Errno::AGAIN) if may_wait => {
                    self.wait(PollFlags::IN, deadline)?;
                }
                Err(Errno::AGAIN) => return Err(Win32Error::NO_DATA),
                Err(errno) => return Err(win32_code(errno)),
            }
        }
    }

    /// A read of zero bytes: waits as any other one, and takes nothing.
    fn wait_for_data(&self, deadline: Option<Instant>) -> Result<Received> {
        let events = if self.is_nonblocking() {
            kernel::poll_now(&self.fd, PollFlags::IN).map_err(win32_code)?
        } else {
            self.wait(PollFlags::IN, deadline)?
        };
        if events.contains(PollFlags::IN) {
            Ok(Received {
                len: 0,
                more: false,
            })
        } else if events.is_empty() {
            Err(Win32Error::NO_DATA)
        } else {
            Err(Win32Error::BROKEN_PIPE)
        }
    }

    pub(crate) fn write(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        self.must_be(PipeEnd::Client)?;
        if data.is_empty() {
            return if self.reader_is_gone()? {
                Err(Win32Error::NO_DATA)
            } else {
                Ok(0)
            };
        }
        if self.is_nonblocking() {
            return self.write_whole_or_nothing(data);
        }
        let turn = self
            .shared
            .turn
            .take(deadline)
            .ok_or(Win32Error::SEM_TIMEOUT)?;
        let mut has_waited = turn.was_awaited();
        let mut rest = data;
        while !rest.is_empty() {
            match kernel::write_some(&self.fd, rest) {
                Ok(written) => {
                    rest = &rest[written..];
                    has_waited |= !rest.is_empty();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    has_waited = true;
                    self.wait(PollFlags::OUT, deadline)?;
                }
                // The reader went away before this write, or during it.
                Err(Errno::PIPE) if !has_waited => return Err(Win32Error::NO_DATA),
                Err(Errno::PIPE) => return Err(Win32Error::BROKEN_PIPE),
                Err(errno) => return Err(win32_code(errno)),
            }
        }
        Ok(data.len())
    }

    /// A write in non-blocking wait mode: everything or 0 bytes.
    fn write_whole_or_nothing(&self, data: &[u8]) -> Result<usize> {
        // A write that waits has filled the pipe, and what comes later must not overtake it.
        let Some(_turn) = self.shared.turn.try_take() else {
            return Ok(0);
        };
        if self.reader_is_gone()? {
            return Err(Win32Error::NO_DATA);
        }
        if !self.is_sure_to_fit(data.len())? {
            return Ok(0);
        }
        let mut written = 0;
        while written < data.len() {
            match kernel::write_some(&self.fd, &data[written..]) {
                Ok(len) => written += len,
                Err(Errno::INTR) => {}
                // Another process has taken the room since: what went in cannot be taken back.
                Err(Errno::AGAIN) => break,
                Err(Errno::PIPE) => return Err(Win32Error::NO_DATA),
                Err(errno) => return Err(win32_code(errno)),
            }
        }
        Ok(written)
    }

    /// Whether the quota has room for `len` more bytes, and the kernel takes all or none of them.
    ///
    /// It promises that for up to `PIPE_BUF` bytes. More of them fit for sure only in an empty
    /// pipe: in any other one the free pages cannot be told from the number of unread bytes, since
    /// pages may be filled in part.
    fn is_sure_to_fit(&self, len: usize) -> Result<bool> {
        let unread = kernel::unread(&self.fd).map_err(win32_code)?;
        if unread.saturating_add(len) > self.shared.quota as usize {
            return Ok(false);
        }
        if len <= rustix::pipe::PIPE_BUF {
            return Ok(true);
        }
        Ok(unread == 0 && len <= kernel::capacity(&self.fd).map_err(win32_code)?)
    }

    /// Waits until nothing is unread.
    ///
    /// The kernel has no event for an empty pipe: a writer is woken when there is room, which is
    /// long before. So this looks again and again, with pauses that double up to a limit. The
    /// pauses are spent in `poll`, which reports at once when the last reader closes.
    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        self.must_be(PipeEnd::Client)?;
        if self.reader_is_gone()? {
            return Ok(());
        }
        let mut pause = FLUSH_PAUSE;
        loop {
            if kernel::unread(&self.fd).map_err(win32_code)? == 0 {
                return Ok(());
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(Win32Error::SEM_TIMEOUT);
            }
            let wake = deadline.map_or(now + pause, |deadline| deadline.min(now + pause));
            let events = kernel::poll(&self.fd, PollFlags::empty(), Some(wake));
            if events.map_err(win32_code)?.contains(PollFlags::ERR) {
                // The reader may have read everything just before it closed.
                let unread = kernel::unread(&self.fd).map_err(win32_code)?;
                return if unread == 0 {
                    Ok(())
                } else {
                    Err(Win32Error::BROKEN_PIPE)
                };
            }
            pause = (pause * 2).min(LONGEST_FLUSH_PAUSE);
        }
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.must_be(PipeEnd::Server)?;
        let events = kernel::poll_now(&self.fd, PollFlags::IN).map_err(win32_code)?;
        if events.contains(PollFlags::HUP) && !events.contains(PollFlags::IN) {
            return Err(Win32Error::BROKEN_PIPE);
        }
        let len = kernel::copy_front(&self.fd, buffer).map_err(win32_code)?;
        // Another thread may read in between: never fewer bytes in total than were copied.
        let available = kernel::unread(&self.fd).map_err(win32_code)?.max(len);
        Ok(Peeked {
            len,
            available: u32::try_from(available).unwrap_or(u32::MAX),
            left_in_message: 0u32.wrapping_sub(u32::try_from(len).unwrap_or(u32::MAX)),
        })
    }

    pub(crate) fn state(&self) -> Result<HandleState> {
        // The read end is the server end: without it the instance exists no more.
        let is_alive = self.end == PipeEnd::Server || !self.reader_is_gone()?;
        let wait_mode = if self.is_nonblocking() {
            WaitMode::NonBlocking
        } else {
            WaitMode::Blocking
        };
        Ok(HandleState {
            read_mode: PipeMode::Byte,
            wait_mode,
            instances: is_alive.into(),
        })
    }

    pub(crate) fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        if read_mode == PipeMode::Message {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        self.shared
            .nonblocking
            .store(wait_mode == WaitMode::NonBlocking, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn info(&self) -> HandleInfo {
        HandleInfo {
            end: self.end,
            pipe_type: PipeMode::Byte,
            out_quota: self.shared.quota,
            in_quota: self.shared.quota,
            max_instances: 1,
        }
    }

    pub(crate) fn end(&self) -> PipeEnd {
        self.end
    }

    fn is_nonblocking(&self) -> bool {
        self.shared.nonblocking.load(Ordering::Relaxed)
    }

    fn must_be(&self, end: PipeEnd) -> Result<()> {
        if self.end == end {
            Ok(())
        } else {
            Err(Win32Error::ACCESS_DENIED)
        }
    }

    /// Whether no process has the read end open; asked on the write end.
    fn reader_is_gone(&self) -> Result<bool> {
        let events = kernel::poll_now(&self.fd, PollFlags::empty()).map_err(win32_code)?;
        Ok(events.contains(PollFlags::ERR))
    }

    fn wait(&self, events: PollFlags, deadline: Option<Instant>) -> Result<PollFlags> {
        let happened = kernel::poll(&self.fd, events, deadline).map_err(win32_code)?;
        if happened.is_empty() {
            Err(Win32Error::SEM_TIMEOUT)
        } else {
            Ok(happened)
        }
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<End> for OwnedFd {
    fn from(end: End) -> Self {
        end.fd
    }
}
