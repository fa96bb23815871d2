//! The header word of an entry, and the progress word of an opened one: encode, decode, check.

use crate::Corrupt;

/// Bytes of a header. Entries begin and end on whole words.
pub(crate) const WORD: u64 = 8;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// Nothing is published here yet.
    Empty,
    /// A complete entry of this many bytes.
    Plain(u32),
    /// An entry whose write has not completed.
    Waiting(u32),
    /// The same, after the consumer began to take from it.
    Opened(u32),
    /// Taken back before the consumer touched it; this many bytes of it are in the ring. None: it was
    /// the last entry and the ring has been rolled back to the empty word behind this header.
    Revoked(u32),
    /// Nothing, for so many bytes more: the producer has gone on at the beginning of the ring.
    Gap(u32),
}

const PLAIN: u64 = 1;
const WAITING: u64 = 2;
const OPENED: u64 = 3;
const REVOKED: u64 = 4;
const GAP: u64 = 5;

impl Header {
    /// The word: the length in the low half, the kind above it.
    #[inline]
    pub(crate) fn encode(self) -> u64 {
        let word = |kind: u64, len: u32| kind << 32 | u64::from(len);
        match self {
            Header::Empty => 0,
            Header::Plain(len) => word(PLAIN, len),
            Header::Waiting(len) => word(WAITING, len),
            Header::Opened(len) => word(OPENED, len),
            Header::Revoked(len) => word(REVOKED, len),
            Header::Gap(len) => word(GAP, len),
        }
    }

    #[inline]
    pub(crate) fn decode(word: u64) -> Result<Header, Corrupt> {
        let len = word as u32;
        match word >> 32 {
            0 if len == 0 => Ok(Header::Empty),
            PLAIN => Ok(Header::Plain(len)),
            WAITING => Ok(Header::Waiting(len)),
            OPENED => Ok(Header::Opened(len)),
            REVOKED => Ok(Header::Revoked(len)),
            GAP if u64::from(len).is_multiple_of(WORD) => Ok(Header::Gap(len)),
            _ => Err(Corrupt("a header of no known kind")),
        }
    }
}

/// Bytes that a plain entry takes in the ring.
#[inline]
pub(crate) fn plain_size(len: u64) -> u64 {
    WORD + align(len)
}

/// Bytes before the data of an entry that waits or has waited: its header and the empty word, which is
/// the next header should the ring be rolled back to it. Data never stand there, so whoever finds the
/// entry taken back can go on from there whenever he comes.
pub(crate) const WAITING_DATA: u64 = WORD + WORD;

/// Bytes that an entry that waits or has waited takes in the ring when so many of it are placed.
pub(crate) fn waiting_size(placed: u64) -> u64 {
    WAITING_DATA + align(placed)
}

/// Bytes to pass over for a header that says [`Header::Revoked`].
pub(crate) fn revoked_size(placed: u32) -> u64 {
    if placed == 0 {
        WORD
    } else {
        waiting_size(placed.into())
    }
}

/// Bytes to pass over for a header that says [`Header::Gap`].
pub(crate) fn gap_size(len: u32) -> u64 {
    WORD + u64::from(len)
}

/// Rounds up to whole words.
#[inline]
pub(crate) fn align(len: u64) -> u64 {
    (len + 7) & !7
}

/// The progress of an opened entry: bytes taken, whether it was taken back, and which entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) taken: u32,
    pub(crate) revoked: bool,
    tag: u32,
}

impl Progress {
    /// The progress of the entry whose header stands at `start`, with nothing taken.
    pub(crate) fn of(start: u64) -> Progress {
        // Word positions modulo 2^31: it would take 16 GiB through the ring between two looks at the
        // word to take one entry for another, and a look at `HEAD` tells those apart.
        Progress {
            taken: 0,
            revoked: false,
            tag: (start >> 3) as u32 & 0x7fff_ffff,
        }
    }

    pub(crate) fn is_of(self, start: u64) -> bool {
        self.tag == Progress::of(start).tag
    }

    pub(crate) fn with_taken(self, taken: u32) -> Progress {
        Progress { taken, ..self }
    }

    pub(crate) fn with_revoked(self) -> Progress {
        Progress {
            revoked: true,
            ..self
        }
    }

    pub(crate) fn encode(self) -> u64 {
        u64::from(self.tag) << 33 | u64::from(self.revoked) << 32 | u64::from(self.taken)
    }

    pub(crate) fn decode(word: u64) -> Progress {
        Progress {
            taken: word as u32,
            revoked: word >> 32 & 1 == 1,
            tag: (word >> 33) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_the_trip() {
        for len in [0, 1, 7, 8, u32::MAX] {
            for header in [
                Header::Plain(len),
                Header::Waiting(len),
                Header::Opened(len),
                Header::Revoked(len),
                Header::Gap(len & !7),
            ] {
                assert_eq!(Header::decode(header.encode()), Ok(header));
                assert_ne!(header.encode(), 0);
            }
        }
        assert_eq!(Header::decode(0), Ok(Header::Empty));
        for nonsense in [1, 6 << 32, 5 << 32 | 4, u64::MAX, 1 << 63, 0x10_0001 << 32] {
            assert!(Header::decode(nonsense).is_err(), "{nonsense:#x}");
        }
    }

    #[test]
    fn progress_tells_entries_apart() {
        let one = Progress::of(4096).with_taken(u32::MAX);
        assert_eq!(Progress::decode(one.encode()), one);
        assert_eq!(
            Progress::decode(one.with_revoked().encode()),
            one.with_revoked()
        );
        assert!(one.is_of(4096) && !one.is_of(4104));
    }
}
