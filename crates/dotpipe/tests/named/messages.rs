//! Whole messages: never split, never joined, whatever their size; and what byte read mode does to
//! them.

use std::io::Read;
use std::thread;
use std::time::Duration;

use dotpipe::{ClientOptions, PipeMode, ServerOptions, WaitMode, Win32Error};

use crate::support::sync::{fill, pair, pair_of, until};

const QUOTA: usize = 65536;
const SIZES: &[usize] = &[
    0,
    1,
    2,
    7,
    8,
    511,
    512,
    513,
    4095,
    4096,
    4097,
    QUOTA - 1,
    QUOTA,
    QUOTA + 1,
    3 * QUOTA,
    1 << 20,
];

#[test]
fn messages_of_all_sizes_keep_their_borders() {
    let (server, client) = pair(PipeMode::Message);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut message = Vec::new();
            for (seed, &size) in SIZES.iter().enumerate() {
                client.send(&fill(size, seed)).unwrap();
                assert_eq!(client.recv(&mut message).unwrap(), size);
                assert!(message == fill(size, seed), "message of {size} bytes");
            }
        });
        let mut message = b"what was here before".to_vec();
        for (seed, &size) in SIZES.iter().enumerate() {
            assert_eq!(server.recv(&mut message).unwrap(), size);
            assert!(message == fill(size, seed), "message of {size} bytes");
            server.send(&message).unwrap();
        }
        // Everything has come: the client reads its last, and then it is gone.
        let error = server.recv(&mut message).unwrap_err();
        assert_eq!(error.code(), Win32Error::BROKEN_PIPE);
        assert!(message.is_empty());
    });
}

#[cfg(target_os = "linux")] // It is about the ring's room; Wine takes minutes for as many messages.
#[test]
fn a_quota_of_one_byte_messages_is_there_at_once() {
    let (server, client) = pair(PipeMode::Message);
    client.set_wait_mode(WaitMode::NonBlocking).unwrap();
    for count in 0..QUOTA {
        client
            .send(&[count as u8])
            .unwrap_or_else(|error| panic!("message {count}: {error}"));
    }
    let full = client.send(&[0]).unwrap_err();
    assert_eq!(full.code(), Win32Error::IO_INCOMPLETE);
    let mut message = Vec::new();
    for count in 0..QUOTA {
        assert_eq!(server.recv(&mut message).unwrap(), 1);
        assert_eq!(message, [count as u8], "message {count}");
    }
}

#[test]
fn a_quota_is_there_at_once_wherever_the_last_message_ended() {
    for before in 24..40 {
        let (server, client) = pair(PipeMode::Message);
        client.set_wait_mode(WaitMode::NonBlocking).unwrap();
        let mut message = Vec::new();
        for _ in 0..before {
            client.send(&[0; 1_000]).unwrap();
            server.recv(&mut message).unwrap();
        }
        // Nothing is unread: a quota's worth goes in without anybody reading.
        for count in 0..QUOTA / 1_024 {
            client
                .send(&[count as u8; 1_024])
                .unwrap_or_else(|error| panic!("message {count} after {before}: {error}"));
        }
        for count in 0..QUOTA / 1_024 {
            assert_eq!(server.recv(&mut message).unwrap(), 1_024);
            assert_eq!(message[0], count as u8);
        }
    }
}

#[test]
fn who_opens_again_finds_nothing_of_the_conversation_before() {
    let name = crate::support::unique_name("again");
    let mode = PipeMode::Message;
    let listener = ServerOptions::new().pipe_mode(mode).listen(&name).unwrap();
    let mut message = Vec::new();
    // The same two processes, and so the same memory, as far as both are done with it.
    for round in 0..50usize {
        let client = ClientOptions::new().pipe_mode(mode).open(&name).unwrap();
        let server = listener.accept().unwrap();
        assert_eq!(server.peek(&mut [0; 8]).unwrap().available, 0);
        assert_eq!(client.peek(&mut [0; 8]).unwrap().available, 0);
        // What is left unread, and sometimes a disconnect, must not be seen by the next one.
        for len in [round, 9_000, 40_000 + round] {
            client.send(&fill(len, round)).unwrap();
        }
        server.send(&fill(100, round)).unwrap();
        assert_eq!(server.recv(&mut message).unwrap(), round);
        assert!(message == fill(round, round));
        match round % 3 {
            0 => drop(server),
            1 => drop(client),
            _ => server.disconnect().unwrap(),
        }
    }
}

