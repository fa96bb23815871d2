//! Copying between an end of a pipe and a stream of bytes.
//!
//! The rule it owns: how messages are told apart in a stream that knows none. [`Framing::Stream`] does
//! not: bytes go through as they come. With [`Framing::Lines`] a line is a message, in both directions.

use std::io;
use std::io::{BufRead, Write};

use dotpipe::exact::End;
use dotpipe::win32::Win32Error;

/// How much is read at a time.
const PORTION: usize = 64 * 1024;

/// What stands for a message in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nothing does.
    Stream,
    /// A line, without its line feed.
    Lines,
}

/// Why copying stopped before its time.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The pipe failed.
    Pipe(Win32Error),
    /// The stream failed.
    Stream(io::Error),
}

/// Whether a code of a read only means that the conversation is over: the other end has closed or died,
/// or the server has disconnected, as a well-behaved server does when all has been read.
pub(crate) fn is_end(code: Win32Error) -> bool {
    matches!(
        code,
        Win32Error::BROKEN_PIPE | Win32Error::PIPE_NOT_CONNECTED
    )
}

/// Copies from the pipe until the conversation ends; `progress` is called after every portion.
pub(crate) fn receive(
    end: &End,
    framing: Framing,
    out: &mut impl Write,
    mut progress: impl FnMut(),
) -> Result<(), Stopped> {
    let mut buffer = vec![0; PORTION];
    // Lines: how the message ended so far, so that one that brings its own line feed gets no other.
    let mut last = None;
    loop {
        let received = match end.read(&mut buffer) {
            Ok(received) => received,
            Err(code) if is_end(code) => return Ok(()),
            Err(code) => return Err(Stopped::Pipe(code)),
        };
        let data = &buffer[..received.len];
        out.write_all(data).map_err(Stopped::Stream)?;
        if framing == Framing::Lines {
            last = data.last().copied().or(last);
            if !received.more && last.take() != Some(b'\n') {
                out.write_all(b"\n").map_err(Stopped::Stream)?;
            }
        }
        out.flush().map_err(Stopped::Stream)?;
        progress();
    }
}

/// Copies to the pipe until the stream ends.
pub(crate) fn send(end: &End, framing: Framing, input: &mut impl BufRead) -> Result<(), Stopped> {
    let mut portion = Vec::new();
    loop {
        portion.clear();
        match framing {
            Framing::Lines => {
                if input
                    .read_until(b'\n', &mut portion)
                    .map_err(Stopped::Stream)?
                    == 0
                {
                    return Ok(());
                }
                if portion.last() == Some(&b'\n') {
                    portion.pop();
                }
            }
            Framing::Stream => {
                let filled = loop {
                    match input.fill_buf() {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        other => break other.map_err(Stopped::Stream)?,
                    }
                };
                if filled.is_empty() {
                    return Ok(());
                }
                portion.extend_from_slice(filled);
                input.consume(portion.len());
            }
        }
        end.write(&portion).map_err(Stopped::Pipe)?;
    }
}
