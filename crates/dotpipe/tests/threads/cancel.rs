//! Cancelling what waits, from another thread and in the middle of things.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dotpipe::exact::{self, End};
use dotpipe::options::{PipeMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::support::data::{Random, payload};
use crate::support::patience::{Doing, start, until};
use crate::support::{BOTH, is_wine, nothing_to_cancel, open, options, pair, unique_name};

const ABORTED: Win32Error = Win32Error::OPERATION_ABORTED;

/// Cancels what the thread waits in; it may just be about to.
fn cancel<T>(end: &End, doing: &Doing<T>) {
    until("something to cancel", || match end.cancel() {
        // To Wine, nothing to cancel is a success: again, until it was something.
        Ok(()) => !is_wine() || !doing.goes_on(),
        Err(code) => {
            assert_eq!(code, Win32Error::NOT_FOUND);
            assert!(doing.goes_on());
            false
        }
    });
}

#[test]
fn a_read_is_cancelled() {
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair("cancel read", pipe_type, 100);
        let server = Arc::new(server);
        assert_eq!(server.cancel(), nothing_to_cancel());
        let end = server.clone();
        let reading = start("read", move || end.read(&mut [0; 9]));
        cancel(&server, &reading);
        assert_eq!(reading.end(), Err(ABORTED));
        assert_eq!(server.cancel(), nothing_to_cancel());
        client.write(b"later").unwrap();
        assert_eq!(server.read(&mut [0; 9]).unwrap().len, 5);
    }
}

/// What has not been read of the write goes, and only that.
#[test]
fn a_write_is_cancelled() {
    for (pipe_type, len) in [
        (PipeMode::Byte, 101),
        (PipeMode::Message, 101),
        (PipeMode::Byte, 1 << 20),
        (PipeMode::Message, 1 << 20),
    ] {
        let (server, client) = pair("cancel write", pipe_type, 100);
        server.write(&[1; 50]).unwrap();
        let server = Arc::new(server);
        let end = server.clone();
        let writing = start("write", move || end.write(&vec![2; len]));
        let mut buffer = [0; 200];
        until("the waiting data", || {
            client.peek(&mut []).unwrap().available as usize == 50 + len
        });
        assert_eq!(client.read(&mut buffer[..50]).unwrap().len, 50);
        let read = client.read(&mut buffer[..30]).unwrap();
        assert_eq!((read.len, buffer[0], buffer[29]), (30, 2, 2));
        if len > 101 {
            cancel(&server, &writing);
            assert_eq!(writing.end(), Err(ABORTED));
        } else {
            assert_eq!(writing.end(), Ok(len));
            client.read(&mut buffer[..71]).unwrap();
        }
        assert_eq!(client.peek(&mut []).unwrap().available, 0);
        let next = server.start_write(vec![3; 10]);
        let read = client.read(&mut buffer).unwrap();
        assert_eq!((read.len, read.more, buffer[0]), (10, false, 3));
        assert_eq!(next.wait(), Ok(10));
    }
}

#[test]
fn a_connect_is_cancelled() {
    let name = unique_name("cancel connect");
    let server = Arc::new(exact::create(&name, &options(PipeMode::Byte, 100)).unwrap());
    for _ in 0..2 {
        let end = server.clone();
        let connecting = start("connect", move || end.connect());
        cancel(&server, &connecting);
        assert_eq!(connecting.end(), Err(ABORTED));
        let pending = server.start_connect();
        pending.cancel().unwrap();
        assert_eq!(pending.wait(), Err(ABORTED));
        assert_eq!(pending.cancel(), Err(Win32Error::NOT_FOUND));
        // The instance listens all the same.
        let client = open(&name, PipeMode::Byte);
        assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
        client.write(b"x").unwrap();
        assert_eq!(server.read(&mut [0; 9]).unwrap().len, 1);
        server.disconnect().unwrap();
    }
}

#[test]
fn a_flush_is_cancelled() {
    let (server, client) = pair("cancel flush", PipeMode::Byte, 100);
    let server = Arc::new(server);
    server.write(b"unread").unwrap();
    let end = server.clone();
    let flushing = start("flush", move || end.flush());
    cancel(&server, &flushing);
    assert_eq!(flushing.end(), Err(ABORTED));
    assert_eq!(client.read(&mut [0; 9]).unwrap().len, 6);
    assert_eq!(server.flush(), Ok(()));
}

