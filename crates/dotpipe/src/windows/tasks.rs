//! What tasks wait on at one end: their wakers, and the one that calls them all.
//!
//! The system tells of the end of an operation and of nothing else, to the thread behind the
//! [port](super::port). What that thread calls is not the waker of a task but that of the end's [`Tasks`],
//! so that no task misses what another one has begun, or given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use crate::exact::{Next, Want};
use crate::wakers::{Key, Wakers};

/// The wakers of the tasks that sleep on one end. As a waker it calls them all.
#[derive(Default)]
pub(crate) struct Tasks(Wakers);

impl Tasks {
    pub(crate) fn wake_all(&self) {
        self.0.take_all().for_each(Waker::wake);
    }

    /// Has `waker` called at the next news, in place of what `waiter` noted before.
    pub(crate) fn note(&self, waiter: &Waiter, waker: &Waker) {
        // Relaxed: who waits and who forgets are the same.
        waiter.noted.store(true, Ordering::Relaxed);
        self.0.note(waiter.key, waker);
    }

    /// `waiter` waits no longer.
    pub(crate) fn forget(&self, waiter: &Waiter) {
        self.0.forget(waiter.key);
    }
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

/// One who waits on an end: a future, or the reading or the writing half of it.
pub(crate) struct Waiter {
    key: Key,
    /// Its waker may stand in a list.
    noted: AtomicBool,
}

impl Waiter {
    pub(crate) fn new() -> Waiter {
        Waiter {
            key: Key::new(),
            noted: AtomicBool::new(false),
        }
    }

    /// Whether its waker may stand in a list, from which it must be taken.
    pub(crate) fn was_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }

    /// Whether there is something to learn from its wait. There is not: nobody looks on here.
    pub(crate) fn has_waited(&self) -> bool {
        false
    }
}

/// What the tasks of one end wait in. It outlasts the conversations in which the end is: whoever waits in one
/// that is over is woken by the end of its operations.
pub(crate) struct Conversation(pub(super) Arc<Tasks>);

impl Conversation {
    pub(crate) fn is_of(&self, other: &Conversation) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Wakes all who wait in it, since they may have been waiting for the caller.
    pub(crate) fn wake_all(&self) {
        self.0.wake_all();
    }

    /// Whether to look at it several times in a row. Each look is a call of the system.
    pub(crate) fn is_with_another_process(&self) -> bool {
        false
    }

    /// What a waiter does that has looked in vain.
    pub(crate) fn next(&self, _: Want, _: &Waiter) -> Next {
        Next::Sleep
    }

    /// Has a waiter woken at the next news.
    pub(crate) fn note(&self, waiter: &Waiter, waker: &Waker) {
        self.0.note(waiter, waker);
    }

    /// A waiter waits no longer.
    pub(crate) fn forget(&self, waiter: &Waiter) {
        self.0.forget(waiter);
    }

    /// A waiter has what it waited for.
    pub(crate) fn served(&self, _: Want, _: &Waiter) {}
}
