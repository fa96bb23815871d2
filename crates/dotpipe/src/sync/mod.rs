//! The face for programs that wait in threads: named pipes in the shape of the standard library.
//!
//! A face, thin over [`exact`](crate::exact): it adds the name and the operation to every error, turns the
//! end of a conversation into the end of a file, reads messages whole, and keeps an instance
//! listening. It has no rule of its own about what a pipe does. Names follow tokio's
//! `net::windows::named_pipe`.
//!
//! | to do | take |
//! |---|---|
//! | serve many clients, each with its own thread | [`ServerOptions::listen`], [`PipeListener`] |
//! | serve one client after the other | [`ServerOptions::create`], [`NamedPipeServer`] |
//! | talk to a server | [`ClientOptions::open`], [`NamedPipeClient`] |
//! | ask one question and get one reply | [`call`] |
//! | read in one thread, write in another | [`NamedPipeClient::into_split`] |
//! | wait for many pipes in one thread | pending operations of [`exact`](crate::exact); on Linux also `poll_descriptor` |
//!
//! # Bytes and messages
//! The *type* of a pipe says whether a write keeps its borders, the *read mode* of an end whether a
//! read stops at them: two things, see [`PipeMode`](crate::options::PipeMode). With message type on the server and message read mode
//! on the end that reads, [`send`](NamedPipeServer::send) and [`recv`](NamedPipeServer::recv) carry
//! whole messages of any length. [`std::io::Read`] and [`std::io::Write`] are there for byte
//! streams; on a message pipe every [`write`](std::io::Write::write) is one message too.
//!
//! # From several threads
//! Every method takes `&self`, and an end can be used by several threads at once: share it by reference or
//! in an [`Arc`](std::sync::Arc), or [split](NamedPipeServer::into_split) it. Operations of one kind complete in the order in which
//! they were started.
//!
//! | file | what it has |
//! |---|---|
//! | `options` | [`ServerOptions`], [`ClientOptions`] |
//! | `server`, `client`, `split` | the types that stand for an end or half of one |
//! | `methods` | the methods that several of these have, written once |
//! | `shared` | what they do: one end, its name, time-outs and modes |
//! | `message` | the part of it that sends and receives whole messages |
//! | `listener` | [`PipeListener`] |
//! | `function` | what is asked of a pipe by its name alone |
//! | `turn` | one at a time, with a deadline |
//! | `name` | [`IntoPipeName`] |

mod client;
mod function;
mod listener;
mod message;
mod methods;
mod name;
mod options;
mod server;
mod shared;
mod split;
mod turn;

#[cfg(unix)]
pub use crate::exact::Interest;
pub use crate::exact::{HandleState, Peeked, Received};
pub use client::NamedPipeClient;
pub use function::{call, exists, wait};
pub use listener::{Canceller, Incoming, PipeListener};
pub use name::IntoPipeName;
pub use options::{ClientOptions, ServerOptions};
pub use server::NamedPipeServer;
pub use shared::PipeInfo;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
