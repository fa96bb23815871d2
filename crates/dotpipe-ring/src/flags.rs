//! The few words by which two ends tell each other that they sleep, wait or have gone.
//!
//! The sleep protocol, the same for both kinds of sleeper: publish or consume, *then* look whether the
//! other sleeps, ring; against: arm, *then* look again, sleep. Both are [`store_before_look`] and
//! [`look`], of which one side's store comes first: so either the waker sees the armed word or the sleeper
//! sees what was published.

use std::sync::Arc;

use crate::layout::{self, Side};
use crate::primitive::{AtomicU64, Ordering, look, store_before_look};
use crate::segment::Segment;

/// Whether an end still takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Open,
    /// It closed. What it had written stays.
    Closed,
    /// It, the server end, broke the connection. Everything unread is void.
    Disconnected,
}

/// The flags line of one end. Every end writes its own and reads the other's.
#[derive(Clone)]
pub struct Flags {
    segment: Arc<Segment>,
    line: usize,
}

impl Flags {
    /// The line of `side`.
    pub fn new(segment: Arc<Segment>, side: Side) -> Flags {
        Flags {
            segment,
            line: side.flags_line(),
        }
    }

    #[inline]
    fn word(&self, word: usize) -> &AtomicU64 {
        self.segment.word(self.line + word)
    }

    /// What the end says of itself. Nonsense counts as closed.
    #[inline]
    pub fn state(&self) -> State {
        match self.word(layout::STATE).load(Ordering::Acquire) {
            0 => State::Open,
            2 => State::Disconnected,
            _ => State::Closed,
        }
    }

    /// Says that this end no longer takes part; all it did before is visible to whoever reads it.
    pub fn set_state(&self, state: State) {
        let word = match state {
            State::Open => 0,
            State::Closed => 1,
            State::Disconnected => 2,
        };
        self.word(layout::STATE).store(word, Ordering::Release);
    }

    /// Arms the wake-up for data. The caller must look for data again before it sleeps.
    pub fn want_data(&self) {
        store_before_look(self.word(layout::DATA_WANTED), 1);
    }

    /// Disarms it.
    pub fn want_no_data(&self) {
        self.word(layout::DATA_WANTED).store(0, Ordering::Relaxed);
    }

    /// For the producer on the other side, after a [`store_before_look`] or a fence: whether to ring.
    /// Disarms.
    #[inline]
    pub(crate) fn data_is_wanted(&self) -> bool {
        let word = self.word(layout::DATA_WANTED);
        look(word) != 0 && word.swap(0, Ordering::Relaxed) != 0
    }

    /// Arms the wake-up for when `CONSUMED` or `HEAD` have reached these; 0 for one of them: never.
    /// The caller must look at them again before it sleeps.
    pub fn want_progress(&self, consumed: u64, head: u64) {
        store_before_look(self.word(layout::WAKE_CONSUMED), consumed);
        store_before_look(self.word(layout::WAKE_HEAD), head);
    }

    /// For the consumer on the other side, after it published its progress by a [`store_before_look`]:
    /// whether to ring. Disarms.
    #[inline]
    pub(crate) fn progress_is_wanted(&self, consumed: u64, head: u64) -> bool {
        let reached = |word: usize, position: u64| {
            let word = self.word(word);
            let wanted = look(word);
            wanted != 0 && wanted <= position && word.swap(0, Ordering::Relaxed) != 0
        };
        let by_count = reached(layout::WAKE_CONSUMED, consumed);
        reached(layout::WAKE_HEAD, head) || by_count
    }

    /// Tells for how many bytes readers of this end wait at position `at`, where nothing is yet.
    pub fn set_demand(&self, at: u64, len: u64) {
        // Void while the two words change; a writer that reads them in between sees no demand.
        self.word(layout::DEMAND_AT).store(0, Ordering::Release);
        self.word(layout::DEMAND_LEN).store(len, Ordering::Release);
        if len > 0 {
            self.word(layout::DEMAND_AT)
                .store(at + 1, Ordering::Release);
        }
    }

    /// For how many bytes readers wait at position `at`. A lie costs the liar only: it gets data that
    /// it then does not read.
    pub fn demand(&self, at: u64) -> u64 {
        let position = self.word(layout::DEMAND_AT);
        if position.load(Ordering::Acquire) != at + 1 {
            return 0;
        }
        let len = self.word(layout::DEMAND_LEN).load(Ordering::Acquire);
        if position.load(Ordering::Acquire) == at + 1 {
            len
        } else {
            0
        }
    }

    /// Notes when and where this end rang the bell.
    pub fn set_stamp(&self, time: u64, cpu: u64) {
        self.word(layout::STAMP_TIME).store(time, Ordering::Relaxed);
        self.word(layout::STAMP_CPU).store(cpu, Ordering::Relaxed);
    }

    /// When and where it did: hints, to be believed as far as they harm nobody.
    pub fn stamp(&self) -> (u64, u64) {
        let load = |word| self.word(word).load(Ordering::Relaxed);
        (load(layout::STAMP_TIME), load(layout::STAMP_CPU))
    }
}
