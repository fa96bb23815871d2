//! Two users of one machine against each other, in a directory that they share: who may do what, who is
//! who, and acting as somebody else. Each user has processes of its own; without root there is nothing to
//! test here, and each test says so.
//! Linux only: it takes `setpriv`, and what it looks at beside pipes are owners and modes of files.

#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod identity;
mod impersonation;
mod join;
mod namespace;
mod remote;
mod users;

use support::process::play;

/// What a child does; see [`users::User::start`].
#[test]
fn role() {
    play(&[("script", users::script)]);
}
