//! The atomics of which the ring is made: those of the processor or, under `--cfg loom`, those by which loom
//! tries every interleaving of a few steps. Nobody else in this crate names an atomic type.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, fence};
pub(crate) use std::sync::atomic::Ordering;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, fence};
