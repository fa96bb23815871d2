//! Two users of one machine against each other, in a directory that they share: who may do what, who is
//! who, and acting as somebody else. Each user has processes of its own; without root there is nothing to
//! test here, and each test says so.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod identity;
mod impersonation;
mod join;
mod namespace;
mod users;

use support::process::play;

/// What a child does; see [`users::User::start`].
#[test]
fn role() {
    play(&[("script", users::script)]);
}
