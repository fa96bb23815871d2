//! Lies one by one: each word that the peer may write holds something it cannot hold, and is found out.
//! What once went wrong stands here, too.

use dotpipe_ring::{Revoked, layout};

use super::scene::{CONSUMER_LINE, PRODUCER_LINE, Pair, RING, in_ring, progress};

const HEAD: usize = CONSUMER_LINE;
const UNPLACED: usize = PRODUCER_LINE + 8;
const CUT: usize = PRODUCER_LINE + 16;

const PLAIN: u64 = 1 << 32;
const WAITING: u64 = 2 << 32;
const OPENED: u64 = 3 << 32;
const REVOKED: u64 = 4 << 32;

impl Pair {
    /// Forges the header at `position`.
    fn forge_header(&self, position: u64, word: u64) {
        self.segment.forge(in_ring(position), word);
    }

    fn forge_progress(&self, word: u64) {
        self.segment.forge(CONSUMER_LINE + layout::PROGRESS, word);
    }
}

/// A reader goes round "look, take" until it has something. A writer that takes an entry back before each
/// take and gives it again before each look must not keep it there: every time, the reader goes on.
#[test]
fn a_revocation_that_is_undone_is_not_met_again() {
    let mut pair = Pair::new();
    pair.segment
        .forge(PRODUCER_LINE + layout::TAIL, u64::MAX >> 1);
    for start in (0..RING as u64 - 64).step_by(8) {
        assert_eq!(pair.consumer.head(), start);
        pair.forge_header(start, WAITING | 8);
        pair.consumer.look().unwrap().unwrap();
        pair.forge_header(start, REVOKED);
        assert!(pair.consumer.take(&mut [0; 8]).unwrap().revoked);
        pair.forge_header(start, WAITING | 8);
    }
    let mut pair = Pair::new();
    pair.segment.forge(PRODUCER_LINE + layout::TAIL, 32);
    pair.forge_header(0, WAITING | 16);
    pair.consumer.look().unwrap().unwrap();
    assert_eq!(pair.consumer.take(&mut [0; 8]).unwrap().len, 8);
    pair.segment.forge(CUT, 32);
    pair.forge_progress(progress(0, true, 8));
    assert!(pair.consumer.take(&mut [0; 8]).unwrap().revoked);
    pair.forge_progress(progress(0, false, 8));
    assert_eq!(pair.consumer.head(), 32);
}

/// Between a look and a take a waiting entry can be taken back, and nothing else.
#[test]
fn a_waiting_entry_becomes_nothing_else() {
    for word in [0, PLAIN | 8, OPENED | 8, WAITING, 1, u64::MAX] {
        let mut pair = Pair::new();
        pair.segment.forge(PRODUCER_LINE + layout::TAIL, 24);
        pair.forge_header(0, WAITING | 8);
        assert!(pair.consumer.look().unwrap().is_some());
        pair.forge_header(0, word);
        assert!(pair.consumer.take(&mut [0; 8]).is_err(), "{word:#x}");
    }
}

/// The word to which the ring is rolled back is the reader's to scribble on, too. The producer never reads
/// it, so the next entry is whole; a reader that does it only fools itself.
#[test]
fn what_the_reader_wrote_into_the_empty_word_is_written_over() {
    let mut pair = Pair::new();
    let mut stream = pair.producer.begin(3000).unwrap().unwrap();
    pair.producer
        .feed(&mut stream, &[1; 3000], usize::MAX)
        .unwrap();
    pair.forge_header(8, OPENED | 8);
    assert_eq!(pair.producer.revoke(stream), Ok(Revoked::Unread(3000)));
    assert!(pair.consumer.look().is_err());
    assert_eq!(pair.producer.publish(&[2; 4000]), Ok(Some(false)));
    let mut to = [0; 4000];
    assert!(pair.consumer.look().unwrap().is_some());
    assert!(pair.consumer.take(&mut to).unwrap().finished);
    assert_eq!(to, [2; 4000]);
}

/// A reader that releases what it has not opened does not make the producer roll the ring back to before
/// what was released.
#[test]
fn nobody_releases_what_he_has_not_opened() {
    for head in [8, 16, 24, 31] {
        let mut pair = Pair::new();
        let mut stream = pair.producer.begin(16).unwrap().unwrap();
        pair.producer
            .feed(&mut stream, &[1; 16], usize::MAX)
            .unwrap();
        pair.segment.forge(HEAD, head);
        pair.producer.revoke(stream).unwrap();
        assert_eq!(pair.producer.tail(), 32, "released up to {head}");
    }
}

