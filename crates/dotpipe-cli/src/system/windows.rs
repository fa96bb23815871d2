//! The seam on Windows: there are no signals, and no sockets but those of the network.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};

use dotpipe::name::PipeName;
use dotpipe::security::SecurityDescriptor;

use super::Filter;
use crate::failure::Result;

/// What is shown with ordinary programs.
pub(crate) const FILTERS: &[Filter] = &[Filter {
    program: "sort",
    arguments: &[],
    input: b"pear\r\napple\r\nfig\r\n",
    expected: b"apple\r\nfig\r\npear\r\n",
}];

/// Nothing asks to end here: Ctrl-C ends the process, and the system closes its pipes.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn on_signals(_stop: impl Fn() -> bool + Send + 'static) -> Result {
    Ok(())
}

/// There are no groups that could be ended as one.
pub(crate) fn in_group_of_its_own(_command: &mut Command) {}

/// A program cannot be asked, only made.
pub(crate) fn ask_to_end(child: &mut Child) {
    make_end(child);
}

/// Makes it end; not what it has started.
pub(crate) fn make_end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
}

/// What pipes are compared with: what a program would use that knows nothing else.
pub(crate) const SOCKET: &str = "TCP socket";

/// One side of a conversation through a socket.
pub(crate) type Stream = TcpStream;

/// A socket that listens, and the word by which [`connect_socket`] finds it.
pub(crate) fn listen_socket(_name: &str) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let word = listener.local_addr()?.to_string();
    Ok((listener, word))
}

/// Connects to it.
pub(crate) fn connect_socket(word: &str) -> io::Result<Stream> {
    let stream = TcpStream::connect(word)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Who may do what with a pipe: only an end can be asked, and a server would take whoever opens one for a client.
pub(crate) fn security_of(_name: &PipeName) -> Option<SecurityDescriptor> {
    None
}

/// Why this system has no use for `dotpipe install`, if it has none.
pub(crate) const NOTHING_TO_INSTALL: Option<&str> =
    Some("there is nothing to install: Windows has one namespace for the whole machine already");

/// There are no directories of pipes.
pub(crate) fn share(_directory: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
