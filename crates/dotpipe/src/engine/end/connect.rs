//! Connecting and disconnecting: the life of an instance, as its server end drives it.

use std::sync::Arc;
use std::time::Instant;

use super::{End, Owner};
use crate::engine::operation::{Helper, Operation, Outcome};
use crate::exact::Result;
use crate::win32::Win32Error;

/// A connect that waits: its number, where its result will be, and who can be helped meanwhile.
type Connect = (u64, Arc<Outcome<()>>, Arc<dyn Helper>);

impl End {
    pub(crate) fn connect(&self, deadline: Option<Instant>) -> Result<()> {
        let (id, outcome, helper) = self.begin_connect()?;
        outcome.wait_helping(&*helper, deadline).unwrap_or_else(|| {
            if self.core.end_connect(id, Win32Error::SEM_TIMEOUT) {
                Err(Win32Error::SEM_TIMEOUT)
            } else {
                // It ended just now.
                outcome.result().unwrap_or(Err(Win32Error::SEM_TIMEOUT))
            }
        })
    }

    pub(crate) fn start_connect(&self) -> Operation<()> {
        match self.begin_connect() {
            Ok((id, outcome, helper)) => Operation::going_on(outcome, self.core.canceller(), id)
                .with_helper(Arc::downgrade(&helper)),
            Err(code) => Operation::ended(Err(code)),
        }
    }

    fn begin_connect(&self) -> Result<Connect> {
        let Owner::Instance(instance) = &self.owner else {
            return Err(Win32Error::INVALID_FUNCTION);
        };
        let (id, outcome) = instance.begin_connect(&self.core)?;
        Ok((id, outcome, instance.helper()))
    }

    pub(crate) fn disconnect(&self) -> Result<()> {
        match &self.owner {
            Owner::Instance(instance) => instance.disconnect(&self.core),
            Owner::Pipe(..) => Err(Win32Error::INVALID_FUNCTION),
        }
    }
}