/// The producer zeroes the next header when an entry is whole or taken back. When it dies before, old
/// data stand there; once, a reader took them for an entry.
#[test]
fn what_stands_behind_a_half_placed_write_of_the_dead_is_no_entry() {
    for taken in [0, 1, 100] {
        let mut pair = Pair::new();
        for offset in (layout::HEADER_LEN + 8..layout::HEADER_LEN + RING).step_by(8) {
            pair.segment.forge(offset, PLAIN | 16);
        }
        let mut stream = pair.producer.begin(5000).unwrap().unwrap();
        let (placed, _) = pair
            .producer
            .feed(&mut stream, &[1; 5000], usize::MAX)
            .unwrap();
        assert!(!stream.is_placed() && placed < RING);
        pair.consumer.look().unwrap().unwrap();
        if taken > 0 {
            pair.consumer.take(&mut vec![0; taken]).unwrap();
        }
        pair.consumer.abandon(u64::MAX).unwrap();
        assert_eq!(pair.consumer.look(), Ok(None));
    }
}

/// What a dead producer had not begun to place never comes, so a peek must not count it.
#[test]
fn the_dead_have_nothing_unplaced() {
    let mut pair = Pair::new();
    pair.producer.set_unplaced(100);
    assert_eq!(pair.consumer.available(), Ok(100));
    pair.consumer.abandon(0).unwrap();
    assert_eq!(pair.consumer.available(), Ok(0));
}

/// A write waits as long as all that is unread before it does. Once, taking back the first of two made the
/// second one look as if it had completed.
#[test]
fn the_dead_take_a_write_back_that_waited_behind_another() {
    let mut pair = Pair::new();
    for len in [20, 5] {
        let mut stream = pair.producer.begin(len).unwrap().unwrap();
        let data = vec![1; len as usize];
        pair.producer.feed(&mut stream, &data, usize::MAX).unwrap();
        assert!(stream.is_placed());
    }
    pair.consumer.abandon(10).unwrap();
    assert_eq!(pair.consumer.look(), Ok(None));
}

/// The progress word tells entries apart modulo 16 GiB. A write that was read whole long ago stays so,
/// when the entry that is read now has the same tag.
#[test]
fn a_write_that_was_read_whole_cannot_be_taken_back() {
    let mut pair = Pair::new();
    let mut stream = pair.producer.begin(8).unwrap().unwrap();
    pair.producer
        .feed(&mut stream, &[1; 8], usize::MAX)
        .unwrap();
    pair.consumer.look().unwrap().unwrap();
    assert!(pair.consumer.take(&mut [0; 8]).unwrap().finished);
    pair.consumer.release();
    pair.forge_progress(progress(1 << 34, false, 0));
    assert_eq!(pair.producer.revoke(stream), Ok(Revoked::TooLate));
}

/// A consumer that says it has read the whole of what is half-written lies.
#[test]
fn nobody_reads_what_is_not_placed() {
    for lie in [progress(0, false, 5000), progress(8, false, 0)] {
        let mut pair = Pair::new();
        let mut stream = pair.producer.begin(5000).unwrap().unwrap();
        pair.producer
            .feed(&mut stream, &[1; 5000], usize::MAX)
            .unwrap();
        pair.forge_header(0, OPENED | 5000);
        pair.forge_progress(lie);
        assert!(pair.producer.revoke(stream).is_err());
    }
}

#[test]
fn a_hint_may_be_anything() {
    let mut pair = Pair::new();
    assert_eq!(pair.producer.publish(&[1]), Ok(Some(false)));
    pair.segment.forge(UNPLACED, u64::MAX);
    assert_eq!(pair.consumer.available(), Ok(u64::MAX));
}

/// An entry of 32 bytes, of which 16 are here and 8 taken.
fn opened() -> Pair {
    let mut pair = Pair::new();
    pair.segment.forge(PRODUCER_LINE + layout::TAIL, 16 + 16);
    pair.forge_header(0, WAITING | 32);
    pair.consumer.look().unwrap().unwrap();
    assert_eq!(pair.consumer.take(&mut [0; 8]).unwrap().len, 8);
    pair
}

#[test]
fn a_cut_lies_in_what_is_left_of_the_entry() {
    for (cut, good) in [
        (23, false),
        (24, true),
        (48, true),
        (49, false),
        (u64::MAX, false),
    ] {
        let mut pair = opened();
        pair.segment.forge(CUT, cut);
        pair.forge_progress(progress(0, true, 8));
        assert_eq!(pair.consumer.look().is_ok(), good, "cut at {cut}");
        assert!(!good || pair.consumer.head() == cut);
    }
}

