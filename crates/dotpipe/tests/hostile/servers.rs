//! Servers that lie, stop in the middle or say nothing: a client's every call ends with an error.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dotpipe::exact;
use dotpipe::options::WaitTimeout;
use dotpipe::win32::Win32Error;
use dotpipe_ring::{Layout, Segment};
use rustix::fs::{MemfdFlags, SealFlags};

use crate::support::*;

const RINGS: (u64, u64) = (4096, 8192);

fn good_memory() -> OwnedFd {
    let layout = Layout::new(RINGS.0 as usize, RINGS.1 as usize).unwrap();
    Segment::create(layout).unwrap().1
}

fn memory(len: u64, seals: SealFlags) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create(c"forged", flags).unwrap();
    rustix::fs::ftruncate(&fd, len).unwrap();
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}

/// What `open` says when a server answers its request by `reply`.
fn open_against(server: &Server, reply: impl FnOnce(&Peer) + Send) -> Option<Win32Error> {
    thread::scope(|scope| {
        let opened = scope.spawn(|| exact::open(&name("p"), BOTH).err());
        let peer = server.receive();
        reply(&peer);
        opened.join().unwrap()
    })
}

#[test]
fn a_server_that_falls_silent_is_asked_once() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let good = good_memory();
        let code = open_against(&server, |peer| {
            peer.send(&answer(0, RINGS), &[good.as_fd()]);
        });
        assert_eq!(code, None);
        // It is the one that was opened last, and so the first to be asked.
        let code = open_against(&server, |_| {});
        assert_eq!(code, Some(Win32Error::SEM_TIMEOUT));
        assert!(!server.has_client(), "it has been asked again");
    });
}

#[test]
fn answers_that_no_server_gives() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let good = answer(0, RINGS);
        let with = |offset: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[offset] = byte;
            bytes
        };
        let answers = [
            (with(0, b'D'), Win32Error::GEN_FAILURE),
            (with(7, 2), Win32Error::NOT_SUPPORTED),
            (with(12, 0), Win32Error::GEN_FAILURE),
            (with(16, 1), Win32Error::GEN_FAILURE),
            (good[..95].to_vec(), Win32Error::GEN_FAILURE),
            (good[..8].to_vec(), Win32Error::GEN_FAILURE),
            ([&good[..], &[0xff; 9]].concat(), Win32Error::GEN_FAILURE),
            (
                [&good[..], &[b'x'; 5_000]].concat(),
                Win32Error::GEN_FAILURE,
            ),
            (vec![0; 1], Win32Error::GEN_FAILURE),
            (answer(4711, RINGS), Win32Error(4711)),
            // Good, and the memory is missing.
            (good.clone(), Win32Error::GEN_FAILURE),
        ];
        for (bytes, code) in answers {
            assert_eq!(
                open_against(&server, |peer| peer.send(&bytes, &[])),
                Some(code)
            );
        }
    });
}

#[test]
fn memory_that_is_not_what_it_should_be() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let sealed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        let len = 0x400 + RINGS.0 + RINGS.1;
        let file = std::fs::File::open("/dev/zero").unwrap();
        let (pipe, _writer) = rustix::pipe::pipe().unwrap();
        let before = descriptors();
        let forged: [fn(u64, SealFlags) -> OwnedFd; 7] = [
            |len, _| memory(len, SealFlags::empty()),
            |len, _| memory(len, SealFlags::GROW | SealFlags::SEAL),
            |len, _| memory(len, SealFlags::SHRINK | SealFlags::SEAL),
            |len, sealed| memory(len, sealed | SealFlags::WRITE),
            |len, sealed| memory(len - 1, sealed),
            |len, sealed| memory(len + 4096, sealed),
            |len, sealed| memory(len, sealed), // without the magic
        ];
        for (place, forge) in forged.iter().enumerate() {
            let fd = forge(len, sealed);
            let code = open_against(&server, |peer| {
                peer.send(&answer(0, RINGS), &[fd.as_fd()]);
            });
            assert_eq!(code, Some(Win32Error::GEN_FAILURE), "memory {place}");
        }
        for fd in [file.as_fd(), pipe.as_fd()] {
            let code = open_against(&server, |peer| peer.send(&answer(0, RINGS), &[fd]));
            assert_eq!(code, Some(Win32Error::GEN_FAILURE));
        }
        for count in [2, 3, 200] {
            let good = good_memory();
            let code = open_against(&server, |peer| {
                peer.send(&answer(0, RINGS), &vec![good.as_fd(); count]);
            });
            assert_eq!(code, Some(Win32Error::GEN_FAILURE), "{count} descriptors");
        }
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn sizes_that_no_ring_has() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let good = good_memory();
        let sizes = [
            0,
            1,
            2048,
            4097,
            12288,
            1 << 31,
            1 << 63,
            u64::MAX,
            u64::MAX - 0x400,
        ];
        let rings = sizes
            .iter()
            .flat_map(|size| [(*size, RINGS.1), (RINGS.0, *size)]);
        // These a ring may have, but not that memory.
        for rings in rings.chain([(RINGS.1, RINGS.0 * 4), (1 << 30, 1 << 30)]) {
            let code = open_against(&server, |peer| {
                peer.send(&answer(0, rings), &[good.as_fd()]);
            });
            assert_eq!(code, Some(Win32Error::GEN_FAILURE), "{rings:?}");
        }
    });
}

/// The bound is five seconds; here it only matters that there is one.
#[test]
fn one_that_says_nothing_is_given_up() {
    alone(|| {
        let _server = Server::listen("p", "1-a");
        assert_eq!(
            exact::open(&name("p"), BOTH).err(),
            Some(Win32Error::SEM_TIMEOUT)
        );
    });
}

/// A wait is no longer than it should be, whoever says nothing.
#[test]
fn one_that_says_nothing_lengthens_no_wait() {
    alone(|| {
        let _server = Server::listen("p", "1-a");
        let start = std::time::Instant::now();
        let wait = exact::wait(&name("p"), WaitTimeout::For(Duration::from_millis(20)));
        assert_eq!(wait, Err(Win32Error::SEM_TIMEOUT));
        let bound_of_an_answer = Duration::from_secs(5);
        assert!(start.elapsed() < bound_of_an_answer);
    });
}

/// Several processes may serve one name; that one of them is stopped is no reason to find none.
#[test]
fn one_that_says_nothing_keeps_nobody_from_the_others() {
    alone(|| {
        let server = create("p");
        let _mute = Server::listen("p", "1-a");
        let _client = exact::open(&name("p"), BOTH).unwrap();
        assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
    });
}

#[test]
fn one_that_hangs_up_at_every_step() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut hears_the_request = false;
                loop {
                    let peer = server.accept();
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    if hears_the_request {
                        peer.hear();
                    }
                    hears_the_request = !hears_the_request;
                }
            });
            let opened = exact::open(&name("p"), BOTH);
            assert_eq!(opened.err(), Some(Win32Error::SEM_TIMEOUT));
            over.store(true, Ordering::Relaxed);
            drop(Client::connect("p")); // ends the wait for the next
        });
        let good = good_memory();
        thread::scope(|scope| {
            let opened = scope.spawn(|| exact::open(&name("p"), BOTH));
            server.receive().send(&answer(0, RINGS), &[good.as_fd()]);
            let client = opened.join().unwrap().unwrap();
            assert_eq!(
                client.read_until(&mut [0; 4], late()),
                Err(Win32Error::BROKEN_PIPE)
            );
            assert_eq!(client.write(b"abc"), Err(Win32Error::NO_DATA));
        });
    });
}
