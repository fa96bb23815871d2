//! Layer: tests of the ring. Loom runs a few steps of both ends in every order in which threads can be
//! switched and with every value that the memory model allows a load to give; `.ci/loom` runs them. The
//! rule: nothing is read that was not written, and nobody sleeps on while there is something for him.
//!
//! Nobody sleeps here. A sleeper that armed the bell and then found nothing *would* sleep, so the other
//! end must have been told to ring.

#![cfg(loom)]

use std::sync::Arc;

use dotpipe_ring::{Consumer, Flags, Layout, Producer, Revoked, Segment, Side, State, Stream};
use loom::thread;

const RING: usize = 64;
/// A header of a plain entry of eight bytes, as data.
const LIKE_A_HEADER: [u8; 8] = (1u64 << 32 | 8).to_ne_bytes();

/// Both ends of the ring in which the server writes, and the flags of both.
struct Ends {
    producer: Producer,
    consumer: Consumer,
    server: Flags,
    client: Flags,
}

impl Ends {
    fn new() -> Ends {
        let segment = Arc::new(Segment::on_heap(Layout::new(RING, RING).unwrap()));
        Ends {
            producer: Producer::new(segment.clone(), Side::Server),
            consumer: Consumer::new(segment.clone(), Side::Client),
            server: Flags::new(segment.clone(), Side::Server),
            client: Flags::new(segment, Side::Client),
        }
    }
}

/// Tries all interleavings with at most so many switches that no thread asked for (three unless
/// `LOOM_MAX_PREEMPTIONS` says otherwise): enough for every bug known so far, and done in minutes.
fn explore(test: impl Fn(Ends) + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(move || test(Ends::new()));
}

/// Publishes, once there is room. Gives whether to ring.
fn publish(producer: &mut Producer, data: &[u8]) -> bool {
    loop {
        match producer.publish(data).unwrap() {
            Some(ring) => return ring,
            None => thread::yield_now(),
        }
    }
}

/// Begins a waiting entry of `data` and places it whole.
fn wait_with(producer: &mut Producer, data: &[u8]) -> (Stream, bool) {
    let mut stream = producer.begin(data.len() as u32).unwrap().unwrap();
    let fed = producer.feed(&mut stream, data, usize::MAX).unwrap();
    assert!(stream.is_placed());
    (stream, fed.1)
}

/// Takes up to `limit` bytes, once they are there.
fn take(consumer: &mut Consumer, limit: usize) -> Vec<u8> {
    loop {
        if let Some(data) = try_take(consumer, limit) {
            return data;
        }
        thread::yield_now();
    }
}

/// Takes up to `limit` bytes, if anything is there.
fn try_take(consumer: &mut Consumer, limit: usize) -> Option<Vec<u8>> {
    let front = consumer.look().unwrap()?;
    assert!(front.here <= front.remaining);
    let mut to = vec![0; limit];
    let taken = consumer.take(&mut to).unwrap();
    consumer.release();
    to.truncate(taken.len);
    (!taken.revoked).then_some(to)
}

#[test]
fn entries_arrive_whole_and_in_order() {
    explore(|mut ends| {
        let writer = thread::spawn(move || {
            publish(&mut ends.producer, &[1; 16]);
            publish(&mut ends.producer, &[2; 8]);
            // Where the first one stood: not before that was released.
            publish(&mut ends.producer, &[3; 16]);
        });
        assert_eq!(take(&mut ends.consumer, 16), [1; 16]);
        assert_eq!(take(&mut ends.consumer, 8), [2; 8]);
        assert_eq!(take(&mut ends.consumer, 16), [3; 16]);
        writer.join().unwrap();
        assert_eq!(ends.consumer.look(), Ok(None));
    });
}

