//! How a client finds a server: the request, the check, the hand-over.
//!
//! A client connects to the socket of a server process, sends one request and gets one answer. With the
//! answer to *open* comes the shared memory, and the socket becomes the bell of the conversation. A client
//! that comes again may use the memory again ([`acquaintance`]). [`wire`] is the format and touches nothing;
//! [`claim`] is what
//! follows when the pipe is opened for a client on another machine; [`guest`] is the server's side, in the reactor's thread; [`client`] the client's; [`security`] reads and
//! changes who may do what, from another process.

mod acquaintance;
pub(super) mod claim;
mod client;
mod guest;
mod security;
mod wire;

pub(super) use client::{exchange, wait_until};
pub(crate) use client::{exists, list, open, open_with, status, wait};
pub(super) use guest::{Doorman, Guests};
pub(crate) use security::security;
pub(super) use security::{parse_security, security_of, set_security_of};
pub(super) use wire::{Answer, NameDigest, Operation, Request};
