//! Malformed handshakes, one field, one length and one kind of descriptor after the other, in both directions:
//! each has the one answer that it must have, and the next client or server finds everything as it was.
//!
//! What is good is said here once more by hand, like the wire format in [`support`](crate::support).

mod answers;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use dotpipe::exact;
use dotpipe_ring::{Layout, Segment};
use rustix::fs::{MemfdFlags, OFlags, SealFlags};
use rustix::net::{AddressFamily, Shutdown, SocketType};

use crate::support::*;

const GET_SECURITY: u32 = 4;
const SET_SECURITY: u32 = 5;
const JOIN: u32 = 6;
const OPERATIONS: [u32; 6] = [OPEN, WAIT, QUERY, GET_SECURITY, SET_SECURITY, JOIN];
/// The longest text that a request may go on with: a number, and a descriptor.
const LONGEST_TEXT: usize = 17 + 4096;

/// The longest that an open may go on with.
const LONGEST_CLAIM: usize = 64 << 10;

/// What a byte is set to.
const BYTES: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 0x20, 0x7f, 0x80, 0xff];

const RINGS: (u64, u64) = (4096, 8192);

fn good_memory() -> OwnedFd {
    let layout = Layout::new(RINGS.0 as usize, RINGS.1 as usize).unwrap();
    Segment::create(layout).unwrap().1
}

/// The codes that a server may answer to a request that brings no descriptor.
fn codes(bytes: &[u8]) -> &'static [u32] {
    const NONSENSE: &[u32] = &[87];
    if bytes.len() < 8 || bytes[..7] != *b"dotpipe" {
        return NONSENSE;
    }
    if bytes[7] != 1 {
        return &[50];
    }
    if bytes.len() < 40 {
        return NONSENSE;
    }
    let operation = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
    let longest = match operation {
        OPEN => 40 + LONGEST_CLAIM,
        WAIT..=GET_SECURITY => 40,
        SET_SECURITY | JOIN => 40 + LONGEST_TEXT,
        _ => return NONSENSE,
    };
    let (access, level) = (bytes[12], bytes[13]);
    if bytes.len() > longest || access > 0x3f || level > 3 || bytes[14..16] != [0, 0] {
        return NONSENSE;
    }
    if bytes[24..40] != request(OPEN, 0)[24..] {
        return &[2];
    }
    match operation {
        // Who a client on another machine is: nobody says that properly here.
        OPEN if bytes.len() > 40 => &[5, 87],
        OPEN | QUERY | GET_SECURITY | WAIT => &[0],
        // Nobody says anything sensible with them here.
        _ => NONSENSE,
    }
}

/// An honest server and those who come to it.
struct House {
    server: exact::End,
    descriptors: usize,
    files: Vec<String>,
}

impl House {
    fn new() -> House {
        let house = House {
            server: create("p"),
            descriptors: 0,
            files: files(),
        };
        house.is_fine();
        let descriptors = descriptors();
        House {
            descriptors,
            ..house
        }
    }

    /// The conversation of the last client is over, and there is room for the next.
    fn clear(&self) {
        self.server.disconnect().unwrap();
        drop(self.server.start_connect());
    }

    /// An honest client is served, once the one before it has been.
    fn is_fine(&self) {
        until("there is room for the next client", || {
            let Ok(client) = exact::open(&name("p"), BOTH) else {
                self.clear();
                return false;
            };
            client.write(b"hello").unwrap();
            let mut read = [0; 9];
            assert_eq!(self.server.read_until(&mut read, late()).unwrap().len, 5);
            true
        });
        self.clear();
    }

    /// Sends a request and checks what comes back: one answer, with memory only if the pipe was opened.
    fn ask(&self, bytes: &[u8]) {
        let client = Client::connect("p");
        client.send(bytes);
        let Some(answer) = client.receive() else {
            // Nothing at all was said.
            assert_eq!(bytes.len(), 0);
            return;
        };
        let may = codes(bytes);
        assert!(
            may.contains(&answer.code()),
            "{} to {bytes:?}",
            answer.code()
        );
        let has_opened = answer.code() == 0 && bytes[8] == OPEN as u8;
        assert_eq!(answer.memory.is_some(), has_opened);
        if has_opened {
            self.clear();
        } else {
            assert!(client.receive().is_none(), "it is sent away");
        }
    }

