//! Anonymous pipes with the habits of `std::io`. Layer: face, thin over [`exact`](crate::exact).
//!
//! An anonymous pipe has no name: it carries bytes one way, mostly between a program and a child
//! that inherits one end. [`pipe`] makes one; [`PipeReader`] and [`PipeWriter`] are its ends. This
//! file turns results into those of `std::io` (the end of the pipe is the end of the file, and no
//! error) and owns no other rule. What ends are to the operating system is in `descriptor`.
//!
//! # A child's standard input or output
//! Give the end away: it closes in this process once the [`Command`](std::process::Command) is
//! dropped.
//!
//! ```
//! # #[cfg(unix)] { // a program of Unix
//! use std::io::{Read, Write};
//! use std::process::Command;
//!
//! let (child_input, mut input) = dotpipe::anonymous::pipe()?;
//! let (mut output, child_output) = dotpipe::anonymous::pipe()?;
//! let mut child = Command::new("tr")
//!     .args(["a-z", "A-Z"])
//!     .stdin(child_input)
//!     .stdout(child_output)
//!     .spawn()?;
//!
//! input.write_all(b"quiet please")?;
//! drop(input); // the end of the child's input
//! let mut text = String::new();
//! output.read_to_string(&mut text)?;
//! assert_eq!(text, "QUIET PLEASE");
//! child.wait()?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An end that the child is told of
//! As with inheritable handles on Windows, the child gets a number as an argument or in its
//! environment: see [`Options`].

#[cfg(unix)]
mod descriptor;
#[cfg(windows)]
mod handle;

use std::io::{self, Read, Write};

use crate::error::Error;
use crate::exact::{AnonymousEnd, Peeked, anonymous_pipe};
use crate::options::PipeEnd;
use crate::win32::Win32Error;

/// Makes an anonymous pipe of the default size, whose ends no child inherits: `CreatePipe`.
///
/// # Errors
/// `ERROR_TOO_MANY_OPEN_FILES`, `ERROR_NOT_ENOUGH_MEMORY`.
#[doc(alias = "CreatePipe")]
pub fn pipe() -> Result<(PipeReader, PipeWriter), Error> {
    Options::new().create()
}

/// What `CreatePipe` can be told: the size of the pipe, and which end is inherited.
///
/// # Examples
/// A child that is told the number of the end it inherits:
/// ```
/// # #[cfg(unix)] { // a program of Unix
/// use std::io::{Read, Write};
/// use std::process::{Command, Stdio};
///
/// use dotpipe::anonymous::Options;
///
/// let (reader, mut writer) = Options::new().inheritable_reader(true).create()?;
/// let path = format!("/dev/fd/{}", reader.number());
/// let mut child = Command::new("cat").arg(path).stdout(Stdio::piped()).spawn()?;
/// drop(reader); // or the child's death would go unnoticed
///
/// writer.write_all(b"told by argument")?;
/// drop(writer);
/// let mut text = String::new();
/// child.stdout.take().expect("it is piped").read_to_string(&mut text)?;
/// assert_eq!(text, "told by argument");
/// child.wait()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Options {
    size: u32,
    inheritable_reader: bool,
    inheritable_writer: bool,
}

impl Options {
    /// The default size, and neither end inherited.
    pub fn new() -> Self {
        Options::default()
    }

    /// How many unread bytes the pipe should have room for; 0, the default, means 4096. This is a
    /// suggestion; see [`anonymous_pipe`].
    pub fn size(&mut self, bytes: u32) -> &mut Self {
        self.size = bytes;
        self
    }

    /// Whether child processes inherit the read end; see [`PipeReader::set_inheritable`].
    pub fn inheritable_reader(&mut self, inheritable: bool) -> &mut Self {
        self.inheritable_reader = inheritable;
        self
    }

    /// Whether child processes inherit the write end; see [`PipeWriter::set_inheritable`].
    pub fn inheritable_writer(&mut self, inheritable: bool) -> &mut Self {
        self.inheritable_writer = inheritable;
        self
    }

