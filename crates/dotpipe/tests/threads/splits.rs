//! Writes and reads of unlike sizes.

use std::collections::VecDeque;
use std::sync::Arc;

use dotpipe::exact::{Peeked, Received};
use dotpipe::options::{PipeMode, WaitMode};
use dotpipe::win32::Win32Error;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::data::payload;
use crate::support::pair;
use crate::support::patience::start;

/// Type and read mode, as far as they go together.
fn modes() -> impl Strategy<Value = (PipeMode, PipeMode)> {
    prop_oneof![
        Just((PipeMode::Byte, PipeMode::Byte)),
        Just((PipeMode::Message, PipeMode::Byte)),
        Just((PipeMode::Message, PipeMode::Message)),
    ]
}

/// Mostly small, sometimes larger than any quota and ring used here.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0usize..100,
        4 => 0usize..5000,
        1 => 0usize..200_000,
    ]
}

fn quota() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1u32..100, 1u32..5000, Just(65536)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Blocking, a thread on either side: the same bytes come out, in the same messages if they are
    /// read as such.
    #[test]
    fn whatever_the_splits(
        (pipe_type, read_mode) in modes(),
        quota in quota(),
        writes in vec(size(), 1..20),
        mut reads in vec(size(), 1..10),
        pending in any::<bool>(),
    ) {
        reads.push(1000); // so that it ends
        let (server, client) = pair("splits", pipe_type, quota);
        server.set_state(read_mode, WaitMode::Blocking).unwrap();
        let sent: Vec<Vec<u8>> = writes
            .iter()
            .enumerate()
            .map(|(seed, len)| payload(seed as u64, *len))
            .collect();
        let to_send = sent.clone();
        let writing = start("writing", move || {
            let mut started = Vec::new();
            for data in to_send {
                let len = data.len();
                if pending {
                    started.push((client.start_write(data), len));
                } else {
                    assert_eq!(client.write(&data), Ok(len));
                }
            }
            for (operation, len) in started {
                assert_eq!(operation.wait(), Ok(len));
            }
        });
        let reading = start("reading", move || {
            let (mut got, mut message) = (Vec::new(), Vec::new());
            for size in reads.into_iter().cycle() {
                let mut buffer = vec![0; size];
                match server.read(&mut buffer) {
                    Ok(Received { len, more }) => {
                        message.extend_from_slice(&buffer[..len]);
                        if !more {
                            got.push(std::mem::take(&mut message));
                        }
                    }
                    Err(code) => {
                        assert_eq!(code, Win32Error::BROKEN_PIPE);
                        break;
                    }
                }
            }
            assert!(message.is_empty(), "a message without an end");
            got
        });
        let got = reading.end();
        writing.end();
        if read_mode == PipeMode::Message {
            prop_assert!(got == sent);
        } else {
            prop_assert!(got.concat() == sent.concat());
        }
    }

    /// Non-blocking, one thread: every count and code is what a simple model says.
    #[test]
    fn non_blocking_operations_do_as_the_model(
        (pipe_type, read_mode) in modes(),
        quota in quota(),
        steps in vec((0u8..4, size()), 1..60),
    ) {
        let (server, client) = pair("model", pipe_type, quota);
        server.set_state(read_mode, WaitMode::NonBlocking).unwrap();
        let client_mode = pipe_type;
        client.set_state(client_mode, WaitMode::NonBlocking).unwrap();
        let mut model = Model::new(pipe_type, read_mode, quota as usize);
        for (seed, (step, size)) in steps.into_iter().enumerate() {
            let mut buffer = vec![0; size];
            match step {
                0 | 1 => {
                    let data = payload(seed as u64, size);
                    prop_assert_eq!(client.write(&data), Ok(model.write(&data)));
                }
                2 => {
                    let received = server.read(&mut buffer);
                    let data = received.map(|received| buffer[..received.len].to_vec());
                    let more = received.map(|received| received.more);
                    let (expected, expected_more) = model.read(size);
                    prop_assert!(data == expected, "{size}: {:?}", received);
                    prop_assert_eq!(more.unwrap_or(false), expected_more);
                }
                _ => {
                    let peeked = server.peek(&mut buffer).unwrap();
                    let (data, available, left) = model.peek(size);
                    let expected = Peeked { len: data.len(), available, left_in_message: left };
                    prop_assert_eq!(peeked, expected);
                    prop_assert!(buffer[..peeked.len] == data);
                }
            }
        }
    }
}

