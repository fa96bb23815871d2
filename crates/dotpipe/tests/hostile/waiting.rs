//! Waits that must end: none misses what it waits for, none is longer than its limit.

use std::thread;
use std::time::{Duration, Instant};

use dotpipe::exact::{self, Interest};
use dotpipe::options::{CreateOptions, PipeMode, WaitMode, WaitTimeout};
use dotpipe::win32::Win32Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::support::*;

const LONG: WaitTimeout = WaitTimeout::For(Duration::from_secs(20));

/// More than a server keeps waiting at a time, and than a user has watchers of folders.
#[test]
fn three_hundred_wait_for_one_instance() {
    alone(|| {
        limit_descriptors(4096);
        let server = create("p");
        let client = exact::open(&name("p"), BOTH).unwrap();
        thread::scope(|scope| {
            let wait = || exact::wait(&name("p"), LONG);
            let waiters: Vec<_> = (0..300).map(|_| scope.spawn(wait)).collect();
            server.disconnect().unwrap();
            let connect = server.start_connect();
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), Ok(()));
            }
            drop(connect);
        });
        drop(client);
    });
}

/// The instance listens again at the very time at which a client asks to wait for it.
#[test]
fn a_wait_misses_no_instance() {
    alone(|| {
        let server = create("p");
        for round in 0..200 {
            let client = exact::open(&name("p"), BOTH).unwrap();
            thread::scope(|scope| {
                // Shorter than the time after which a waiter looks again by itself.
                let short = WaitTimeout::For(Duration::from_millis(900));
                let waiter = scope.spawn(move || exact::wait(&name("p"), short));
                for _ in 0..round * 97 {
                    std::hint::spin_loop();
                }
                server.disconnect().unwrap();
                let connect = server.start_connect();
                assert_eq!(waiter.join().unwrap(), Ok(()), "round {round}");
                drop(connect);
            });
            drop(client);
        }
    });
}

#[test]
fn the_deadline_of_a_call_holds_for_its_wait() {
    alone(|| {
        let _server = create("p");
        let _client = exact::open(&name("p"), BOTH).unwrap();
        let soon = Some(Instant::now() + Duration::from_millis(20));
        let called = exact::call(&name("p"), b"q", &mut [0; 9], WaitTimeout::Forever, soon);
        assert_eq!(called, Err(Win32Error::SEM_TIMEOUT));
    });
}

/// The deadline holds behind another read, though there are data (which are the other's).
#[test]
fn the_deadline_of_a_read_holds_behind_another() {
    alone(|| {
        let server = create("p");
        let (client, segment) = Client::open("p");
        thread::scope(|scope| {
            let first = scope.spawn(|| server.read_until(&mut [0; 9], late()));
            thread::sleep(Duration::from_millis(20)); // which comes first decides nothing
            // An entry of which nothing is there yet: the first read holds on to it.
            segment.forge(0x280, 16);
            segment.forge(0x400 + ring_of(&server), 2 << 32 | 100);
            let soon = Some(Instant::now() + Duration::from_millis(20));
            assert_eq!(
                server.read_until(&mut [0; 9], soon),
                Err(Win32Error::SEM_TIMEOUT)
            );
            drop(client);
            assert_eq!(first.join().unwrap(), Err(Win32Error::BROKEN_PIPE));
        });
    });
}

/// A client that is killed says nothing; an end that never sleeps hears of it all the same.
#[test]
fn a_non_blocking_read_learns_of_a_death() {
    alone(|| {
        let server = create("p");
        let (client, _segment) = Client::open("p");
        server
            .set_state(PipeMode::Byte, WaitMode::NonBlocking)
            .unwrap();
        assert_eq!(server.read(&mut [0; 4]), Err(Win32Error::NO_DATA));
        drop(client);
        until("it is heard of", || {
            server.read(&mut [0; 4]) == Err(Win32Error::BROKEN_PIPE)
        });
        assert_eq!(
            server.start_read(4).result(),
            Some(Err(Win32Error::BROKEN_PIPE))
        );
    });
}

/// Whoever waits with `poll` is woken, whatever else was done on the end after it was armed.
#[test]
fn an_armed_descriptor_stays_armed() {
    alone(|| {
        let server = exact::create(
            &name("p"),
            &CreateOptions {
                out_quota: 4,
                ..CreateOptions::default()
            },
        )
        .unwrap();
        let client = exact::open(&name("p"), BOTH).unwrap();
        let descriptor = server.poll_descriptor().unwrap();
        let is_woken = || {
            let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
            let limit = Timespec {
                tv_sec: 10,
                tv_nsec: 0,
            };
            poll(&mut fds, Some(&limit)) == Ok(1)
        };
        assert_eq!(server.arm(Interest::READABLE), Ok(Interest::empty()));
        assert_eq!(server.peek(&mut []).unwrap().available, 0);
        assert_eq!(server.cancel(), Err(Win32Error::NOT_FOUND));
        client.write(b"abc").unwrap();
        assert!(is_woken());
        assert_eq!(server.arm(Interest::READABLE), Ok(Interest::READABLE));

        server.write(b"full").unwrap();
        assert_eq!(server.arm(Interest::WRITABLE), Ok(Interest::empty()));
        assert_eq!(server.cancel(), Err(Win32Error::NOT_FOUND));
        client.read(&mut [0; 4]).unwrap();
        assert!(is_woken());
        assert_eq!(server.arm(Interest::WRITABLE), Ok(Interest::WRITABLE));
    });
}

/// One read passes over a hundred thousand empty messages. Counting what is behind each of them
/// anew would take minutes, in which a whole server would stand still.
#[test]
fn empty_messages_are_passed_over_at_once() {
    alone(|| {
        let server = exact::create(
            &name("p"),
            &CreateOptions {
                pipe_type: PipeMode::Message,
                in_quota: 1 << 20,
                ..CreateOptions::default()
            },
        )
        .unwrap();
        let client = exact::open(&name("p"), BOTH).unwrap();
        for _ in 0..100_000 {
            client.write(b"").unwrap();
        }
        client.write(b"x").unwrap();
        assert_eq!(server.read(&mut [0; 4]).unwrap().len, 1);
    });
}

/// The length of the ring in front of the client's: the server's, whose quota is the usual one.
fn ring_of(server: &exact::End) -> usize {
    dotpipe_ring::Layout::ring_for_quota(server.info().unwrap().out_quota)
}
