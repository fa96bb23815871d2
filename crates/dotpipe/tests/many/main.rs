//! Many of everything, and for long: what a connection costs, that nothing grows with use, and that
//! who waits costs no processor time.
//!
//! The budget (per idle connection and side): 2 descriptors, 12 KiB of resident memory; one thread more
//! per server process, none per client that has no pending operation.
//!
//! - [`instances`]: a thousand connections at once, from several processes;
//! - [`cycles`]: ten thousand times open, call, close; `DOTPIPE_SOAK=1` makes it ten times as many;
//! - [`idle`]: many who wait.
//!
//! Linux only: the budget is that of the engine, and is measured in `/proc`.
#![cfg(target_os = "linux")]

mod cycles;
mod idle;
mod instances;

#[path = "../support/mod.rs"]
mod support;

/// Empty, but for the children that other tests start: see [`support::process`].
#[test]
fn role() {
    support::process::play(&[("crowd", instances::crowd), ("answerer", cycles::answerer)]);
}
