//! Questions and replies: transactions and calls.

use std::thread;
use std::time::Duration;

use dotpipe::sync::call;
use dotpipe::{NamedPipeServer, PipeMode, ServerOptions, WaitTimeout, Win32Error};

use crate::support::sync::{fill, pair};
use crate::support::unique_name;

/// Answers every question with as many bytes as it asks for, until the client has gone.
fn serve(server: &NamedPipeServer) {
    let mut question = Vec::new();
    while server.recv(&mut question).is_ok() {
        let size: usize = String::from_utf8_lossy(&question).parse().unwrap();
        server.send(&fill(size, size)).unwrap();
    }
}

const SIZES: &[usize] = &[0, 1, 512, 513, 4096, 4097, 65536, 65537, 1_000_000];

#[test]
fn a_transaction_gets_the_whole_reply() {
    let (server, client) = pair(PipeMode::Message);
    thread::scope(|scope| {
        scope.spawn(|| serve(&server));
        let mut reply = b"what was here before".to_vec();
        for &size in SIZES {
            let count = client
                .transact(size.to_string().as_bytes(), &mut reply)
                .unwrap();
            assert_eq!(count, size);
            assert!(reply == fill(size, size), "{size} bytes");
        }
        drop(client);
    });
}

#[test]
fn a_transaction_goes_the_other_way_too() {
    let (server, client) = pair(PipeMode::Message);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut question = Vec::new();
            client.recv(&mut question).unwrap();
            question.reverse();
            client.send(&question).unwrap();
        });
        let mut reply = Vec::new();
        server.transact(b"abc", &mut reply).unwrap();
        assert_eq!(reply, b"cba");
    });
}

#[test]
fn a_transaction_refuses_what_it_cannot_do() {
    let (server, client) = pair(PipeMode::Message);
    let mut reply = b"old".to_vec();
    server.send(b"unread").unwrap();
    let error = client.transact(b"x", &mut reply).unwrap_err();
    assert!(error.is_busy());
    assert!(error.hint().unwrap().contains("unread"));
    assert!(reply.is_empty());
    client.recv(&mut reply).unwrap();
    // The question was not asked.
    assert_eq!(server.peek(&mut []).unwrap().available, 0);

    client.set_read_mode(PipeMode::Byte).unwrap();
    let error = client.transact(b"x", &mut reply).unwrap_err();
    assert_eq!(error.code(), Win32Error::BAD_PIPE);
    client.set_read_mode(PipeMode::Message).unwrap();
    drop(server);
    let error = client.transact(b"x", &mut reply).unwrap_err();
    assert_eq!(error.code(), Win32Error::BAD_PIPE);
}

#[test]
fn a_late_reply_is_the_next_message() {
    let (server, client) = pair(PipeMode::Message);
    let mut reply = Vec::new();
    client
        .set_read_timeout(Some(Duration::from_nanos(1)))
        .unwrap();
    let error = client.transact(b"3", &mut reply).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.operation(), "transact");
    client.set_read_timeout(None).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| serve(&server));
        assert_eq!(client.recv(&mut reply).unwrap(), 3);
        drop(client);
    });
}

#[test]
fn a_call_gets_the_whole_reply() {
    let name = unique_name("call");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .create(&name)
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in SIZES {
                server.connect().unwrap();
                serve(&server);
                server.disconnect().unwrap();
            }
        });
        let mut reply = Vec::new();
        for &size in SIZES {
            let question = size.to_string();
            let count = call(&name, question.as_bytes(), &mut reply, WaitTimeout::Forever);
            assert_eq!(count.unwrap(), size);
            assert!(reply == fill(size, size), "{size} bytes");
        }
    });
}

#[test]
fn a_call_says_why_it_failed() {
    let mut reply = Vec::new();
    let mut failure = |name: &str, timeout| {
        let error = call(name, b"x", &mut reply, timeout).unwrap_err();
        assert_eq!(error.operation(), "call");
        error.code()
    };
    let name = unique_name("fails");
    let text = name.to_string();
    assert_eq!(failure("x", WaitTimeout::Default), Win32Error::INVALID_NAME);
    assert_eq!(
        failure(&text, WaitTimeout::Forever),
        Win32Error::FILE_NOT_FOUND
    );

    let server = ServerOptions::new().create(&name).unwrap();
    assert_eq!(
        failure(&text, WaitTimeout::Default),
        Win32Error::INVALID_PARAMETER
    );
    // The instance has met its client; there is none for the next.
    drop(server);
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .create(&name)
        .unwrap();
    let _client = dotpipe::ClientOptions::new().open(&name).unwrap();
    assert_eq!(
        failure(&text, WaitTimeout::Default),
        Win32Error::SEM_TIMEOUT
    );
    drop(server);
}
