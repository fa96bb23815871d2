//! Reading and peeking.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use super::{End, is_late};
use crate::engine::bell::Woken;
use crate::engine::core::{Core, Port, Rights};
use crate::engine::inlet::{Fill, Sink, SliceSink, Turn, VecSink};
use crate::engine::link::Link;
use crate::engine::linux::{clock, io_code};
use crate::engine::operation::Operation;
use crate::exact::{Interest, Peeked, Received, ReceivedData, Result};
use crate::options::{PipeMode, WaitMode};
use crate::win32::Win32Error;

impl End {
    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Option<Instant>) -> Result<Received> {
        self.read_into(&mut SliceSink { buffer, len: 0 }, deadline)
    }

    pub(crate) fn read_message(
        &self,
        message: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<Received> {
        self.core.need(Rights::READ)?;
        if self.core.read_mode() != PipeMode::Message {
            return Err(Win32Error::BAD_PIPE);
        }
        self.read_into(&mut VecSink::new(message, usize::MAX), deadline)
    }

    fn read_into(&self, sink: &mut impl Sink, deadline: Option<Instant>) -> Result<Received> {
        self.core.need(Rights::READ)?;
        let mut may_spin = true;
        let (link, id, begun) = loop {
            let mut port = self.core.inlet();
            let inlet = port.linked()?;
            let mode = self.core.read_mode();
            if self.core.wait_mode() == WaitMode::NonBlocking {
                // It does not sleep, and so would not hear of the other's death.
                inlet.link.ending_now();
            }
            let fill = if inlet.has_waiting() {
                Fill::Nothing
            } else {
                inlet.fill(sink, mode)?
            };
            match fill {
                Fill::Done { more } => {
                    return Ok(Received {
                        len: sink.len(),
                        more,
                    });
                }
                _ if self.core.wait_mode() == WaitMode::NonBlocking => {
                    return at_once(sink, mode);
                }
                // Once, and not behind other reads: what appears then is theirs.
                Fill::Nothing if may_spin && !inlet.has_waiting() => {
                    let (watch, link) = (inlet.watch(), inlet.link.clone());
                    drop(port);
                    link.spin_for_data(watch);
                    may_spin = false;
                }
                Fill::Nothing | Fill::Begun => {
                    let id = self.core.new_id();
                    inlet.queue_thread(id, sink.len() + sink.left());
                    break (inlet.link.clone(), id, fill == Fill::Begun);
                }
            }
        };
        self.core.wait_in_read(&link, id, sink, deadline, begun)
    }

    pub(crate) fn start_read(&self, len: usize) -> Operation<ReceivedData> {
        self.try_start_read(len)
            .unwrap_or_else(|code| Operation::ended(Err(code)))
    }

    fn try_start_read(&self, len: usize) -> Result<Operation<ReceivedData>> {
        self.core.need(Rights::READ)?;
        if self.core.wait_mode() == WaitMode::NonBlocking {
            let available = self.core.inlet().linked()?.peek(&mut [])?.available as usize;
            let mut data = vec![0; len.min(available)];
            let received = self.read(&mut data, None)?;
            data.truncate(received.len);
            return Ok(Operation::ended(Ok(ReceivedData {
                data,
                more: received.more,
            })));
        }
        let mut port = self.core.inlet();
        let inlet = port.linked()?;
        let id = self.core.new_id();
        let outcome = inlet.queue_owned(id, len);
        if inlet.settle(self.core.read_mode()) {
            inlet.link.bell.wake_all();
        }
        let link = inlet.link.clone();
        drop(port);
        Ok(self.driven(&link, id, outcome))
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.core.need(Rights::READ)?;
        match &mut *self.core.inlet() {
            Port::Listening | Port::Disconnected => Err(Win32Error::BAD_PIPE),
            Port::Linked(inlet) => {
                inlet.link.ending_now();
                // Reads that wait come first.
                if inlet.settle(self.core.read_mode()) {
                    inlet.link.bell.wake_all();
                }
                inlet.peek(buffer)
            }
        }
    }

    pub(crate) fn poll_descriptor(&self) -> Result<OwnedFd> {
        let mut port = self.core.inlet();
        let link = &port.linked()?.link;
        link.bell
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| io_code(&error))
    }

    pub(crate) fn arm(&self, interest: Interest) -> Result<Interest> {
        let mut ready = Interest::empty();
        let mut port = self.core.inlet();
        let inlet = port.linked()?;
        let link = inlet.link.clone();
        // Rings that were heard by the caller's poll are taken here.
        link.bell.hear();
        if interest.contains(Interest::READABLE) && inlet.is_readable_or_arm() {
            ready |= Interest::READABLE;
        }
        drop(port);
        if interest.contains(Interest::WRITABLE)
            && self.core.outlet().linked_to(&link)?.is_writable_or_arm()?
        {
            ready |= Interest::WRITABLE;
        }
        Ok(ready)
    }
}

/// The result of a read that may not wait.
fn at_once(sink: &impl Sink, mode: PipeMode) -> Result<Received> {
    match sink.len() {
        0 => Err(Win32Error::NO_DATA),
        len => Ok(Received {
            len,
            more: mode == PipeMode::Message,
        }),
    }
}

impl Core {
    /// The wait of a thread whose read `id` is in the queue of `link`'s inlet; it may begin with a spin.
    pub(super) fn wait_in_read(
        &self,
        link: &Arc<Link>,
        id: u64,
        sink: &mut impl Sink,
        deadline: Option<Instant>,
        mut may_spin: bool,
    ) -> Result<Received> {
        loop {
            let epoch = link.bell.epoch();
            let (over, watch) = {
                let mut port = self.inlet();
                let inlet = port.linked_to(link)?;
                let mode = self.read_mode();
                let over = match inlet.turn(id, sink, mode) {
                    Turn::Over(result) => Some(result),
                    Turn::Wait if is_late(deadline) => {
                        Some(inlet.withdraw(id, sink, mode, Win32Error::SEM_TIMEOUT))
                    }
                    Turn::Wait => None,
                };
                if over.is_none() && may_spin && inlet.is_first(id) {
                    (None, Some(inlet.watch()))
                } else {
                    let can_go_on = inlet.settle(mode);
                    if over.is_none() && can_go_on && inlet.is_first(id) {
                        continue;
                    }
                    if over.is_some() && can_go_on {
                        link.bell.wake_all();
                    }
                    (over, None)
                }
            };
            if let Some(result) = over {
                return result.map(|more| Received {
                    len: sink.len(),
                    more,
                });
            }
            if let Some(watch) = watch {
                may_spin = if sink.len() > 0 {
                    link.spin_for_rest(watch)
                } else {
                    link.spin_for_data(watch)
                };
                continue;
            }
            let start = clock::now();
            if link.bell.sleep(epoch, deadline) == Woken::Rung {
                link.read_spin.learn(start, link.other.stamp());
                self.settle_writes();
            }
            may_spin = true;
        }
    }
}
