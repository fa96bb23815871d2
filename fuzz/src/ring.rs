//! The two ends of a ring whose memory the other side writes, driven by the input.
//!
//! What the ends do, what must hold and the lies are those of the ring's own tests
//! (`crates/dotpipe-ring/tests/hostile/steps.rs`). An input is what stands in the ring at the beginning, and then
//! steps: what the other end does honestly, perhaps a lie, and what the end under test does. Numbers are small or
//! near the limits more often than not, so that few bytes make a step that goes somewhere.

use dotpipe_ring::layout::HEADER_LEN;

use crate::scene::{CONSUMER_LINE, PRODUCER_LINE, Pair, RING, WORD};
use crate::steps::{Lie, Place, Read, Streams, Value, Write, check_flags};

/// Whom the other side lies to.
#[derive(Clone, Copy, PartialEq)]
pub enum End {
    /// The one that reads.
    Consumer,
    /// The one that writes.
    Producer,
}

/// A conversation between an honest end, `under_test`, and one that lies.
pub fn conversation(under_test: End, input: &[u8]) {
    let mut input = Input(input);
    let mut pair = Pair::new();
    let words = input.byte() % 64;
    for word in 0..u64::from(words) {
        let place = Place::Ring(word * WORD);
        let value = value(&mut input);
        Lie { place, value }.tell(&pair.segment, 0);
    }
    let (mut streams, mut open) = (Streams::default(), 0);
    // Going on after an error is more than anybody may ask; it must be harmless all the same.
    let mut corrupt = 0;
    while corrupt < 5 && !input.0.is_empty() {
        let step = input.byte();
        let (read, write) = (
            read(step & 15, &mut input),
            write(step >> 4 & 7, &mut input),
        );
        let lie = (step & 0x80 != 0).then(|| lie(&mut input));
        let tell = |pair: &Pair| {
            if let Some(lie) = &lie {
                lie.tell(&pair.segment, pair.consumer.head());
            }
        };
        let outcome = match under_test {
            End::Consumer => {
                let _ = write.check(&mut pair.producer, &mut streams);
                tell(&pair);
                read.check(&mut pair.consumer, &mut open)
            }
            End::Producer => {
                let _ = read.check(&mut pair.consumer, &mut open);
                tell(&pair);
                write.check(&mut pair.producer, &mut streams)
            }
        };
        corrupt += usize::from(outcome.is_err());
        check_flags(&pair.segment, pair.consumer.head());
        let _ = pair.consumer.watch().is_ready(&pair.segment);
        let _ = pair.producer.watch().is_ready(&pair.segment);
    }
    assert!(pair.foreign_ring_is_untouched());
}

/// What has not been used of the input. Behind its end there are zeros.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// Up to eight bytes.
    fn number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// A length: small, about that of the ring, of sixteen bits, or any.
    fn len(&mut self) -> u32 {
        let byte = self.byte();
        match byte {
            0..0x80 => byte.into(),
            0x80..0xc0 => RING as u32 - 40 + u32::from(byte & 0x3f),
            0xc0..0xe0 => self.number(2) as u32,
            0xe0..0xf0 => u32::MAX - u32::from(byte & 15),
            _ => self.number(4) as u32,
        }
    }

    /// A length of something that the honest end has memory for.
    fn size(&mut self) -> usize {
        self.len() as usize % 6000
    }
}

fn read(kind: u8, input: &mut Input<'_>) -> Read {
    match kind {
        0..4 => Read::Look,
        4..8 => Read::Take(input.size()),
        8..10 => Read::TakeWhole(input.size()),
        10..12 => Read::Release,
        12 => Read::Peek(input.size(), true),
        13 => Read::Peek(input.size(), false),
        14 => Read::Available,
        _ => Read::Abandon(input.len().into()),
    }
}

fn write(kind: u8, input: &mut Input<'_>) -> Write {
    match kind {
        0 => Write::Refresh,
        1 | 2 => Write::Publish(input.size()),
        3 => Write::Begin(input.size().max(1) as u32),
        4 => Write::Feed(usize::MAX),
        5 => Write::Feed(input.size()),
        6 => Write::Revoke(input.byte().into()),
        _ => Write::Flags(input.len().into()),
    }
}

fn lie(input: &mut Input<'_>) -> Lie {
    let byte = input.byte();
    let place = match byte {
        0..64 => Place::Ring(u64::from(byte) * WORD),
        64..128 => Place::Ring(u64::from(input.byte()) * 2 * WORD),
        128..160 => Place::Line(PRODUCER_LINE / 8 + usize::from(byte % 4)),
        160..192 => Place::Line(CONSUMER_LINE / 8 + usize::from(byte % 4)),
        192.. => Place::Line(usize::from(input.byte()) % (HEADER_LEN / 8)),
    };
    let value = value(input);
    Lie { place, value }
}

fn value(input: &mut Input<'_>) -> Value {
    let byte = input.byte();
    match byte {
        0..8 => Value::Header(byte.into(), input.len()),
        8..16 => Value::Any(u64::MAX << (byte & 7)),
        16..32 => Value::Any(input.number(8)),
        32..96 => Value::Near((i64::from(byte) - 64) * WORD as i64),
        96..112 => Value::Near(i64::from(input.number(2) as i16)),
        112..128 => Value::Any(byte as u64 & 15),
        _ => Value::Progress(u64::from(byte & 31) * WORD, byte & 32 != 0, input.len()),
    }
}
