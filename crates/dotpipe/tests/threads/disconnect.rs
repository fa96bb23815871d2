//! Disconnecting and closing while others wait.

use std::sync::Arc;
use std::time::Duration;

use dotpipe::exact::{self, End, Result};
use dotpipe::options::PipeMode;
use dotpipe::win32::Win32Error;

use crate::support::data::Random;
use crate::support::patience::{Doing, start};
use crate::support::{open, options, pair, unique_name};

const TYPES: [PipeMode; 2] = [PipeMode::Byte, PipeMode::Message];

/// Everything that can wait on an end whose quota is 10 and that nobody reads or writes at the other
/// side, each in a thread of its own.
fn wait_in_everything(end: &Arc<End>) -> Vec<Doing<Result<usize>>> {
    type Wait = fn(&End) -> Result<usize>;
    let waits: [(&str, Wait); 7] = [
        ("read", |end| end.read(&mut [0; 9]).map(|read| read.len)),
        ("another read", |end| end.read(&mut []).map(|read| read.len)),
        ("write", |end| end.write(&[7; 11])),
        ("large write", |end| end.write(&vec![7; 1 << 20])),
        ("flush", |end| end.flush().map(|()| 0)),
        ("pending read", |end| {
            end.start_read(9).wait().map(|read| read.data.len())
        }),
        ("pending write", |end| {
            end.start_write(vec![7; 1 << 20]).wait()
        }),
    ];
    let doing = |(what, wait): (&str, fn(&End) -> Result<usize>)| {
        let end = end.clone();
        let doing = start(what, move || wait(&end));
        doing.until_asleep();
        doing
    };
    waits.map(doing).into()
}

fn all_end_with(doing: Vec<Doing<Result<usize>>>, code: Win32Error) {
    for doing in doing {
        assert_eq!(doing.end(), Err(code));
    }
}

#[test]
fn disconnecting_ends_what_waits_on_both_ends() {
    for pipe_type in TYPES {
        let name = unique_name("disconnect");
        let server = Arc::new(exact::create(&name, &options(pipe_type, 10)).unwrap());
        for _ in 0..3 {
            let client = Arc::new(open(&name, pipe_type));
            // One end is full of data that the other does not read: so its reads must be the others'.
            let waiting = wait_in_everything(&client);
            let own = server.start_connect();
            assert_eq!(own.wait(), Err(Win32Error::PIPE_CONNECTED));
            server.disconnect().unwrap();
            all_end_with(waiting, Win32Error::PIPE_NOT_CONNECTED);
            let mut buffer = [0; 9];
            let not_connected = Win32Error::PIPE_NOT_CONNECTED;
            assert_eq!(client.read(&mut buffer), Err(not_connected));
            assert_eq!(client.write(b"x"), Err(not_connected));
            assert_eq!(client.peek(&mut buffer), Err(not_connected));
            assert_eq!(server.read(&mut buffer), Err(not_connected));
            assert_eq!(server.disconnect(), Err(not_connected));
            let connect = server.start_connect();
            // The next client finds an instance without a past.
            let next = Arc::new(open(&name, pipe_type));
            assert_eq!(connect.wait(), Ok(()));
            assert_eq!(server.peek(&mut buffer).unwrap().available, 0);
            let waiting = wait_in_everything(&server);
            assert_eq!(next.peek(&mut buffer).unwrap().len, 9);
            server.disconnect().unwrap();
            all_end_with(waiting, Win32Error::PIPE_NOT_CONNECTED);
            assert_eq!(next.read(&mut buffer), Err(not_connected));
            let connect = server.start_connect();
            assert!(!connect.is_done());
            connect.cancel().unwrap();
        }
    }
}

