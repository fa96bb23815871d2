//! A peer, a thread here, that writes anything anywhere into the shared pages while the other side works through
//! everything that an end can do: the honest side never panics and never hangs, and ends with an error.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dotpipe::exact::{self, End};
use dotpipe::options::{CreateOptions, PipeMode, WaitMode};
use dotpipe::win32::Win32Error;
use dotpipe_ring::{Direction, Layout, Segment};

use crate::honest::{Dice, act};
use crate::support::*;

/// Where the words stand by which two ends agree, a group for every kind: what the ends say of
/// themselves (but not that they have gone), how far writers are, how far readers are.
const WORDS: [&[usize]; 3] = [
    &[
        0x088, 0x090, 0x098, 0x0a0, 0x0a8, 0x108, 0x110, 0x118, 0x120, 0x128,
    ],
    &[0x180, 0x188, 0x190, 0x280, 0x288, 0x290],
    &[0x200, 0x208, 0x210, 0x300, 0x308, 0x310],
];

/// What is forged in one conversation: a lie that is found out ends it, so one that lies about
/// everything does not come far.
#[derive(Clone, Copy)]
pub(crate) enum Lies {
    /// The first entries of both rings.
    Entries,
    Words(&'static [usize]),
    Everything,
}

impl Lies {
    pub(crate) fn of(seed: u64) -> Lies {
        match seed % 6 {
            0 => Lies::Everything,
            place @ 1..=3 => Lies::Words(WORDS[place as usize - 1]),
            _ => Lies::Entries,
        }
    }
}

pub(crate) fn forge(segment: &Segment, dice: &mut Dice, lies: Lies) {
    let second = segment.layout().ring_len(Direction::ServerToClient);
    // Mostly where the first entry begins, which is looked at.
    let entry = 0x400 + dice.pick(&[0, second]) + 8 * dice.pick(&[0, 0, 0, 1, 2, 3, 13, 14]);
    let offset = match lies {
        Lies::Entries => entry,
        Lies::Words(words) => dice.pick(words),
        Lies::Everything => match dice.below(6) {
            0 => dice.pick(&[0x080, 0x100]), // that an end has gone
            group @ 1..=3 => dice.pick(WORDS[group as usize - 1]),
            _ => entry,
        },
    };
    let len = dice.pick(&[0, 1, 7, 8, 100, 4096, 1 << 20, u64::from(u32::MAX)]);
    let value = match dice.below(5) {
        0 => dice.pick(&[0, 1, 2, 3, 8, 16, u64::MAX, u64::MAX - 7, 1 << 32, 1 << 63]),
        1 | 2 => dice.below(6) << 32 | len, // a header
        3 => dice.below(64) * 8,            // a position
        _ => dice.roll(),
    };
    segment.forge(offset, value);
}

/// The honest side acts, alone and with a second thread, while the memory changes under it; in the
/// end everything that it could wait for has ended.
fn bear(end: &End, segment: &Segment, seed: u64) {
    let scrambled = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (over, lies) = (AtomicBool::new(false), Lies::of(seed));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice(scrambled);
            while !over.load(Ordering::Relaxed) {
                forge(segment, &mut dice, lies);
                // Some leave the honest side more time than others, to come further.
                for _ in 0..dice.below(100 << (seed % 9)) {
                    std::hint::spin_loop();
                }
            }
        });
        let second = scope.spawn(|| {
            let mut dice = Dice(scrambled ^ 0xabcd);
            for _ in 0..25 {
                act(end, &mut dice);
            }
        });
        let mut dice = Dice(scrambled ^ 0x1234);
        for _ in 0..40 {
            if act(end, &mut dice) {
                break;
            }
        }
        second.join().unwrap();
        over.store(true, Ordering::Relaxed);
    });
}

const CONVERSATIONS: u64 = 60;

#[test]
fn a_server_end_bears_its_client() {
    alone(|| {
        let options = CreateOptions {
            pipe_type: PipeMode::Message,
            ..CreateOptions::default()
        };
        let server = exact::create(&name("p"), &options).unwrap();
        for seed in 1..=CONVERSATIONS {
            let (client, segment) = Client::open("p");
            bear(&server, &segment, seed);
            drop(client);
            let _ = server.set_state(PipeMode::Byte, WaitMode::Blocking);
            // It hears the end, and the instance is as good as new.
            until("the end is heard", || {
                server.read_until(&mut [0; 99], late()).is_err()
            });
            assert!(server.write_until(b"more", late()).is_err());
            server.disconnect().unwrap();
            drop(server.start_connect());
        }
        let client = exact::open(&name("p"), BOTH).unwrap();
        client.write(b"honest").unwrap();
        assert_eq!(server.read(&mut [0; 9]).unwrap().len, 6);
    });
}

#[test]
fn a_client_end_bears_its_server() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let rings = (1 << 16, 1 << 17);
        for seed in 1..=CONVERSATIONS {
            let layout = Layout::new(rings.0 as usize, rings.1 as usize).unwrap();
            let (segment, memory) = Segment::create(layout).unwrap();
            thread::scope(|scope| {
                let opened = scope.spawn(|| exact::open(&name("p"), BOTH).unwrap());
                let peer = server.receive();
                peer.send(&answer(0, rings), &[memory.as_fd()]);
                let client = opened.join().unwrap();
                bear(&client, &segment, seed);
                drop(peer);
                let _ = client.set_state(PipeMode::Byte, WaitMode::Blocking);
                until("the end is heard", || {
                    client.read_until(&mut [0; 99], late()).is_err()
                });
                assert!(client.write_until(b"more", late()).is_err());
            });
        }
    });
}

/// It had claimed to have read what was then taken back.
#[test]
fn a_reader_may_claim_what_was_taken_back() {
    alone(|| {
        let server = exact::create(
            &name("p"),
            &CreateOptions {
                out_quota: 10,
                ..CreateOptions::default()
            },
        )
        .unwrap();
        let (_client, segment) = Client::open("p");
        server.start_write(vec![1; 100]).cancel().unwrap();
        segment.forge(0x208, 100);
        server
            .set_state(PipeMode::Byte, WaitMode::NonBlocking)
            .unwrap();
        assert_eq!(server.write(b"abc"), Ok(3));
    });
}

/// The first of two writes cannot be taken back, because its header is gone; the second is not
/// begun then.
#[test]
fn a_reader_may_wipe_out_a_header() {
    alone(|| {
        let server = exact::create(
            &name("p"),
            &CreateOptions {
                out_quota: 10,
                ..CreateOptions::default()
            },
        )
        .unwrap();
        let (_client, segment) = Client::open("p");
        let one = server.start_write(vec![1; 1 << 20]);
        let two = server.start_write(vec![2; 1 << 20]);
        segment.forge(0x400, 77 << 32);
        assert_eq!(one.cancel(), Ok(()));
        assert_eq!(two.wait(), Err(Win32Error::BROKEN_PIPE));
        assert_eq!(server.write(b"abc"), Err(Win32Error::NO_DATA));
    });
}
