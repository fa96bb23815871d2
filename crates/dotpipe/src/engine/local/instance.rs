//! What a server end does with its instance: listening, breaking a connection, going away.

use std::sync::Arc;

use dotpipe_ring::State;

use super::Instance;
use super::doorman::answer;
use crate::engine::core::{Core, Port, lock};
use crate::engine::namespace::{LockedFolder, count_instances};
use crate::engine::operation::{Helper, Outcome};
use crate::exact::Result;
use crate::options::WaitMode;
use crate::win32::Win32Error;

impl Instance {
    /// Where a thread that waits for a client can receive clients itself.
    pub(in crate::engine) fn helper(&self) -> Arc<dyn Helper> {
        self.pipe.guests.clone()
    }

    /// A connect begins: waits for a client, or says why there is nothing to wait for.
    pub(in crate::engine) fn begin_connect(
        &self,
        core: &Arc<Core>,
    ) -> Result<(u64, Arc<Outcome<()>>)> {
        let mut instances = lock(&self.pipe.instances);
        let mut inlet = core.inlet();
        let listens_anew = match &*inlet {
            Port::Linked(inlet) => {
                let left = inlet.link.ending_exactly().is_some();
                return Err(if left {
                    Win32Error::NO_DATA
                } else {
                    Win32Error::PIPE_CONNECTED
                });
            }
            Port::Listening => false,
            Port::Disconnected => {
                *inlet = Port::Listening;
                *core.outlet() = Port::Listening;
                true
            }
        };
        let connect = match core.wait_mode() {
            WaitMode::NonBlocking => Err(Win32Error::PIPE_LISTENING),
            WaitMode::Blocking => Ok(core.queue_connect()),
        };
        drop(inlet);
        if listens_anew {
            instances.listening.push_back(core.clone());
            self.pipe
                .guests
                .tell_waiting(&answer(&instances, Win32Error(0)));
        }
        connect
    }

    /// Breaks the connection.
    pub(in crate::engine) fn disconnect(&self, core: &Arc<Core>) -> Result<()> {
        let _instances = lock(&self.pipe.instances);
        match &*core.inlet() {
            Port::Listening => return Err(Win32Error::PIPE_LISTENING),
            Port::Disconnected => return Err(Win32Error::PIPE_NOT_CONNECTED),
            Port::Linked(_) => {}
        }
        core.detach(State::Disconnected);
        Ok(())
    }

    /// How many instances the pipe has, in all processes.
    pub(in crate::engine) fn total(&self) -> Result<u32> {
        let id = lock(&self.pipe.instances).record.pipe;
        count_instances(&self.pipe.name, id)
    }

    /// The instance goes away, and with the last one this process as a server of the pipe.
    pub(in crate::engine) fn remove(&self, core: &Arc<Core>) {
        let pipe = &self.pipe;
        {
            let mut instances = lock(&pipe.instances);
            instances.listening.retain(|each| !Arc::ptr_eq(each, core));
            instances
                .all
                .retain(|each| !std::ptr::eq(each.as_ptr(), Arc::as_ptr(core)));
            core.detach(State::Closed);
            if instances.record.instances > 1 {
                // A count that is too high for a moment harms nobody: no lock for that.
                instances.record.instances -= 1;
                let _ = pipe.file.update(&instances.record);
                return;
            }
        }
        // Without the folder's lock (somebody sits on it) the record is corrected all the same.
        let folder = LockedFolder::lock(&pipe.name).ok();
        let mut instances = lock(&pipe.instances);
        instances.record.instances -= 1;
        if instances.record.instances > 0 {
            let _ = pipe.file.update(&instances.record);
        }
        drop(instances);
        pipe.leave_if_empty(folder.as_ref());
    }
}