#[test]
fn two_conversations_at_once_have_memory_of_their_own() {
    let name = crate::support::unique_name("again");
    let mode = PipeMode::Message;
    let listener = ServerOptions::new().pipe_mode(mode).listen(&name).unwrap();
    let open = || {
        let client = ClientOptions::new().pipe_mode(mode).open(&name).unwrap();
        (listener.accept().unwrap(), client)
    };
    let mut message = Vec::new();
    for round in 0..10 {
        let (server, client) = open();
        let (other_server, other_client) = open();
        client.send(b"one").unwrap();
        other_client.send(b"another").unwrap();
        other_server.recv(&mut message).unwrap();
        assert_eq!(message, b"another", "round {round}");
        server.recv(&mut message).unwrap();
        assert_eq!(message, b"one", "round {round}");
        // The client is done and the server is not: the next one must not get this memory.
        drop(client);
        let (next_server, next_client) = open();
        next_client.send(b"next").unwrap();
        assert!(server.recv(&mut message).unwrap_err().is_broken());
        next_server.recv(&mut message).unwrap();
        assert_eq!(message, b"next", "round {round}");
    }
}

#[test]
fn messages_that_wait_together_stay_apart() {
    let (server, client) = pair(PipeMode::Message);
    let messages: [&[u8]; 4] = [b"one", b"", b"three", b"4"];
    for message in messages {
        client.send(message).unwrap();
    }
    let mut received = Vec::new();
    for message in messages {
        server.recv(&mut received).unwrap();
        assert_eq!(received, message);
    }

    // The same messages through an end that reads bytes.
    server.set_read_mode(PipeMode::Byte).unwrap();
    for message in messages {
        client.send(message).unwrap();
    }
    let mut bytes = [0; 99];
    let count = (&server).read(&mut bytes).unwrap();
    assert_eq!(&bytes[..count], b"onethree4");
}

#[test]
fn recv_needs_message_read_mode() {
    let mut message = Vec::new();
    let name = crate::support::unique_name("mode");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .create(&name)
        .unwrap();
    let client = ClientOptions::new().open(&name).unwrap();
    server.send(b"abc").unwrap();
    for error in [
        client.recv(&mut message).unwrap_err(),
        client.recv_into(&mut [0; 9]).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.code(), Win32Error::BAD_PIPE);
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.hint().unwrap().contains("set_read_mode"));
    }
    client.set_read_mode(PipeMode::Message).unwrap();
    assert_eq!(client.recv(&mut message).unwrap(), 3);

    let (server, client) = pair(PipeMode::Byte);
    for error in [
        client.recv(&mut message).unwrap_err(),
        server.send(b"x").unwrap_err(),
        server.send(b"").unwrap_err(),
    ] {
        assert_eq!(error.code(), Win32Error::BAD_PIPE);
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.hint().unwrap().contains("byte type"), "{error}");
    }
}

#[test]
fn a_short_buffer_gets_the_message_in_pieces() {
    let (server, client) = pair(PipeMode::Message);
    client.send(b"abcdef").unwrap();
    client.send(b"next").unwrap();
    let mut buffer = [0; 4];
    let received = server.recv_into(&mut buffer).unwrap();
    assert_eq!((received.len, received.more), (4, true));
    assert_eq!(&buffer, b"abcd");
    // The rest, and not a byte of the next one.
    let mut rest = Vec::new();
    server.recv(&mut rest).unwrap();
    assert_eq!(rest, b"ef");
    let received = server.recv_into(&mut buffer).unwrap();
    assert_eq!((received.len, received.more), (4, false));
    assert_eq!(&buffer, b"next");
}

