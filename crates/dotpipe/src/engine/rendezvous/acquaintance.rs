//! The server process that this process opened a pipe of last, and the memory of that conversation.
//!
//! Most likely it has an instance again the next time, and then nobody need look who else serves the
//! pipe. And if that conversation is over, its memory can serve once more, which spares both sides the
//! making and mapping of new memory: more than half the time of opening.
//!
//! Memory is used again only between the same two processes. The server wrote a number, which nobody can
//! guess, with the memory; who names it has had the memory before, and so gains nothing by having it
//! mapped still. Processes that were forked from this one have it, too, and are trusted as it is.

use std::sync::{Arc, Mutex};

use dotpipe_ring::Segment;

use crate::engine::core::lock;
use crate::engine::linux::origin::Origin;
use crate::engine::linux::socket::Peer;
use crate::engine::namespace::Address;
use crate::name::PipeName;

/// See above.
struct Acquaintance {
    origin: Origin,
    name: PipeName,
    server: Server,
    memory: Option<Memory>,
}

/// Where a server process answers, and who it is.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: Arc<Address>,
    pub(super) peer: Peer,
}

/// Memory that was used, and the number by which the server knows it.
pub(super) struct Memory {
    pub(super) token: u64,
    pub(super) segment: Arc<Segment>,
}

static LAST: Mutex<Option<Acquaintance>> = Mutex::new(None);

/// The server process that had an instance of `name` the last time, if that was the last pipe, and the
/// memory, if nobody uses it any more. Whoever takes it from here has it alone.
pub(super) fn recall(name: &PipeName) -> Option<(Server, Option<Memory>)> {
    let mut last = lock(&LAST);
    let known = last.as_mut()?;
    if known.name != *name || !known.origin.is_here() {
        return None;
    }
    let is_free = |memory: &mut Memory| Arc::get_mut(&mut memory.segment).is_some();
    Some((known.server.clone(), known.memory.take_if(is_free)))
}

/// Remembers a server process and what it handed over. A `token` of 0 says that the memory cannot be used
/// again.
pub(super) fn remember(name: &PipeName, server: Server, token: u64, segment: &Arc<Segment>) {
    let memory = (token != 0).then(|| Memory {
        token,
        segment: segment.clone(),
    });
    let known = Acquaintance {
        origin: Origin::here(),
        name: name.clone(),
        server,
        memory,
    };
    // What was remembered before goes when the lock does not matter any more.
    let before = lock(&LAST).replace(known);
    drop(before);
}

/// Forgets the server process: it is gone, or has no instance.
pub(super) fn forget() {
    let before = lock(&LAST).take();
    drop(before);
}