#[test]
fn closing_ends_what_waits_on_the_other_end() {
    for pipe_type in TYPES {
        for server_closes in [true, false] {
            let (server, client) = pair("close", pipe_type, 10);
            let (closing, staying) = if server_closes {
                (server, client)
            } else {
                (client, server)
            };
            let staying = Arc::new(staying);
            let waiting = wait_in_everything(&staying);
            drop(closing);
            all_end_with(waiting, Win32Error::BROKEN_PIPE);
            let read = staying.read(&mut [0; 9]);
            assert_eq!(read, Err(Win32Error::BROKEN_PIPE));
            assert_eq!(staying.write(b"x"), Err(Win32Error::NO_DATA));
        }
    }
}

#[test]
fn a_transaction_ends_with_the_connection() {
    for disconnects in [true, false] {
        let (server, client) = pair("transact", PipeMode::Message, 10);
        let asking = start("transact", move || {
            client.transact(&vec![7; 1 << 20], &mut [0; 9])
        });
        asking.until_asleep();
        if disconnects {
            server.disconnect().unwrap();
            assert_eq!(asking.end(), Err(Win32Error::PIPE_NOT_CONNECTED));
        } else {
            drop(server);
            assert_eq!(asking.end(), Err(Win32Error::BROKEN_PIPE));
        }
    }
}

/// A server that disconnects at any moment of lively traffic, and serves the next client as if nothing
/// had been.
#[test]
fn traffic_is_cut_at_any_moment() {
    let mut random = Random::of_test("cut");
    for pipe_type in TYPES {
        let name = unique_name("cut");
        let server = Arc::new(exact::create(&name, &options(pipe_type, 100)).unwrap());
        for round in 0u8..60 {
            let client = Arc::new(open(&name, pipe_type));
            let connected = server.connect();
            assert!(matches!(
                connected,
                Ok(()) | Err(Win32Error::PIPE_CONNECTED)
            ));
            let mut doing = Vec::new();
            for end in [&server, &client] {
                let (reader, writer) = (end.clone(), end.clone());
                // Every byte tells the round: none comes from an earlier one.
                doing.push(start("reading", move || {
                    let mut buffer = vec![0; 50_000];
                    loop {
                        match reader.read(&mut buffer) {
                            Ok(read) => {
                                assert!(buffer[..read.len].iter().all(|byte| *byte == round));
                            }
                            Err(code) => return code,
                        }
                    }
                }));
                let len = 1 + random.any_magnitude(200_000);
                doing.push(start("writing", move || {
                    loop {
                        if let Err(code) = writer.write(&vec![round; len]) {
                            return code;
                        }
                    }
                }));
            }
            std::thread::sleep(Duration::from_micros(random.any_magnitude(2000) as u64));
            server.disconnect().unwrap();
            for doing in doing {
                assert_eq!(doing.end(), Win32Error::PIPE_NOT_CONNECTED);
            }
            drop(client);
            // Listens again.
            let connect = server.start_connect();
            connect.cancel().unwrap();
        }
    }
}

/// The client closes at any moment of lively traffic: what it had written completely is all read.
#[test]
fn a_closing_client_leaves_what_it_wrote() {
    let mut random = Random::of_test("closing client");
    let name = unique_name("closing client");
    let server = Arc::new(exact::create(&name, &options(PipeMode::Message, 1000)).unwrap());
    for _ in 0..200 {
        let client = open(&name, PipeMode::Message);
        let end = server.clone();
        let reading = start("reading", move || {
            let mut buffer = vec![0; 2000];
            let mut count = 0u64;
            loop {
                match end.read(&mut buffer) {
                    Ok(read) => {
                        assert_eq!(buffer[..8], count.to_le_bytes());
                        assert_eq!(read.len, 8 + (count % 1500) as usize);
                        count += 1;
                    }
                    Err(code) => return (code, count),
                }
            }
        });
        let total = random.any_magnitude(300) as u64;
        for number in 0..total {
            let mut data = number.to_le_bytes().to_vec();
            data.resize(8 + (number % 1500) as usize, 7);
            client.write(&data).unwrap();
        }
        drop(client);
        assert_eq!(reading.end(), (Win32Error::BROKEN_PIPE, total));
        server.disconnect().unwrap();
        server.start_connect().cancel().unwrap();
    }
}
