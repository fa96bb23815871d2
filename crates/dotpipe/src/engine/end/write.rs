//! Writing.

use std::sync::Arc;
use std::time::Instant;

use super::{End, is_late};
use crate::engine::bell::Woken;
use crate::engine::core::{Core, Rights};
use crate::engine::link::Link;
use crate::engine::linux::clock;
use crate::engine::operation::Operation;
use crate::engine::outlet::{Attempt, Outlet, Turn};
use crate::engine::spin::Pace;
use crate::exact::Result;
use crate::options::WaitMode;
use crate::win32::Win32Error;

/// How often a write that would have to wait looks for the reader's progress before it queues.
const MOST_SPINS: u32 = 8;

impl End {
    pub(crate) fn write(&self, data: &[u8], deadline: Option<Instant>) -> Result<usize> {
        self.core.need(Rights::WRITE)?;
        let mut spins = 0;
        let (link, id) = loop {
            let mut port = self.core.outlet();
            let outlet = port.linked()?;
            if let Some(result) = self.write_at_once(outlet, data) {
                return result;
            }
            let link = outlet.link.clone();
            if spins < MOST_SPINS && outlet.had_better_wait(data.len()) {
                // A reader that is at work makes room sooner than a write is put into the queue, which
                // both sides would have to handle with more care than one that is complete.
                let watch = outlet.watch();
                drop(port);
                spins = if link.spin_for_progress(watch, Pace::WRITER) {
                    spins + 1
                } else {
                    MOST_SPINS
                };
                continue;
            }
            if data.is_empty() {
                // Behind a write that is not placed whole: complete, and the reactor brings it.
                outlet.queue_empty()?;
                drop(port);
                // Without the reactor the next operation on this end brings it.
                let _ = self.core.watch(&link);
                return Ok(0);
            }
            let id = self.core.new_id();
            outlet.queue_thread(id, data.len())?;
            break (link, id);
        };
        self.core.sleep_in_write(&link, id, data, deadline)
    }

    pub(crate) fn start_write(&self, data: Vec<u8>) -> Operation<usize> {
        self.try_start_write(data)
            .unwrap_or_else(|code| Operation::ended(Err(code)))
    }

    fn try_start_write(&self, data: Vec<u8>) -> Result<Operation<usize>> {
        self.core.need(Rights::WRITE)?;
        let mut port = self.core.outlet();
        let outlet = port.linked()?;
        if let Some(result) = self.write_at_once(outlet, &data) {
            return Ok(Operation::ended(result));
        }
        let id = self.core.new_id();
        let outcome = outlet.queue_owned(id, data)?;
        let link = outlet.link.clone();
        if outlet.settle() {
            link.bell.wake_all();
        }
        drop(port);
        if outcome.result().is_some() {
            // An empty message behind writes that are not placed whole: see `write`.
            let _ = self.core.watch(&link);
        }
        Ok(self.driven(&link, id, outcome))
    }

    /// The result of a write that need not wait, or may not.
    fn write_at_once(&self, outlet: &mut Outlet, data: &[u8]) -> Option<Result<usize>> {
        if let Some(ending) = outlet.link.ending_now() {
            return Some(Err(Outlet::refused(ending)));
        }
        if self.core.wait_mode() == WaitMode::NonBlocking {
            return Some(outlet.write_now(data));
        }
        match outlet.attempt(data) {
            Ok(Attempt::Complete(len)) => Some(Ok(len)),
            Ok(Attempt::MustWait) => None,
            Err(code) => Some(Err(code)),
        }
    }
}

impl Core {
    /// The sleep of a thread whose write `id` of `data` is in the queue of `link`'s outlet.
    fn sleep_in_write(
        &self,
        link: &Arc<Link>,
        id: u64,
        data: &[u8],
        deadline: Option<Instant>,
    ) -> Result<usize> {
        let mut may_spin = true;
        loop {
            let epoch = link.bell.epoch();
            let (over, watch) = {
                let mut port = self.outlet();
                let outlet = port.linked_to(link)?;
                let mut over = outlet.turn(id, data);
                if let Turn::Wait = over {
                    if is_late(deadline) {
                        over = Turn::Over(outlet.withdraw(id, Win32Error::SEM_TIMEOUT));
                    } else if !may_spin {
                        // Arms the bell, then looks again.
                        outlet.settle();
                        over = outlet.turn(id, data);
                    }
                }
                if let Turn::Over(_) = over
                    && outlet.settle()
                {
                    link.bell.wake_all();
                }
                (over, outlet.watch())
            };
            if let Turn::Over(result) = over {
                return result;
            }
            if may_spin {
                may_spin = link.spin_for_progress(watch, Pace::EAGER);
                continue;
            }
            let start = clock::now();
            if link.bell.sleep(epoch, deadline) == Woken::Rung {
                link.write_spin.learn(start, link.other.stamp());
                self.settle_reads();
            }
            may_spin = true;
        }
    }
}
