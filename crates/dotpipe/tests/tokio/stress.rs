//! No wake-up is lost: many tasks on few ends, halves that move between tasks, futures dropped at any time.
//!
//! A lost wake-up shows as a test that does not end. `DOTPIPE_SOAK=1` runs more rounds.

use std::sync::Arc;

use dotpipe::tokio::{NamedPipeClient, NamedPipeServer, PipeMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::data::Random;
use crate::support::is_wine;
use crate::{on_both, pair};

fn rounds(usual: u32) -> u32 {
    match std::env::var_os("DOTPIPE_SOAK") {
        Some(_) => usual * 50,
        // Every step is a call of Wine's one server there.
        None if is_wine() => usual / 4,
        None => usual,
    }
}

/// Gives way now and then, so that the others come to all states.
async fn dawdle(random: &mut Random) {
    match random.within(0..8) {
        0 => {
            tokio::time::sleep(std::time::Duration::from_micros(
                random.any_magnitude(300) as u64
            ))
            .await
        }
        1..4 => tokio::task::yield_now().await,
        _ => {}
    }
}

/// Several tasks send through one end and several receive at the other, both ways, with dropped futures.
async fn crowd(server: Arc<NamedPipeServer>, client: Arc<NamedPipeClient>, seed: u64, count: u32) {
    const EACH: u32 = 3;
    let mut tasks = JoinSet::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    macro_rules! both_ways {
        ($end:expr, $way:expr) => {
            for number in 0..EACH {
                let (end, tell) = ($end.clone(), tell.clone());
                let mut random = Random::new(seed + u64::from(number) + 10 * $way);
                tasks.spawn(async move {
                    for each in 0..count {
                        dawdle(&mut random).await;
                        let message = vec![each as u8; random.any_magnitude(2_000) + 1];
                        loop {
                            tokio::select! {
                                biased;
                                sent = end.send(&message) => break sent.unwrap(),
                                () = tokio::task::yield_now(), if random.within(0..3) == 0 => {}
                            }
                        }
                    }
                });
                let (end, mut random) = ($end.clone(), random_for(seed, number));
                tasks.spawn(async move {
                    let mut message = Vec::new();
                    loop {
                        dawdle(&mut random).await;
                        tokio::select! {
                            biased;
                            received = end.recv(&mut message) => {
                                if received.is_err() {
                                    break;
                                }
                                tell.send(($way, message.len())).unwrap();
                            }
                            () = tokio::task::yield_now(), if random.within(0..3) == 0 => {}
                        }
                    }
                });
            }
        };
    }
    both_ways!(server, 0u64);
    both_ways!(client, 1u64);
    drop(tell);
    for _ in 0..2 * EACH * count {
        assert!(told.recv().await.unwrap().1 > 0);
    }
    server.disconnect().unwrap();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert!(told.recv().await.is_none(), "every message came once");
}

fn random_for(seed: u64, number: u32) -> Random {
    Random::new(seed ^ u64::from(number) << 8)
}

#[test]
fn many_tasks_on_few_ends() {
    on_both(|| async {
        let seed = Random::of_test("crowd").next() % 1_000_000;
        for (round, quota) in [100, 3_000, 65_536].into_iter().enumerate() {
            let mut crowds = JoinSet::new();
            for number in 0..4 {
                let (server, client) = pair(PipeMode::Message, quota).await;
                let seed = seed + 1000 * (round as u64 * 10 + number);
                crowds.spawn(crowd(Arc::new(server), Arc::new(client), seed, rounds(40)));
            }
            while let Some(ended) = crowds.join_next().await {
                ended.unwrap();
            }
        }
    });
}

/// An end is handed from task to task, each of which does one thing with it.
#[test]
fn ends_that_move_between_tasks() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Byte, 5).await;
        let (mut server_read, mut server_write) = server.into_split();
        let (mut client_read, mut client_write) = client.into_split();
        for round in 0..rounds(300) {
            let byte = round as u8;
            let data = [byte; 12];
            let write = tokio::spawn(async move {
                client_write.write_all(&data).await.unwrap();
                client_write
            });
            let echo = tokio::spawn(async move {
                let mut got = [0; 12];
                server_read.read_exact(&mut got).await.unwrap();
                server_write.write_all(&got).await.unwrap();
                (server_read, server_write)
            });
            let read = tokio::spawn(async move {
                let mut got = [0; 12];
                client_read.read_exact(&mut got).await.unwrap();
                assert_eq!(got, [byte; 12]);
                client_read
            });
            client_write = write.await.unwrap();
            (server_read, server_write) = echo.await.unwrap();
            client_read = read.await.unwrap();
        }
    });
}

/// Tasks that wait for readiness on one end, more of them than there is to take.
#[test]
fn those_who_wait_for_readiness_are_all_woken() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Byte, 3).await;
        let (server, client) = (Arc::new(server), Arc::new(client));
        const TOTAL: usize = 2_000;
        let mut tasks = JoinSet::new();
        let (tell, mut told) = mpsc::unbounded_channel();
        for _ in 0..4 {
            let (end, tell) = (server.clone(), tell.clone());
            tasks.spawn(async move {
                let mut buffer = [0; 2];
                loop {
                    end.readable().await.unwrap();
                    match end.try_read(&mut buffer) {
                        Ok(0) => break,
                        Ok(len) => tell.send(len).unwrap(),
                        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
                    }
                }
            });
        }
        let writing: Vec<_> = (0..4)
            .map(|_| {
                let end = client.clone();
                tokio::spawn(async move {
                    let mut left = TOTAL / 4;
                    while left > 0 {
                        end.writable().await.unwrap();
                        match end.try_write(&[7; 5][..left.min(5)]) {
                            Ok(len) => left -= len,
                            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
                        }
                    }
                })
            })
            .collect();
        drop(client);
        drop(tell);
        for task in writing {
            task.await.unwrap();
        }
        let mut sum = 0;
        while let Some(len) = told.recv().await {
            sum += len;
        }
        assert_eq!(sum, TOTAL);
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

/// The two ends in runtimes of their own, which wake each other through the kernel only.
#[test]
fn two_runtimes_wake_each_other() {
    use crate::support::patience::start;

    let name = crate::support::unique_name("two runtimes").to_string();
    let [one, other] = crate::runtimes();
    let (tell, created) = std::sync::mpsc::channel();
    let pipe = name.clone();
    let serving = start("server", move || {
        one.block_on(async {
            let mut server = dotpipe::tokio::ServerOptions::new().create(&pipe).unwrap();
            tell.send(()).unwrap();
            server.connect().await.unwrap();
            let mut message = [0; 100];
            while server.read_exact(&mut message).await.is_ok() {
                server.write_all(&message).await.unwrap();
            }
        });
    });
    created.recv().unwrap();
    let asking = start("client", move || {
        other.block_on(async {
            let mut client = dotpipe::tokio::ClientOptions::new().open(&name).unwrap();
            let mut random = Random::of_test("two runtimes");
            for round in 0..rounds(2_000) {
                dawdle(&mut random).await;
                let mut got = [0; 100];
                client.write_all(&[round as u8; 100]).await.unwrap();
                client.read_exact(&mut got).await.unwrap();
                assert_eq!(got, [round as u8; 100]);
            }
        });
    });
    asking.end();
    serving.end();
}