    /// Makes the pipe.
    ///
    /// # Errors
    /// Those of [`pipe`].
    pub fn create(&self) -> Result<(PipeReader, PipeWriter), Error> {
        let failed = |code| Error::new("create an anonymous pipe", None, code);
        let (reader, writer) = anonymous_pipe(self.size).map_err(failed)?;
        // Not without need: for a moment after this, whatever any thread starts inherits the end.
        if self.inheritable_reader {
            reader.set_inheritable(true).map_err(failed)?;
        }
        if self.inheritable_writer {
            writer.set_inheritable(true).map_err(failed)?;
        }
        Ok((PipeReader { end: reader }, PipeWriter { end: writer }))
    }
}

/// The read end of an anonymous pipe.
///
/// [`Read`] waits for data, and reports the end of the file once everything has been read and no
/// write end is open any more. Any handle counts as open, so a program that keeps its own copy of
/// the end that it gave to a child waits for ever.
#[derive(Debug)]
pub struct PipeReader {
    end: AnonymousEnd,
}

impl PipeReader {
    /// Another handle to the same end.
    ///
    /// # Errors
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    #[doc(alias = "DuplicateHandle")]
    pub fn try_clone(&self) -> Result<Self, Error> {
        let end = self.end.try_clone();
        end.map(|end| PipeReader { end })
            .map_err(|code| Error::new("duplicate", None, code))
    }

    /// Copies what could be read without taking it; never waits: `PeekNamedPipe`.
    ///
    /// # Errors
    /// `ERROR_BROKEN_PIPE` when everything has been read and no write end is open any more.
    #[doc(alias = "PeekNamedPipe")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked, Error> {
        self.end
            .peek(buffer)
            .map_err(|code| Error::new("peek", None, code))
    }

    /// Whether programs started from now on inherit this end: `SetHandleInformation`. Mind the note
    /// at [`AnonymousEnd::set_inheritable`].
    #[doc(alias = "SetHandleInformation")]
    pub fn set_inheritable(&self, inheritable: bool) -> Result<(), Error> {
        let result = self.end.set_inheritable(inheritable);
        result.map_err(|code| Error::new("make inheritable", None, code))
    }

    /// The same end with exact results: deadlines, state, info, non-blocking wait mode.
    ///
    /// In that mode, [`Read`] fails with [`io::ErrorKind::WouldBlock`] when the pipe is empty.
    pub fn exact(&self) -> &AnonymousEnd {
        &self.end
    }
}

/// The write end of an anonymous pipe.
///
/// [`Write`] waits for room. A write that no process can read any more fails with `ERROR_NO_DATA`
/// or `ERROR_BROKEN_PIPE`, both [`io::ErrorKind::BrokenPipe`], and raises no signal.
///
/// Nothing is buffered in this process, so [`Write::flush`] has nothing to do. To wait for the
/// reader there is [`wait_until_read`](Self::wait_until_read).
#[derive(Debug)]
pub struct PipeWriter {
    end: AnonymousEnd,
}

impl PipeWriter {
    /// Another handle to the same end. The reader sees the end of the file when all are closed.
    ///
    /// # Errors
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    #[doc(alias = "DuplicateHandle")]
    pub fn try_clone(&self) -> Result<Self, Error> {
        let end = self.end.try_clone();
        end.map(|end| PipeWriter { end })
            .map_err(|code| Error::new("duplicate", None, code))
    }

    /// Waits until the reader has read everything that was written: `FlushFileBuffers`.
    ///
    /// It is not [`Write::flush`], which programs call often and without any wish to wait for
    /// others: a reader that waits for this program in turn would wait for ever.
    ///
    /// # Errors
    /// `ERROR_BROKEN_PIPE` when the last reader closes before it has read everything.
    #[doc(alias = "FlushFileBuffers")]
    #[doc(alias = "WaitForPipeDrain")]
    pub fn wait_until_read(&self) -> Result<(), Error> {
        self.end
            .flush()
            .map_err(|code| Error::new("wait until read", None, code))
    }

