//! Pipes as streams of bytes, through the traits of the standard library.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::thread;

use dotpipe::error::Error;
use dotpipe::{PipeMode, ServerOptions, WaitMode, Win32Error};

use crate::support::sync::{fill, pair, pair_of};

#[test]
fn writes_run_together() {
    let (mut server, mut client) = pair(PipeMode::Byte);
    client.write_all(b"one").unwrap();
    client.write_all(b"two").unwrap();
    let mut buffer = [0; 99];
    assert_eq!(server.read(&mut buffer).unwrap(), 6);
    assert_eq!(&buffer[..6], b"onetwo");

    // The same on a message pipe, in message read mode.
    let (mut server, mut client) = pair(PipeMode::Message);
    client.write_all(b"one").unwrap();
    client.write_all(b"two").unwrap();
    assert_eq!(server.read(&mut buffer).unwrap(), 3);
    assert_eq!(&buffer[..3], b"one");
}

#[test]
fn a_copy_arrives_whole_in_both_modes() {
    let data = fill(1_500_000, 5);
    for mode in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair(mode);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut client = client;
                io::copy(&mut &data[..], &mut client).unwrap();
            });
            let mut received = Vec::new();
            io::copy(&mut &server, &mut received).unwrap();
            assert!(received == data, "{mode:?}");
        });
    }
}

#[test]
fn references_read_and_write_too() {
    let (server, client) = pair(PipeMode::Byte);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut lines = BufReader::new(&server).lines();
            while let Some(Ok(line)) = lines.next() {
                writeln!(&server, "{}", line.to_uppercase()).unwrap();
            }
            // The end of the file, and no error.
            assert!(lines.next().is_none());
        });
        let mut answers = BufReader::new(&client);
        let mut answer = String::new();
        for word in ["one", "two"] {
            writeln!(&client, "{word}").unwrap();
            (&client).flush().unwrap();
            answer.clear();
            answers.read_line(&mut answer).unwrap();
            assert_eq!(answer.trim_end(), word.to_uppercase());
        }
        drop(client);
    });
}

#[test]
fn the_end_of_a_conversation_is_the_end_of_the_file() {
    let (mut server, client) = pair(PipeMode::Byte);
    let mut buffer = [0; 9];
    (&client).write_all(b"last").unwrap();
    drop(client);
    assert_eq!(server.read(&mut buffer).unwrap(), 4);
    for _ in 0..2 {
        assert_eq!(server.read(&mut buffer).unwrap(), 0);
    }
    let error = server.write(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    // A disconnect loses data: that is an error.
    let (server, mut client) = pair(PipeMode::Byte);
    (&server).write_all(b"lost").unwrap();
    server.disconnect().unwrap();
    let error = client.read(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn an_empty_message_is_not_the_end_of_the_file() {
    let (mut server, client) = pair(PipeMode::Message);
    for message in [b"a".as_slice(), b"", b"", b"b", b""] {
        client.send(message).unwrap();
    }
    drop(client);
    let mut all = Vec::new();
    server.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"ab");
}

#[test]
fn a_read_into_nothing_does_not_wait() {
    let (mut server, _client) = pair(PipeMode::Byte);
    assert_eq!(server.read(&mut []).unwrap(), 0);
}

#[test]
fn a_message_can_be_read_in_pieces() {
    let (mut server, client) = pair(PipeMode::Message);
    client.send(b"abcdef").unwrap();
    let mut buffer = [0; 4];
    assert_eq!(server.read(&mut buffer).unwrap(), 4);
    assert_eq!(server.read(&mut buffer).unwrap(), 2);
    assert_eq!(&buffer[..2], b"ef");
}

#[test]
fn a_write_waits_for_its_reader_beyond_the_quota() {
    let (server, client) = pair_of(ServerOptions::new().in_buffer_size(0));
    thread::scope(|scope| {
        let writing = scope.spawn(|| (&client).write_all(b"abcd").unwrap());
        let mut half = [0; 2];
        (&server).read_exact(&mut half).unwrap();
        assert!(!writing.is_finished());
        (&server).read_exact(&mut half).unwrap();
        assert_eq!(&half, b"cd");
    });
}

#[test]
fn flush_does_not_wait_and_flush_pipe_does() {
    let (server, client) = pair(PipeMode::Byte);
    (&client).write_all(b"abc").unwrap();
    // Nobody has read it.
    (&client).flush().unwrap();
    thread::scope(|scope| {
        let flushing = scope.spawn(|| client.flush_pipe().unwrap());
        assert_eq!(server.peek(&mut []).unwrap().available, 3);
        assert!(!flushing.is_finished());
        (&server).read_exact(&mut [0; 3]).unwrap();
    });
}

#[test]
fn peek_takes_nothing() {
    let (server, client) = pair(PipeMode::Byte);
    assert_eq!(server.peek(&mut [0; 4]).unwrap().len, 0);
    (&client).write_all(b"abc").unwrap();
    (&client).write_all(b"def").unwrap();
    let mut buffer = [0; 4];
    for _ in 0..2 {
        let peeked = server.peek(&mut buffer).unwrap();
        assert_eq!((peeked.len, peeked.available), (4, 6));
        assert_eq!(&buffer, b"abcd");
    }
}

#[test]
fn non_blocking_ends_would_block() {
    let (server, client) = pair_of(ServerOptions::new().out_buffer_size(4));
    server.set_wait_mode(WaitMode::NonBlocking).unwrap();
    let error = (&server).read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(Error::from_io(&error).unwrap().code(), Win32Error::NO_DATA);

    // A write that finds no room is a success of nothing to Win32, which `write_all` would take for
    // the end.
    (&server).write_all(b"abcd").unwrap();
    let error = (&server).write_all(b"e").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    (&client).read_exact(&mut [0; 4]).unwrap();
    (&server).write_all(b"e").unwrap();
}
