//! Flushing: until the other end has read everything.

use std::time::Instant;

use super::{End, is_late};
use crate::engine::bell::Woken;
use crate::engine::core::{Port, Rights};
use crate::engine::link::Ending;
use crate::exact::Result;
use crate::win32::Win32Error;

impl End {
    pub(crate) fn flush(&self, deadline: Option<Instant>) -> Result<()> {
        self.core.need(Rights::WRITE)?;
        let (link, id) = match &mut *self.core.outlet() {
            Port::Listening | Port::Disconnected => return Ok(()),
            Port::Linked(outlet) => match outlet.link.ending_now() {
                Some(Ending::Disconnected) => return Err(Win32Error::PIPE_NOT_CONNECTED),
                Some(Ending::Closed | Ending::Died) => return Ok(()),
                None => {
                    let id = self.core.new_id();
                    outlet.begin_flush(id);
                    (outlet.link.clone(), id)
                }
            },
        };
        loop {
            let epoch = link.bell.epoch();
            {
                let mut port = self.core.outlet();
                let outlet = port.linked_to(&link)?;
                if let Some(result) = outlet.flush_turn(id) {
                    return result;
                }
                if is_late(deadline) {
                    outlet.end_flush(id);
                    return Err(Win32Error::SEM_TIMEOUT);
                }
                // Arms the bell, then looks again.
                outlet.settle();
                if let Some(result) = outlet.flush_turn(id) {
                    return result;
                }
            }
            if link.bell.sleep(epoch, deadline) == Woken::Rung {
                self.core.settle_reads();
            }
        }
    }
}
