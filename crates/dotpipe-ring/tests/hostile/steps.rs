//! What the two ends do, with the shape that the outcome must have whatever the other side wrote; and the
//! lies. Where they come from is another's business: `random.rs` here, the input when fuzzing (`fuzz/`).

use std::sync::Arc;

use dotpipe_ring::{Consumer, Corrupt, Flags, Producer, Revoked, Segment, Side, Stream};

use super::scene::{FOREIGN, RING, WORD, in_ring, progress};

/// One word to forge: where, and what. Places and values are made from what the test knows when it
/// forges, so that lies come near the truth.
#[derive(Debug, Clone)]
pub(crate) struct Lie {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A word before the rings: flags and lines.
    Line(usize),
    /// A word of the ring, so far from the consumer's position.
    Ring(u64),
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Any(u64),
    /// A header of this kind and length.
    Header(u64, u32),
    /// A position so far from the consumer's.
    Near(i64),
    /// The progress of the entry so far from the consumer's position.
    Progress(u64, bool, u32),
}

impl Lie {
    pub(crate) fn tell(&self, segment: &Segment, head: u64) {
        let offset = match self.place {
            Place::Line(word) => word * 8,
            Place::Ring(distance) => in_ring(head.wrapping_add(distance)) & !7,
        };
        let value = match self.value {
            Value::Any(word) => word,
            Value::Header(kind, len) => kind << 32 | u64::from(len),
            Value::Near(distance) => head.wrapping_add_signed(distance),
            Value::Progress(distance, revoked, taken) => {
                progress(head.wrapping_add(distance), revoked, taken)
            }
        };
        segment.forge(offset, value);
    }
}

/// What the honest consumer does.
#[derive(Debug, Clone)]
pub(crate) enum Read {
    Look,
    Take(usize),
    /// If it is no longer than this.
    TakeWhole(usize),
    Release,
    Peek(usize, bool),
    Available,
    Abandon(u64),
}

impl Read {
    /// Does it and checks the shape of what comes back. `open` counts what was taken of the first entry.
    pub(crate) fn check(&self, consumer: &mut Consumer, open: &mut u64) -> Result<(), Corrupt> {
        let before = consumer.head();
        let outcome = self.check_shape(consumer, open);
        let went = consumer.head().checked_sub(before);
        assert!(
            went.is_some_and(|went| went <= WORD + *open + 2 * RING as u64),
            "from {before} to {}",
            consumer.head()
        );
        if went != Some(0) {
            *open = 0;
        }
        outcome
    }

    fn check_shape(&self, consumer: &mut Consumer, open: &mut u64) -> Result<(), Corrupt> {
        match *self {
            Read::Look => {
                if let Some(front) = consumer.look()? {
                    assert!(front.here <= front.remaining);
                    assert!(front.here as usize <= RING);
                }
            }
            Read::Take(len) => {
                let before = consumer.head();
                let mut to = vec![0; len];
                let taken = consumer.take(&mut to)?;
                assert!(taken.len <= len.min(RING));
                assert!(own(&to[..taken.len]));
                *open += taken.len as u64;
                if taken.revoked {
                    assert!(taken.len == 0 && !taken.finished);
                    assert!(consumer.head() > before, "each revocation is met once");
                }
            }
            Read::TakeWhole(limit) => {
                let mut all = Vec::new();
                let to = &mut all;
                let taken = consumer.take_whole(move |len| {
                    assert!(len <= RING);
                    to.resize(len, 0);
                    (len <= limit).then_some(&mut to[..])
                })?;
                if taken {
                    assert!(own(&all));
                    *open += all.len() as u64;
                }
            }
            Read::Release => {
                consumer.release();
                assert!(!consumer.release(), "twice tells nothing new");
            }
            Read::Peek(len, first_only) => {
                let mut to = vec![0; len];
                let (copied, remaining) = consumer.peek(&mut to, first_only)?;
                assert!(copied <= len.min(RING));
                assert!(!first_only || copied <= remaining as usize);
                assert!(own(&to[..copied]));
            }
            Read::Available => drop(consumer.available()?),
            Read::Abandon(quota) => consumer.abandon(quota)?,
        }
        Ok(())
    }
}

