//! Payloads of every size and in every split, and several threads, operations and processes at once on
//! one end: what arrives is what was sent, byte for byte, whoever interrupts.
//!
//! - [`sizes`]: from nothing to 64 MiB, every small size and every boundary;
//! - [`splits`]: writes and reads of unlike sizes, and a model of what non-blocking operations answer;
//! - [`crowd`]: several readers, writers and processes;
//! - [`cancel`], [`deadline`], [`disconnect`]: what ends an operation from outside, and loses nothing;
//! - [`pending`]: operations in bulk, and as futures.

mod cancel;
mod crowd;
mod deadline;
mod disconnect;
mod pending;
mod sizes;
mod splits;

#[path = "../support/mod.rs"]
mod support;

/// Empty, but for the children that other tests start: see [`support::process`].
#[test]
fn role() {
    support::process::play(&[("asker", crowd::asker)]);
}
