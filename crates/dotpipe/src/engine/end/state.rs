//! What an end tells of itself and of the other, and its modes.

use dotpipe_ring::Side;

use super::{End, Owner};
use crate::engine::core::{Core, Port, Rights};
use crate::engine::link::Ending;
use crate::engine::namespace;
use crate::exact::{HandleInfo, HandleState, Result};
use crate::options::{PipeMode, WaitMode};
use crate::win32::Win32Error;

impl End {
    pub(crate) fn state(&self) -> Result<HandleState> {
        self.core.need(Rights::READ_ATTRIBUTES)?;
        self.core.refuse_if_disconnected()?;
        let instances = match &self.owner {
            Owner::Instance(instance) => instance.total()?,
            Owner::Pipe(name, id) => namespace::count_instances(name, *id)?,
        };
        Ok(HandleState {
            read_mode: self.core.read_mode(),
            wait_mode: self.core.wait_mode(),
            instances,
        })
    }

    pub(crate) fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        self.core.need(Rights::WRITE_ATTRIBUTES)?;
        self.core.refuse_if_disconnected()?;
        if read_mode == PipeMode::Message && self.core.traits.pipe_type == PipeMode::Byte {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // Reads that could have been served by the old mode are, before the new one holds.
        self.core.settle_reads();
        self.core.set_modes(read_mode, wait_mode);
        Ok(())
    }

    pub(crate) fn info(&self) -> Result<HandleInfo> {
        self.core.need(Rights::READ_ATTRIBUTES)?;
        self.core.refuse_if_disconnected()?;
        let traits = self.core.traits;
        Ok(HandleInfo {
            end: self.end(),
            pipe_type: traits.pipe_type,
            out_quota: traits.out_quota,
            in_quota: traits.in_quota,
            max_instances: traits.max_instances,
        })
    }

    pub(crate) fn peer_process_id(&self) -> Result<u32> {
        Ok(self.other_process()?.other_end.process)
    }

    pub(crate) fn peer_computer_name(&self) -> Result<String> {
        if let Some(remote) = &self.link()?.other_end.remote {
            return Ok(remote.client.computer().to_owned());
        }
        Ok(rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned())
    }
}

impl Core {
    /// A client end that the server has disconnected answers nothing any more.
    fn refuse_if_disconnected(&self) -> Result<()> {
        match &*self.inlet() {
            Port::Linked(inlet)
                if self.side == Side::Client
                    && inlet.link.ending_now() == Some(Ending::Disconnected) =>
            {
                Err(Win32Error::PIPE_NOT_CONNECTED)
            }
            _ => Ok(()),
        }
    }
}