#[test]
fn nobody_but_the_reader_makes_progress() {
    let lies = [
        progress(0, false, 0),
        progress(0, false, 9),
        progress(0, true, 16),
        progress(8, false, 8),
        u64::MAX,
    ];
    for lie in lies {
        let mut pair = opened();
        pair.segment.forge(CUT, 48);
        pair.forge_progress(lie);
        assert!(pair.consumer.look().is_err(), "{lie:#x}");
        assert!(pair.consumer.take(&mut [0; 8]).is_err(), "{lie:#x}");
    }
}

#[test]
fn a_tail_lies_in_what_the_reader_has_released() {
    let far = RING as u64;
    for (tail, good) in [(23, false), (24, true), (far, true), (far + 1, false)] {
        let mut pair = Pair::new();
        pair.segment.forge(PRODUCER_LINE + layout::TAIL, 24);
        pair.forge_header(0, WAITING | 10_000);
        // Eight bytes of the entry, so that a tail before them is one that went back.
        pair.consumer.take(&mut [0; 8]).unwrap();
        pair.segment.forge(PRODUCER_LINE + layout::TAIL, tail);
        assert_eq!(pair.consumer.look().is_ok(), good, "tail at {tail}");
    }
}

/// The producer takes a whole entry back of which the consumer claims to have taken too much.
#[test]
fn nobody_takes_more_than_there_is() {
    for taken in [9, 10_000, u32::MAX] {
        let mut pair = Pair::new();
        let mut stream = pair.producer.begin(8).unwrap().unwrap();
        pair.producer
            .feed(&mut stream, &[1; 8], usize::MAX)
            .unwrap();
        pair.forge_header(0, OPENED | 8);
        pair.forge_progress(progress(0, false, taken));
        assert!(pair.producer.revoke(stream).is_err(), "{taken}");
    }
    // Half-placed: what is not there cannot have been taken.
    let mut pair = Pair::new();
    let mut stream = pair.producer.begin(5000).unwrap().unwrap();
    pair.producer
        .feed(&mut stream, &[1; 5000], usize::MAX)
        .unwrap();
    pair.forge_header(0, OPENED | 5000);
    pair.forge_progress(progress(0, false, stream.placed() as u32 + 1));
    assert!(pair.producer.revoke(stream).is_err());
}

/// No lie, but once taken for one: all that had come of a large write was read and its room released, then the
/// rest was taken back and the ring filled from its beginning on, up to behind the gap before which the reader
/// stood without knowing. How far the last write had come was more than it believed to be possible.
#[test]
fn what_follows_a_write_that_was_taken_back_may_go_round_the_whole_ring() {
    for looks_first in [true, false] {
        let mut pair = Pair::new();
        pair.producer.publish(&[1; 600]).unwrap();
        pair.consumer.look().unwrap().unwrap();
        assert!(pair.consumer.take(&mut [0; 600]).unwrap().finished);
        pair.consumer.release();
        let large = vec![2; 3 * RING];
        let mut stream = pair.producer.begin(large.len() as u32).unwrap().unwrap();
        let (placed, _) = pair.producer.feed(&mut stream, &large, 800).unwrap();
        pair.consumer.look().unwrap().unwrap();
        assert_eq!(pair.consumer.take(&mut large.clone()).unwrap().len, placed);
        pair.consumer.release();
        pair.producer.revoke(stream).unwrap();
        let mut written = Vec::new();
        while pair.producer.tail() < pair.producer.head() + RING as u64 {
            // The first is so long that the producer asks how far the reader has come.
            let len = if written.is_empty() { 700 } else { 400 };
            let entry = vec![written.len() as u8; len];
            assert!(pair.producer.publish(&entry).unwrap().is_some());
            written.push(entry);
        }
        let mut stream = pair.producer.begin(300).unwrap().unwrap();
        let rest = vec![9; 300];
        pair.producer.feed(&mut stream, &rest, usize::MAX).unwrap();
        assert!(stream.is_placed());
        written.push(rest);
        if looks_first {
            assert!(pair.consumer.look().unwrap().is_some());
        } else {
            assert!(pair.consumer.take(&mut [0; 9]).unwrap().revoked);
        }
        for entry in written {
            let front = pair.consumer.look().unwrap().unwrap();
            assert_eq!(front.remaining as usize, entry.len());
            let mut read = vec![0; entry.len()];
            assert!(pair.consumer.take(&mut read).unwrap().finished);
            assert_eq!(read, entry);
        }
        assert_eq!(pair.consumer.look(), Ok(None));
    }
}