#[test]
fn an_entry_streams_through_a_ring_that_is_shorter() {
    explore(|mut ends| {
        let data: Vec<u8> = (1..=64).collect();
        let written = data.clone();
        let writer = thread::spawn(move || {
            let producer = &mut ends.producer;
            let mut stream = producer.begin(64).unwrap().unwrap();
            while !stream.is_placed() {
                let rest = &written[stream.placed()..];
                if producer.feed(&mut stream, rest, usize::MAX).unwrap().0 == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut read = Vec::new();
        while read.len() < 64 {
            match try_take(&mut ends.consumer, 64) {
                Some(data) if !data.is_empty() => read.extend(data),
                _ => thread::yield_now(),
            }
        }
        writer.join().unwrap();
        assert_eq!(read, data);
    });
}

/// What the reader gets in so many tries beside the writer, and then alone until nothing is left.
fn read_beside<T: 'static>(
    consumer: &mut Consumer,
    tries: u32,
    limit: usize,
    writer: thread::JoinHandle<T>,
) -> (Vec<u8>, T) {
    let mut read = Vec::new();
    for _ in 0..tries {
        read.extend(try_take(consumer, limit).into_iter().flatten());
    }
    let written = writer.join().unwrap();
    while consumer.look().unwrap().is_some() {
        read.extend(try_take(consumer, limit).into_iter().flatten());
    }
    (read, written)
}

/// Both ends agree on what was read of an entry that is taken back, and on where the next one stands.
fn open_against_revoke(len: usize, limit: usize) {
    explore(move |mut ends| {
        let writer = thread::spawn(move || {
            let producer = &mut ends.producer;
            let (stream, _) = wait_with(producer, &vec![1; len]);
            let outcome = producer.revoke(stream).unwrap();
            publish(producer, &[2; 8]);
            outcome
        });
        let (read, outcome) = read_beside(&mut ends.consumer, 2, limit, writer);
        let unread = match outcome {
            Revoked::Unread(unread) => unread as usize,
            Revoked::TooLate => 0,
        };
        assert_eq!(read, [vec![1; len - unread], vec![2; 8]].concat());
    });
}

#[test]
fn an_entry_is_either_opened_or_taken_back() {
    open_against_revoke(8, 8);
}

#[test]
fn an_opened_entry_is_read_as_far_as_it_was_not_taken_back() {
    open_against_revoke(16, 8);
}

/// The same with an entry of which only a part is there.
#[test]
fn a_stream_that_is_taken_back_ends_where_both_say() {
    explore(|mut ends| {
        let writer = thread::spawn(move || {
            let producer = &mut ends.producer;
            let mut stream = producer.begin(16).unwrap().unwrap();
            producer.feed(&mut stream, &[1; 16], 8).unwrap();
            assert_eq!(stream.placed(), 8);
            let Revoked::Unread(unread) = producer.revoke(stream).unwrap() else {
                panic!("it was not whole");
            };
            publish(producer, &[2; 8]);
            unread as usize
        });
        let (read, unread) = read_beside(&mut ends.consumer, 2, 8, writer);
        assert_eq!(read, [vec![1; 16 - unread], vec![2; 8]].concat());
    });
}

/// How much of an entry is here is told by a word that later speaks of other entries. This is an unopened
/// one of which nothing is placed, taken back, and one behind it.
#[test]
fn a_look_counts_no_bytes_of_the_next_entry() {
    explore(|mut ends| {
        let writer = thread::spawn(move || {
            let stream = ends.producer.begin(24).unwrap().unwrap();
            assert_eq!(ends.producer.revoke(stream), Ok(Revoked::Unread(24)));
            wait_with(&mut ends.producer, &[2; 8]);
        });
        if let Some(front) = ends.consumer.look().unwrap() {
            let seen = (front.remaining, front.here);
            assert!([(24, 0), (8, 0), (8, 8)].contains(&seen), "{seen:?}");
        }
        writer.join().unwrap();
    });
}

/// And this is an opened one of which four bytes have been taken and four more are here.
#[test]
fn a_look_counts_no_bytes_behind_an_opened_entry() {
    explore(|mut ends| {
        let mut stream = ends.producer.begin(24).unwrap().unwrap();
        ends.producer.feed(&mut stream, &[1; 24], 8).unwrap();
        assert_eq!(try_take(&mut ends.consumer, 4).unwrap(), [1; 4]);
        let writer = thread::spawn(move || {
            assert_eq!(ends.producer.revoke(stream), Ok(Revoked::Unread(20)));
            wait_with(&mut ends.producer, &[2; 8]);
        });
        if let Some(front) = ends.consumer.look().unwrap() {
            let seen = (front.remaining, front.here);
            assert!([(20, 4), (8, 0), (8, 8)].contains(&seen), "{seen:?}");
        }
        writer.join().unwrap();
    });
}

/// What a peek may see while the producer rolls the ring back and writes what looks like headers over the
/// old entry and over the header behind it: one entry, the other, or none.
#[test]
fn a_peek_sees_no_entry_through_another() {
    explore(|mut ends| {
        let writer = thread::spawn(move || {
            let producer = &mut ends.producer;
            let (stream, _) = wait_with(producer, &[1; 8]);
            assert_eq!(producer.revoke(stream), Ok(Revoked::Unread(8)));
            publish(producer, &LIKE_A_HEADER.repeat(3));
        });
        let mut to = [0; 32];
        let (copied, remaining) = ends.consumer.peek(&mut to, false).unwrap();
        match copied {
            0 => assert!([0, 8].contains(&remaining)),
            8 => assert_eq!((&to[..8], remaining), (&[1; 8][..], 8)),
            _ => assert_eq!(
                (&to[..copied], remaining),
                (&LIKE_A_HEADER.repeat(3)[..], 24)
            ),
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_count_counts_no_entry_through_another() {
    explore(|mut ends| {
        let writer = thread::spawn(move || {
            let producer = &mut ends.producer;
            let (stream, _) = wait_with(producer, &[1; 8]);
            assert_eq!(producer.revoke(stream), Ok(Revoked::Unread(8)));
            publish(producer, &LIKE_A_HEADER.repeat(3));
        });
        assert!([0, 8, 24].contains(&ends.consumer.available().unwrap()));
        writer.join().unwrap();
        assert_eq!(ends.consumer.available(), Ok(24));
    });
}

/// A second waiting entry behind the first: the first cannot be rolled back then, the second can.
#[test]
fn a_peek_goes_on_behind_an_entry_that_stays() {
    explore(|mut ends| {
        let writer = thread::spawn(move || {
            let producer = &mut ends.producer;
            let (first, _) = wait_with(producer, &[1; 8]);
            let (second, _) = wait_with(producer, &[2; 8]);
            assert_eq!(producer.revoke(second), Ok(Revoked::Unread(8)));
            publish(producer, &LIKE_A_HEADER);
            first
        });
        let mut to = [0; 32];
        let (copied, _) = ends.consumer.peek(&mut to, false).unwrap();
        let all = [[1; 8], [2; 8], LIKE_A_HEADER];
        let seen: Vec<&[u8]> = to[..copied].chunks(8).collect();
        assert!(
            [&[][..], &[0], &[0, 1], &[0, 2]]
                .iter()
                .any(|numbers| seen == numbers.iter().map(|&i| &all[i][..]).collect::<Vec<_>>()),
            "{seen:?}"
        );
        let stream = writer.join().unwrap();
        assert!(stream.is_placed());
    });
}

/// A reader arms the bell, looks again, finds nothing and sleeps: then whoever writes rings.
fn no_data_is_slept_through(write: impl Fn(&mut Producer) -> bool + Copy + Send + Sync + 'static) {
    explore(move |mut ends| {
        let writer = thread::spawn(move || write(&mut ends.producer));
        ends.client.want_data();
        let front = ends.consumer.look().unwrap();
        let found = front.is_some_and(|front| front.here > 0 || front.remaining == 0);
        let rang = writer.join().unwrap();
        assert!(found || rang, "a reader sleeps though there is something");
    });
}

#[test]
fn no_reader_sleeps_when_an_entry_is_published() {
    no_data_is_slept_through(|producer| publish(producer, &[1; 8]));
}

#[test]
fn no_reader_sleeps_when_an_entry_is_fed() {
    no_data_is_slept_through(|producer| wait_with(producer, &[1; 8]).1);
}

/// The reader has found an entry and waits for its data; it must learn that none will come.
#[test]
fn no_reader_sleeps_when_an_entry_is_taken_back() {
    explore(|mut ends| {
        let stream = ends.producer.begin(8).unwrap().unwrap();
        let writer = thread::spawn(move || {
            ends.producer.revoke(stream).unwrap();
            ends.producer.is_awaited()
        });
        ends.client.want_data();
        let found = ends.consumer.look().unwrap().is_none();
        assert!(found || writer.join().unwrap());
    });
}

/// A writer arms the bell for `consumed` or `head`, looks again and sleeps: then the reader rings.
fn no_progress_is_slept_through(consumed: u64, head: u64) {
    explore(move |mut ends| {
        publish(&mut ends.producer, &[1; 8]);
        let reader = thread::spawn(move || {
            ends.consumer.look().unwrap().unwrap();
            assert!(ends.consumer.take(&mut [0; 8]).unwrap().finished);
            ends.consumer.release()
        });
        ends.server.want_progress(consumed, head);
        ends.producer.refresh().unwrap();
        let reached = |wanted, now| wanted > 0 && now >= wanted;
        let found =
            reached(consumed, ends.producer.consumed()) || reached(head, ends.producer.head());
        let rang = reader.join().unwrap();
        assert!(found || rang, "a writer sleeps though there is room");
    });
}

#[test]
fn no_writer_sleeps_when_bytes_are_taken() {
    no_progress_is_slept_through(8, 0);
}

#[test]
fn no_writer_sleeps_when_room_is_released() {
    no_progress_is_slept_through(0, 16);
}

/// Whoever finds the other end closed finds all that it wrote.
#[test]
fn nothing_written_before_the_close_is_missed() {
    explore(|mut ends| {
        let server = ends.server.clone();
        let writer = thread::spawn(move || {
            publish(&mut ends.producer, &[1; 8]);
            ends.producer.set_unplaced(5);
            server.set_state(State::Closed);
        });
        if ends.server.state() == State::Closed {
            assert_eq!(ends.consumer.unplaced(), 5);
            assert_eq!(try_take(&mut ends.consumer, 8).unwrap(), [1; 8]);
        }
        writer.join().unwrap();
    });
}

/// The reader clears up behind a dead writer, whatever it did last: of a write that had not completed
/// nothing is left.
#[test]
fn of_a_dead_writer_only_what_had_completed_is_left() {
    explore(|mut ends| {
        let server = ends.server.clone();
        let writer = thread::spawn(move || {
            publish(&mut ends.producer, &[1; 8]);
            let mut stream = ends.producer.begin(16).unwrap().unwrap();
            ends.producer.feed(&mut stream, &[2; 16], 8).unwrap();
            server.set_state(State::Closed);
        });
        // What it can read before, the completed entry or both, changes nothing about the rest.
        let first = try_take(&mut ends.consumer, 8);
        while ends.server.state() == State::Open {
            thread::yield_now();
        }
        ends.consumer.abandon(8).unwrap();
        let first = first.or_else(|| try_take(&mut ends.consumer, 8));
        assert_eq!(first.unwrap(), [1; 8]);
        assert_eq!(ends.consumer.look(), Ok(None));
        assert_eq!(ends.consumer.available(), Ok(0));
        writer.join().unwrap();
    });
}

/// A demand belongs to the position for which it was made.
#[test]
fn a_demand_is_never_taken_for_another() {
    explore(|ends| {
        let client = ends.client.clone();
        let reader = thread::spawn(move || {
            client.set_demand(8, 5);
            client.set_demand(16, 7);
        });
        assert!([0, 5].contains(&ends.client.demand(8)));
        assert!([0, 7].contains(&ends.client.demand(16)));
        reader.join().unwrap();
    });
}