/// The question stays in the pipe; the answer to it comes to whoever reads.
#[test]
fn a_transaction_is_cancelled() {
    let (server, client) = pair("cancel transact", PipeMode::Message, 4);
    let client = Arc::new(client);
    for len in [1, 100, 1 << 20] {
        let end = client.clone();
        let asking = start("transact", move || end.transact(&vec![7; len], &mut [0; 9]));
        until("the question", || {
            server.peek(&mut []).unwrap().available as usize == len
        });
        cancel(&client, &asking);
        assert_eq!(asking.end(), Err(ABORTED));
        let mut question = vec![0; len + 1];
        let read = start("the question", {
            let client = client.clone();
            move || {
                // Somebody must bring the rest of a question that is larger than the ring.
                client.read(&mut [0; 9])
            }
        });
        assert_eq!(server.read(&mut question).unwrap().len, len);
        assert!(question[..len].iter().all(|byte| *byte == 7));
        server.write(b"late").unwrap();
        assert_eq!(read.end().unwrap().len, 4);
    }
}

/// Only what waits on this end: the other end's operations go on.
#[test]
fn the_other_end_is_not_cancelled() {
    let (server, client) = pair("cancel one", PipeMode::Byte, 0);
    let (server, client) = (Arc::new(server), Arc::new(client));
    let end = client.clone();
    let writing = start("write", move || end.write(&[7; 10]));
    until("the data", || server.peek(&mut []).unwrap().available == 10);
    let read = client.start_read(10);
    assert_eq!(server.cancel(), nothing_to_cancel());
    assert!(writing.goes_on() && !read.is_done());
    assert_eq!(server.read(&mut [0; 10]).unwrap().len, 10);
    assert_eq!(writing.end(), Ok(10));
    read.cancel().unwrap();
    assert_eq!(read.wait(), Err(ABORTED));
}

/// Messages whose writes are cancelled at any moment arrive whole or not at all, as their results say.
#[test]
fn cancelled_writes_are_whole_or_nothing() {
    let random = &mut Random::of_test("cancelled writes");
    for largest in [300, 400_000] {
        let (server, client) = pair("cancelled writes", PipeMode::Message, 100);
        let reading = start("reading", move || {
            let mut buffer = vec![0; largest + 8];
            let mut heard = Vec::new();
            loop {
                match client.read(&mut buffer) {
                    Ok(received) => {
                        assert!(!received.more, "half of message {}", heard.len());
                        let seed = u64::from_le_bytes(buffer[..8].try_into().unwrap());
                        let expected = payload(seed, received.len - 8);
                        assert!(buffer[8..received.len] == expected, "message {seed}");
                        heard.push(seed);
                    }
                    Err(code) => {
                        assert_eq!(code, Win32Error::BROKEN_PIPE);
                        return heard;
                    }
                }
            }
        });
        let mut waiting = Vec::new();
        let mut delivered = Vec::new();
        for seed in 0..if largest > 1000 { 150u64 } else { 2000 } {
            let mut data = seed.to_le_bytes().to_vec();
            data.extend(payload(seed, random.within(0..largest)));
            let len = data.len();
            waiting.push((seed, len, server.start_write(data)));
            while waiting.len() > random.within(0..8) {
                let (seed, len, operation) = waiting.remove(random.within(0..waiting.len()));
                let cancelled = random.choose(&[true, false]) && operation.cancel().is_ok();
                match operation.wait() {
                    // Also when it was cancelled, but had been read whole at that moment.
                    Ok(count) => {
                        assert_eq!(count, len);
                        delivered.push(seed);
                    }
                    Err(code) => assert_eq!((code, cancelled), (ABORTED, true)),
                }
            }
        }
        for (seed, _, operation) in waiting {
            operation.wait().unwrap();
            delivered.push(seed);
        }
        drop(server);
        delivered.sort();
        assert_eq!(reading.end(), delivered);
    }
}

