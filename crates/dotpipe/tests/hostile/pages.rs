//! A process that scribbles over every byte of the shared pages, as client and as server, while another one
//! works through everything that an end can do.
//!
//! The honest process is the body of each test: a panic, a signal or a hang there fails it. Besides it must
//! read nothing that the liar cannot have written, show it nothing of anybody else's, serve others all the
//! time, and hold no more memory, descriptors and threads in the end than in the beginning.

use std::thread;
use std::time::{Duration, Instant};

use dotpipe::exact::{self, End};
use dotpipe::options::{CreateOptions, PipeEnd, PipeMode};
use rustix::time::{ClockId, clock_gettime};

use crate::honest::{Dice, SECRET, act, checked, everything, hide_secrets};
use crate::liar::{LIE, Liar, MEET, PART};
use crate::support::*;
use crate::tools::measure::{Holding, memory_tells, peak_memory};
use crate::tools::patience::SLOWNESS;

/// What else the process has: a pipe whose data are nobody's business, and what it held in the beginning.
struct Bystander {
    server: End,
    client: End,
    before: Holding,
    peak: usize,
}

impl Bystander {
    fn new() -> Bystander {
        let server = create("q");
        let client = exact::open(&name("q"), BOTH).unwrap();
        client.write(&[SECRET; 1000]).unwrap();
        Bystander {
            server,
            client,
            before: Holding::own(),
            peak: peak_memory(),
        }
    }

    /// It is served, and only with what is its own.
    fn is_served(&self) {
        hide_secrets();
        self.client.write(&[SECRET; 100]).unwrap();
        let mut read = [0; 100];
        assert_eq!(self.server.read(&mut read).unwrap().len, 100);
        assert_eq!(read, [SECRET; 100]);
    }

    /// Nothing has grown that should not. What a test holds besides: a few buffers, the thread in the
    /// background and its descriptors, the memory of the last conversations.
    fn compare(&self) {
        until("descriptors and threads are given back", || {
            let now = Holding::own();
            now.descriptors <= self.before.descriptors + 8 && now.threads <= self.before.threads + 2
        });
        if !memory_tells() {
            return;
        }
        let grown = Holding::own().memory.saturating_sub(self.before.memory);
        assert!(grown < 16 << 20, "{grown} bytes of memory more");
        let peak = peak_memory().saturating_sub(self.peak);
        assert!(peak < 48 << 20, "{peak} bytes of memory more for a while");
    }
}

/// The honest process's end of the pipe `p`, whichever it is.
struct Side {
    end: PipeEnd,
    server: Option<End>,
}

impl Side {
    fn new(end: PipeEnd, pipe_type: PipeMode) -> Side {
        let options = CreateOptions {
            pipe_type,
            out_quota: 2_000,
            in_quota: 4_000,
            ..CreateOptions::default()
        };
        let server = || exact::create(&name("p"), &options).unwrap();
        Side {
            end,
            server: (end == PipeEnd::Server).then(server),
        }
    }

    /// The liar's end.
    fn other(&self) -> PipeEnd {
        match self.end {
            PipeEnd::Server => PipeEnd::Client,
            PipeEnd::Client => PipeEnd::Server,
        }
    }

    /// One conversation with the liar, which has begun it properly.
    fn converse(&mut self, liar: &Liar, act: impl FnOnce(&End)) {
        liar.tell(MEET);
        match &self.server {
            Some(server) => {
                assert!(liar.has_done());
                act(server);
                server.disconnect().unwrap();
                drop(server.start_connect());
            }
            None => {
                let client = exact::open(&name("p"), BOTH).unwrap();
                assert!(liar.has_done());
                act(&client);
            }
        }
    }

    /// Somebody honest, if it can be had, finds everything as it should be.
    fn check_afterwards(&self) {
        let Some(server) = &self.server else {
            return;
        };
        let client = exact::open(&name("p"), BOTH).unwrap();
        client.write(b"honest").unwrap();
        assert_eq!(server.read(&mut [0; 9]).unwrap().len, 6);
    }
}

/// Whatever the liar has written: who waits sleeps, and does not go round in circles until its deadline.
fn waits_asleep(end: &End) {
    const WAIT: Duration = Duration::from_millis(6 * SLOWNESS as u64);
    let timed = |wait: &dyn Fn(Option<Instant>)| {
        let begun = clock_gettime(ClockId::ThreadCPUTime);
        wait(Some(Instant::now() + WAIT));
        let spent = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - begun).unwrap();
        assert!(spent < WAIT / 2, "{spent:?}");
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            timed(&|until| {
                let _ = end.read_until(&mut [SECRET; 10_000], until);
            });
        });
        timed(&|until| {
            let _ = end.write_until(&[8; 10_000], until);
        });
    });
}

