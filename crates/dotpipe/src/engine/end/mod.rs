//! An end as the exact layer holds it: the operations, each in a file with its rules.

mod connect;
mod flush;
mod read;
mod state;
mod transact;
mod write;

use std::sync::Arc;
use std::time::Instant;

use dotpipe_ring::State;

use super::core::Core;
use super::local::Instance;
use super::namespace::PipeId;
use crate::exact::Result;
use crate::name::PipeName;
use crate::options::PipeEnd;

/// The server end or the client end of an instance. Closes on drop.
pub(crate) struct End {
    core: Arc<Core>,
    owner: Owner,
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
        End { core, owner }
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
}

impl Drop for End {
    fn drop(&mut self) {
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