    /// Everything is as it was.
    fn check(&self) {
        self.is_fine();
        until("descriptors are closed", || {
            descriptors() <= self.descriptors
        });
        assert_eq!(files(), self.files);
    }
}

/// What lies in the folder of the pipe.
fn files() -> Vec<String> {
    let files = std::fs::read_dir(directory().join("p")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_byte_of_a_request() {
    alone(|| {
        let house = House::new();
        for operation in OPERATIONS {
            let good = request(operation, 3);
            for place in 0..good.len() {
                // What only an open looks at is tried with an open.
                let few = operation != OPEN && !(8..16).contains(&place);
                for byte in BYTES.into_iter().step_by(if few { 5 } else { 1 }) {
                    let mut bytes = good;
                    bytes[place] = byte;
                    house.ask(&bytes);
                }
            }
        }
        house.check();
    });
}

#[test]
fn every_length_of_a_request() {
    alone(|| {
        let house = House::new();
        for operation in OPERATIONS {
            let good = request(operation, 3);
            for len in 0..good.len() {
                house.ask(&good[..len]);
            }
            for more in (1..50).chain([
                100,
                LONGEST_TEXT - 1,
                LONGEST_TEXT,
                LONGEST_TEXT + 1,
                60_000,
            ]) {
                for byte in [0, b'\n', b'x', 0xff] {
                    let mut bytes = good.to_vec();
                    bytes.resize(good.len() + more, byte);
                    house.ask(&bytes);
                }
            }
        }
        house.check();
    });
}

/// What requests go on with: who serves along, and descriptors. The record is the server's own, so that one
/// thing at a time is wrong with it.
#[test]
fn texts_that_nobody_writes() {
    alone(|| {
        let house = House::new();
        let file = files().into_iter().find(|file| file.ends_with(".record"));
        let record = std::fs::read_to_string(directory().join("p").join(file.unwrap())).unwrap();
        let pipe = record.split('\n').nth(1).unwrap();
        let pipe = pipe.strip_prefix("pipe ").unwrap();
        let ids = [
            "", ".", "..", "../p", "/", "\0", "1-a", "-1", "dotpipe", "lock",
        ];
        let mut texts: Vec<(u32, String)> = Vec::new();
        for id in ids {
            texts.push((JOIN, format!("{id}\n{record}")));
            texts.push((SET_SECURITY, format!("{id}\nD:(A;;GA;;;WD)")));
        }
        for cut in 0..record.find("\nname ").unwrap() {
            texts.push((JOIN, format!("-\n{}", &record[..cut])));
        }
        // Good, and no socket with it.
        texts.push((JOIN, format!("-\n{record}")));
        for security in [
            "",
            "D:(",
            "D:(A;;GA;;;XX)",
            "O:\0",
            "D:(A;;GA;;;WD)(",
            "S:(AU;;GA;;;WD)",
        ] {
            texts.push((SET_SECURITY, format!("{pipe}\n{security}")));
        }
        texts.push((SET_SECURITY, format!("{pipe}{pipe}\nD:(A;;GA;;;WD)")));
        for (operation, text) in texts {
            let client = Client::connect("p");
            client.send(&[&request(operation, 0), text.as_bytes()].concat());
            let answer = client.receive().unwrap();
            assert_ne!(answer.code(), 0, "{text:?}");
            assert!(answer.memory.is_none());
        }
        let unchanged = exact::security(&name("p")).unwrap().to_string();
        assert!(!unchanged.contains("GA;;;WD"), "{unchanged}");
        house.check();
    });
}

/// Descriptors of all kinds that cannot be put into a folder as a socket.
fn wrong_descriptors() -> Vec<OwnedFd> {
    let (pipe, writer) = rustix::pipe::pipe().unwrap();
    let bound = std::os::unix::net::UnixDatagram::bind(directory().with_file_name("bound"));
    let open = |flags| rustix::fs::open(directory(), flags, rustix::fs::Mode::empty()).unwrap();
    vec![
        pipe,
        writer,
        bound.unwrap().into(),
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into(),
        rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap(),
        File::open("/dev/null").unwrap().into(),
        File::open(std::env::current_exe().unwrap()).unwrap().into(),
        tempfile::tempfile().unwrap().into(),
        open(OFlags::DIRECTORY),
        open(OFlags::PATH),
        good_memory(),
        memory(0, SealFlags::empty()),
        rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap(),
        rustix::event::epoll::create(rustix::event::epoll::CreateFlags::empty()).unwrap(),
    ]
}

fn memory(len: u64, seals: SealFlags) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create(c"forged", flags).unwrap();
    rustix::fs::ftruncate(&fd, len).unwrap();
    rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
    fd
}

#[test]
fn descriptors_of_the_wrong_kind() {
    alone(|| {
        let house = House::new();
        let file = files().into_iter().find(|file| file.ends_with(".record"));
        let record = std::fs::read_to_string(directory().join("p").join(file.unwrap())).unwrap();
        for operation in OPERATIONS {
            let mut bytes = request(operation, 3).to_vec();
            if operation == JOIN {
                bytes.extend(format!("-\n{record}").bytes());
            }
            for (place, wrong) in wrong_descriptors().into_iter().enumerate() {
                for count in [1, 2, 200] {
                    let client = Client::connect("p");
                    client.send_with(&bytes, &vec![wrong.as_fd(); count]);
                    let answer = client.receive().unwrap();
                    assert_ne!(answer.code(), 0, "{operation}: {place}");
                    assert!(answer.memory.is_none());
                }
                let _ = std::fs::remove_file(directory().with_file_name("bound"));
            }
        }
        // A socket of another type can be bound, and one on which nobody will listen. Nobody can be served
        // there, and nothing is left when it is gone.
        let new = |kind| rustix::net::socket(AddressFamily::UNIX, kind, None).unwrap();
        let sockets = [
            new(SocketType::STREAM),
            new(SocketType::DGRAM),
            new(SocketType::SEQPACKET),
            std::os::unix::net::UnixStream::pair().unwrap().0.into(),
        ];
        for socket in sockets {
            let client = Client::connect("p");
            let bytes = [&request(JOIN, 0), format!("-\n{record}").as_bytes()].concat();
            client.send_with(&bytes, &[socket.as_fd()]);
            drop(client.receive().unwrap());
            house.is_fine();
            assert_eq!(exact::list().unwrap().len(), 1);
            drop((socket, client));
            until("what it left is removed", || {
                drop(exact::create(&name("p"), &Default::default()));
                files() == house.files
            });
        }
        house.check();
    });
}

#[test]
fn a_client_closes_at_every_step_of_every_operation() {
    alone(|| {
        let house = House::new();
        type Step = fn(&Client, u32);
        let steps: [Step; 6] = [
            |_, _| {},
            |client, operation| client.send(&request(operation, 3)[..20]),
            |client, operation| client.send(&request(operation, 3)),
            |client, operation| {
                client.send(&request(operation, 3));
                drop(client.receive());
            },
            |client, operation| {
                client.send(&request(operation, 3));
                rustix::net::shutdown(&client.0, Shutdown::Read).unwrap();
            },
            |client, operation| {
                client.send(&request(operation, 3));
                rustix::net::shutdown(&client.0, Shutdown::Write).unwrap();
                drop(client.receive());
            },
        ];
        for operation in OPERATIONS {
            for step in steps {
                let client = Client::connect("p");
                step(&client, operation);
                drop(client);
                house.is_fine();
            }
        }
        house.check();
    });
}
