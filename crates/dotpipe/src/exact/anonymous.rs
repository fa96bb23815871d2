//! [`AnonymousEnd`]: one end of an anonymous pipe, and everything it can do. Layer: exact.
//!
//! As for named pipes, this layer answers what Windows answers, code by code. The rules are below
//! the seam; here is what a caller must know.

#[cfg(unix)]
mod descriptor;
#[cfg(windows)]
mod handle;

use std::time::Instant;

use super::{HandleInfo, HandleState, Peeked, Received, Result, sys};
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::win32::Win32Error;

/// Makes an anonymous pipe: its read end and its write end.
///
/// `size` is a suggestion, in bytes; 0 means 4096. The pipe has room for at least so much, except
/// beyond what the system allows an unprivileged process (1 MiB as a rule, counted twice to be on
/// the safe side). Then it has as much as is allowed, and larger writes wait for the reader.
///
/// Neither end is inherited by child processes until [`AnonymousEnd::set_inheritable`] says so.
///
/// # Win32
/// [`CreatePipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createpipe)
///
/// # Errors
/// `ERROR_TOO_MANY_OPEN_FILES`, `ERROR_NOT_ENOUGH_MEMORY`.
///
/// # Examples
/// ```
/// use dotpipe::exact::anonymous_pipe;
/// use dotpipe::win32::Win32Error;
///
/// let (reader, writer) = anonymous_pipe(0)?;
/// writer.write(b"abc")?;
/// drop(writer);
///
/// let mut buffer = [0; 9];
/// assert_eq!(reader.read(&mut buffer)?.len, 3);
/// assert_eq!(reader.read(&mut buffer), Err(Win32Error::BROKEN_PIPE));
/// # Ok::<(), Win32Error>(())
/// ```
#[doc(alias = "CreatePipe")]
pub fn anonymous_pipe(size: u32) -> Result<(AnonymousEnd, AnonymousEnd)> {
    let (reader, writer) = sys::anonymous::pipe(size)?;
    Ok((
        AnonymousEnd { inner: reader },
        AnonymousEnd { inner: writer },
    ))
}

/// The read end or the write end of an anonymous pipe: what a `HANDLE` from `CreatePipe` is.
///
/// A pipe of the system, so that any program can have it as its standard input or output. It carries bytes
/// one way. The read end counts as the server end, the write end as the client end, as on Windows.
///
/// An end can be used from several threads at once. The bytes of one write stay together, also when
/// other threads write through the same end or through a [`try_clone`](Self::try_clone) of it;
/// other *processes* that write to the same pipe may cut in when more than 4096 bytes are written.
///
/// # When an end is closed
/// The other side notices that an end is closed when nobody has it open any more: no duplicate, no
/// child. A thread that is just starting a program counts for the moment from `fork` to `exec`,
/// even for ends that are not inherited.
///
/// # On Windows
/// One thing at a time can be done with an end: while a thread waits in a read or a write, whatever else is asked
/// of the same end waits as well. What follows is about Linux.
///
/// # Never a signal
/// A write to a pipe without a reader is an error and not `SIGPIPE`, whatever the program does with
/// that signal; nothing is changed about its signal handling. This holds on Linux 6.18 and later,
/// and on any Linux with `/proc` for the pipes of the same user. Elsewhere one narrow case is left:
/// when the last reader closes in the very moment of a write, a program that does not ignore
/// `SIGPIPE` gets it. Rust programs ignore it from the start.
pub struct AnonymousEnd {
    inner: sys::anonymous::End,
}

impl AnonymousEnd {
    /// Opens the end of a pipe that this process inherited and knows by its descriptor number.
    ///
    /// What is behind the number is opened once more: the number itself **stays open**, and so the
    /// pipe outlives this value until the process ends or closes the number itself. The other side
    /// sees the end of the pipe only then. No safe code can close a number of which it cannot know
    /// whose it is; a program that does know can make an `OwnedFd` or `OwnedHandle` of it (unsafe) and
    /// use `try_from`.
    ///
    /// # Errors
    /// `ERROR_INVALID_HANDLE` when the number is not open or not the end of a pipe,
    /// `ERROR_ACCESS_DENIED` when the pipe was made by another user, `ERROR_TOO_MANY_OPEN_FILES`.
    pub fn from_inherited(number: u32) -> Result<Self> {
        sys::anonymous::End::reopen(number).map(|inner| AnonymousEnd { inner })
    }

    /// Another handle to the same end; both share the wait mode. The end closes with the last of
    /// them.
    ///
    /// # Errors
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    #[doc(alias = "DuplicateHandle")]
    pub fn try_clone(&self) -> Result<Self> {
        self.inner.duplicate().map(|inner| AnonymousEnd { inner })
    }

    /// Whether programs started from now on inherit this end, under the number that
    /// [`number`](Self::number) tells: `SetHandleInformation` with `HANDLE_FLAG_INHERIT`.
    ///
    /// *Every* program that *any* thread starts meanwhile inherits it, as on Windows, and keeps the
    /// pipe open. So make it inheritable late, and drop it or take this back once the child runs.
    #[doc(alias = "SetHandleInformation")]
    pub fn set_inheritable(&self, inheritable: bool) -> Result<()> {
        self.inner.set_inheritable(inheritable)
    }

