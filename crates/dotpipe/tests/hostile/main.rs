//! Peers, files and users that do not keep the rules: what an honest process must bear without delay,
//! panic or hang.
//!
//! Linux only: it lies in what processes share there, which on Windows is the system's own.
#![cfg(target_os = "linux")]

mod bell;
mod claims;
mod descriptors;
mod files;
mod guests;
mod handshake;
mod honest;
mod liar;
mod pages;
mod scribble;
mod servers;
mod support;
mod users;
mod waiting;
mod wakers;

#[path = "../support/mod.rs"]
mod tools;

/// Empty, but for the liars that other tests start: see [`tools::process`].
#[test]
fn role() {
    tools::process::play(&[
        ("sweeper", liar::sweeper),
        ("scribbler", liar::scribbler),
        ("ringer", liar::ringer),
    ]);
}
