//! One conversation between a server end and a client end: the shared memory, the bell, who is at the
//! other side and how the conversation ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use dotpipe_ring::{Flags, ProgressWatch, Segment, Side, State, Watch};

use super::bell::Bell;
use super::linux::clock;
use super::spin::{Pace, Spin};
use crate::options::ImpersonationLevel;
use crate::security::RemoteClient;

/// What the last conversation that ended has learnt about waiting: the next one begins with that.
static READS: Spin = Spin::new();
static WRITES: Spin = Spin::new();

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The other end was closed. What it had written can still be read.
    Closed,
    /// The process of the other end died, or broke the rules. The same, but what had not completed of
    /// its writes is void.
    Died,
    /// The server end disconnected. Everything is void.
    Disconnected,
}

/// The conversation, shared by the two directions of one end and by whoever sleeps there.
pub(super) struct Link {
    pub(super) segment: Arc<Segment>,
    pub(super) bell: Bell,
    pub(super) own: Flags,
    pub(super) other: Flags,
    /// Waits of readers and of writers succeed at different times.
    pub(super) read_spin: Spin,
    pub(super) write_spin: Spin,
    /// This end has written since it last waited for something to read.
    has_asked: AtomicBool,
    ending: AtomicU8,
    /// When the other side was last seen alive, by the coarse clock.
    alive_at: AtomicU64,
    /// Who is at the other end.
    pub(super) other_end: Other,
}

/// Who is at the other end of a conversation, beside what the kernel tells of its socket.
pub(super) struct Other {
    pub(super) process: u32,
    /// What the client lets the server do with its identity.
    pub(super) level: ImpersonationLevel,
    /// For whom that process has opened the pipe, if not for itself.
    pub(super) remote: Option<Box<Remote>>,
}

/// A client on another machine, as a server knows it.
pub(super) struct Remote {
    pub(super) client: RemoteClient,
    /// It was root who said so, and so it holds for more than what the server's own user may do.
    pub(super) by_root: bool,
}

impl Link {
    pub(super) fn new(
        segment: Arc<Segment>,
        bell: Bell,
        side: Side,
        other_end: Other,
    ) -> Arc<Link> {
        Arc::new(Link {
            own: Flags::new(segment.clone(), side),
            other: Flags::new(segment.clone(), side.other()),
            segment,
            bell,
            read_spin: Spin::like(&READS),
            write_spin: Spin::like(&WRITES),
            has_asked: AtomicBool::new(false),
            ending: AtomicU8::new(0),
            alive_at: AtomicU64::new(0),
            other_end,
        })
    }

    /// How the conversation ended, if it has. Two loads when it has not.
    pub(super) fn ending(&self) -> Option<Ending> {
        match self.ending.load(Ordering::Acquire) {
            0 => {}
            1 => return Some(Ending::Closed),
            2 => return Some(Ending::Died),
            _ => return Some(Ending::Disconnected),
        }
        let hung_up = self.bell.has_hung_up();
        // In this order: an end says how it goes before it hangs up.
        match self.other.state() {
            State::Closed => Some(self.end(Ending::Closed)),
            State::Disconnected => Some(self.end(Ending::Disconnected)),
            State::Open if hung_up => Some(self.end(Ending::Died)),
            State::Open => None,
        }
    }

    /// Ends the conversation; the first word on it stands, but that a disconnect voids what is unread.
    pub(super) fn end(&self, ending: Ending) -> Ending {
        let word = match ending {
            Ending::Closed => 1,
            Ending::Died => 2,
            Ending::Disconnected => 3,
        };
        match self.ending.fetch_max(word, Ordering::AcqRel).max(word) {
            1 => Ending::Closed,
            2 => Ending::Died,
            _ => Ending::Disconnected,
        }
    }

    /// The same as [`ending`](Self::ending), but asks the kernel for the other's death when it has not
    /// done so for a few milliseconds: for operations that do not sleep, and so would not hear of it.
    pub(super) fn ending_now(&self) -> Option<Ending> {
        let now = clock::coarse();
        if self.alive_at.load(Ordering::Relaxed) != now {
            self.alive_at.store(now, Ordering::Relaxed);
            self.bell.ask_hung_up();
        }
        self.ending()
    }

    /// The same, but always asks the kernel: for operations whose whole answer it is.
    pub(super) fn ending_exactly(&self) -> Option<Ending> {
        self.bell.ask_hung_up();
        self.ending()
    }

    /// Something was written, so that an answer may come.
    pub(super) fn asked(&self) {
        // A load is cheaper than a store when nothing changes, and races lose but a hint.
        if !self.has_asked.load(Ordering::Relaxed) {
            self.has_asked.store(true, Ordering::Relaxed);
        }
    }

    /// Spins for what `watch` waits for, to read it; says whether to look again before sleeping.
    pub(super) fn spin_for_data(&self, watch: Watch) -> bool {
        let pace = if self.has_asked.load(Ordering::Relaxed) {
            self.has_asked.store(false, Ordering::Relaxed);
            Pace::EAGER
        } else {
            Pace::READER
        };
        self.read_spin.until(
            pace,
            || watch.is_ready(&self.segment),
            || self.ending().is_some(),
        )
    }

    /// Spins for the rest of a large write of which the beginning was read; says whether to look again
    /// before sleeping.
    pub(super) fn spin_for_rest(&self, watch: Watch) -> bool {
        self.read_spin.until(
            Pace::EAGER,
            || watch.is_ready(&self.segment),
            || self.ending().is_some(),
        )
    }

    /// Spins for the reader's progress; says whether to look again before sleeping.
    pub(super) fn spin_for_progress(&self, watch: ProgressWatch, pace: Pace) -> bool {
        self.write_spin.until(
            pace,
            || watch.is_ready(&self.segment),
            || self.ending().is_some(),
        )
    }

    /// Wakes the other side, and tells it when and from where.
    pub(super) fn ring(&self) {
        self.own.set_stamp(clock::now(), clock::cpu());
        self.bell.ring();
    }

    /// Rings if `wanted`.
    pub(super) fn ring_if(&self, wanted: bool) {
        if wanted {
            self.ring();
        }
    }

    /// This end leaves: tells the other side, and wakes everybody on both.
    pub(super) fn leave(&self, state: State) {
        self.own.set_state(state);
        self.bell.shut();
        self.read_spin.teach(&READS);
        self.write_spin.teach(&WRITES);
    }
}
