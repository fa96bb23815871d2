//! The time of a round trip, through a pipe and through a socket, in the same run.
//!
//! Nothing is claimed about it: what is checked is that every message came back. A time is the median of
//! single round trips, so that a few long ones do not hide how long one takes. On a machine whose
//! processors are all busy it is that of two ends that share one.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, PipeMode};

use super::check::Report;
use super::process::Process;
use crate::failure::{Failure, Result};
use crate::system;

/// The length of a message, in bytes.
const LEN: usize = 64;

/// How many round trips are made before the clock counts.
const WARM_UP: usize = 500;

/// At most how many round trips are measured in a turn, and for how long.
const TRIPS: usize = 20_000;
const LIMIT: Duration = Duration::from_millis(500);

/// How often pipe and socket take turns, so that what else the machine does hits both alike.
const TURNS: usize = 2;

/// How long a single message may take before the pipe counts as broken.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn show(report: &mut Report, prefix: &str) -> Result {
    let mut pipe = Trips::default();
    let mut socket = Trips::default();
    for _ in 0..TURNS {
        through_pipe(prefix, &mut pipe)?;
        through_socket(prefix, &mut socket)?;
    }
    for (what, trips) in [("the pipe", &pipe), ("the socket", &socket)] {
        report.check(
            &format!(
                "{} messages through {what} came back unchanged",
                trips.times.len()
            ),
            "0 changed",
            &format!("{} changed", trips.changed),
        )?;
    }
    for (what, trips) in [("pipe", &mut pipe), ("socket", &mut socket)] {
        let [fastest, slowest] = [trips.percentile(10), trips.percentile(99)].map(microseconds);
        report.detail(format_args!(
            "{what}: one in ten within {fastest:.1} µs, all but one in a hundred within {slowest:.1} µs"
        ))?;
    }
    let (pipe, socket) = (pipe.percentile(50), socket.percentile(50));
    report.holds(&format!(
        "median round trip: pipe {:.1} µs, {} {:.1} µs, {:.1} times as long",
        microseconds(pipe),
        system::SOCKET,
        microseconds(socket),
        microseconds(socket) / microseconds(pipe)
    ))
}

/// A message pipe; the other process is the client.
fn through_pipe(prefix: &str, trips: &mut Trips) -> Result {
    let word = "speed";
    let name = PipeName::local(&format!("{prefix}-{word}"))
        .map_err(|error| dotpipe::error::Error::invalid_name("create", &error))?;
    let options = CreateOptions {
        pipe_type: PipeMode::Message,
        read_mode: PipeMode::Message,
        max_instances: 1,
        ..CreateOptions::default()
    };
    // Started first and so dropped last: it ends when the end is closed.
    let mut peer = Process::start(prefix)?;
    let end = exact::create(&name, &options).map_err(Failure::at("create", &name))?;
    peer.ask(&format!("open h {word}"));
    peer.tell("echo h");
    trips.measure(|sent, received| {
        exchange(&end, sent, received).map_err(Failure::at("read", &name))
    })
}

fn exchange(end: &End, sent: &[u8], received: &mut [u8]) -> exact::Result<()> {
    let deadline = Some(Instant::now() + PATIENCE);
    end.write_until(sent, deadline)?;
    end.read_until(received, deadline).map(|_| ())
}

/// A socket as a program would use it that knows nothing else: a blocking stream.
fn through_socket(prefix: &str, trips: &mut Trips) -> Result {
    let refused = |error| Failure::System(format!("use a {}", system::SOCKET), error);
    let (listener, word) = system::listen_socket(prefix).map_err(refused)?;
    let mut peer = Process::start(prefix)?;
    peer.tell(&format!("echo-socket {word}"));
    let (mut stream, _) = listener.accept().map_err(refused)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(refused)?;
    trips.measure(|sent, received| {
        stream
            .write_all(sent)
            .and_then(|()| stream.read_exact(received))
            .map_err(refused)
    })
}

/// What was measured.
#[derive(Default)]
struct Trips {
    times: Vec<Duration>,
    /// How many messages came back changed.
    changed: usize,
}

impl Trips {
    fn measure(&mut self, mut exchange: impl FnMut(&[u8], &mut [u8]) -> Result) -> Result {
        let mut message = [0; LEN];
        let started = Instant::now();
        for trip in 0..WARM_UP + TRIPS {
            // Every message is another one, so that one that comes back twice shows.
            message[..8].copy_from_slice(&(trip as u64).to_le_bytes());
            let mut received = [0; LEN];
            let sent = Instant::now();
            exchange(&message, &mut received)?;
            let time = sent.elapsed();
            self.changed += usize::from(received != message);
            if trip >= WARM_UP {
                self.times.push(time);
                if started.elapsed() > LIMIT {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The time within which so many of a hundred trips were made.
    fn percentile(&mut self, percent: usize) -> Duration {
        self.times.sort_unstable();
        let index = self.times.len() * percent / 100;
        self.times.get(index).copied().unwrap_or_default()
    }
}

fn microseconds(time: Duration) -> f64 {
    1e6 * time.as_secs_f64()
}
