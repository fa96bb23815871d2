//! Two rings in one piece of memory that a hostile peer may write: the data path of a pipe.
//!
//! This crate knows no names, no quotas, no pipe modes and makes no system call but those that map the
//! memory. It moves *entries* (one per write) from a [`Producer`] in one process to a [`Consumer`] in
//! another, and keeps the few words by which the two ends tell each other to wake up.
//!
//! # The picture
//! ```text
//!            consumer's position                  producer's position
//!                   |                                    |
//!   ring  ....free..|hdr|data.....|hdr|data|hdr|data.....|0000|....free....
//!                    one entry                            the next header, always zero
//! ```
//! Positions count bytes for ever; the offset in the ring is the position modulo the ring's size. The
//! producer publishes an entry with one release store of its header word, after it has zeroed the
//! *next* header. So a consumer that waits watches the very cache line in which a small message will
//! arrive, and needs no second word.
//!
//! # Two kinds of entry
//! A *plain* entry is complete when its header appears. A *waiting* entry belongs to a write that has
//! not completed: it can be larger than the ring (then the producer streams it through, publishing how
//! far it has come in [`layout::TAIL`]), and it can be taken back ([`Producer::revoke`]). Because both
//! sides may touch such an entry at the same time, it changes hands by compare-and-swap: its header
//! goes `Waiting -> Opened` (the consumer takes from it) or `Waiting -> Revoked` (the producer takes
//! it back); once opened, the word [`layout::PROGRESS`] holds how much was taken, and the producer takes
//! the rest back by setting a bit there.
//!
//! # Beginning anew
//! A *gap* is no entry: when the consumer has taken all, the producer goes on at the beginning of the ring and
//! says with a gap's header that the rest of it is left out. So two ends that keep up with each other stay in a
//! part of the ring that the nearest caches hold, and the rest costs addresses and no memory. Until the consumer has
//! passed a gap, its header stands in the way of a producer that goes on and on; it is left out by another gap.
//!
//! # Roll back
//! An entry that was taken back keeps its room until the consumer has passed it, with one exception: the
//! last one, if the consumer has not opened it, gives it back at once, whether or not anybody reads. For
//! that a waiting entry has a word of zero between its header and its data:
//! ```text
//!   before  ...|hdr|data.....|Waiting|0000|data...............................|0000|...
//!   after   ...|hdr|data.....|Revoked|0000|....free....
//!                              of 0    the next header
//! ```
//! Nobody but the consumer goes past a waiting entry, and it opens the entry first. So only a peek, which
//! opens nothing, can be overtaken: it may look behind the header while that is written anew. It looks at
//! the header once more afterwards, and drops what it saw when that has become `Revoked`. The next entry
//! begins behind the old header and not upon it, so that a header goes through its few states once, and
//! "it has not changed" means that nothing happened. That word is what each roll back leaves in the ring,
//! until the consumer looks.
//!
//! # Threat model
//! The peer can write anything anywhere in the memory at any time. Each word of its is loaded once,
//! checked and then used; a lie is [`Corrupt`], which ends the conversation. No reference to shared
//! memory other than to atomics exists; all `unsafe` is in [`segment`].
//!
//! # Memory order
//! | word | written by | order | pairs with |
//! |---|---|---|---|
//! | header | producer | sequentially consistent | the same in `Consumer::look`: the data of the entry; and see below |
//! | header (waiting) | both, CAS | acq-rel | each other |
//! | data behind a header that was rolled back | producer | relaxed, after a release fence behind the CAS | acquire fence between the data and the second look at the header in a peek |
//! | `TAIL` | producer | release | acquire in `Consumer`: the streamed data below it. It speaks of the last entry begun (and goes back with a roll back, but never into an entry that stays), so whoever has read it for another looks *after* it whether that one was taken back |
//! | `CONSUMED`, then `HEAD` | consumer | release; sequentially consistent | `Producer::refresh`, in the other order: the space below may be reused; and see below |
//! | `PROGRESS` | both, CAS | acq-rel | each other |
//! | `DATA_WANTED`, `WAKE_*` | sleeper sets, waker clears | sequentially consistent | "publish, then look whether the other sleeps" against "arm, then look again": of the two stores one comes first in the one order of all such accesses, so one side sees the other. Changes for which that is rare are published with a release and a `SeqCst` fence instead (`Producer::is_awaited`) |
//! | `STATE` | its end | release | acquire: everything the end did before it closed |

mod consumer;
mod entry;
mod flags;
#[cfg(loom)]
mod heap;
pub mod layout;
mod primitive;
mod producer;
pub mod segment;

use std::fmt;

pub use consumer::{Consumer, Front, Taken, Watch};
pub use flags::{Flags, State};
pub use layout::{Direction, Layout, Side};
pub use producer::{Producer, ProgressWatch, Revoked, Stream};
pub use segment::Segment;

/// The peer wrote something into the shared memory that no correct peer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the other end wrote nonsense into the shared memory: {}",
            self.0
        )
    }
}

impl std::error::Error for Corrupt {}
