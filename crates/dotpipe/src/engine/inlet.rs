//! The reading side of one end: what a read takes from the ring.
//!
//! The rules of reading are here (`docs/semantics.md` §4): bytes and messages, `ERROR_MORE_DATA`, empty messages,
//! reads served in the order in which they came. One that finds nothing waits in the queue (`waiting.rs`).

mod sink;
mod waiting;

use std::collections::VecDeque;
use std::sync::Arc;

pub(super) use self::sink::{Sink, SliceSink, VecSink};
pub(super) use self::waiting::Turn;

use dotpipe_ring::{Consumer, Corrupt, Side};

use self::waiting::Read;
use super::link::{Ending, Link};
use crate::exact::{Peeked, Result};
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// How often a writer may take an entry back under a reader's hands before it is taken for hostile.
const MOST_REVOCATIONS: u32 = 1_000;

/// The reading side of a connected end.
pub(super) struct Inlet {
    pub(super) link: Arc<Link>,
    consumer: Consumer,
    reads: VecDeque<Read>,
    pipe_type: PipeMode,
    /// The quota of the other end's writes: what tells a completed write from one that died waiting.
    quota: u64,
    /// The other's incomplete writes have been voided after its death.
    abandoned: bool,
    /// Somebody waits with `poll` for data, and so the bell stays armed without a read that waits.
    polled: bool,
}

/// How far a read has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// It is over; `more` as in `ERROR_MORE_DATA`.
    Done { more: bool },
    /// It has begun to take a large write, the rest of which is still to come.
    Begun,
    /// There is nothing for it.
    Nothing,
}

impl Inlet {
    pub(super) fn new(link: Arc<Link>, side: Side, pipe_type: PipeMode, quota: u32) -> Inlet {
        Inlet {
            consumer: Consumer::new(link.segment.clone(), side),
            link,
            reads: VecDeque::new(),
            pipe_type,
            quota: quota.into(),
            abandoned: false,
            polled: false,
        }
    }

    /// Where the next data will appear, for a look without the lock.
    pub(super) fn watch(&self) -> dotpipe_ring::Watch {
        self.consumer.watch()
    }

    /// How the conversation ended. Once it has by death, voids what the dead had not completed.
    fn ending(&mut self) -> Option<Ending> {
        let ending = self.link.ending()?;
        if self.abandoned || ending == Ending::Disconnected {
            return Some(ending);
        }
        self.abandoned = true;
        // An end that closed took its waiting writes back itself; only what it had not even placed
        // whole (a question that nobody read) can be left.
        let quota = if ending == Ending::Died {
            self.quota
        } else {
            u64::MAX
        };
        match self.consumer.abandon(quota) {
            Ok(()) => Some(ending),
            Err(corrupt) => Some(self.give_up(corrupt)),
        }
    }

    /// The other side broke the rules: nothing more is taken from it.
    fn give_up(&self, _corrupt: Corrupt) -> Ending {
        let ending = self.link.end(Ending::Disconnected);
        self.link.bell.shut();
        ending
    }

    /// The error of a read when the conversation has ended and nothing is left to read.
    fn end_code(ending: Ending) -> Win32Error {
        match ending {
            Ending::Closed | Ending::Died => Win32Error::BROKEN_PIPE,
            Ending::Disconnected => Win32Error::PIPE_NOT_CONNECTED,
        }
    }

    /// Takes what there is for a read: the one place where reading happens. An error is the end of the
    /// conversation.
    pub(super) fn fill(&mut self, sink: &mut impl Sink, mode: PipeMode) -> Result<Fill> {
        // First whether the other side has gone, then what is there: so nothing it wrote is missed.
        let ending = self.ending();
        if ending == Some(Ending::Disconnected) {
            return Err(Win32Error::PIPE_NOT_CONNECTED);
        }
        let fill = match mode {
            PipeMode::Byte => self.fill_bytes(sink, ending.is_some()),
            PipeMode::Message => self.fill_message(sink),
        };
        self.release();
        match (fill, ending) {
            (Err(corrupt), _) => Err(Self::end_code(self.give_up(corrupt))),
            (Ok(Fill::Nothing | Fill::Begun), Some(ending)) => Err(Self::end_code(ending)),
            (Ok(fill), _) => Ok(fill),
        }
    }

    fn fill_message(&mut self, sink: &mut impl Sink) -> std::result::Result<Fill, Corrupt> {
        if sink.len() == 0 && self.take_whole(sink, 0)?.is_some() {
            return Ok(Fill::Done { more: false });
        }
        for _ in 0..MOST_REVOCATIONS {
            let Some(front) = self.consumer.look()? else {
                // What had been taken of a message that was then taken back is no message.
                sink.clear();
                return Ok(Fill::Nothing);
            };
            if front.fresh {
                sink.clear();
            }
            let count = sink.left().min(front.here as usize);
            let taken = self.consumer.take(sink.slot(count))?;
            if taken.revoked {
                continue;
            }
            sink.keep(taken.len);
            return Ok(if taken.finished {
                Fill::Done { more: false }
            } else if sink.left() == 0 {
                Fill::Done { more: true }
            } else {
                Fill::Begun
            });
        }
        Err(Corrupt("writes are taken back without end"))
    }

