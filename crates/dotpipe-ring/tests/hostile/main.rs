//! Layer: tests of the ring. An honest end whose peer writes anything anywhere, between its operations and
//! during them; the rule: it never panics, never goes round in circles, reads nothing but its own ring and
//! writes nothing but its own words, and what it gives is either of the right shape or `Corrupt`.

mod random;
mod single;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use dotpipe_ring::{Consumer, Layout, Producer, Segment, Side, layout};

const RING: usize = 4096;
const WORD: u64 = 8;
/// Of the direction in which the server writes; see the drawing in `layout`.
const PRODUCER_LINE: usize = 0x180;
const CONSUMER_LINE: usize = 0x200;
/// What stands in the other direction's ring: must neither be read nor change.
const FOREIGN: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// The progress word of the entry at `start`.
fn progress(start: u64, revoked: bool, taken: u32) -> u64 {
    (start >> 3 & 0x7fff_ffff) << 33 | u64::from(revoked) << 32 | u64::from(taken)
}

/// A segment with the server's producer, the client's consumer and the hand that forges.
struct Pair {
    segment: Arc<Segment>,
    memory: File,
    producer: Producer,
    consumer: Consumer,
}

impl Pair {
    fn new() -> Pair {
        let layout = Layout::new(RING, RING).unwrap();
        let (segment, fd) = Segment::create(layout).unwrap();
        let segment = Arc::new(segment);
        for offset in (layout::HEADER_LEN + RING..layout.segment_len()).step_by(8) {
            segment.forge(offset, FOREIGN);
        }
        Pair {
            memory: File::from(fd),
            producer: Producer::new(segment.clone(), Side::Server),
            consumer: Consumer::new(segment.clone(), Side::Client),
            segment,
        }
    }

    /// Forges the header at `position`.
    fn forge_header(&self, position: u64, word: u64) {
        self.segment.forge(in_ring(position), word);
    }

    fn forge_progress(&self, word: u64) {
        self.segment.forge(CONSUMER_LINE + layout::PROGRESS, word);
    }

    fn foreign_ring_is_untouched(&self) -> bool {
        let mut ring = [0; RING];
        let offset = layout::HEADER_LEN + RING;
        self.memory.read_exact_at(&mut ring, offset as u64).unwrap();
        ring.iter().all(|&byte| byte == FOREIGN as u8)
    }
}

fn in_ring(position: u64) -> usize {
    layout::HEADER_LEN + position as usize % RING
}