#[test]
fn peek_sees_the_first_message_only() {
    let (server, client) = pair(PipeMode::Message);
    client.send(b"abcdef").unwrap();
    client.send(b"next").unwrap();
    let mut buffer = [0; 4];
    let peeked = server.peek(&mut buffer).unwrap();
    assert_eq!(
        (peeked.len, peeked.available, peeked.left_in_message),
        (4, 10, 2)
    );
    assert_eq!(&buffer, b"abcd");
    let mut message = Vec::new();
    server.recv(&mut message).unwrap();
    assert_eq!(message, b"abcdef");
}

#[test]
fn the_buffer_keeps_its_memory() {
    let (server, client) = pair(PipeMode::Message);
    let mut message = Vec::new();
    client.send(&fill(50_000, 1)).unwrap();
    server.recv(&mut message).unwrap();
    let (memory, capacity) = (message.as_ptr(), message.capacity());
    for seed in 0..9 {
        client.send(&fill(40_000, seed)).unwrap();
        server.recv(&mut message).unwrap();
        assert!(message == fill(40_000, seed));
    }
    assert_eq!((message.as_ptr(), message.capacity()), (memory, capacity));
}

#[test]
fn several_threads_get_whole_messages() {
    const EACH: usize = 200;
    const THREADS: usize = 4;
    let (server, client) = pair_of(
        ServerOptions::new()
            .pipe_mode(PipeMode::Message)
            .in_buffer_size(1000),
    );
    let mut sizes: Vec<usize> = thread::scope(|scope| {
        for thread in 0..THREADS {
            let client = &client;
            scope.spawn(move || {
                for number in 0..EACH {
                    let size = 1 + (number * 397 + thread * 131) % 9000;
                    client.send(&fill(size, size)).unwrap();
                }
            });
        }
        let receivers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut message = Vec::new();
                    (0..EACH)
                        .map(|_| {
                            let size = server.recv(&mut message).unwrap();
                            assert!(message == fill(size, size), "{size} bytes");
                            size
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let joined = receivers.into_iter().map(|thread| thread.join().unwrap());
        joined.flatten().collect()
    });
    let mut sent: Vec<usize> = (0..THREADS * EACH)
        .map(|i| 1 + (i % EACH * 397 + i / EACH * 131) % 9000)
        .collect();
    sizes.sort_unstable();
    sent.sort_unstable();
    assert_eq!(sizes, sent);
}

#[test]
fn a_timeout_in_the_midst_of_a_message_loses_nothing() {
    // The message streams through a ring that is smaller than it, so most receives run out of time
    // in the midst of one.
    let (server, client) = pair(PipeMode::Message);
    const MESSAGES: usize = 5;
    // Not scoped: when the test fails, `server` goes, and this ends.
    let sending = thread::spawn(move || {
        for seed in 0..MESSAGES {
            client.send(&fill((1 << 20) + seed, seed)).unwrap();
        }
    });
    server
        .set_read_timeout(Some(Duration::from_nanos(1)))
        .unwrap();
    let mut message = Vec::new();
    let mut timeouts = 0;
    for seed in 0..MESSAGES {
        while let Err(error) = server.recv(&mut message) {
            assert!(error.is_timeout(), "{error}");
            timeouts += 1;
        }
        assert!(message == fill((1 << 20) + seed, seed), "message {seed}");
    }
    assert!(timeouts > 0);
    sending.join().unwrap();
}

#[test]
fn a_message_that_is_taken_back_is_not_joined_to_the_next() {
    let (server, client) = pair_of(
        ServerOptions::new()
            .pipe_mode(PipeMode::Message)
            .in_buffer_size(10),
    );
    // Too long for the quota, so it waits; half of it is read, then its writer gives up.
    thread::scope(|scope| {
        let sending = scope.spawn(|| client.send(&[b'x'; 200_000]));
        let mut first = [0; 1000];
        let received = server.recv_into(&mut first).unwrap();
        assert_eq!((received.len, received.more), (1000, true));
        until(|| client.cancel());
        let error = sending.join().unwrap().unwrap_err();
        assert!(error.is_cancelled());
    });
    thread::scope(|scope| {
        scope.spawn(|| client.send(b"next").unwrap());
        let mut message = Vec::new();
        server.recv(&mut message).unwrap();
        assert_eq!(message, b"next");
    });
}

#[test]
fn a_cancelled_receive_takes_nothing() {
    let (server, client) = pair(PipeMode::Message);
    let nothing = server.cancel().map_err(|error| error.code());
    assert_eq!(nothing, crate::support::nothing_to_cancel());
    thread::scope(|scope| {
        // Two at once: one waits in the pipe, the other for its turn.
        let waiting: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| server.recv(&mut Vec::new())))
            .collect();
        while waiting.iter().any(|thread| !thread.is_finished()) {
            let _ = server.cancel();
            thread::yield_now();
        }
        for thread in waiting {
            let error = thread.join().unwrap().unwrap_err();
            assert!(error.is_cancelled());
            assert_eq!(error.operation(), "receive");
        }
    });
    client.send(b"still whole").unwrap();
    let mut message = Vec::new();
    server.recv(&mut message).unwrap();
    assert_eq!(message, b"still whole");
}

