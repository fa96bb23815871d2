//! How a client finds a server: the request, the check, the hand-over.
//!
//! A client connects to the socket of a server process, sends one request of fixed size and gets one
//! answer. With the answer to *open* comes the shared memory, and the socket becomes the bell of the
//! conversation. A client that comes again may use the memory again ([`acquaintance`]). [`wire`] is the format and touches nothing; [`guest`] is the server's side, in the
//! reactor's thread; [`client`] the client's.

mod acquaintance;
mod client;
mod guest;
mod wire;

pub(super) use client::wait_until;
pub(crate) use client::{exists, list, open, status, wait};
pub(super) use guest::{Doorman, Guests};
pub(super) use wire::{Answer, Operation, Request};
