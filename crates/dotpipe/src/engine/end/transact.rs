//! A question and its answer as one operation.

use std::sync::Arc;
use std::time::Instant;

use super::End;
use crate::engine::core::{Port, Rights};
use crate::engine::inlet::{Inlet, SliceSink};
use crate::engine::link::{Ending, Link};
use crate::engine::operation::Operation;
use crate::exact::{Received, ReceivedData, Result};
use crate::options::PipeMode;
use crate::win32::Win32Error;

impl End {
    pub(crate) fn transact(
        &self,
        question: &[u8],
        reply: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<Received> {
        let id = self.core.new_id();
        // The bell is not armed yet: most answers come while this thread still spins.
        let queue = |inlet: &mut Inlet| inlet.queue_thread(id, reply.len());
        let link = self.ask(question, queue)?.1;
        let mut sink = SliceSink {
            buffer: reply,
            len: 0,
        };
        self.core.wait_in_read(&link, id, &mut sink, deadline, true)
    }

    pub(crate) fn start_transact(&self, question: Vec<u8>, len: usize) -> Operation<ReceivedData> {
        let id = self.core.new_id();
        match self.ask(&question, |inlet| inlet.queue_owned(id, len)) {
            Ok((outcome, link)) => {
                self.core.settle_reads();
                self.driven(&link, id, outcome)
            }
            Err(code) => Operation::ended(Err(code)),
        }
    }

    /// Queues the read of the answer by `queue`, then asks; both or neither.
    fn ask<T>(
        &self,
        question: &[u8],
        queue: impl FnOnce(&mut Inlet) -> T,
    ) -> Result<(T, Arc<Link>)> {
        self.core.need(Rights::READ | Rights::WRITE)?;
        let mut port = self.core.inlet();
        let Port::Linked(inlet) = &mut *port else {
            return Err(Win32Error::BAD_PIPE);
        };
        let link = inlet.link.clone();
        match link.ending_now() {
            Some(Ending::Disconnected) => return Err(Win32Error::PIPE_NOT_CONNECTED),
            Some(Ending::Closed | Ending::Died) => return Err(Win32Error::BAD_PIPE),
            None => {}
        }
        if self.core.traits.pipe_type != PipeMode::Message
            || self.core.read_mode() != PipeMode::Message
        {
            return Err(Win32Error::BAD_PIPE);
        }
        if inlet.settle(PipeMode::Message) {
            link.bell.wake_all();
        }
        if inlet.has_unread() {
            return Err(Win32Error::PIPE_BUSY);
        }
        // With both directions locked nobody reads or writes in between.
        let needs_driving = {
            let mut port = self.core.outlet();
            let outlet = port.linked_to(&link)?;
            outlet.ask(question)?;
            outlet.needs_driving()
        };
        let queued = queue(inlet);
        drop(port);
        if needs_driving {
            // Without the reactor whoever waits for the answer brings the question.
            let _ = self.core.watch(&link);
        }
        Ok((queued, link))
    }
}
