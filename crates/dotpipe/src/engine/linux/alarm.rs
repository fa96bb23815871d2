//! A descriptor by which a thread that sleeps in the kernel is woken from within its own process.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, Result};

use super::origin::Origin;

/// Why a wait with an alarm ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Wait {
    /// The other descriptor has something.
    Ready,
    /// The alarm rang.
    Alarm,
    /// The deadline has passed.
    Late,
}

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

    /// Waits until the alarm rings, and hushes it, or until `other` is readable or hung up.
    pub(in crate::engine) fn wait_with(
        &self,
        other: impl AsFd,
        deadline: Option<Instant>,
    ) -> Result<Wait> {
        loop {
            let left = deadline.map(|time| time.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [
                PollFd::new(&other, PollFlags::IN),
                PollFd::new(self, PollFlags::IN),
            ];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(Wait::Late),
                Ok(_) if !fds[0].revents().is_empty() => return Ok(Wait::Ready),
                Ok(_) => {
                    self.hush();
                    return Ok(Wait::Alarm);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
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
