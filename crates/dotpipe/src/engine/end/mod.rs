//! An end as the exact layer holds it: the operations, each in a file with its rules.

#[cfg(feature = "tokio")]
mod attempt;
mod connect;
mod flush;
mod identity;
mod read;
mod state;
mod transact;
mod write;

#[cfg(all(feature = "smb", feature = "tokio"))]
pub(crate) use attempt::Flushing;
#[cfg(feature = "tokio")]
pub(crate) use attempt::{Asking, Conversation};

use std::sync::Arc;
use std::time::Instant;

use dotpipe_ring::State;

use super::core::Core;
use super::link::Link;
use super::linux::origin::Origin;
use super::local::Instance;
use super::namespace::PipeId;
use super::operation::{Canceller, Operation, Outcome};
use crate::exact::Result;
use crate::name::PipeName;
use crate::options::PipeEnd;
use crate::win32::Win32Error;
pub(crate) use identity::own_token;

/// The server end or the client end of an instance. Closes on drop.
pub(crate) struct End {
    core: Arc<Core>,
    owner: Owner,
    origin: Origin,
}

/// To what the end belongs.
pub(super) enum Owner {
    /// A server end: to an instance of this process.
    Instance(Instance),
    /// A client end: to a pipe that somebody serves, or served.
    Pipe(PipeName, PipeId),
}

impl End {
    pub(super) fn new(core: Arc<Core>, owner: Owner) -> End {
        let origin = Origin::here();
        End {
            core,
            owner,
            origin,
        }
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn end(&self) -> PipeEnd {
        match self.owner {
            Owner::Instance(_) => PipeEnd::Server,
            Owner::Pipe(..) => PipeEnd::Client,
        }
    }

    pub(crate) fn cancel(&self) -> Result<()> {
        self.core.cancel_all()
    }

    /// Hands a pending operation on `link` to the reactor. When that fails the operation is taken back,
    /// so that it does not take data which nobody gets.
    fn driven<T: Clone>(
        &self,
        link: &Arc<Link>,
        id: u64,
        outcome: Arc<Outcome<T>>,
    ) -> Operation<T> {
        if outcome.result().is_some() {
            return Operation::going_on(outcome, self.core.canceller(), id);
        }
        let Err(code) = self.core.watch(link) else {
            return Operation::going_on(outcome, self.core.canceller(), id);
        };
        let _ = self.core.cancel_operation(id);
        match outcome.result() {
            None | Some(Err(Win32Error::OPERATION_ABORTED)) => Operation::ended(Err(code)),
            Some(result) => Operation::ended(result),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.origin.is_here() {
            return; // a copy that a fork made: the end is the parent's
        }
        match &self.owner {
            Owner::Instance(instance) => instance.remove(&self.core),
            Owner::Pipe(..) => {
                self.core.detach(State::Closed);
            }
        }
    }
}

/// Whether a deadline has passed.
fn is_late(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
