//! Pipes of this machine, reached as those of another one: a private `smbd` on loopback ([`Smbd`]) and an export to
//! it ([`Bridge`]).
//!
//! Layer: above `dotpipe` and `dotpipe-samba`. For the tests of several crates, the conformance runner and the benchmark;
//! no user ever runs it. The rule it owns: nothing stays behind, no process, no file and no change of the system.
#![cfg(target_os = "linux")]

mod bridge;
mod smbd;

pub use bridge::Bridge;
pub use smbd::{PASSWORD, Settings, Smbd, free_port, user};
