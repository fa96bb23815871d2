//! Modes, and what there is to know.

use super::End;
use crate::exact::{HandleInfo, HandleState, Result};
use crate::options::{DesiredAccess, PipeMode, WaitMode};
use crate::remote::information::LocalInformation;
use crate::remote::options::Collection;
use crate::remote::runtime;
use crate::win32::Win32Error;

impl End {
    pub(crate) fn set_state(&self, read_mode: PipeMode, wait_mode: WaitMode) -> Result<()> {
        if !self.shared.access.contains(DesiredAccess::WRITE) {
            self.need(DesiredAccess::WRITE_ATTRIBUTES)?;
        }
        if wait_mode == WaitMode::NonBlocking {
            // Whether a write would fit is not to be known here.
            return Err(Win32Error::NOT_SUPPORTED);
        }
        {
            let state = self.shared.lock();
            if read_mode == PipeMode::Message && state.pipe_type == Some(PipeMode::Byte) {
                return Err(Win32Error::INVALID_PARAMETER);
            }
        }
        if self.shared.tells {
            // The server must not join messages any more, or may do so again.
            let shared = self.shared.clone();
            let set = async move { shared.handle.set_read_mode(read_mode).await };
            match runtime::run(set, None)? {
                Ok(()) | Err(Win32Error::NOT_SUPPORTED) => {}
                Err(code) => return Err(code),
            }
        }
        let mut state = self.shared.lock();
        // Reads that could have been served by the old mode are, before the new one holds.
        self.shared.settle(&mut state);
        state.read_mode = read_mode;
        if read_mode == PipeMode::Message {
            // Whoever reads messages says that there are some.
            state.pipe_type.get_or_insert(PipeMode::Message);
        }
        Ok(())
    }

    pub(crate) fn set_collection(&self, collection: Collection) -> Result<()> {
        self.need(DesiredAccess::WRITE)?;
        let mut state = self.shared.lock();
        state.collection = collection;
        self.shared.send_gathered(&mut state);
        Ok(())
    }

    pub(crate) fn state(&self) -> Result<HandleState> {
        let told = self.information()?;
        Ok(HandleState {
            read_mode: self.shared.lock().read_mode,
            wait_mode: WaitMode::Blocking,
            instances: told.instances,
        })
    }

    pub(crate) fn info(&self) -> Result<HandleInfo> {
        let told = self.information()?;
        Ok(HandleInfo {
            end: told.end,
            pipe_type: told.pipe_type,
            out_quota: told.out_quota,
            in_quota: told.in_quota,
            max_instances: told.max_instances,
        })
    }

    fn information(&self) -> Result<LocalInformation> {
        self.need(DesiredAccess::empty())?;
        if !self.shared.tells {
            return Err(Win32Error::NOT_SUPPORTED);
        }
        let shared = self.shared.clone();
        runtime::run(async move { shared.handle.information().await }, None)?
    }
}
