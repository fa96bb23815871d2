//! Writes that never wait, for tasks: as much as the quota has room for.

use super::Outlet;
use crate::exact::{Attempted, Result};
use crate::options::PipeMode;

/// The longest piece of bytes that is published at once, so that the reader takes it while the next one is
/// copied.
const PIECE: usize = 16 << 10;

impl Outlet {
    /// Writes what there is room for within the quota, without waiting: of bytes as many as fit, of a
    /// message all or nothing. The conversation has not ended.
    pub(in crate::engine) fn write_what_fits(&mut self, data: &[u8]) -> Result<Attempted> {
        if data.is_empty() && self.pipe_type == PipeMode::Byte {
            return Ok(Attempted::Written(0));
        }
        if !self.queue_is_empty() {
            return Ok(Attempted::NoRoom);
        }
        let whole = self.pipe_type == PipeMode::Message;
        let len = data.len() as u64;
        if len > self.quota && (whole || self.quota == 0) {
            return Ok(Attempted::NeverFits);
        }
        // A reader may claim to have read what was taken back: `consumed` can lie above `issued`.
        let free = |outlet: &Outlet| {
            let unread = outlet.issued.saturating_sub(outlet.producer.consumed());
            outlet.quota.saturating_sub(unread)
        };
        let mut room = free(self);
        if room < len {
            self.refresh()?;
            room = free(self);
        }
        let count = match whole {
            true if room < len => return Ok(Attempted::NoRoom),
            true => len,
            false if room == 0 => return Ok(Attempted::NoRoom),
            false => len.min(room),
        } as usize;
        if whole {
            return Ok(match self.publish(data)? {
                true => Attempted::Written(count),
                false => Attempted::NoRoom,
            });
        }
        let mut written = 0;
        for piece in data[..count].chunks(PIECE) {
            if !self.publish(piece)? {
                break;
            }
            written += piece.len();
        }
        Ok(match written {
            0 => Attempted::NoRoom,
            written => Attempted::Written(written),
        })
    }

    /// Whether a write of `len` bytes would not wait.
    pub(in crate::engine) fn is_writable(&mut self, len: u64) -> Result<bool> {
        Ok(self.link.ending().is_some() || self.has_room(len)?)
    }

    /// Whether all that was written stands in the ring.
    pub(in crate::engine) fn is_all_placed(&mut self) -> bool {
        self.settle();
        !self.has_unplaced()
    }
}
