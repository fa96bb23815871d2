//! Deadlines: they end what waits, and take nothing from what was sent.

use std::time::{Duration, Instant};

use dotpipe::exact;
use dotpipe::options::PipeMode;
use dotpipe::win32::Win32Error;

use crate::support::data::{Listener, Random, Story, payload};
use crate::support::patience::{soon, start};
use crate::support::{open, options, pair, unique_name};

const LATE: Win32Error = Win32Error::SEM_TIMEOUT;

#[test]
fn what_waits_too_long_ends() {
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair("late", pipe_type, 10);
        let mut buffer = [0; 100];
        assert_eq!(server.read_until(&mut buffer, soon()), Err(LATE));
        assert_eq!(server.write_until(&[1; 11], soon()), Err(LATE));
        assert_eq!(client.peek(&mut []).unwrap().available, 0);
        assert_eq!(server.write_until(&vec![1; 1 << 20], soon()), Err(LATE));
        assert_eq!(client.peek(&mut []).unwrap().available, 0);
        let next = server.start_write(vec![2; 10]);
        assert_eq!(server.flush_until(soon()), Err(LATE));
        if pipe_type == PipeMode::Message {
            let asked = client.transact_until(b"?", &mut buffer, soon());
            assert_eq!(asked, Err(Win32Error::PIPE_BUSY));
            assert_eq!(client.read(&mut buffer).unwrap().len, 10);
            let asked = client.transact_until(b"?", &mut buffer, soon());
            assert_eq!(asked, Err(LATE));
            assert_eq!(server.read(&mut buffer).unwrap().len, 1);
        } else {
            assert_eq!(client.read(&mut buffer).unwrap().len, 10);
        }
        assert_eq!(next.wait(), Ok(10));
        // Nothing is left of all this.
        assert_eq!(server.flush(), Ok(()));
        server.write(b"well").unwrap();
        assert_eq!(client.read(&mut buffer).unwrap().len, 4);
    }
    let name = unique_name("late connect");
    let server = exact::create(&name, &options(PipeMode::Byte, 10)).unwrap();
    assert_eq!(server.connect_until(soon()), Err(LATE));
    let _client = open(&name, PipeMode::Byte);
    assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
}

#[test]
fn what_need_not_wait_needs_no_time() {
    let (server, client) = pair("no time", PipeMode::Message, 10);
    let past = Some(Instant::now() - Duration::from_secs(1));
    let mut buffer = [0; 100];
    assert_eq!(server.write_until(&[1; 10], past), Ok(10));
    assert_eq!(client.read_until(&mut buffer, past).unwrap().len, 10);
    assert_eq!(server.flush_until(past), Ok(()));
    assert_eq!(client.read_until(&mut buffer, past), Err(LATE));
    assert_eq!(server.write_until(&[1; 11], past), Err(LATE));
}

/// A pending operation can be waited for with a limit, and again.
#[test]
fn waiting_for_a_pending_operation_has_its_own_limit() {
    let (server, client) = pair("limit", PipeMode::Message, 10);
    let read = server.start_read(9);
    assert_eq!(read.wait_for(Duration::from_millis(10)), None);
    assert_eq!(read.wait_for(Duration::ZERO), None);
    client.write(b"x").unwrap();
    assert_eq!(read.wait_for(Duration::MAX).unwrap().unwrap().data, b"x");
    assert_eq!(read.wait_for(Duration::ZERO).unwrap().unwrap().data, b"x");
}

/// Reads that give up all the time miss nothing of what comes.
#[test]
fn late_reads_lose_nothing() {
    let mut random = Random::of_test("late reads");
    for (pipe_type, longest, count) in [
        (PipeMode::Byte, 500, 2000),
        (PipeMode::Message, 500, 2000),
        (PipeMode::Byte, 300_000, 40),
        (PipeMode::Message, 300_000, 40),
    ] {
        let (server, client) = pair("late reads", pipe_type, 300);
        let story = Story {
            seed: random.next(),
            shortest: 0,
            longest,
        };
        let writing = start("writing", move || {
            for number in 0..count {
                client.write(&story.message(number)).unwrap();
            }
        });
        let mut random = random.clone();
        let reading = start("reading", move || {
            let mut listener = Listener::new(story);
            let mut buffer = vec![0; longest];
            let mut late = 0;
            loop {
                let patience = Duration::from_micros(random.any_magnitude(100) as u64);
                let deadline = Some(Instant::now() + patience);
                let size = 1 + random.any_magnitude(longest);
                match server.read_until(&mut buffer[..size], deadline) {
                    Ok(received) => match pipe_type {
                        PipeMode::Byte => listener.hear_bytes(&buffer[..received.len]),
                        PipeMode::Message if received.more && received.len < size => {
                            // Cut short by the deadline, and not at the end of the message.
                            listener.hear_message(&buffer[..received.len], true);
                        }
                        PipeMode::Message => {
                            listener.hear_message(&buffer[..received.len], received.more);
                        }
                    },
                    Err(LATE) => late += 1,
                    Err(code) => {
                        assert_eq!(code, Win32Error::BROKEN_PIPE);
                        return (listener.heard(), late);
                    }
                }
            }
        });
        let (heard, late) = reading.end();
        writing.end();
        assert_eq!(heard, count);
        println!("{pipe_type:?} up to {longest}: {late} reads were late");
    }
}

/// Messages whose writers give up arrive whole or not at all, as their results say.
#[test]
fn late_writes_are_whole_or_nothing() {
    let mut random = Random::of_test("late writes");
    for (longest, count) in [(300, 3000), (300_000, 100)] {
        let (server, client) = pair("late writes", PipeMode::Message, 100);
        let reading = start("reading", move || {
            let mut buffer = vec![0; longest + 8];
            let mut heard = Vec::new();
            while let Ok(received) = client.read(&mut buffer) {
                assert!(!received.more);
                let seed = u64::from_le_bytes(buffer[..8].try_into().unwrap());
                assert!(buffer[8..received.len] == payload(seed, received.len - 8));
                heard.push(seed);
            }
            heard
        });
        let mut delivered = Vec::new();
        for seed in 0..count {
            let mut data = u64::to_le_bytes(seed).to_vec();
            data.extend(payload(seed, random.within(0..longest)));
            let patience = Duration::from_micros(random.any_magnitude(300) as u64);
            match server.write_until(&data, Some(Instant::now() + patience)) {
                Ok(len) => {
                    assert_eq!(len, data.len());
                    delivered.push(seed);
                }
                Err(code) => assert_eq!(code, LATE),
            }
        }
        drop(server);
        println!("up to {longest}: {} of {count} in time", delivered.len());
        assert_eq!(reading.end(), delivered);
    }
}
