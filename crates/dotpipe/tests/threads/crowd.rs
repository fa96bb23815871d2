//! Several readers, several writers, several processes.

use std::collections::BTreeMap;
use std::sync::Arc;

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{PipeMode, WaitMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::support::data::{Listener, Random, Story, payload};
use crate::support::patience::{Doing, start};
use crate::support::process::{Role, alone};
use crate::support::{BOTH, options, pair, unique_name};

const WRITERS: u64 = 4;
const EACH: u64 = 300;
/// No message is longer.
const LONGEST: usize = 400_000;

/// Each message says who wrote it, which one it is and how long it is.
fn message(writer: u64, number: u64) -> Vec<u8> {
    // Now and then one that is larger than quota and ring.
    let len = match (writer + number) % 100 {
        0 => 300_000,
        rest => rest * 17,
    };
    let mut data = Vec::new();
    for word in [writer, number, len] {
        data.extend(word.to_le_bytes());
    }
    data.extend(payload(writer << 32 | number, len as usize));
    data
}

/// The first message in `data`, if it is there whole: who wrote it, which one it is, how long it is.
fn parse(data: &[u8]) -> Option<(u64, u64, usize)> {
    let word = |place: usize| {
        let bytes = data.get(place * 8..place * 8 + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().unwrap()))
    };
    let (writer, number, len) = (word(0)?, word(1)?, 24 + word(2)? as usize);
    assert!(len <= LONGEST, "the length of message {number} of {writer}");
    let whole = data.get(..len)?;
    let expected = message(writer, number);
    assert!(whole == expected, "message {number} of {writer}");
    Some((writer, number, len))
}

/// Writes through one end from several threads, which then leave it.
fn write_from_several(end: &Arc<End>) -> Vec<Doing<()>> {
    (0..WRITERS)
        .map(|writer| {
            let end = end.clone();
            start("writing", move || {
                for number in 0..EACH {
                    let data = message(writer, number);
                    let len = data.len();
                    let written = match number % 3 {
                        0 => end.start_write(data).wait(),
                        _ => end.write(&data),
                    };
                    assert_eq!(written, Ok(len));
                }
            })
        })
        .collect()
}

/// What was read: of each writer its messages, in the order in which they came.
type Heard = BTreeMap<u64, Vec<u64>>;

fn check_complete(heard: &Heard) {
    let all: Vec<u64> = (0..EACH).collect();
    assert_eq!(heard.len() as u64, WRITERS);
    assert!(heard.values().all(|numbers| *numbers == all));
}

#[test]
fn writers_keep_their_messages_whole() {
    let (server, client) = pair("writers", PipeMode::Message, 5000);
    let writers = write_from_several(&Arc::new(server));
    let reading = start("reading", move || {
        let mut heard = Heard::new();
        let mut buffer = vec![0; LONGEST];
        while let Ok(received) = client.read(&mut buffer) {
            let (writer, number, len) = parse(&buffer[..received.len]).unwrap();
            assert_eq!((len, false), (received.len, received.more));
            heard.entry(writer).or_default().push(number);
        }
        heard
    });
    writers.into_iter().for_each(Doing::end);
    check_complete(&reading.end());
}

#[test]
fn writers_keep_their_runs_of_bytes_together() {
    let (server, client) = pair("byte writers", PipeMode::Byte, 5000);
    let writers = write_from_several(&Arc::new(server));
    let reading = start("reading", move || {
        let mut heard = Heard::new();
        let (mut data, mut buffer) = (Vec::new(), vec![0; 10_000]);
        while let Ok(received) = client.read(&mut buffer) {
            data.extend_from_slice(&buffer[..received.len]);
            let mut at = 0;
            while let Some((writer, number, len)) = parse(&data[at..]) {
                heard.entry(writer).or_default().push(number);
                at += len;
            }
            data.drain(..at);
        }
        assert!(data.is_empty());
        heard
    });
    writers.into_iter().for_each(Doing::end);
    check_complete(&reading.end());
}

