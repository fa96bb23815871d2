//! Clients at the server's door: silent ones, ones that talk nonsense, ones that hang up in the middle.

use dotpipe::exact;
use dotpipe::options::DesiredAccess;
use dotpipe::win32::Win32Error;

use crate::support::*;

const INVALID_PARAMETER: u32 = 87;
const NOT_SUPPORTED: u32 = 50;

/// An honest client and the server end talk.
fn they_talk(server: &exact::End, text: &str) {
    let client = exact::open(&name(text), BOTH).unwrap();
    assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
    assert_eq!(client.write(b"hello"), Ok(5));
    assert_eq!(server.read_until(&mut [0; 9], late()).unwrap().len, 5);
    server.disconnect().unwrap();
    drop(server.start_connect());
}

/// More of them than the server puts up with, and than fit into the queue at its door.
#[test]
fn a_thousand_silent_clients_keep_nobody_out() {
    alone(|| {
        // The server keeps 256 of them at a time, in this very process.
        let count = 1_000.min(limit_descriptors(4096).saturating_sub(400));
        let server = create("p");
        let mut silent: Vec<Client> = (0..count).map(|_| Client::connect("p")).collect();
        for round in 0..100 {
            they_talk(&server, "p");
            // They come back as they are sent away.
            let place = round * 7 % silent.len();
            silent[place] = Client::connect("p");
        }
    });
}

#[test]
fn nonsense_is_refused_by_code() {
    alone(|| {
        let server = create("p");
        let good = request(OPEN, 3);
        let with = |offset: usize, byte: u8| {
            let mut bytes = good.to_vec();
            bytes[offset] = byte;
            bytes
        };
        let longer = [&good[..], &[0]].concat();
        let conversations = [
            (vec![0; 32], INVALID_PARAMETER),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), INVALID_PARAMETER),
            (good[..16].to_vec(), INVALID_PARAMETER),
            (good[..31].to_vec(), INVALID_PARAMETER),
            (longer, INVALID_PARAMETER),
            (vec![0xff; 60_000], INVALID_PARAMETER),
            (with(8, 9), INVALID_PARAMETER),
            (with(12, 0x80), INVALID_PARAMETER),
            (with(24, 1), INVALID_PARAMETER),
            (with(7, 2), NOT_SUPPORTED),
        ];
        for (place, (bytes, code)) in conversations.iter().enumerate() {
            let client = Client::connect("p");
            client.send(bytes);
            let answer = client.receive().unwrap();
            assert_eq!(answer.code(), *code, "conversation {place}");
            assert!(answer.memory.is_none());
            assert!(client.receive().is_none(), "and is sent away");
        }
        they_talk(&server, "p");
    });
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed() {
    alone(|| {
        let server = create("p");
        they_talk(&server, "p");
        let before = descriptors();
        for count in [1, 2, 253] {
            let gift = std::fs::File::open("/dev/null").unwrap();
            let gifts = vec![std::os::fd::AsFd::as_fd(&gift); count];
            let client = Client::connect("p");
            client.send_with(&request(OPEN, 3), &gifts);
            assert_eq!(client.receive().unwrap().code(), INVALID_PARAMETER);
        }
        until("they are closed", || descriptors() == before);
        they_talk(&server, "p");
    });
}

#[test]
fn a_client_may_hang_up_at_every_step() {
    alone(|| {
        let server = create("p");
        let before = {
            they_talk(&server, "p");
            descriptors()
        };
        type Step = fn(&Client);
        let before_it_has_an_instance: [Step; 5] = [
            |_| {},
            |client| client.send(&request(OPEN, 3)[..8]),
            |client| client.send(&[]),
            |client| client.send(&request(QUERY, 0)),
            |client| client.send(&request(WAIT, 0)),
        ];
        for step in before_it_has_an_instance {
            let client = Client::connect("p");
            step(&client);
            drop(client);
            they_talk(&server, "p");
        }
        // From here on it came and left, which the server end is told.
        let with_an_instance: [Step; 2] = [
            |client| assert_eq!(client.receive().unwrap().code(), 0),
            |client| drop(client.receive().unwrap().segment()),
        ];
        for step in with_an_instance {
            let client = Client::connect("p");
            client.send(&request(OPEN, 3));
            step(&client);
            drop(client);
            until("its leaving is seen", || {
                server.connect() == Err(Win32Error::NO_DATA)
            });
            assert_eq!(server.read(&mut [0; 4]), Err(Win32Error::BROKEN_PIPE));
            server.disconnect().unwrap();
            drop(server.start_connect());
            they_talk(&server, "p");
        }
        until("nothing is left of them", || descriptors() == before);
    });
}

/// Only the first request counts: there is one answer, and an instance for one.
#[test]
fn requests_in_a_bundle_get_one_answer() {
    alone(|| {
        let server = create("p");
        let client = Client::connect("p");
        for _ in 0..50 {
            client.send(&request(OPEN, 3));
        }
        assert_eq!(client.receive().unwrap().code(), 0);
        // The others are rings of the bell, and harm nobody.
        assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
        let soon = Some(std::time::Instant::now() + std::time::Duration::from_millis(20));
        assert_eq!(
            server.read_until(&mut [0; 4], soon),
            Err(Win32Error::SEM_TIMEOUT)
        );
        drop(client);
        assert_eq!(
            server.read_until(&mut [0; 4], late()),
            Err(Win32Error::BROKEN_PIPE)
        );
    });
}

/// A client that waits and then speaks again loses its place, and nobody else does.
#[test]
fn one_that_waits_may_not_speak() {
    alone(|| {
        let server = create("p");
        let taken = exact::open(&name("p"), DesiredAccess::empty()).unwrap();
        let (patient, talker) = (Client::connect("p"), Client::connect("p"));
        for client in [&patient, &talker] {
            client.send(&request(WAIT, 0));
            assert_eq!(client.receive().unwrap().code(), Win32Error::IO_PENDING.0);
        }
        talker.send(b"well?");
        assert_eq!(talker.receive().unwrap().code(), INVALID_PARAMETER);
        assert!(talker.receive().is_none());
        drop(taken);
        server.disconnect().unwrap();
        drop(server.start_connect());
        assert_eq!(patient.receive().unwrap().code(), 0);
    });
}
