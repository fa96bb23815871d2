//! The atomics of which the ring is made: those of the processor or, under `--cfg loom`, those by which loom
//! tries every interleaving of a few steps. Nobody else in this crate names an atomic type.
//!
//! Also here: the order of *publish, then look whether the other side sleeps* on the one side, and *arm, then
//! look again* on the other. Each is a store and a later load of another word, and of the four accesses
//! one side has to see the other's store. Sequentially consistent accesses promise that, and cost one
//! exchange (some 3 ns where `fence(SeqCst)`, an `mfence`, costs 25). Loom takes such accesses for weaker
//! than they are but knows the fence, so there the store is followed by one.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, fence};
pub(crate) use std::sync::atomic::Ordering;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, fence};

/// Stores, so that a look at another word by this thread that comes later also *happens* later.
#[inline]
pub(crate) fn store_before_look(word: &AtomicU64, value: u64) {
    if cfg!(loom) {
        word.store(value, Ordering::Release);
        fence(Ordering::SeqCst);
    } else {
        word.store(value, Ordering::SeqCst);
    }
}

/// The look after such a store, or after a fence. At least an acquire.
#[inline]
pub(crate) fn look(word: &AtomicU64) -> u64 {
    word.load(if cfg!(loom) {
        Ordering::Acquire
    } else {
        Ordering::SeqCst
    })
}
