//! `kill -9`, to either side, at any moment: what the other side sees, and how soon.
//!
//! The rules (semantics §5 and §6): whatever had been delivered is read whole and in order, a part of
//! a message is never taken for a whole one, then operations that waited end with `ERROR_BROKEN_PIPE`
//! and new writes with `ERROR_NO_DATA`, at once; the name is free, and no file is left.
//!
//! - [`asleep`]: the survivor sleeps in each kind of operation;
//! - [`stream`]: data are on their way, small and large, in either direction;
//! - [`opening`]: clients and servers die while they find each other;
//! - [`names`]: servers die while they create and remove pipes.

mod asleep;
mod names;
mod opening;
mod scene;
mod stream;

#[path = "../support/mod.rs"]
mod support;

/// Empty, but for the children that other tests start: see [`support::process`].
#[test]
fn role() {
    support::process::play(&[
        ("victim", scene::victim),
        ("caller", opening::caller),
        ("host", opening::host),
        ("namer", names::namer),
    ]);
}
