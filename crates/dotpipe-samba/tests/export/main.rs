//! Pipes of this machine for clients of other machines, through an `smbd` of the test's own: the whole way from the
//! client that is built into `dotpipe` to a server that is one.
//!
//! | file | subject |
//! |---|---|
//! | `conversation` | messages, bytes, transactions, what is not carried |
//! | `ending` | one of the ends goes, dies or is cut off, and what was written before |
//! | `opening` | who gets in and who does not |
//! | `appearing` | which pipes are exported, and when |
//! | `crowd` | many at once, and slow ones among them |
//! | `protection` | signing and encryption |
//! | `samba` | what only a program of Samba's can do: a forged one does it |
//!
//! [`exporting`] has the export and the servers of the pipes; [`process`] other processes.
#![cfg(all(feature = "export", target_os = "linux"))]

#[path = "../support/mod.rs"]
mod support;

mod appearing;
mod conversation;
mod crowd;
mod ending;
mod exporting;
mod opening;
mod process;
mod protection;
mod samba;
