//! The command `dotpipe` as scripts see it: exit statuses, output, and what is left behind.
//!
//! Every test has a namespace of its own in a temporary directory. Nothing waits for a time to pass: a
//! server is ready when it says so.
//!
//! Unix only, for signals, shells and the namespace; `everywhere.rs` is for all systems.
#![cfg(unix)]

mod ask;
mod connect;
mod demo;
#[cfg(all(feature = "export", feature = "smb", target_os = "linux"))]
mod export;
#[cfg(all(feature = "smb", unix))]
mod remote;
mod security;
mod serve;
mod support;
mod tell;
mod usage;
