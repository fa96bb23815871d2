//! Payloads of every size.

use std::sync::Arc;

use dotpipe::exact::{End, Peeked, Received};
use dotpipe::options::PipeMode;

use crate::support::data::{Random, payload};
use crate::support::pair;
use crate::support::patience::start;

const QUOTA: u32 = 65536;

/// Reads one message, or as many bytes, into buffers of at most `piece`.
fn read_whole(end: &End, pipe_type: PipeMode, len: usize, piece: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    let mut at = 0;
    loop {
        let until = len.min(at + piece);
        let Received { len: count, more } = end.read(&mut data[at..until]).unwrap();
        at += count;
        match pipe_type {
            PipeMode::Message => assert_eq!(more, at < len, "{at} of {len}"),
            PipeMode::Byte => assert!(!more),
        }
        if at == len {
            return data;
        }
    }
}

#[test]
fn every_small_message() {
    let (server, client) = pair("messages", PipeMode::Message, QUOTA);
    for (seed, len) in (0..=5000).enumerate() {
        let data = payload(seed as u64, len);
        let (from, to) = match len % 2 {
            0 => (&server, &client),
            _ => (&client, &server),
        };
        assert_eq!(from.write(&data), Ok(len));
        let seen = Peeked {
            len: 0,
            available: len as u32,
            left_in_message: len as u32,
        };
        assert_eq!(to.peek(&mut []), Ok(seen));
        // Into a buffer that fits exactly, that is too large, and in pieces.
        let mut buffer = vec![0; len + len % 3];
        let received = to.read(&mut buffer).unwrap();
        assert_eq!((received.len, received.more), (len, false));
        assert!(buffer[..len] == data, "{len}");
        assert_eq!(from.write(&data), Ok(len));
        let piece = 1 + len / (1 + len % 7);
        assert!(
            read_whole(to, PipeMode::Message, len, piece) == data,
            "{len}"
        );
    }
}

#[test]
fn every_small_run_of_bytes() {
    let (server, client) = pair("bytes", PipeMode::Byte, QUOTA);
    for (seed, len) in (0..=5000).enumerate() {
        let data = payload(seed as u64, len);
        let (from, to) = match len % 2 {
            0 => (&server, &client),
            _ => (&client, &server),
        };
        assert_eq!(from.write(&data), Ok(len));
        let seen = Peeked {
            len: 0,
            available: len as u32,
            left_in_message: 0,
        };
        assert_eq!(to.peek(&mut []), Ok(seen));
        if len > 0 {
            let piece = 1 + len / (1 + len % 7);
            assert!(read_whole(to, PipeMode::Byte, len, piece) == data, "{len}");
        }
    }
}

/// Around the quota, the sizes of rings that follow from it, and the pieces in which large writes go.
#[test]
fn every_boundary() {
    let quotas = [0, 8, QUOTA];
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        for quota in quotas {
            let mut sizes = vec![1];
            let around = [quota as usize, 32 << 10, 64 << 10, 128 << 10, 256 << 10];
            for boundary in around {
                sizes.extend(boundary.max(17) - 17..=boundary + 17);
            }
            sizes.retain(|size| *size > 0);
            let (server, client) = pair("boundary", pipe_type, quota);
            let plan = sizes.clone();
            let writing = start("writing", move || {
                for (seed, len) in plan.into_iter().enumerate() {
                    let data = payload(seed as u64, len);
                    let written = match seed % 2 {
                        0 => server.write(&data),
                        _ => server.start_write(data).wait(),
                    };
                    assert_eq!(written, Ok(len));
                }
                server
            });
            let reading = start("reading", move || {
                for (seed, len) in sizes.into_iter().enumerate() {
                    let piece = [usize::MAX / 2, 4096, 100_000][seed % 3];
                    let read = read_whole(&client, pipe_type, len, piece);
                    assert!(
                        read == payload(seed as u64, len),
                        "{pipe_type:?} {quota} {len}"
                    );
                }
            });
            reading.end();
            writing.end();
        }
    }
}

/// Large ones, both ways at once.
#[test]
fn large_payloads() {
    let random = &mut Random::of_test("large");
    for (pipe_type, len) in [
        (PipeMode::Byte, 1 << 20),
        (PipeMode::Message, (3 << 20) + 1),
        (PipeMode::Byte, 16 << 20),
        (PipeMode::Message, 64 << 20),
    ] {
        let quota = random.choose(&[0, 10, QUOTA, 8 << 20]);
        let (server, client) = pair("large", pipe_type, quota);
        let piece = random.choose(&[usize::MAX / 2, 64 << 10, 1_000_003]);
        let mut doing = Vec::new();
        // The other way goes something smaller, so that the two do not keep step.
        let ways = [(server, len), (client, len / 5)];
        let ways = ways.map(|(end, len)| (Arc::new(end), len));
        for from in [0, 1] {
            let (writer, len) = ways[from].clone();
            let reader = ways[1 - from].0.clone();
            doing.push(start("writing", move || {
                assert_eq!(writer.write(&payload(from as u64, len)), Ok(len));
            }));
            doing.push(start("reading", move || {
                let read = read_whole(&reader, pipe_type, len, piece);
                assert!(read == payload(from as u64, len), "{pipe_type:?} {len}");
            }));
        }
        for doing in doing {
            doing.end();
        }
    }
}
