//! Flushing: what must have been read for a flush to end.

use super::Outlet;
use crate::exact::Result;
use crate::win32::Win32Error;

/// What a flush waits for.
pub(super) struct Flush {
    pub(super) id: u64,
    /// The position that the reader must have reached.
    pub(super) target: u64,
    /// The end of the last write that was not placed when the flush began.
    outside: Option<u64>,
    pub(super) cancelled: bool,
}

impl Outlet {
    /// Begins a flush of everything that has been written so far.
    pub(in crate::engine) fn begin_flush(&mut self, id: u64) {
        let outside = self
            .writes
            .back()
            .filter(|write| !write.is_placed())
            .map(|write| write.end);
        self.flushes.push(Flush {
            id,
            target: self.producer.tail(),
            outside,
            cancelled: false,
        });
    }

    /// The turn of the thread whose flush is `id`: its result, once it is over.
    pub(in crate::engine) fn flush_turn(&mut self, id: u64) -> Option<Result<()>> {
        let place = self.flushes.iter().position(|flush| flush.id == id)?;
        let ending = self.link.ending();
        let result = match (self.is_flushed(place), ending) {
            (Ok(true), _) => Ok(()),
            (Ok(false), _) if self.flushes[place].cancelled => Err(Win32Error::OPERATION_ABORTED),
            (Ok(false), Some(ending)) => Err(Self::end_code(ending)),
            (Ok(false), None) => return None,
            (Err(_), _) => Err(Win32Error::BROKEN_PIPE),
        };
        self.flushes.remove(place);
        Some(result)
    }

    fn is_flushed(&mut self, place: usize) -> Result<bool> {
        self.refresh()?;
        if let Some(end) = self.flushes[place].outside {
            if self
                .writes
                .iter()
                .any(|write| !write.is_placed() && write.end <= end)
            {
                return Ok(false);
            }
            self.flushes[place].target = self.producer.tail();
            self.flushes[place].outside = None;
        }
        Ok(self.producer.head() >= self.live_end(self.flushes[place].target))
    }

    /// A thread gives its flush up.
    pub(in crate::engine) fn end_flush(&mut self, id: u64) {
        self.flushes.retain(|flush| flush.id != id);
    }

    /// `position` without the entries right before it that were taken back.
    pub(super) fn live_end(&self, mut position: u64) -> u64 {
        for (start, end) in self.void.iter().rev() {
            if *end == position {
                position = *start;
            }
        }
        position
    }
}
