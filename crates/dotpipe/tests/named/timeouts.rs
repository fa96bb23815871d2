//! Time-outs of reads and writes, and what is left when one has passed.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use dotpipe::{PipeMode, ServerOptions, Win32Error};

use crate::support::sync::{fill, pair, pair_of};

/// Time that passes before anything else can happen.
const SHORTEST: Option<Duration> = Some(Duration::from_nanos(1));

#[test]
fn they_are_kept_and_can_be_taken_back() {
    let (server, _client) = pair(PipeMode::Byte);
    assert_eq!(
        (server.read_timeout(), server.write_timeout()),
        (None, None)
    );
    server
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    server.set_write_timeout(SHORTEST).unwrap();
    assert_eq!(server.read_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(server.write_timeout(), SHORTEST);
    server.set_read_timeout(None).unwrap();
    assert_eq!(server.read_timeout(), None);

    let error = server.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(error.code(), Win32Error::INVALID_PARAMETER);
    let error = server.set_write_timeout(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(error.code(), Win32Error::INVALID_PARAMETER);
    assert_eq!(server.write_timeout(), SHORTEST);
}

#[test]
fn a_read_that_runs_out_of_time_leaves_the_data() {
    for mode in [PipeMode::Byte, PipeMode::Message] {
        let (server, mut client) = pair(mode);
        server.set_read_timeout(SHORTEST).unwrap();
        let mut buffer = [0; 9];
        let error = (&server).read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        client.write_all(b"abc").unwrap();
        // What is there is read, however little time there is.
        assert_eq!((&server).read(&mut buffer).unwrap(), 3);
    }
}

#[test]
fn a_receive_that_runs_out_of_time_takes_nothing() {
    let (server, client) = pair(PipeMode::Message);
    server.set_read_timeout(SHORTEST).unwrap();
    let mut message = b"old".to_vec();
    let error = server.recv(&mut message).unwrap_err();
    assert!(error.is_timeout());
    assert!(message.is_empty());
    client.send(b"abc").unwrap();
    assert_eq!(server.recv(&mut message).unwrap(), 3);
}

#[test]
fn a_receive_waits_for_its_turn_no_longer_than_for_data() {
    let (server, client) = pair(PipeMode::Message);
    thread::scope(|scope| {
        // This one has the turn, or will have it after the other one: it has no time-out.
        let first = scope.spawn(|| server.recv(&mut Vec::new()));
        while !first.is_finished() {
            // At first there may be nothing to cancel.
            let _ = server.cancel();
            thread::yield_now();
        }
        assert!(first.join().unwrap().unwrap_err().is_cancelled());

        let (started, starting) = std::sync::mpsc::channel();
        let first = scope.spawn({
            let server = &server;
            move || {
                started.send(()).unwrap();
                server.recv(&mut Vec::new())
            }
        });
        starting.recv().unwrap();
        server.set_read_timeout(SHORTEST).unwrap();
        // Both may have the time-out by now; that the second one comes back is what matters.
        let error = server.recv(&mut Vec::new()).unwrap_err();
        assert!(error.is_timeout());
        client.send(b"x").unwrap();
        match first.join().unwrap() {
            Ok(length) => assert_eq!(length, 1),
            Err(error) => assert!(error.is_timeout()),
        }
    });
}

#[test]
fn a_write_that_runs_out_of_time_is_taken_back() {
    let (mut server, mut client) = pair_of(ServerOptions::new().in_buffer_size(4));
    client.write_all(b"abcd").unwrap();
    client.set_write_timeout(SHORTEST).unwrap();
    let error = client.write(b"too much").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    client.set_write_timeout(None).unwrap();
    let mut buffer = [0; 99];
    assert_eq!(server.read(&mut buffer).unwrap(), 4);
    assert_eq!(server.peek(&mut buffer).unwrap().available, 0);
    client.write_all(b"more").unwrap();
    assert_eq!(server.read(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"more");
}

#[test]
fn a_send_that_runs_out_of_time_leaves_no_part_of_the_message() {
    // Longer than the memory of the pipe, so that it is still being written when the time is up.
    let (server, client) = pair(PipeMode::Message);
    client.set_write_timeout(SHORTEST).unwrap();
    let error = client.send(&fill(5_000_000, 1)).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.operation(), "send");
    client.set_write_timeout(None).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| client.send(b"next").unwrap());
        let mut message = Vec::new();
        server.recv(&mut message).unwrap();
        assert_eq!(message, b"next");
    });
}

#[test]
fn a_flush_runs_out_of_time() {
    let (server, client) = pair(PipeMode::Message);
    client.send(b"unread").unwrap();
    client.set_write_timeout(SHORTEST).unwrap();
    assert!(client.flush_pipe().unwrap_err().is_timeout());
    // The message is none the worse for it.
    let mut message = Vec::new();
    server.recv(&mut message).unwrap();
    assert_eq!(message, b"unread");
    client.flush_pipe().unwrap();
}
