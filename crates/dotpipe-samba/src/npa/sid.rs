//! [`Sid`]: whoever has rights, as Windows names them.

use std::fmt;

use super::cursor::{Cursor, Result};

/// A security identifier, such as `S-1-5-11` for everybody who has logged on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid {
    /// The authority, 48 bits: 5 for Windows, 22 for unix.
    pub authority: u64,
    /// What stands behind the authority, at most 15 numbers.
    pub parts: Vec<u32>,
}

impl Sid {
    /// From the numbers in its text.
    pub fn new(authority: u64, parts: &[u32]) -> Sid {
        Sid {
            authority,
            parts: parts.to_vec(),
        }
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Sid> {
        cursor.align(4)?;
        let revision = cursor.u8()?;
        let count = cursor.u8()?;
        if revision != 1 || count > 15 {
            return Err(cursor.malformed("a SID is none"));
        }
        let authority: [u8; 6] = cursor.array()?;
        let authority = authority
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let parts = (0..count).map(|_| cursor.u32()).collect::<Result<_>>()?;
        Ok(Sid { authority, parts })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-1-{}", self.authority)?;
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}
