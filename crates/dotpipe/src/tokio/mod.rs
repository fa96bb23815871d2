//! The face for tasks: named pipes on a [tokio](https://tokio.rs) runtime, in the very shape of
//! `tokio::net::windows::named_pipe` (feature `tokio`).
//!
//! A program written for Windows moves over by changing one line:
//! ```
//! # #[allow(unused_imports)] mod port {
//! // use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions};
//! use dotpipe::tokio::{ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions};
//! # }
//! ```
//! A face, thin over the [exact](crate::exact) layer. It has no thread per connection and blocks none of the
//! runtime's; it runs on current-thread and multi-thread runtimes, whose I/O must be
//! [enabled](::tokio::runtime::Builder::enable_io) on Linux. [`AsyncRead`](::tokio::io::AsyncRead) and
//! [`AsyncWrite`](::tokio::io::AsyncWrite) are there, so what works with streams (`tokio_util::codec`, `hyper`,
//! `tower`, `tonic`) works with pipes.
//!
//! | to do | take |
//! |---|---|
//! | serve many clients, each with its own task | [`ServerOptions::listen`], [`PipeListener`] (a [`Stream`](futures_core::Stream)) |
//! | serve as tokio's documentation does | [`ServerOptions::create`], [`NamedPipeServer::connect`] |
//! | talk to a server | [`ClientOptions::open`]; [`ClientOptions::open_wait`] to wait for an instance |
//! | whole messages | [`send`](NamedPipeServer::send), [`recv`](NamedPipeServer::recv), [`transact`](NamedPipeServer::transact), [`call`] |
//! | read in one task, write in another | [`into_split`](NamedPipeServer::into_split) |
//! | know that the client has everything | [`flush_pipe`](NamedPipeServer::flush_pipe), then [`disconnect`](NamedPipeServer::disconnect) |
//! | look at the Win32 code of an error | [`win32_code`], [`crate::Error`] |
//!
//! # Writing
//! On a **byte pipe** a write takes as many bytes as the quota has room for, and waits when there is none.
//!
//! On a **message pipe** a message that is not larger than the quota waits until it fits, and is placed whole
//! then. One that is larger would never fit. It is *taken over*, as tokio's own types do with every write:
//! copied, reported as written at once, and brought by itself as the other end reads, until the quota allows it
//! to be complete. The next write waits for that and reports it if it fails; `flush` waits until all of it
//! stands in the pipe. Dropping the end lets it finish before the pipe is closed, as long as the runtime lives;
//! disconnecting does not. A byte pipe whose quota is 0 does the same, with up to 64 KiB at a time.
//!
//! # Waiting
//! A task that finds nothing looks again for some microseconds, where that has paid lately, letting other
//! tasks run in between; then it sleeps. `DOTPIPE_SPIN=never` in the environment forbids it. (On Windows it sleeps at
//! once.) Several tasks may wait on one end at
//! once; each is woken. When the other end closes, its process dies or the server disconnects, all are.
//!
//! Futures here lose nothing when they are dropped, or say what. One restriction is tokio's: of several
//! tasks that wait through the same `poll_` function of one end, the last is woken.
//!
//! # Platforms
//! Linux and Windows, with the same items. On Windows an end is a handle of the system, and any program may have the
//! other one, tokio's own types included. What differs there:
//! - The system does not tell how much room a pipe has. So every write is taken over unless it is complete at
//!   once, of bytes up to 64 KiB at a time; [`writable`](NamedPipeServer::writable) waits for nothing else. All
//!   of it can be read at once, so `flush` does not wait.
//! - For tasks that wait in message read mode, the first byte of the next message, or an empty message, is taken out of
//!   the pipe and held. `recv`, reads and `peek` have it in its place; but a message of no more than a byte
//!   counts as read for the other end's [`flush_pipe`](NamedPipeServer::flush_pipe).
//! - [`transact`](NamedPipeServer::transact) is `ERROR_PIPE_BUSY` while another one goes on at the same end.
//! - One thread of the process is told by the system when operations end. A
//!   [`flush_pipe`](NamedPipeServer::flush_pipe) that waits takes a thread of its own, since the system has no other way to wait for it.
//! - Pipes on other machines are `ERROR_NOT_SUPPORTED`: those are for [`sync`](crate::sync), or for tokio's own types.
//! - `from_raw_handle`, `AsHandle` and `AsRawHandle` are there, as tokio has them.
//!
//! They are not tokio's types wrapped: those read up to 4 KiB ahead into a buffer of their own, so that nobody can peek, ask a
//! question with an answer, or know where a message ends.
//!
//! # Limits
//! On Linux a connection takes one descriptor on either side. For 10,000 clients in one process raise the soft limit of open
//! files (`ulimit -n`), which is 1,024 as a rule; both sides in one process take twice as many.
//!
//! # Different from tokio's own types
//! - No functions that take security attributes as a pointer; [`ServerOptions::security`] is in their place. No raw
//!   handles on Linux. The closures of `try_io` and `async_io` use the `try_` methods.
//! - On Linux pipes on other machines need the feature `smb`. Every write to one is gathered or taken over, and what the
//!   server says to it the next write or `flush` reports; dropping the end sends what is left and closes it in the
//!   background, so flush before the program ends. Modes and information are asked for while the thread waits.
//! - Errors on Linux: see [`win32_code`] for which are raw codes.
//! - A server end that no client has opened answers reads and writes with `ERROR_PIPE_LISTENING` at once, where
//!   tokio lets them wait.
//! - A read passes over empty messages, which look like the end of the stream there.
//! - On Linux writes go into the pipe itself and wait for room, where tokio's every write is taken over.
//! - [`ServerOptions::max_instances`] reports a bad number as an error, not by a panic.
//!
//! | file | what it has |
//! |---|---|
//! | `options` | [`ServerOptions`], [`ClientOptions`] |
//! | `server`, `client`, `split` | the types that stand for an end or half of one |
//! | `methods` | the methods that several of these have, written once |
//! | `inner`, `burst` | how a task waits on an end |
//! | `transfer`, `message` | what the methods do, for bytes and for whole messages |
//! | `hub` | how a runtime tells of news, and of its end |
//! | `listener` | [`PipeListener`] |
//! | `function` | [`call`] |
//! | `handle` | ends and the handles of Windows |
//! | `fault` | errors as code written for Windows expects them |

mod burst;
mod client;
mod fault;
mod function;
#[cfg(windows)]
mod handle;
mod hub;
mod inner;
mod listener;
mod message;
mod methods;
mod options;
mod server;
mod split;
mod transfer;

pub use crate::exact::{HandleState, Peeked, Received};
pub use crate::options::{PipeEnd, PipeMode};
pub use crate::sync::PipeInfo;
pub use client::NamedPipeClient;
pub use fault::win32_code;
pub use function::call;
pub use listener::PipeListener;
pub use options::{ClientOptions, ServerOptions};
pub use server::NamedPipeServer;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
