//! The reads that wait, in the order in which they came: either with a buffer of its own (a pending operation;
//! whoever comes by fills it), or for a thread that sleeps (and copies for itself once it stands in front).

use std::sync::Arc;

use super::{Fill, Inlet, Sink, VecSink};
use crate::engine::operation::Outcome;
use crate::exact::{ReceivedData, Result};
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// A read that waits.
pub(super) struct Read {
    id: u64,
    asked: usize,
    kind: Kind,
}

enum Kind {
    /// A pending operation.
    Owned {
        data: Vec<u8>,
        outcome: Arc<Outcome<ReceivedData>>,
    },
    /// A thread that sleeps; it holds its own buffer. `Some`: it has been cancelled.
    Thread { cancelled: Option<Win32Error> },
}

/// What became of a thread's read.
pub(in crate::engine) enum Turn {
    /// It is over.
    Over(Result<bool>),
    /// It still waits.
    Wait,
}

impl Inlet {
    /// Whether reads wait, which come before any new one.
    pub(in crate::engine) fn has_waiting(&self) -> bool {
        !self.reads.is_empty()
    }

    /// Puts a thread's read into the queue.
    pub(in crate::engine) fn queue_thread(&mut self, id: u64, asked: usize) {
        self.reads.push_back(Read {
            id,
            asked,
            kind: Kind::Thread { cancelled: None },
        });
    }

    /// Puts a pending read into the queue.
    pub(in crate::engine) fn queue_owned(
        &mut self,
        id: u64,
        asked: usize,
    ) -> Arc<Outcome<ReceivedData>> {
        let outcome = Outcome::new();
        let kind = Kind::Owned {
            data: Vec::new(),
            outcome: outcome.clone(),
        };
        self.reads.push_back(Read { id, asked, kind });
        outcome
    }

    /// Serves the pending reads that can be served, and arms the bell for the rest. True when a
    /// thread's read stands in front and could go on.
    pub(in crate::engine) fn settle(&mut self, mode: PipeMode) -> bool {
        loop {
            // A read leaves the queue while it is served: it borrows nothing of the queue then.
            while let Some(mut read) = self.reads.pop_front() {
                let Kind::Owned { data, outcome } = &mut read.kind else {
                    self.reads.push_front(read);
                    break;
                };
                match self.fill(&mut VecSink::new(data, read.asked), mode) {
                    Ok(Fill::Done { more }) => {
                        let data = std::mem::take(data);
                        outcome.complete(Ok(ReceivedData { data, more }));
                    }
                    Err(code) => outcome.complete(Err(code)),
                    Ok(Fill::Begun | Fill::Nothing) => {
                        self.reads.push_front(read);
                        break;
                    }
                }
            }
            if self.reads.is_empty() {
                if !self.polled {
                    self.link.own.want_no_data();
                }
                self.link.own.set_demand(0, 0);
                return false;
            }
            let thread_in_front = matches!(
                self.reads.front(),
                Some(Read {
                    kind: Kind::Thread { .. },
                    ..
                })
            );
            if thread_in_front && (self.can_go_on() || self.link.ending().is_some()) {
                return true;
            }
            self.arm();
            // Between the look and the arming something may have come.
            if !self.can_go_on() && self.link.ending().is_none() {
                return false;
            }
        }
    }

    /// Asks to be rung for data, and says for how much is waited.
    pub(super) fn arm(&self) {
        let demand = self
            .reads
            .iter()
            .fold(0u64, |sum, read| sum.saturating_add(read.asked as u64));
        self.link.own.set_demand(self.consumer.head(), demand);
        self.link.own.want_data();
    }

    /// The turn of a thread whose read `id` is in the queue.
    pub(in crate::engine) fn turn(
        &mut self,
        id: u64,
        sink: &mut impl Sink,
        mode: PipeMode,
    ) -> Turn {
        let Some(place) = self.reads.iter().position(|read| read.id == id) else {
            // Only its own thread removes it, or a cancel that failed it.
            return Turn::Over(Err(Win32Error::OPERATION_ABORTED));
        };
        if let Kind::Thread {
            cancelled: Some(code),
        } = self.reads[place].kind
        {
            self.reads.remove(place);
            return Turn::Over(Self::cut_short(sink, mode, code));
        }
        if place > 0 {
            return Turn::Wait;
        }
        match self.fill(sink, mode) {
            Ok(Fill::Done { more }) => {
                self.reads.pop_front();
                Turn::Over(Ok(more))
            }
            Err(code) => {
                self.reads.pop_front();
                Turn::Over(Err(code))
            }
            Ok(Fill::Begun | Fill::Nothing) => Turn::Wait,
        }
    }

    /// The result of a read that ends early: what it has taken already cannot go back, so it is as if
    /// the buffer had been smaller.
    fn cut_short(sink: &impl Sink, mode: PipeMode, code: Win32Error) -> Result<bool> {
        if sink.len() > 0 {
            Ok(mode == PipeMode::Message)
        } else {
            Err(code)
        }
    }

    /// A thread gives its read up.
    pub(in crate::engine) fn withdraw(
        &mut self,
        id: u64,
        sink: &impl Sink,
        mode: PipeMode,
        code: Win32Error,
    ) -> Result<bool> {
        self.reads.retain(|read| read.id != id);
        Self::cut_short(sink, mode, code)
    }

    /// A task gives its read up. What it has taken it keeps.
    #[cfg(feature = "tokio")]
    pub(in crate::engine) fn give_up_read(&mut self, id: u64) {
        self.reads.retain(|read| read.id != id);
    }

    /// Cancels one read. `None` when it is not here; otherwise whether a thread must be woken.
    pub(in crate::engine) fn cancel(&mut self, id: u64, mode: PipeMode) -> Option<bool> {
        let place = self.reads.iter().position(|read| read.id == id)?;
        match &mut self.reads[place].kind {
            Kind::Thread { cancelled } => {
                *cancelled = Some(Win32Error::OPERATION_ABORTED);
                Some(true)
            }
            Kind::Owned { data, outcome } => {
                outcome.complete(if data.is_empty() {
                    Err(Win32Error::OPERATION_ABORTED)
                } else {
                    let data = std::mem::take(data);
                    Ok(ReceivedData {
                        data,
                        more: mode == PipeMode::Message,
                    })
                });
                self.reads.remove(place);
                Some(false)
            }
        }
    }

    /// The numbers of all reads that wait.
    pub(in crate::engine) fn waiting(&self) -> Vec<u64> {
        self.reads.iter().map(|read| read.id).collect()
    }

    /// Whether reads wait that nobody but the reactor drives.
    pub(in crate::engine) fn needs_driving(&self) -> bool {
        self.reads
            .iter()
            .any(|read| matches!(read.kind, Kind::Owned { .. }))
    }

    /// Whether the read `id` is the next to be served.
    pub(in crate::engine) fn is_first(&self, id: u64) -> bool {
        self.reads.front().is_some_and(|read| read.id == id)
    }

    /// Ends all pending reads; threads find out for themselves.
    pub(in crate::engine) fn fail_all(&mut self, code: Win32Error) {
        for read in self.reads.drain(..) {
            if let Kind::Owned { outcome, .. } = read.kind {
                outcome.complete(Err(code));
            }
        }
    }
}
