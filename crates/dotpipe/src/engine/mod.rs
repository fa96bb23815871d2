//! Linux below the seam: everything that is not the contract's types.
//!
//! From the bottom: [`linux`] are the system calls, typed. [`link`] is one conversation: two rings and
//! a bell that also tells of the other side's death. [`inlet`] and [`outlet`] are its two directions as
//! one end sees them, with the operations that wait there. [`core`] is an end: ports, modes, rights.
//! [`local`] are the instances of a name in this process, [`namespace`] the names of the machine,
//! [`rendezvous`] how a client finds a server. [`reactor`] is the one thread in the background.

mod access;
pub(crate) mod anonymous;
mod bell;
mod call;
mod core;
mod end;
#[cfg(fuzzing)]
pub mod fuzz;
mod inlet;
mod link;
mod linux;
mod local;
mod memories;
mod namespace;
mod operation;
mod outlet;
mod quota;
mod reactor;
mod rendezvous;
mod spin;
mod tasks;

pub(crate) use call::call;
#[cfg(all(feature = "smb", feature = "tokio"))]
pub(crate) use end::Flushing;
#[cfg(feature = "tokio")]
pub(crate) use end::{Asking, Conversation};
pub(crate) use end::{End, own_token};
pub(crate) use linux::impersonation::Impersonation;
pub(crate) use local::{create, create_another};
pub(crate) use operation::Operation;
#[cfg(all(feature = "smb", unix))]
pub(crate) use operation::{Canceller, HeldBack, Outcome};
pub(crate) use rendezvous::{exists, list, open, open_with, security, status, wait};
#[cfg(feature = "tokio")]
pub(crate) use tasks::{Tasks, Waiter};