    /// Reads what is there, or waits for it: `ReadFile`. A read of zero bytes waits as well.
    ///
    /// # Errors
    /// `ERROR_BROKEN_PIPE` when everything has been read and no write end is open any more,
    /// `ERROR_NO_DATA` on an empty pipe in non-blocking wait mode, `ERROR_ACCESS_DENIED` on a write
    /// end.
    #[doc(alias = "ReadFile")]
    pub fn read(&self, buffer: &mut [u8]) -> Result<Received> {
        self.inner.read(buffer, None)
    }

    /// [`read`](Self::read) with a deadline (`None`: no limit).
    ///
    /// # Errors
    /// Those of [`read`](Self::read); `ERROR_SEM_TIMEOUT` when the deadline passes.
    pub fn read_until(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        self.inner.read(buffer, deadline)
    }

    /// Writes everything, waiting for room as long as needed: `WriteFile`. Writing nothing succeeds
    /// and leaves nothing. In non-blocking wait mode, what does not fit in whole is not written,
    /// and the result is 0; more than 4096 bytes fit into an empty pipe only.
    ///
    /// # Errors
    /// `ERROR_NO_DATA` when no read end is open, `ERROR_BROKEN_PIPE` when the last one closes while
    /// the write waits, `ERROR_ACCESS_DENIED` on a read end.
    ///
    /// # Platforms
    /// On Windows a blocking write waits until no more than the size of the pipe is unread, and
    /// what is still waiting can be read and peeked at. Here it waits until the kernel has taken
    /// everything; it takes at least the size.
    #[doc(alias = "WriteFile")]
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        self.inner.write(data, None)
    }

    /// [`write`](Self::write) with a deadline (`None`: no limit). What the pipe has taken when it
    /// passes stays in the pipe, and how much that is cannot be known. On Windows, what has not been read is
    /// taken back.
    ///
    /// # Errors
    /// Those of [`write`](Self::write); `ERROR_SEM_TIMEOUT` when the deadline passes.
    pub fn write_until(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        self.inner.write(data, deadline)
    }

    /// Waits until the reader has read everything: `FlushFileBuffers`. Succeeds at once when there
    /// is no reader any more.
    ///
    /// # Errors
    /// `ERROR_BROKEN_PIPE` when the last reader closes while the flush waits, `ERROR_ACCESS_DENIED`
    /// on a read end.
    ///
    /// # Platforms
    /// Linux does not tell when a pipe is empty: the flush looks every few milliseconds.
    #[doc(alias = "FlushFileBuffers")]
    pub fn flush(&self) -> Result<()> {
        self.inner.flush(None)
    }

    /// [`flush`](Self::flush) with a deadline (`None`: no limit).
    ///
    /// # Errors
    /// Those of [`flush`](Self::flush); `ERROR_SEM_TIMEOUT` when the deadline passes.
    pub fn flush_until(&self, deadline: Option<Instant>) -> Result<()> {
        self.inner.flush(deadline)
    }

    /// Copies what could be read without taking it: `PeekNamedPipe`. Never waits. With an empty
    /// buffer it only counts.
    ///
    /// # Errors
    /// `ERROR_BROKEN_PIPE` when everything has been read and no write end is open any more,
    /// `ERROR_ACCESS_DENIED` on a write end, `ERROR_TOO_MANY_OPEN_FILES`.
    #[doc(alias = "PeekNamedPipe")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.inner.peek(buffer)
    }

    /// `TransactNamedPipe`, which no anonymous pipe can do: it needs both directions.
    ///
    /// # Errors
    /// `ERROR_ACCESS_DENIED`, always.
    #[doc(alias = "TransactNamedPipe")]
    pub fn transact(&self, _question: &[u8], _reply: &mut [u8]) -> Result<Received> {
        Err(Win32Error::ACCESS_DENIED)
    }

    /// The modes of this end and the number of instances: `GetNamedPipeHandleState`. The instance
    /// is 1 while a read end is open, then 0.
    #[doc(alias = "GetNamedPipeHandleState")]
    pub fn state(&self) -> Result<HandleState> {
        self.inner.state()
    }

    /// Sets both modes of this end: `SetNamedPipeHandleState`. The wait mode holds in this process
    /// only: a child that has the same end is not affected. On Windows it is.
    ///
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` for message read mode: an anonymous pipe is of byte type.
    #[doc(alias = "SetNamedPipeHandleState")]
    pub fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        self.inner.set_state(read_mode, wait_mode)
    }

    /// What the pipe was made with: `GetNamedPipeInfo`. Both sizes are the one that was asked for;
    /// of a pipe that was made elsewhere, its capacity.
    #[doc(alias = "GetNamedPipeInfo")]
    pub fn info(&self) -> Result<HandleInfo> {
        Ok(self.inner.info())
    }

    /// Which end this is: [`PipeEnd::Server`] reads, [`PipeEnd::Client`] writes.
    pub fn end(&self) -> PipeEnd {
        self.inner.end()
    }
}

impl std::fmt::Debug for AnonymousEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.end() {
            PipeEnd::Server => "AnonymousEnd (reads)",
            PipeEnd::Client => "AnonymousEnd (writes)",
        };
        f.debug_tuple(name).field(&self.number()).finish()
    }
}
