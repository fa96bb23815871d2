//! What a server can answer, and hand over: a client takes what is good, and every other call of its ends with
//! an error.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dotpipe::exact;
use dotpipe::options::WaitTimeout;
use rustix::fs::SealFlags;

use super::{BYTES, RINGS, good_memory, memory, wrong_descriptors};
use crate::honest::everything;
use crate::support::*;

/// A server that gives everybody the same answer, or hangs up.
#[derive(Default)]
struct Parrot {
    answer: Mutex<Reply>,
    over: AtomicBool,
}

#[derive(Default)]
enum Reply {
    /// Nothing, and goes.
    #[default]
    None,
    /// These bytes and descriptors. A copy of the memory each time: nobody may use another's.
    Packet(Vec<u8>, Option<fn() -> OwnedFd>, usize),
}

impl Parrot {
    /// Runs `body` while it answers whoever opens `p`.
    fn while_it_answers(body: impl FnOnce(&Parrot)) {
        let server = Server::listen("p", "1-a");
        let parrot = Parrot::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                // The last one is kept, so that an honest client has its conversation.
                let kept = RefCell::new(None);
                loop {
                    let peer = server.accept();
                    if parrot.over.load(Ordering::Relaxed) {
                        return;
                    }
                    peer.hear();
                    if let Reply::Packet(bytes, memory, count) = &*parrot.answer.lock().unwrap() {
                        let memory = memory.map(|make| make());
                        let fds: Vec<_> = memory
                            .iter()
                            .flat_map(|memory| vec![memory.as_fd(); *count])
                            .collect();
                        peer.send(bytes, &fds);
                        kept.replace(Some(peer));
                    }
                }
            });
            body(&parrot);
            parrot.over.store(true, Ordering::Relaxed);
            drop(Client::connect("p"));
        });
    }

    fn says(&self, bytes: &[u8], memory: Option<fn() -> OwnedFd>, count: usize) {
        *self.answer.lock().unwrap() = Reply::Packet(bytes.to_vec(), memory, count);
    }

    /// Everything that a client can ask ends, and an open as it should.
    fn is_borne(&self, is_good: bool) {
        let opened = exact::open(&name("p"), BOTH);
        assert_eq!(opened.is_ok(), is_good, "{:?}", opened.err());
        if let Ok(client) = opened {
            everything(&client);
        }
        let short = WaitTimeout::For(Duration::from_millis(1));
        let _ = exact::wait(&name("p"), short);
        let _ = exact::status(&name("p"));
        let _ = exact::exists(&name("p"));
        if let Ok(descriptor) = exact::security(&name("p")) {
            let _ = descriptor.to_string();
        }
        let _ = exact::call(
            &name("p"),
            b"q",
            &mut [0; 9],
            short,
            Some(std::time::Instant::now()),
        );
    }
}

/// Whether an open succeeds with this answer and good memory.
fn opens(bytes: &[u8]) -> bool {
    let word = |place: usize| u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap());
    bytes.len() >= 96
        && bytes[..8] == *b"dotpipe\x01"
        && word(8) == 0
        && (1..=3).contains(&word(12))
        && [0, 4].contains(&word(16))
        && bytes[64..80] == answer(0, RINGS)[64..80]
        && [0, 2].contains(&bytes[88])
        && bytes[89..96] == [0; 7]
        && bytes.len() <= 96 + 4096
        && std::str::from_utf8(&bytes[96..]).is_ok()
}

#[test]
fn every_byte_of_an_answer() {
    alone(|| {
        Parrot::while_it_answers(|parrot| {
            let good = answer(0, RINGS);
            parrot.says(&good, Some(good_memory), 1);
            parrot.is_borne(true);
            let before = descriptors();
            for place in 0..good.len() {
                for byte in BYTES.into_iter().skip(place % 3).step_by(3) {
                    let mut bytes = good.clone();
                    bytes[place] = byte;
                    parrot.says(&bytes, Some(good_memory), 1);
                    parrot.is_borne(opens(&bytes));
                }
            }
            until("descriptors are closed", || descriptors() <= before + 2);
        });
    });
}

#[test]
fn every_length_of_an_answer() {
    alone(|| {
        Parrot::while_it_answers(|parrot| {
            let good = answer(0, RINGS);
            for len in 0..good.len() {
                parrot.says(&good[..len], Some(good_memory), 1);
                parrot.is_borne(false);
            }
            for more in [1, 2, 100, 4095, 4096, 4097, 60_000] {
                for byte in [0, b'x', 0xff] {
                    let mut bytes = good.clone();
                    bytes.resize(good.len() + more, byte);
                    parrot.says(&bytes, Some(good_memory), 1);
                    parrot.is_borne(opens(&bytes));
                }
            }
            // Goes without a word.
            *parrot.answer.lock().unwrap() = Reply::None;
            parrot.is_borne(false);
        });
    });
}

const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);
const LEN: u64 = 0x400 + RINGS.0 + RINGS.1;

/// The memory that a server hands over is what it should be, or nothing.
#[test]
fn memory_of_the_wrong_kind() {
    /// Good but for one thing: it cannot be written through this descriptor.
    fn read_only() -> OwnedFd {
        use std::os::fd::AsRawFd;
        let memory = good_memory();
        let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
        File::open(path).unwrap().into()
    }
    /// The right length, and it can still be taken away.
    fn unsealed() -> OwnedFd {
        let memory = memory(LEN, SealFlags::empty());
        rustix::io::pwrite(&memory, b"dotpipe\x01", 0).unwrap();
        memory
    }
    fn nth<const N: usize>() -> OwnedFd {
        wrong_descriptors().swap_remove(N)
    }
    alone(|| {
        Parrot::while_it_answers(|parrot| {
            let kinds: [fn() -> OwnedFd; 20] = [
                read_only,
                unsealed,
                || memory(LEN, SealFlags::SHRINK | SealFlags::SEAL),
                || memory(LEN, SealFlags::GROW | SealFlags::SEAL),
                || memory(LEN, SEALS | SealFlags::WRITE),
                || memory(LEN, SEALS | SealFlags::FUTURE_WRITE),
                || memory(LEN, SEALS),
                || memory(LEN - 1, SEALS),
                || memory(LEN - 4096, SEALS),
                || memory(LEN + 4096, SEALS),
                || memory(0, SEALS),
                || memory(1 << 40, SEALS),
                nth::<0>,
                nth::<2>,
                nth::<4>,
                nth::<5>,
                nth::<6>,
                nth::<7>,
                nth::<8>,
                nth::<12>,
            ];
            let before = descriptors();
            for (place, kind) in kinds.into_iter().enumerate() {
                parrot.says(&answer(0, RINGS), Some(kind), 1);
                let opened = exact::open(&name("p"), BOTH);
                assert!(opened.is_err(), "memory {place}");
                let _ = std::fs::remove_file(directory().with_file_name("bound"));
            }
            for count in [0, 2, 253] {
                parrot.says(&answer(0, RINGS), Some(good_memory), count);
                assert!(exact::open(&name("p"), BOTH).is_err(), "{count}");
            }
            // It says that the client has the memory already.
            let mut recycled = answer(0, RINGS);
            recycled[88] = 1;
            for memory in [None, Some(good_memory as fn() -> OwnedFd)] {
                parrot.says(&recycled, memory, 1);
                assert!(exact::open(&name("p"), BOTH).is_err());
            }
            parrot.says(&answer(0, RINGS), Some(good_memory), 1);
            assert!(exact::open(&name("p"), BOTH).is_ok());
            until("descriptors are closed", || descriptors() <= before + 2);
        });
    });
}
