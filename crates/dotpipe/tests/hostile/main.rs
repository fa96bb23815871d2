//! Peers, files and users that do not keep the rules: what an honest process must bear without delay,
//! panic or hang.
//!
//! Linux only: it lies in what processes share there, which on Windows is the system's own.
#![cfg(target_os = "linux")]

mod claims;
mod descriptors;
mod files;
mod guests;
mod scribble;
mod servers;
mod support;
mod users;
mod waiting;
mod wakers;
