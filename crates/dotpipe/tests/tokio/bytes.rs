//! Streams of bytes: every byte, in order, with quotas of all sizes, through halves and both ways at once.

use dotpipe::tokio::{NamedPipeClient, NamedPipeServer, PipeMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::support::data::{Random, payload};
use crate::{on_both, pair};

/// From tiny to larger than what is sent; with none every write is taken over.
const QUOTAS: [u32; 6] = [0, 1, 7, 4096, 65_536, 1 << 20];

async fn write(mut end: impl AsyncWrite + Unpin, data: Vec<u8>, mut random: Random) {
    let mut rest = &data[..];
    while !rest.is_empty() {
        let len = (random.any_magnitude(100_000) + 1).min(rest.len());
        end.write_all(&rest[..len]).await.unwrap();
        rest = &rest[len..];
    }
    end.flush().await.unwrap();
}

async fn read(mut end: impl AsyncRead + Unpin, data: Vec<u8>, mut random: Random) {
    let mut at = 0;
    let mut buffer = vec![0; 100_000];
    while at < data.len() {
        let room = random.any_magnitude(100_000) + 1;
        let len = end.read(&mut buffer[..room]).await.unwrap();
        assert!(len > 0, "the end comes after all");
        assert!(
            buffer[..len] == data[at..at + len],
            "wrong bytes behind {at}"
        );
        at += len;
    }
}

fn len_for(quota: u32) -> usize {
    match quota {
        0..10 => 3_000,
        _ => 1 << 20,
    }
}

#[test]
fn every_byte_goes_both_ways_at_once_through_halves_that_move() {
    on_both(|| async {
        let random = Random::of_test("bytes");
        for quota in QUOTAS {
            let (server, client) = pair(PipeMode::Byte, quota).await;
            let (there, back) = (payload(1, len_for(quota)), payload(2, len_for(quota)));
            let (server_read, server_write) = server.into_split();
            let (client_read, client_write) = client.into_split();
            let tasks = [
                tokio::spawn(write(client_write, there.clone(), random.clone())),
                tokio::spawn(write(server_write, back.clone(), random.clone())),
            ];
            let readers = [
                tokio::spawn(read(server_read, there, random.clone())),
                tokio::spawn(read(client_read, back, random.clone())),
            ];
            for task in tasks.into_iter().chain(readers) {
                task.await.unwrap();
            }
        }
    });
}

#[test]
fn a_stream_ends_where_its_writer_dropped_it() {
    on_both(|| async {
        for quota in [0, 10, 65_536] {
            let (server, mut client) = pair(PipeMode::Byte, quota).await;
            let data = payload(3, 20_000);
            let sent = data.clone();
            let writing = tokio::spawn(async move { client.write_all(&sent).await });
            let mut all = Vec::new();
            let mut server = server;
            server.read_to_end(&mut all).await.unwrap();
            assert!(all == data);
            writing.await.unwrap().unwrap();
        }
    });
}

#[test]
fn borrowed_halves_work_in_one_task_and_owned_ones_come_together_again() {
    on_both(|| async {
        let (mut server, mut client) = pair(PipeMode::Byte, 100).await;
        {
            let (mut read, mut write) = server.split();
            let data = payload(4, 5_000);
            let echo = async {
                let mut buffer = [0; 64];
                for _ in 0.. {
                    match client.read(&mut buffer).await.unwrap() {
                        0 => break,
                        len => client.write_all(&buffer[..len]).await.unwrap(),
                    }
                }
            };
            let mut got = vec![0; data.len()];
            let exchange =
                async { tokio::join!(write.write_all(&data), read.read_exact(&mut got)) };
            tokio::select! {
                () = echo => panic!("the stream goes on"),
                (sent, received) = exchange => {
                    sent.unwrap();
                    received.unwrap();
                }
            }
            assert!(got == data);
        }
        let (read, write) = server.into_split();
        let (other_read, other_write) = client.into_split();
        let error = NamedPipeServer::reunite(read, other_write).unwrap_err();
        assert!(error.to_string().contains("another end"));
        let (read, other_write) = (error.0, error.1);
        let error = NamedPipeClient::reunite(read, write).unwrap_err();
        assert!(error.to_string().contains("another type"));
        let mut server = NamedPipeServer::reunite(error.0, error.1).unwrap();
        let mut client = NamedPipeClient::reunite(other_read, other_write).unwrap();
        client.write_all(b"whole").await.unwrap();
        drop(client);
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"whole");
    });
}

/// A write that was not begun when its future was dropped has written nothing, one that ended has been read.
#[test]
fn dropped_reads_and_writes_neither_lose_nor_repeat() {
    on_both(|| async {
        let mut random = Random::of_test("dropped bytes");
        let (mut server, mut client) = pair(PipeMode::Byte, 50).await;
        let data = payload(5, 40_000);
        let (mut sent, mut got) = (0, Vec::<u8>::new());
        while got.len() < data.len() {
            let end = (sent + random.any_magnitude(200) + 1).min(data.len());
            let mut buffer = vec![0; random.any_magnitude(200) + 1];
            // Both may be ready, or none; the one that is not is dropped.
            tokio::select! {
                written = client.write(&data[sent..end]), if sent < data.len() => sent += written.unwrap(),
                read = server.read(&mut buffer) => got.extend(&buffer[..read.unwrap()]),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(got == data);
    });
}