    /// Whether programs started from now on inherit this end: `SetHandleInformation`. Mind the note
    /// at [`AnonymousEnd::set_inheritable`].
    #[doc(alias = "SetHandleInformation")]
    pub fn set_inheritable(&self, inheritable: bool) -> Result<(), Error> {
        let result = self.end.set_inheritable(inheritable);
        result.map_err(|code| Error::new("make inheritable", None, code))
    }

    /// The same end with exact results: deadlines, state, info, non-blocking wait mode.
    ///
    /// In that mode, [`Write`] fails with [`io::ErrorKind::WouldBlock`] when the data do not fit.
    pub fn exact(&self) -> &AnonymousEnd {
        &self.end
    }
}

macro_rules! is_inherited {
    ($end:ident, $what:literal) => {
        impl $end {
            #[doc = concat!("Opens the ", $what, " end that this process inherited, by the number that")]
            /// its parent gave it as an argument or in the environment.
            ///
            /// The number itself stays open, so that the other side notices the end of the pipe only
            /// when this process ends: see [`AnonymousEnd::from_inherited`], also for what to do
            /// about it.
            ///
            /// # Errors
            /// `ERROR_INVALID_PARAMETER` when the text is no number, `ERROR_INVALID_HANDLE` when it is not
            /// the number of a pipe,
            #[doc = concat!("`ERROR_ACCESS_DENIED` when it is not the ", $what, " end or, on Linux, another")]
            /// user made the pipe.
            pub fn from_inherited(number: &str) -> Result<Self, Error> {
                let failed = |code| Error::new("open an inherited end", None, code);
                let number =
                    number.parse().map_err(|_| failed(Win32Error::INVALID_PARAMETER))?;
                AnonymousEnd::from_inherited(number).map_err(failed)?.try_into()
            }

            /// The number to tell a child that inherits this end: that of the descriptor on Linux, the
            /// value of the handle on Windows.
            pub fn number(&self) -> u32 {
                self.end.number()
            }
        }
    };
}

is_inherited!(PipeReader, "read");
is_inherited!(PipeWriter, "write");

impl Read for &PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // For `std::io` a read of nothing is done; for Windows it waits for data.
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.end.read(buffer) {
            Ok(received) => Ok(received.len),
            Err(Win32Error::BROKEN_PIPE) => Ok(0),
            Err(code @ Win32Error::NO_DATA) => {
                let error = Error::new("read", None, code);
                Err(io::Error::new(io::ErrorKind::WouldBlock, error))
            }
            Err(code) => Err(Error::new("read", None, code).into()),
        }
    }
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for &PipeWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.end.write(data) {
            Ok(0) if !data.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            Ok(written) => Ok(written),
            Err(code) => Err(Error::new("write", None, code).into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for PipeWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An end with exact results becomes one with the habits of `std::io`.
///
/// # Errors
/// `ERROR_ACCESS_DENIED` when it is a write end.
impl TryFrom<AnonymousEnd> for PipeReader {
    type Error = Error;

    fn try_from(end: AnonymousEnd) -> Result<Self, Error> {
        match end.end() {
            PipeEnd::Server => Ok(PipeReader { end }),
            PipeEnd::Client => Err(Error::new(
                "take as a read end",
                None,
                Win32Error::ACCESS_DENIED,
            )),
        }
    }
}

/// An end with exact results becomes one with the habits of `std::io`.
///
/// # Errors
/// `ERROR_ACCESS_DENIED` when it is a read end.
impl TryFrom<AnonymousEnd> for PipeWriter {
    type Error = Error;

    fn try_from(end: AnonymousEnd) -> Result<Self, Error> {
        match end.end() {
            PipeEnd::Client => Ok(PipeWriter { end }),
            PipeEnd::Server => Err(Error::new(
                "take as a write end",
                None,
                Win32Error::ACCESS_DENIED,
            )),
        }
    }
}
