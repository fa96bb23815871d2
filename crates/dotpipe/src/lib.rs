//! The Windows pipe system on Linux, and the same API on Windows: named and anonymous pipes with the same semantics and the same
//! error codes.
//!
//! A named pipe is how processes of one machine talk on Windows. A *server* creates *instances* of a pipe
//! under a name, *clients* open it by that name, and each pair has a conversation of its own, in bytes or
//! in whole messages. This crate gives Linux programs all of it: instances, message mode, quotas, peeking,
//! transactions, cancelling, and the very answers that Windows gives. It needs no daemon, no
//! configuration and no privilege.
//!
//! # A first example
//! ```
//! use std::thread;
//!
//! use dotpipe::{ClientOptions, PipeMode, ServerOptions};
//!
//! let name = format!(r"\\.\pipe\greeting-{}", std::process::id());
//!
//! // The server: one instance of a pipe that carries messages.
//! let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
//! let serving = thread::spawn(move || -> dotpipe::Result<()> {
//!     server.connect()?;
//!     let mut question = Vec::new();
//!     server.recv(&mut question)?;
//!     server.send(&[b"hello, ", &question[..]].concat())
//! });
//!
//! // The client, which might be another process.
//! let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
//! let mut reply = Vec::new();
//! client.transact(b"pipe", &mut reply)?;
//! assert_eq!(reply, b"hello, pipe");
//! # serving.join().unwrap()?;
//! # Ok::<(), dotpipe::Error>(())
//! ```
//!
//! # Where to look
//! | module | what it is for |
//! |---|---|
//! | [`sync`] | named pipes for programs that wait in threads; start here |
//! | [`anonymous`] | one-way pipes between a program and its children |
//! | [`exact`] | one operation in, one Win32 result out: for ports that look at every code, pending (overlapped) operations, listing pipes |
//! | [`name`] | names: parse, compare without case, spell |
//! | [`options`] | modes, access and limits, as data |
//! | [`security`] | who may do what: security descriptors, SDDL, SIDs |
//! | [`error`] | errors that know the operation, the pipe, the code and what to do next |
//! | [`win32`] | the codes, their names and texts |
//! | `tokio` | named pipes for tasks, in the very shape of tokio's Windows pipes (feature `tokio`) |
//!
//! The faces ([`sync`], [`anonymous`]) are thin over [`exact`], which answers what Windows answers, code by
//! code. They add habits: an [`Error`] that turns into an [`std::io::Error`], the end of a conversation as
//! the end of a file, whole messages. Names follow tokio's `net::windows::named_pipe`.
//!
//! # Platforms
//! Linux and Windows. On Windows a pipe is a pipe of the system, so that any Windows program can be at the other
//! end; `docs/differences.md` lists what differs, and so does the page of each item.
//!
//! On Linux, data pass through shared memory between two processes, without a system call while both are
//! awake; a thread that waits sleeps in the kernel. Pipes live in a directory: `$DOTPIPE_DIR` if it is set,
//! else `/run/dotpipe` if it exists and is sticky (one namespace for the machine, as on Windows), else
//! `$XDG_RUNTIME_DIR/dotpipe`, else `/tmp/dotpipe-<uid>`. Programs that shall meet must see the same one.
//!
//! A wait spins for some microseconds before it sleeps, where that has paid lately. `DOTPIPE_SPIN=never` in the
//! environment forbids it.
//!
//! # Features
//! - `tokio`, off by default: the module `tokio`, named pipes for tasks in the shape of tokio's own, on Linux and
//!   Windows. Without it there is no asynchronous dependency.
//! - `smb`, off by default, for Linux (Windows reaches them by itself): pipes on other machines, `\\Server\pipe\Name`; see the module `remote`. It needs
//!   Rust 1.91, the rest 1.88.

pub mod anonymous;
pub mod error;
pub mod exact;
pub mod name;
pub mod options;
#[cfg(all(feature = "smb", unix))]
pub mod remote;
pub mod security;
pub mod sync;
#[cfg(all(feature = "tokio", any(target_os = "linux", windows)))]
pub mod tokio;
pub mod win32;

#[cfg(target_os = "linux")]
mod engine;
#[cfg(any(target_os = "linux", all(windows, feature = "tokio")))]
mod wakers;
#[cfg(windows)]
mod windows;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use engine::fuzz;

pub use error::{Error, Result};
pub use name::PipeName;
pub use options::{
    Access, DesiredAccess, ImpersonationLevel, PipeEnd, PipeMode, WaitMode, WaitTimeout,
};
pub use sync::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeInfo, PipeListener, ServerOptions,
};
pub use win32::Win32Error;

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
