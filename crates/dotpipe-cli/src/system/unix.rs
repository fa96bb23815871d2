//! The seam on Unix: signals, process groups, Unix sockets.

use std::fs::{self, Permissions};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::security::SecurityDescriptor;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::Filter;
use crate::failure::{Failure, Result};

/// What is shown with ordinary programs.
pub(crate) const FILTERS: &[Filter] = &[
    Filter {
        program: "tr",
        arguments: &["a-z", "A-Z"],
        input: b"from the parent, through tr, and back\n",
        expected: b"FROM THE PARENT, THROUGH TR, AND BACK\n",
    },
    Filter {
        program: "sort",
        arguments: &[],
        input: b"pear\napple\nfig\n",
        expected: b"apple\nfig\npear\n",
    },
];

/// Has the first signal that asks to end call `stop`, and a second one end the process at once; the first
/// one too when `stop` says that nobody cares any more.
pub(crate) fn on_signals(stop: impl Fn() -> bool + Send + 'static) -> Result {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::System("watch for signals".into(), error))?;
    thread::spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if asked || !stop() {
                let _ = emulate_default_handler(signal);
            }
            asked = true;
        }
    });
    Ok(())
}

/// Has the program's children, too, let go of its output when it is made to end.
pub(crate) fn in_group_of_its_own(command: &mut Command) {
    command.process_group(0);
}

/// Asks a program and all that it has started to end. It has not been waited for yet, so its id is still
/// its own.
pub(crate) fn ask_to_end(child: &mut Child) {
    signal_group(child, Signal::TERM);
}

/// Makes it end.
pub(crate) fn make_end(child: &mut Child) {
    signal_group(child, Signal::KILL);
}

/// Signals the program and all that it has started. It may have ended already.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(id, signal);
    }
}

/// What pipes are compared with: what a program would use that knows nothing else.
pub(crate) const SOCKET: &str = "Unix socket";

/// One side of a conversation through a socket.
pub(crate) type Stream = UnixStream;

/// A socket that listens, and the word by which [`connect_socket`] finds it. `name` is used by nobody else.
pub(crate) fn listen_socket(name: &str) -> io::Result<(UnixListener, String)> {
    let address = SocketAddr::from_abstract_name(name)?;
    Ok((UnixListener::bind_addr(&address)?, name.to_owned()))
}

/// Connects to it.
pub(crate) fn connect_socket(word: &str) -> io::Result<Stream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(word)?)
}

/// Who may do what with a pipe, if whoever asks may know.
pub(crate) fn security_of(name: &PipeName) -> Option<SecurityDescriptor> {
    exact::security(name).ok()
}

/// Why this system has no use for `dotpipe install`, if it has none.
pub(crate) const NOTHING_TO_INSTALL: Option<&str> = None;

/// Makes a directory in which everybody may make files and nobody remove those of others, whatever the mask of
/// new files is.
pub(crate) fn share(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o1777))
}