/// Whether bytes can come from the ring that is read.
fn own(data: &[u8]) -> bool {
    !data.windows(8).any(|bytes| bytes == FOREIGN.to_ne_bytes())
}

/// What the honest producer does; streams are those begun and not taken back.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Publish(usize),
    Begin(u32),
    /// At most so many bytes at once.
    Feed(usize),
    Revoke(usize),
    Refresh,
    Flags(u64),
}

/// Waiting entries and their lengths.
#[derive(Default)]
pub(crate) struct Streams {
    /// The one that is being streamed.
    last: Option<(Stream, usize)>,
    placed: Vec<(Stream, usize)>,
}

impl Write {
    pub(crate) fn check(
        &self,
        producer: &mut Producer,
        streams: &mut Streams,
    ) -> Result<(), Corrupt> {
        let (head, consumed, tail) = (producer.head(), producer.consumed(), producer.tail());
        let outcome = self.check_shape(producer, streams);
        assert!(producer.head() >= head && producer.consumed() >= consumed);
        // Only a roll back goes back, and never before what was released.
        let rolled_back = matches!(self, Write::Revoke(_)) && producer.tail() > producer.head();
        assert!(producer.tail() >= tail || rolled_back);
        // A gap before which the reader stands counts as released.
        assert!(producer.tail().saturating_sub(producer.head()) <= 2 * RING as u64);
        outcome
    }

    fn check_shape(&self, producer: &mut Producer, streams: &mut Streams) -> Result<(), Corrupt> {
        match *self {
            Write::Publish(len) if streams.last.is_none() => {
                let fitted = producer.publish(&vec![1; len])?.is_some();
                assert!(!fitted || len < RING);
            }
            Write::Begin(len) if streams.last.is_none() => {
                let stream = producer.begin(len)?;
                streams.last = stream.map(|stream| (stream, len as usize));
            }
            Write::Feed(piece) => {
                if let Some((mut stream, len)) = streams.last.take() {
                    let before = stream.placed();
                    let rest = vec![2; len - before];
                    let fed = producer.feed(&mut stream, &rest, piece);
                    if let Ok((count, _)) = fed {
                        assert!(count <= rest.len().min(RING).min(piece));
                        assert_eq!(stream.placed(), before + count);
                    }
                    if stream.is_placed() {
                        streams.placed.push((stream, len));
                    } else {
                        streams.last = Some((stream, len));
                    }
                    fed?;
                }
            }
            Write::Revoke(index) => {
                let count = streams.placed.len();
                if index % (count + 1) < count {
                    let (stream, len) = streams.placed.swap_remove(index % (count + 1));
                    check_revoked(producer.revoke(stream)?, len);
                } else if let Some((stream, len)) = streams.last.take() {
                    let outcome = producer.revoke(stream)?;
                    assert_ne!(outcome, Revoked::TooLate, "it was not whole");
                    check_revoked(outcome, len);
                }
            }
            Write::Refresh => producer.refresh()?,
            Write::Flags(word) => producer.set_unplaced(word),
            Write::Publish(_) | Write::Begin(_) => {}
        }
        Ok(())
    }
}

fn check_revoked(outcome: Revoked, len: usize) {
    if let Revoked::Unread(unread) = outcome {
        assert!(unread > 0 && unread as usize <= len);
    }
}

/// The flags of the end that lies hold nothing that can hurt.
pub(crate) fn check_flags(segment: &Arc<Segment>, at: u64) {
    for side in [Side::Server, Side::Client] {
        let flags = Flags::new(segment.clone(), side);
        flags.state();
        flags.demand(at);
        flags.stamp();
    }
}
