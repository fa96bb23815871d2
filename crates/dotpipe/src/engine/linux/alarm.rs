//! A descriptor by which a thread that sleeps in the kernel is woken from within its own process.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Result;

use super::origin::Origin;

/// An eventfd: ringing it makes it readable until it is hushed.
pub(in crate::engine) struct Alarm(OwnedFd);

impl Alarm {
    pub(in crate::engine) fn new() -> Result<Alarm> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Alarm)
    }

    /// This thread's own, made on first use.
    pub(in crate::engine) fn of_this_thread() -> Result<Arc<Alarm>> {
        thread_local! {
            static ALARM: RefCell<Option<(Origin, Arc<Alarm>)>> = const { RefCell::new(None) };
        }
        let known = ALARM.try_with(|alarm| alarm.borrow().clone());
        if let Ok(Some((origin, alarm))) = known
            && origin.is_here()
        {
            return Ok(alarm);
        }
        let alarm = Arc::new(Alarm::new()?);
        // A thread that is ending has nowhere to keep it.
        let _ = ALARM.try_with(|known| known.replace(Some((Origin::here(), alarm.clone()))));
        Ok(alarm)
    }

    pub(in crate::engine) fn ring(&self) {
        // Fails only when it has been rung 2^64 times unheard, and then it is readable anyway.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    pub(in crate::engine) fn hush(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
