//! Waiting with `poll`: the rules of `arm` and `poll_descriptor`.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::thread;

use dotpipe::sync::Interest;
use dotpipe::{NamedPipeServer, PipeMode, ServerOptions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::support::sync::{pair, pair_of};

/// Waits as the rules say until one of `interest` can be done.
fn wait_for(server: &NamedPipeServer, descriptor: &OwnedFd, interest: Interest) -> Interest {
    loop {
        let ready = server.arm(interest).unwrap();
        if !ready.is_empty() {
            return ready;
        }
        poll(&mut [PollFd::new(descriptor, PollFlags::IN)], None).unwrap();
    }
}

#[test]
fn data_wake_whoever_armed() {
    for mode in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair(mode);
        let descriptor = server.poll_descriptor().unwrap();
        assert_eq!(server.arm(Interest::READABLE).unwrap(), Interest::empty());
        assert_eq!(
            server.arm(Interest::READABLE | Interest::WRITABLE).unwrap(),
            Interest::WRITABLE
        );
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..100u8 {
                    (&client).write_all(&[round]).unwrap();
                    // One at a time, so that the server sleeps in between.
                    (&client).read_exact(&mut [0]).unwrap();
                }
            });
            for round in 0..100u8 {
                let ready = wait_for(&server, &descriptor, Interest::READABLE);
                assert_eq!(ready, Interest::READABLE);
                let mut byte = [0];
                assert_eq!((&server).read(&mut byte).unwrap(), 1);
                assert_eq!(byte, [round]);
                (&server).write_all(&byte).unwrap();
            }
        });
    }
}

#[test]
fn room_wakes_whoever_armed() {
    let (server, client) = pair_of(ServerOptions::new().out_buffer_size(100));
    let descriptor = server.poll_descriptor().unwrap();
    (&server).write_all(&[1; 100]).unwrap();
    assert_eq!(server.arm(Interest::WRITABLE).unwrap(), Interest::empty());
    thread::scope(|scope| {
        scope.spawn(|| (&client).read_exact(&mut [0; 100]).unwrap());
        let ready = wait_for(&server, &descriptor, Interest::WRITABLE);
        assert_eq!(ready, Interest::WRITABLE);
    });
    (&server).write_all(&[2; 100]).unwrap();
}

#[test]
fn the_end_wakes_whoever_armed() {
    let (server, client) = pair(PipeMode::Byte);
    let descriptor = server.poll_descriptor().unwrap();
    assert_eq!(server.arm(Interest::READABLE).unwrap(), Interest::empty());
    thread::scope(|scope| {
        scope.spawn(move || drop(client));
        let ready = wait_for(&server, &descriptor, Interest::READABLE);
        assert_eq!(ready, Interest::READABLE);
    });
    assert_eq!((&server).read(&mut [0]).unwrap(), 0);
}

#[test]
fn nothing_wakes_without_cause() {
    let (server, _client) = pair(PipeMode::Byte);
    let descriptor = server.poll_descriptor().unwrap();
    assert_eq!(server.arm(Interest::READABLE).unwrap(), Interest::empty());
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let woken = poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&now)).unwrap();
    assert_eq!(woken, 0);
}
