//! Where everything stands in a segment. The only file that knows offsets.
//!
//! ```text
//! 0x000  magic, version                     (written once, by the creator; checked by nobody's safety)
//! 0x080  flags of the server end            written by the server end; wake words cleared by the peer
//! 0x100  flags of the client end
//! 0x180  server to client: producer's line  TAIL UNPLACED CUT
//! 0x200  server to client: consumer's line  HEAD CONSUMED PROGRESS
//! 0x280  client to server: producer's line
//! 0x300  client to server: consumer's line
//! 0x400  ring of server to client, then ring of client to server
//! ```
//! Lines are 128 bytes apart, so that no two writers share a cache line or a pair of lines that the
//! processor fetches together.

/// Bytes before the first ring.
pub const HEADER_LEN: usize = 0x400;
/// "dotpipe" and the version of this layout, in the first word.
pub const MAGIC: u64 = u64::from_le_bytes(*b"dotpipe\x01");

/// Smallest and largest ring. Loom has to look after every word, so there it is very small.
pub const MIN_RING: usize = if cfg!(loom) { 64 } else { 4096 };
/// A quota that would need a larger ring than this is served as if it were smaller.
pub const MAX_RING: usize = 1 << 30;

/// What an entry takes besides its data, which are rounded up to as much.
const HEADER_OF_ENTRY: u64 = 8;
/// The most of a ring that is there for the sake of tiny entries.
const MOST_FOR_TINY: u64 = 4 << 20;

// Words of an end's flags line.
/// Whether the end is open, closed or has disconnected the other.
pub(crate) const STATE: usize = 0;
/// Not zero: a consumer at this end sleeps and wants to be woken by the next data.
pub(crate) const DATA_WANTED: usize = 8;
/// Not zero: a producer at this end sleeps until `CONSUMED` has reached this.
pub(crate) const WAKE_CONSUMED: usize = 16;
/// Not zero: a producer at this end sleeps until `HEAD` has reached this.
pub(crate) const WAKE_HEAD: usize = 24;
/// One more than the position at which readers of this end wait; zero: none waits.
pub(crate) const DEMAND_AT: usize = 32;
/// For how many bytes they wait together.
pub(crate) const DEMAND_LEN: usize = 40;
/// When this end last rang the bell, in nanoseconds of the monotonic clock. A hint for tuning.
pub(crate) const STAMP_TIME: usize = 48;
/// On which processor it did so. A hint for tuning.
pub(crate) const STAMP_CPU: usize = 56;

// Words of a direction's producer line.
/// Up to which position the data of a waiting entry are there.
pub const TAIL: usize = 0;
/// Bytes of writes whose entries are not in the ring yet.
pub(crate) const UNPLACED: usize = 8;
/// Where an opened entry ends that has been taken back.
pub(crate) const CUT: usize = 16;

// Words of a direction's consumer line.
/// Up to which position the ring may be reused.
pub(crate) const HEAD: usize = 0;
/// How many data bytes have been taken since the beginning.
pub(crate) const CONSUMED: usize = 8;
/// How much of the opened entry has been taken, and whether it was taken back.
pub const PROGRESS: usize = 16;

/// Which way data travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Written by the server end.
    ServerToClient,
    /// Written by the client end.
    ClientToServer,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The server end.
    Server,
    /// The client end.
    Client,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Server => Side::Client,
            Side::Client => Side::Server,
        }
    }

    /// The direction in which this side writes.
    pub fn writes(self) -> Direction {
        match self {
            Side::Server => Direction::ServerToClient,
            Side::Client => Direction::ClientToServer,
        }
    }

    pub(crate) fn flags_line(self) -> usize {
        match self {
            Side::Server => 0x080,
            Side::Client => 0x100,
        }
    }
}

impl Direction {
    pub(crate) fn producer_line(self) -> usize {
        match self {
            Direction::ServerToClient => 0x180,
            Direction::ClientToServer => 0x280,
        }
    }

    pub(crate) fn consumer_line(self) -> usize {
        self.producer_line() + 0x80
    }
}

/// The sizes of both rings, from which everything else follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    server_to_client: usize,
    client_to_server: usize,
}

impl Layout {
    /// A layout with these ring sizes in bytes, or `None` unless both are powers of two between
    /// [`MIN_RING`] and [`MAX_RING`].
    pub fn new(server_to_client: usize, client_to_server: usize) -> Option<Layout> {
        let good = |size: usize| size.is_power_of_two() && (MIN_RING..=MAX_RING).contains(&size);
        (good(server_to_client) && good(client_to_server)).then_some(Layout {
            server_to_client,
            client_to_server,
        })
    }

    /// The size of a ring for a quota: all that the quota admits is there at once, with room for a
    /// waiting write behind it, for headers and for what may be left out before an entry, also when it comes in messages of one byte (unless there are
    /// more than a quarter of a million). What is never used of it takes addresses and no memory.
    pub fn ring_for_quota(quota: u32) -> usize {
        let quota = u64::from(quota);
        let large = quota * 2;
        let tiny = (quota * 2 * HEADER_OF_ENTRY).min(MOST_FOR_TINY);
        let wanted = (large.max(tiny) + 0x1_0000).next_power_of_two();
        wanted.clamp(MIN_RING as u64, MAX_RING as u64) as usize
    }

    /// Size of a ring in bytes.
    pub fn ring_len(&self, direction: Direction) -> usize {
        match direction {
            Direction::ServerToClient => self.server_to_client,
            Direction::ClientToServer => self.client_to_server,
        }
    }

    /// Offset of a ring.
    pub(crate) fn ring_offset(&self, direction: Direction) -> usize {
        match direction {
            Direction::ServerToClient => HEADER_LEN,
            Direction::ClientToServer => HEADER_LEN + self.server_to_client,
        }
    }

    /// Length of the whole segment.
    pub fn segment_len(&self) -> usize {
        HEADER_LEN + self.server_to_client + self.client_to_server
    }
}

const _: () = {
    assert!(
        HEADER_LEN.is_multiple_of(64) && MIN_RING.is_power_of_two() && MAX_RING.is_power_of_two()
    );
    assert!(
        STAMP_CPU + 8 <= 64,
        "an end's flags must fit one cache line"
    );
    assert!(0x300 + 0x80 <= HEADER_LEN);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_hold_more_than_the_quota() {
        for quota in [0, 1, 4096, 65536, 1 << 20, 100 << 20] {
            assert!(Layout::ring_for_quota(quota) > quota as usize + 0x8000);
        }
        assert_eq!(Layout::ring_for_quota(u32::MAX), MAX_RING);
        assert_eq!(Layout::ring_for_quota(65536), 2 << 20);
        assert_eq!(Layout::ring_for_quota(0), 64 << 10);
    }

    #[test]
    fn odd_sizes_are_refused() {
        assert!(Layout::new(4096, 4096).is_some());
        for bad in [0, 1, 2048, 4097, 1 << 31, usize::MAX] {
            assert!(Layout::new(bad, 4096).is_none());
            assert!(Layout::new(4096, bad).is_none());
        }
    }
}
