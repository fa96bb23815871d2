//! Anonymous pipes from outside: what the recordings `anon-*` pin, and real programs at the other
//! end.

#[cfg(unix)] // programs that every Unix has
mod child;
mod closing;
mod inherited;
mod modes;
mod own_child;
#[cfg(unix)] // Windows has no signals
mod signal;
mod transfer;

#[path = "../support/mod.rs"]
mod support;

#[path = "../../examples/anonymous_filter.rs"]
mod anonymous_filter;

use std::process::{Child, Command};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

/// Empty, but for the children that other tests start: see [`support::process`].
#[test]
fn role() {
    support::process::play(own_child::ROLES);
}

#[test]
fn the_example_runs() {
    if support::is_wine() {
        println!("skipped: Wine has no sort.exe, which the example needs");
        return;
    }
    let _starting = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    anonymous_filter::main().unwrap();
}

/// The bytes that `fill:LEN:SEED` stands for in conformance scripts.
fn fill(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (seed + 7 * i + 13 * (i / 256)) as u8)
        .collect()
}

/// A deadline that shows that something waits: it passes soon, and how soon decides nothing.
fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(20))
}

/// Held to write while a child starts, to read while none may.
static STARTING: RwLock<()> = RwLock::new(());

/// A child has copies of all descriptors from its `fork` to its `exec`, also of those that it does
/// not inherit: for that moment, an end that another test has just closed is still open.
fn spawn(command: &mut Command) -> Child {
    let _starting = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

/// For tests in which a closed end must be closed at once.
fn no_child_starts() -> RwLockReadGuard<'static, ()> {
    STARTING.read().unwrap_or_else(PoisonError::into_inner)
}
