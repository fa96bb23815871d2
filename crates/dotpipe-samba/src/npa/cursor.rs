//! NDR32 as far as NPA uses it: alignment, numbers, strings.
//!
//! The rule it owns: nothing is taken that is not there, and nothing is believed that is too much.

use std::fmt;

/// The longest string, in bytes.
const MAX_STRING: u32 = 1 << 20;

/// Bytes that are no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    what: &'static str,
    at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

pub(super) type Result<T> = std::result::Result<T, Malformed>;

/// A place in a message. It starts at the length, from which alignment counts.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    pub(super) fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next bytes, without alignment.
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes.ok_or(self.malformed("the message ends too early"))?;
        self.at += len;
        Ok(bytes)
    }

    /// The next bytes as an array, without alignment.
    pub(super) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN]> {
        let bytes = self.bytes(LEN)?;
        bytes
            .try_into()
            .map_err(|_| self.malformed("the message ends too early"))
    }

    pub(super) fn align(&mut self, to: usize) -> Result<()> {
        let padding = self.at.next_multiple_of(to) - self.at;
        self.bytes(padding).map(drop)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.align(2)?;
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.align(4)?;
        self.array().map(u32::from_le_bytes)
    }

    /// A hyper.
    pub(super) fn u64(&mut self) -> Result<u64> {
        self.align(8)?;
        self.array().map(u64::from_le_bytes)
    }

    /// Whether a pointer points anywhere. What it points to comes later.
    pub(super) fn pointer(&mut self) -> Result<bool> {
        Ok(self.u32()? != 0)
    }

    /// A length, which must not be more than so many.
    pub(super) fn count(&mut self, most: u32) -> Result<u32> {
        match self.u32()? {
            count if count <= most => Ok(count),
            _ => Err(self.malformed("a count is too large")),
        }
    }

    /// Steps over bytes with their length in front.
    pub(super) fn skip_blob(&mut self) -> Result<()> {
        let len = self.count(MAX_STRING)?;
        self.bytes(len as usize).map(drop)
    }

    /// What a pointer to a string points to.
    pub(super) fn string(&mut self) -> Result<String> {
        let max = self.count(MAX_STRING)?;
        let offset = self.u32()?;
        let count = self.u32()?;
        if offset != 0 || count > max {
            return Err(self.malformed("a string is not laid out as one"));
        }
        let bytes = self.bytes(count as usize)?;
        let Some((&0, text)) = bytes.split_last() else {
            return Err(self.malformed("a string does not end"));
        };
        match std::str::from_utf8(text) {
            Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
            _ => Err(self.malformed("a string is no text")),
        }
    }

    /// The string that a pointer points to, if it does.
    pub(super) fn string_if(&mut self, there: bool) -> Result<Option<String>> {
        there.then(|| self.string()).transpose()
    }
}