#[test]
fn non_blocking_ends_say_that_they_would_wait() {
    let (server, client) = pair_of(
        ServerOptions::new()
            .pipe_mode(PipeMode::Message)
            .out_buffer_size(10),
    );
    server.set_wait_mode(WaitMode::NonBlocking).unwrap();
    let mut message = Vec::new();
    let error = server.recv(&mut message).unwrap_err();
    assert_eq!(error.code(), Win32Error::NO_DATA);
    assert!(error.is_would_block());

    server.send(b"12345678").unwrap();
    for data in [b"abc".as_slice(), &[0; 11]] {
        let error = server.send(data).unwrap_err();
        assert!(error.is_would_block(), "{error}");
        assert!(error.hint().unwrap().contains("nothing was written"));
    }
    server.send(b"ab").unwrap();
    // Only what was sent without an error is there.
    let mut first = Vec::new();
    client.recv(&mut first).unwrap();
    client.recv(&mut message).unwrap();
    assert_eq!((&first[..], &message[..]), (&b"12345678"[..], &b"ab"[..]));
    assert_eq!(client.peek(&mut []).unwrap().available, 0);
}

#[cfg(target_os = "linux")] // On Windows, all of a message can be read as soon as any of it.
#[test]
fn an_old_beginning_does_not_meet_a_new_client() {
    // A message of which the server has a part when it disconnects is gone with its client.
    let name = crate::support::unique_name("old");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .in_buffer_size(10)
        .create(&name)
        .unwrap();
    let open = || -> dotpipe::NamedPipeClient {
        ClientOptions::new()
            .pipe_mode(PipeMode::Message)
            .wait_timeout(Some(dotpipe::WaitTimeout::Forever))
            .open(&name)
            .unwrap()
    };
    let mut message = Vec::new();
    let first = open();
    thread::scope(|scope| {
        let sending = scope.spawn(|| first.send(&[b'x'; 3_000_000]));
        server
            .set_read_timeout(Some(Duration::from_nanos(1)))
            .unwrap();
        until_begun(&server);
        let error = server.recv(&mut message).unwrap_err();
        assert!(error.is_timeout());
        server.disconnect().unwrap();
        let error = sending.join().unwrap().unwrap_err();
        assert_eq!(error.code(), Win32Error::PIPE_NOT_CONNECTED);
    });
    server.set_read_timeout(None).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| open().send(b"new").unwrap());
        server.connect().unwrap_or_else(|error| {
            // It may have come and left already.
            assert_eq!(error.code(), Win32Error::NO_DATA);
        });
        let mut buffer = [0; 99];
        let received = server.recv_into(&mut buffer).unwrap();
        assert_eq!((received.len, received.more), (3, false));
        assert_eq!(&buffer[..3], b"new");
    });
}

/// Until there is something to read.
#[cfg(target_os = "linux")]
fn until_begun(server: &dotpipe::NamedPipeServer) {
    until(|| match server.peek(&mut []).unwrap().available {
        0 => Err(()),
        _ => Ok(()),
    });
}
