//! A peer that rings the bell without end, with nothing, with payloads and with descriptors, as client and as
//! server: others are served meanwhile, each ring costs a bounded time, and nothing heaps up.

use std::thread;
use std::time::Duration;

use dotpipe::exact::{self, End};
use dotpipe::options::{CreateOptions, PipeEnd};
use dotpipe::win32::Win32Error;

use crate::liar::{DESCRIPTORS, FILL, LIE, Liar, MEET, PAYLOADS, RINGS_ONLY, STOP, many};
use crate::support::*;
use crate::tools::measure::{Holding, memory_tells, processor_time};
use crate::tools::patience::SLOWNESS;

/// What a ring may cost, slow machines and builds without optimization included. It costs a hundredth of
/// that, so this finds what goes round in circles.
const COST_OF_A_RING: Duration = Duration::from_micros(500 * SLOWNESS as u64);

/// What waits at the honest side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Nobody,
    /// A thread in a read.
    Thread,
    /// A pending read, for which the thread in the background listens.
    Pending,
    /// A thread in a write that does not fit.
    Writer,
}

/// The processor is used for what is to be done, and then no more.
fn comes_to_rest() {
    until("the honest side comes to rest", || {
        let before = processor_time();
        thread::sleep(Duration::from_millis(20)); // in which nothing is to be done
        processor_time() - before < Duration::from_millis(4)
    });
}

/// So many rings have not cost more than they may.
fn check_time(begun: Duration, rings: u64) {
    let spent = processor_time() - begun;
    let most = COST_OF_A_RING * rings as u32 + Duration::from_millis(500);
    assert!(spent < most, "{spent:?} for {rings} rings");
}

/// Somebody else's conversation goes on, and new ones begin.
fn others_are_served() {
    let server = create("q");
    let client = exact::open(&name("q"), BOTH).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut read = [0; 8];
            while let Ok(received) = server.read_until(&mut read, late()) {
                server.write(&read[..received.len]).unwrap();
            }
        });
        for _ in 0..50 {
            client.write(b"question").unwrap();
            assert_eq!(client.read_until(&mut [0; 8], late()).unwrap().len, 8);
        }
        drop(client);
    });
    for _ in 0..5 {
        let server = create("another");
        let _client = exact::open(&name("another"), BOTH).unwrap();
        assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
    }
}

/// One conversation with a ringer.
fn ring(liar: &Liar, choices: u64, end: &End, waits: Waits) {
    let before = Holding::own();
    let flat = |when: &str| {
        let now = Holding::own();
        // Two ends in `others_are_served`, and what a thread that waits has.
        assert!(
            now.descriptors <= before.descriptors + 24,
            "{when}: {now:?}"
        );
        let grown = now.memory.saturating_sub(before.memory);
        assert!(grown < 16 << 20 || !memory_tells(), "{when}: {now:?}");
    };
    thread::scope(|scope| {
        let pending = (waits == Waits::Pending).then(|| end.start_read(9));
        match waits {
            Waits::Thread => {
                scope.spawn(|| end.read_until(&mut [0; 9], late()));
            }
            Waits::Writer => {
                scope.spawn(|| end.write_until(&[7; 300_000], late()));
            }
            _ => {}
        }
        let begun = processor_time();
        // Nobody hears what nobody waits for, and so the socket is full soon.
        liar.tell(if waits == Waits::Nobody { FILL } else { LIE });
        let rings = liar.count();
        check_time(begun, rings);
        assert!(
            rings >= many(choices) || waits == Waits::Nobody,
            "{waits:?}: {rings}"
        );
        flat("while it rings");
        others_are_served();
        flat("while it rings and others are served");
        liar.tell(STOP);
        assert!(liar.count() >= rings);
        assert!(liar.has_done());
        // It still waits.
        assert_eq!(end.cancel().is_ok(), waits != Waits::Nobody, "{waits:?}");
        drop(pending);
    });
    comes_to_rest();
    flat("afterwards");
}

fn rings_without_end(choices: u64) {
    let options = CreateOptions {
        out_quota: 1_000,
        ..CreateOptions::default()
    };
    let all = [Waits::Nobody, Waits::Thread, Waits::Pending, Waits::Writer];
    let server = exact::create(&name("p"), &options).unwrap();
    let liar = Liar::start("ringer", PipeEnd::Client, choices);
    others_are_served(); // once, so that what it takes is there
    for waits in all {
        assert!(liar.does(MEET));
        ring(&liar, choices, &server, waits);
        server.disconnect().unwrap();
        drop(server.start_connect());
    }
    drop((liar, server));
    let liar = Liar::start("ringer", PipeEnd::Server, choices);
    for waits in all {
        liar.tell(MEET);
        let client = exact::open(&name("p"), BOTH).unwrap();
        assert!(liar.has_done());
        ring(&liar, choices, &client, waits);
    }
}

#[test]
fn it_rings_without_end() {
    alone(|| rings_without_end(RINGS_ONLY));
}

#[test]
fn it_stuffs_the_socket_with_payloads() {
    alone(|| rings_without_end(PAYLOADS));
}

#[test]
fn it_stuffs_the_socket_with_descriptors() {
    alone(|| rings_without_end(DESCRIPTORS));
}

/// Tasks: the runtime goes on, whatever becomes of the conversation.
#[cfg(feature = "tokio")]
#[test]
fn a_runtime_withstands_it() {
    use dotpipe::tokio::{ClientOptions, ServerOptions};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    alone(|| {
        for threads in [1, 2] {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut server = ServerOptions::new().create(r"\\.\pipe\p").unwrap();
                let liar = Liar::start("ringer", PipeEnd::Client, threads as u64 - 1);
                assert!(liar.does(MEET));
                server.connect().await.unwrap();
                let reading = tokio::spawn(async move { server.read(&mut [0; 9]).await });
                let begun = processor_time();
                // The runtime hears of what is new only, and so need not hear of all.
                liar.tell(FILL);
                let rings = liar.count();
                check_time(begun, rings);
                let mut server = ServerOptions::new().create(r"\\.\pipe\q").unwrap();
                let echo = tokio::spawn(async move {
                    server.connect().await.unwrap();
                    let mut read = [0; 8];
                    while server.read_exact(&mut read).await.is_ok() {
                        server.write_all(&read).await.unwrap();
                    }
                });
                let mut client = ClientOptions::new().open(r"\\.\pipe\q").unwrap();
                for _ in 0..100 {
                    client.write_all(b"question").await.unwrap();
                    client.read_exact(&mut [0; 8]).await.unwrap();
                }
                drop(client);
                echo.await.unwrap();
                liar.tell(STOP);
                assert!(liar.count() >= rings);
                assert!(liar.has_done());
                drop(liar);
                let end = reading.await.unwrap();
                assert!(!matches!(end, Ok(1..)), "{end:?}");
            });
            drop(runtime);
            comes_to_rest();
        }
    });
}
