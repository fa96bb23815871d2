//! What stands in for the mapping under loom, which must see every access and so cannot look into memory
//! that the system maps: the same words, on the heap. Both ends share one of these.

use crate::primitive::AtomicU64;

pub(crate) struct Memory {
    words: Box<[AtomicU64]>,
}

impl Memory {
    /// Zeroed, and `len` bytes long.
    pub(crate) fn new(len: usize) -> Memory {
        Memory {
            words: (0..len / 8).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        &self.words
    }
}