/// Reads that are cancelled at any moment take nothing with them.
#[test]
fn cancelled_reads_lose_nothing() {
    let random = &mut Random::of_test("cancelled reads");
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair("cancelled reads", pipe_type, 1000);
        let sent = Arc::new(payload(1, 1_000_000));
        let to_send = sent.clone();
        let writing = start("writing", move || {
            for (number, chunk) in to_send.chunks(4000).enumerate() {
                let len = chunk.len() / (1 + number % 4);
                client.write(&chunk[..len]).unwrap();
                client.write(&chunk[len..]).unwrap();
            }
        });
        let mut got = Vec::new();
        let mut waiting = std::collections::VecDeque::new();
        let mut ended = false;
        while !ended || !waiting.is_empty() {
            while !ended && waiting.len() < 8 {
                waiting.push_back(server.start_read(random.within(1..5000)));
            }
            // The results come in the order of the reads, whatever is cancelled in between.
            let place = random.within(0..waiting.len());
            if random.choose(&[true, false]) {
                let _ = waiting[place].cancel();
            }
            let first = waiting.pop_front().unwrap();
            match first.wait() {
                Ok(received) => got.extend(received.data),
                Err(Win32Error::BROKEN_PIPE) => ended = true,
                Err(code) => assert_eq!(code, ABORTED),
            }
        }
        writing.end();
        assert!(got == *sent, "{pipe_type:?}");
    }
}

/// Threads that stream are cancelled all the time, and try again.
#[test]
fn threads_that_are_cancelled_go_on() {
    for (pipe_type, largest) in [
        (PipeMode::Message, 500),
        (PipeMode::Message, 300_000),
        (PipeMode::Byte, 500),
    ] {
        let (server, client) = pair("cancelled threads", pipe_type, 200);
        let (server, client) = (Arc::new(server), Arc::new(client));
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let end = client.clone();
        let cancelling = start("cancelling", move || {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                if end.cancel().is_ok() {
                    count += 1;
                }
                std::thread::yield_now();
            }
            count
        });
        let len = move |number: u64| (number * 7919) as usize % largest;
        let rounds = if largest > 1000 { 60 } else { 1000 };
        let writing = start("writing", move || {
            for number in 0..rounds {
                server.write(&payload(number, len(number))).unwrap();
            }
        });
        let reading = start("reading", move || {
            let mut heard = Vec::new();
            let mut part = Vec::new();
            let mut buffer = vec![0; largest];
            loop {
                match client.read(&mut buffer) {
                    Ok(received) => {
                        part.extend_from_slice(&buffer[..received.len]);
                        if !received.more {
                            heard.push(std::mem::take(&mut part));
                        }
                    }
                    Err(Win32Error::BROKEN_PIPE) => return heard,
                    Err(code) => assert_eq!(code, ABORTED),
                }
            }
        });
        writing.end();
        let heard = reading.end();
        stopped.store(true, Ordering::Relaxed);
        let cancelled = cancelling.end();
        let sent: Vec<_> = (0..rounds)
            .map(|number| payload(number, len(number)))
            .collect();
        match pipe_type {
            PipeMode::Byte => assert!(heard.concat() == sent.concat()),
            PipeMode::Message => assert!(heard == sent, "{largest}"),
        }
        println!("{pipe_type:?} up to {largest}: {cancelled} times cancelled");
    }
}

/// Nothing to cancel any more: the operation had ended, and its result stays.
#[test]
fn what_has_ended_cannot_be_cancelled() {
    let (server, client) = pair("too late", PipeMode::Message, 100);
    let read = server.start_read(9);
    client.write(b"in time").unwrap();
    assert_eq!(read.wait().unwrap().data, b"in time");
    assert_eq!(read.cancel(), Err(Win32Error::NOT_FOUND));
    assert_eq!(read.result().unwrap().unwrap().data, b"in time");
    let write = client.start_write(vec![1; 100]);
    assert_eq!(write.cancel(), Err(Win32Error::NOT_FOUND));
    assert_eq!(write.result(), Some(Ok(100)));
}

/// An instance that nobody waits for any more serves those who come.
#[test]
fn a_cancelled_connect_leaves_the_others() {
    let name = unique_name("connects");
    let server = exact::create(&name, &options(PipeMode::Byte, 100)).unwrap();
    let connects: Vec<_> = (0..10).map(|_| server.start_connect()).collect();
    for connect in connects.iter().step_by(2) {
        connect.cancel().unwrap();
    }
    exact::wait(&name, WaitTimeout::Default).unwrap();
    let _client = exact::open(&name, BOTH).unwrap();
    for (place, connect) in connects.iter().enumerate() {
        let expected = if place % 2 == 0 { Err(ABORTED) } else { Ok(()) };
        assert_eq!(connect.wait(), expected);
    }
}