/// Every lie alone, while nothing else happens: then everything is tried. A few are left standing together.
fn sweep(end: PipeEnd, pipe_type: PipeMode) {
    let mut side = Side::new(end, pipe_type);
    let liar = Liar::start("sweeper", side.other(), soak(0, 1));
    let bystander = Bystander::new();
    let mut lies = 0;
    loop {
        side.converse(&liar, |end| {
            // Two writes of this side: one that is complete, one that waits.
            drop(end.start_write(vec![5; 100]));
            let waiting = end.start_write(vec![6; 20_000]);
            while liar.does(LIE) {
                lies += 1;
                everything(end);
                if soak(0, 1) > 0 {
                    waits_asleep(end);
                }
            }
            waits_asleep(end);
            let _ = waiting.cancel();
        });
        let has_more = liar.does(PART);
        bystander.is_served();
        if !has_more {
            break;
        }
    }
    side.check_afterwards();
    assert!(lies > 2_000, "{lies} lies");
    assert!(checked() > 10_000, "it was read what the liar wrote");
    bystander.compare();
}

#[test]
fn a_server_of_bytes_withstands_every_lie() {
    alone(|| sweep(PipeEnd::Server, PipeMode::Byte));
}

#[test]
fn a_server_of_messages_withstands_every_lie() {
    alone(|| sweep(PipeEnd::Server, PipeMode::Message));
}

/// The type is the liar's word there: messages.
#[test]
fn a_client_withstands_every_lie() {
    alone(|| sweep(PipeEnd::Client, PipeMode::Message));
}

/// The liar writes all the time, and two threads do what they can meanwhile.
fn race(end: PipeEnd, pipe_type: PipeMode) {
    let mut side = Side::new(end, pipe_type);
    let liar = Liar::start("scribbler", side.other(), 0);
    let bystander = Bystander::new();
    for seed in 1..=soak(48, 4_000) {
        side.converse(&liar, |end| {
            liar.does(LIE);
            thread::scope(|scope| {
                let rounds = |dice: Dice, most: u32| {
                    let mut dice = dice;
                    // Once it is over it stays so, which is looked at a few times.
                    let mut over = 0;
                    for _ in 0..most {
                        over += u32::from(act(end, &mut dice));
                        if over > 3 {
                            break;
                        }
                    }
                };
                scope.spawn(move || rounds(Dice(seed ^ 0xabcd), 20));
                rounds(Dice(seed ^ 0x1234), 30);
            });
        });
        liar.does(PART);
        bystander.is_served();
    }
    side.check_afterwards();
    assert!(checked() > 1_000, "it was read what the liar wrote");
    bystander.compare();
}

#[test]
fn a_server_of_bytes_withstands_a_scribbler() {
    alone(|| race(PipeEnd::Server, PipeMode::Byte));
}

#[test]
fn a_server_of_messages_withstands_a_scribbler() {
    alone(|| race(PipeEnd::Server, PipeMode::Message));
}

#[test]
fn a_client_withstands_a_scribbler() {
    alone(|| race(PipeEnd::Client, PipeMode::Message));
}

/// The same with tasks, which must not hold up each other either.
#[cfg(feature = "tokio")]
#[test]
fn tasks_withstand_a_scribbler() {
    use crate::honest::check;
    use dotpipe::tokio::{NamedPipeServer, PipeMode, ServerOptions};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(1);

    /// All operations of one kind, again and again. Which, decides `turn`.
    async fn act(server: &NamedPipeServer, turn: u64) {
        for round in turn..turn + 12 {
            let mut buffer = [SECRET; 5_000];
            let mut message = Vec::new();
            match round % 8 {
                0 => {
                    let read = timeout(SHORT, server.recv_into(&mut buffer)).await;
                    if let Ok(Ok(read)) = read {
                        check(&buffer[..read.len]);
                    }
                }
                1 => {
                    let _ = timeout(SHORT, server.recv(&mut message)).await;
                    check(&message);
                }
                2 => drop(timeout(SHORT, server.send(&[7; 3_000])).await),
                3 => drop(timeout(SHORT, server.flush_pipe()).await),
                4 => drop(timeout(SHORT, server.transact(b"question", &mut message)).await),
                5 => {
                    let _ = timeout(SHORT, server.readable()).await;
                    let len = server.try_read(&mut buffer).unwrap_or(0);
                    check(&buffer[..len]);
                }
                6 => {
                    let _ = timeout(SHORT, server.writable()).await;
                    let _ = server.try_write(&[7; 100]);
                }
                _ => {
                    let peeked = server.peek(&mut buffer);
                    check(&buffer[..peeked.map_or(0, |peeked| peeked.len)]);
                }
            }
        }
    }

    alone(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let bystander = Bystander::new();
        runtime.block_on(async {
            let server = ServerOptions::new()
                .pipe_mode(PipeMode::Message)
                .create(r"\\.\pipe\p")
                .unwrap();
            let server = std::sync::Arc::new(server);
            let liar = Liar::start("scribbler", PipeEnd::Client, 0);
            for seed in 1..=soak(32, 3_000) {
                liar.tell(MEET);
                server.connect().await.unwrap();
                assert!(liar.has_done());
                liar.does(LIE);
                let other = server.clone();
                let other = tokio::spawn(async move { act(&other, seed + 3).await });
                act(&server, seed).await;
                other.await.unwrap();
                server.disconnect().unwrap();
                liar.does(PART);
                bystander.is_served();
            }
        });
        drop(runtime);
        bystander.compare();
    });
}