/// Every message goes to one reader, whole; blocking and pending reads in turns.
#[test]
fn readers_share_the_messages() {
    let (server, client) = pair("readers", PipeMode::Message, 5000);
    let writers = write_from_several(&Arc::new(server));
    let client = Arc::new(client);
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let client = client.clone();
            start("reading", move || {
                let mut heard = Vec::new();
                let mut buffer = vec![0; LONGEST];
                loop {
                    let read = if (reader + heard.len()).is_multiple_of(2) {
                        client.read(&mut buffer).map(|received| {
                            assert!(!received.more);
                            buffer[..received.len].to_vec()
                        })
                    } else {
                        let read = client.start_read(LONGEST).wait();
                        read.map(|received| received.data)
                    };
                    match read {
                        Ok(data) => {
                            let (writer, number, len) = parse(&data).unwrap();
                            assert_eq!(len, data.len());
                            heard.push((writer, number));
                        }
                        Err(code) => {
                            assert_eq!(code, Win32Error::BROKEN_PIPE);
                            return heard;
                        }
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(Doing::end);
    let mut together = Heard::new();
    for reader in readers {
        let heard = reader.end();
        let mut own = Heard::new();
        for (writer, number) in heard {
            own.entry(writer).or_default().push(number);
            together.entry(writer).or_default().push(number);
        }
        assert!(own.values().all(|numbers| numbers.is_sorted()), "in order");
    }
    together.values_mut().for_each(|numbers| numbers.sort());
    check_complete(&together);
}

/// One thread reads an end while another writes it, on both ends, and nobody keeps step.
#[test]
fn both_ways_at_once() {
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair("both ways", pipe_type, 1000);
        let ends = [Arc::new(server), Arc::new(client)];
        let story = |seed| Story {
            seed,
            shortest: 0,
            longest: 4000,
        };
        let mut doing = Vec::new();
        for (seed, end) in ends.iter().enumerate() {
            let (own, other) = (story(seed as u64), story(1 - seed as u64));
            let (writer, reader) = (end.clone(), end.clone());
            doing.push(start("writing", move || {
                for number in 0..1000 {
                    writer.write(&own.message(number)).unwrap();
                }
            }));
            doing.push(start("reading", move || {
                let (mut listener, mut buffer) = (Listener::new(other), vec![0; 3000]);
                while listener.heard() < 1000 {
                    let received = reader.read(&mut buffer).unwrap();
                    let data = &buffer[..received.len];
                    match pipe_type {
                        PipeMode::Byte => listener.hear_bytes(data),
                        PipeMode::Message => listener.hear_message(data, received.more),
                    }
                }
            }));
        }
        doing.into_iter().for_each(Doing::end);
    }
}

/// Opens a pipe, has what it tells repeated to it, closes, and again.
pub(crate) fn asker(words: &[String]) {
    let name = PipeName::local(&words[0]).unwrap();
    let story = Story {
        seed: words[1].parse().unwrap(),
        shortest: 0,
        longest: 3000,
    };
    let mut random = Random::new(story.seed);
    let mut reply = vec![0; 3000];
    let mut number = 0;
    while number < 300 {
        let end = match exact::open(&name, BOTH) {
            Err(Win32Error::PIPE_BUSY) => {
                exact::wait(&name, WaitTimeout::Forever).unwrap();
                continue;
            }
            opened => opened.unwrap(),
        };
        end.set_state(PipeMode::Message, WaitMode::Blocking)
            .unwrap();
        for _ in 0..random.within(1..30) {
            let question = story.message(number);
            number += 1;
            let received = end.transact(&question, &mut reply).unwrap();
            assert!(reply[..received.len] == question);
        }
    }
}

#[test]
fn processes_at_once() {
    // The server threads end with their process.
    alone(processes_at_once, || {
        let name = unique_name("processes");
        for _ in 0..3 {
            let end = exact::create(&name, &options(PipeMode::Message, 1000)).unwrap();
            std::thread::spawn(move || {
                let mut buffer = vec![0; 3000];
                loop {
                    match end.connect() {
                        Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => {}
                        Err(code) => panic!("{code:?}"),
                    }
                    while let Ok(received) = end.read(&mut buffer) {
                        let written = end.write(&buffer[..received.len]);
                        assert_eq!(written, Ok(received.len));
                    }
                    end.disconnect().unwrap();
                }
            });
        }
        let askers: Vec<Role> = (0..5)
            .map(|seed: u32| Role::start("asker", &[name.name().to_owned(), seed.to_string()]))
            .collect();
        askers.into_iter().for_each(Role::end);
    });
}