/// A pipe that nobody waits on.
struct Model {
    pipe_type: PipeMode,
    read_mode: PipeMode,
    quota: usize,
    unread: VecDeque<Vec<u8>>,
}

impl Model {
    fn new(pipe_type: PipeMode, read_mode: PipeMode, quota: usize) -> Model {
        Model {
            pipe_type,
            read_mode,
            quota,
            unread: VecDeque::new(),
        }
    }

    fn available(&self) -> usize {
        self.unread.iter().map(Vec::len).sum()
    }

    fn write(&mut self, data: &[u8]) -> usize {
        let empty_bytes = data.is_empty() && self.pipe_type == PipeMode::Byte;
        let fits = data.is_empty() || self.available() + data.len() <= self.quota;
        if empty_bytes || !fits {
            return 0;
        }
        self.unread.push_back(data.to_vec());
        data.len()
    }

    /// The data or the code, and whether the message goes on.
    fn read(&mut self, size: usize) -> (Result<Vec<u8>, Win32Error>, bool) {
        let Some(first) = self.unread.front_mut() else {
            return (Err(Win32Error::NO_DATA), false);
        };
        if self.read_mode == PipeMode::Message {
            let rest = first.split_off(size.min(first.len()));
            let data = std::mem::replace(first, rest);
            let more = !first.is_empty();
            if !more {
                self.unread.pop_front();
            }
            return (Ok(data), more);
        }
        // Empty messages in front of data are passed over; alone, one of them is what the read gets.
        while self.available() > 0 && self.unread.front().is_some_and(Vec::is_empty) {
            self.unread.pop_front();
        }
        if self.available() == 0 {
            self.unread.pop_front();
            return (Ok(Vec::new()), false);
        }
        let mut data = Vec::new();
        while data.len() < size {
            let Some(first) = self.unread.front_mut() else {
                break;
            };
            if first.is_empty() && self.unread.iter().all(Vec::is_empty) {
                break; // behind data it is left
            }
            let Some(first) = self.unread.front_mut() else {
                break;
            };
            let rest = first.split_off((size - data.len()).min(first.len()));
            data.append(first);
            *first = rest;
            if first.is_empty() {
                self.unread.pop_front();
            }
        }
        (Ok(data), false)
    }

    /// The data, how much is available, and how much of the message is left.
    fn peek(&self, size: usize) -> (Vec<u8>, u32, u32) {
        let available = self.available() as u32;
        if self.pipe_type == PipeMode::Byte {
            let mut data: Vec<u8> = self.unread.iter().flatten().copied().collect();
            data.truncate(size);
            let left = 0u32.wrapping_sub(data.len() as u32);
            return (data, available, left);
        }
        let first = self.unread.front().map_or(&[][..], |first| first);
        let data = first[..size.min(first.len())].to_vec();
        let left = (first.len() - data.len()) as u32;
        (data, available, left)
    }
}

/// Reads from several positions of a message that is larger than its ring, while it is being written,
/// interleaved with peeks, which never take anything.
#[test]
fn peeks_take_nothing() {
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        let (server, client) = pair("peeks", pipe_type, 10);
        let data = Arc::new(payload(1, 1_000_000));
        let sent = data.clone();
        let writing = start("writing", move || client.write(&sent).map(|_| client));
        let (mut at, mut size) = (0, 1);
        while at < data.len() {
            let mut seen = vec![0; size];
            let peeked = server.peek(&mut seen).unwrap();
            assert!(seen[..peeked.len] == data[at..at + peeked.len]);
            let mut buffer = vec![0; size.min(data.len() - at)];
            let received = server.read(&mut buffer).unwrap();
            assert!(received.len > 0);
            assert!(buffer[..received.len] == data[at..at + received.len]);
            at += received.len;
            size = size * 5 / 3 + 1;
        }
        assert!(writing.end().is_ok());
    }
}
