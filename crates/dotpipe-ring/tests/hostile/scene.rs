//! Two honest ends of a ring and the hand that forges what they read. Fuzzing uses it, too (`fuzz/`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use dotpipe_ring::{Consumer, Layout, Producer, Segment, Side, layout};

pub(crate) const RING: usize = 4096;
pub(crate) const WORD: u64 = 8;
/// Of the direction in which the server writes; see the drawing in `layout`.
pub(crate) const PRODUCER_LINE: usize = 0x180;
pub(crate) const CONSUMER_LINE: usize = 0x200;
/// What stands in the other direction's ring: must neither be read nor change.
pub(crate) const FOREIGN: u64 = 0xa5a5_a5a5_a5a5_a5a5;
const FOREIGN_RING: u64 = (layout::HEADER_LEN + RING) as u64;

/// The progress word of the entry at `start`.
pub(crate) fn progress(start: u64, revoked: bool, taken: u32) -> u64 {
    (start >> 3 & 0x7fff_ffff) << 33 | u64::from(revoked) << 32 | u64::from(taken)
}

/// A segment with the server's producer, the client's consumer and the hand that forges.
pub(crate) struct Pair {
    pub(crate) segment: Arc<Segment>,
    memory: File,
    pub(crate) producer: Producer,
    pub(crate) consumer: Consumer,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        let layout = Layout::new(RING, RING).unwrap();
        let (segment, fd) = Segment::create(layout).unwrap();
        let (segment, memory) = (Arc::new(segment), File::from(fd));
        memory
            .write_all_at(&[FOREIGN as u8; RING], FOREIGN_RING)
            .unwrap();
        Pair {
            memory,
            producer: Producer::new(segment.clone(), Side::Server),
            consumer: Consumer::new(segment.clone(), Side::Client),
            segment,
        }
    }

    pub(crate) fn foreign_ring_is_untouched(&self) -> bool {
        let mut ring = [0; RING];
        self.memory.read_exact_at(&mut ring, FOREIGN_RING).unwrap();
        ring.iter().all(|&byte| byte == FOREIGN as u8)
    }
}

pub(crate) fn in_ring(position: u64) -> usize {
    layout::HEADER_LEN + position as usize % RING
}