    /// Takes the first entry if it is here whole, has at least `shortest` bytes and fits: what
    /// most reads find. Gives its length.
    fn take_whole(
        &mut self,
        sink: &mut impl Sink,
        shortest: usize,
    ) -> std::result::Result<Option<usize>, Corrupt> {
        let fitting = shortest..=sink.left();
        let mut count = 0;
        let taken = self.consumer.take_whole(|len| {
            count = len;
            fitting.contains(&len).then(|| sink.slot(len))
        })?;
        if !taken {
            return Ok(None);
        }
        sink.keep(count);
        Ok(Some(count))
    }

    fn fill_bytes(
        &mut self,
        sink: &mut impl Sink,
        ended: bool,
    ) -> std::result::Result<Fill, Corrupt> {
        const DONE: Fill = Fill::Done { more: false };
        let mut revocations = 0;
        // Bytes known to stand behind the front. Counting them is a walk through all entries, so it is
        // not done anew for each of many empty messages.
        let mut behind = 0u64;
        loop {
            let announced = self.consumer.unplaced();
            if let Some(count) = self.take_whole(sink, 1)? {
                behind = behind.saturating_sub(count as u64);
                if sink.left() == 0 {
                    return Ok(DONE);
                }
                continue;
            }
            let Some(front) = self.consumer.look()? else {
                return Ok(match sink.len() {
                    0 => Fill::Nothing,
                    _ if announced > 0 && sink.left() > 0 && !ended => Fill::Begun,
                    _ => DONE,
                });
            };
            if front.remaining == 0 {
                // An empty message: in front of data it is passed over, behind data it is left, and
                // alone it is what the read gets.
                if behind == 0 {
                    behind = self.consumer.available()?;
                }
                let alone = behind == 0;
                if alone && sink.len() > 0 {
                    return Ok(DONE);
                }
                self.consumer.take(&mut [])?;
                if alone || sink.left() == 0 {
                    return Ok(DONE);
                }
                continue;
            }
            if sink.left() == 0 {
                return Ok(DONE);
            }
            let count = sink.left().min(front.here as usize);
            let taken = self.consumer.take(sink.slot(count))?;
            sink.keep(taken.len);
            behind = behind.saturating_sub(taken.len as u64);
            if taken.revoked {
                behind = 0;
                revocations += 1;
                if revocations > MOST_REVOCATIONS {
                    return Err(Corrupt("writes are taken back without end"));
                }
            } else if sink.left() == 0 {
                return Ok(DONE);
            } else if !taken.finished {
                return Ok(Fill::Begun);
            }
        }
    }

    /// Copies what could be read (`docs/semantics.md` §7): from the first message, or as far as it goes.
    pub(super) fn peek(&mut self, buffer: &mut [u8]) -> Result<Peeked> {
        let ending = self.ending();
        if ending == Some(Ending::Disconnected) {
            return Err(Win32Error::PIPE_NOT_CONNECTED);
        }
        let by_message = self.pipe_type == PipeMode::Message;
        let seen = self.consumer.look().and_then(|front| {
            let (len, first) = self.consumer.peek(buffer, by_message)?;
            Ok((front.is_some(), len, first, self.consumer.available()?))
        });
        self.release();
        match seen {
            Err(corrupt) => Err(Self::end_code(self.give_up(corrupt))),
            Ok((false, ..)) if ending.is_some() => Err(Win32Error::BROKEN_PIPE),
            Ok((_, len, first, available)) => Ok(Peeked {
                len,
                available: available.try_into().unwrap_or(u32::MAX),
                left_in_message: if by_message {
                    first.saturating_sub(len as u32)
                } else {
                    0u32.wrapping_sub(len as u32)
                },
            }),
        }
    }

    /// Whether there is anything to read: an empty or half-read message counts.
    pub(super) fn has_unread(&mut self) -> bool {
        let front = self.consumer.look();
        self.release();
        matches!(front, Ok(Some(_)) | Err(_)) || self.consumer.unplaced() > 0
    }

    /// Whether a fill would find something new.
    fn can_go_on(&mut self) -> bool {
        let front = self.consumer.look();
        self.release();
        match front {
            Ok(Some(front)) => front.here > 0 || front.remaining == 0,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Tells the writer how far this end has come. After every look as well: a look passes over what was
    /// taken back, and a writer may be waiting for that room while a reader waits for its data.
    fn release(&mut self) {
        self.link.ring_if(self.consumer.release());
    }

    /// Whether a read would not wait.
    #[cfg(feature = "tokio")]
    pub(super) fn is_readable(&mut self) -> bool {
        self.can_go_on() || self.link.ending().is_some()
    }

    /// Whether a read would not wait; if it would, asks to be rung.
    pub(super) fn is_readable_or_arm(&mut self) -> bool {
        let ready = |inlet: &mut Inlet| inlet.can_go_on() || inlet.link.ending().is_some();
        self.polled = false;
        if ready(self) {
            return true;
        }
        self.polled = true;
        self.arm();
        ready(self)
    }
}
