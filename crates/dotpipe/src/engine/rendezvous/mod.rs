//! How a client finds a server: the request, the check, the hand-over.
//!
//! A client connects to the socket of a server process, sends one request and gets one answer. With the
//! answer to *open* comes the shared memory, and the socket becomes the bell of the conversation. A client
//! that comes again may use the memory again ([`acquaintance`]). [`wire`] is the format and touches nothing, nor
//! does [`claim`], which is what a request goes on with when the pipe is opened for a client on another machine;
//! [`guest`] is the server's side, in the reactor's thread; [`client`] the client's, with [`query`] for who only
//! wants to know; [`security`] reads and changes who may do what, from another process.

mod acquaintance;
pub(super) mod claim;
mod client;
mod guest;
mod query;
mod security;
mod wire;

pub(super) use client::{exchange, wait_until};
pub(crate) use client::{open, open_with, wait};
pub(super) use guest::{Doorman, Guests};
pub(crate) use query::{exists, list, status};
pub(crate) use security::security;
#[cfg(fuzzing)]
pub(super) use security::security_text;
pub(super) use security::{parse_security, security_of, set_security_of};
#[cfg(fuzzing)]
pub(super) use wire::REQUEST_LEN;
pub(super) use wire::{Answer, NameDigest, Operation, Request};
