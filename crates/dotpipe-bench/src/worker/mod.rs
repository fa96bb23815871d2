//! One of the two processes of a measurement: it does its side of a task and prints what it measured.
//!
//! Layer: above the transports, below the process that starts the two. A server prints
//! `address ADDRESS` when it listens; either side prints `result PART SAMPLES` lines at its end, and
//! `done`. Every message carries its number, and both sides check the numbers, so that a transport
//! that loses, repeats or mixes up messages fails instead of being fast.

mod check;
mod idle;
mod many;
mod message;
mod round_trip;
mod stream;
mod tasks;

use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Signal};

use crate::peers;
use crate::samples::Samples;
use crate::task::{self, Task};
use crate::transport::{Channel, Connector, Kind, Listener, Peer, Setup};

pub(crate) use check::LENGTHS;

/// What the process is told on its command line.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Order {
    /// The transport's name.
    #[arg(long)]
    pub(crate) peer: String,
    /// What to do.
    #[arg(long, value_parser = Job::parse)]
    pub(crate) job: Job,
    /// How long to measure, in microseconds.
    #[arg(long, default_value_t = 0)]
    pub(crate) slice: u64,
    /// A directory for the two processes alone.
    #[arg(long)]
    pub(crate) directory: PathBuf,
    /// Where the server listens; without it, this is the server.
    #[arg(long)]
    pub(crate) address: Option<String>,
}

/// What the two processes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Measure a task.
    Measure(Task),
    /// Check that every byte arrives, in messages of this length.
    Check(Kind, usize),
}

impl Job {
    fn parse(text: &str) -> Result<Job, String> {
        let check = |kind, len: &str| Some(Job::Check(kind, len.parse().ok()?));
        match text.split_once(' ') {
            None => task::find(text).map(Job::Measure),
            Some(("byte", len)) => check(Kind::Byte, len),
            Some(("message", len)) => check(Kind::Message, len),
            Some(_) => None,
        }
        .ok_or_else(|| format!("no such job: {text}"))
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Job::Measure(task) => task.fmt(f),
            Job::Check(kind, len) => write!(f, "{kind} {len}"),
        }
    }
}

/// The side that opened a conversation, with what it needs to know.
struct Client<'a> {
    connector: Box<dyn Connector>,
    task: Task,
    slice: Duration,
    results: &'a mut Results,
}

/// The side that was opened.
struct Server<'a> {
    listener: Box<dyn Listener>,
    task: Task,
    results: &'a mut Results,
}

/// What is kept until the other process is done as well: some transports lose what has been sent but
/// not yet received when its sender goes.
type Kept = Vec<Box<dyn Channel>>;

/// What was measured, by part of the task.
#[derive(Default)]
struct Results(Vec<(&'static str, Samples)>);

impl Results {
    fn add(&mut self, part: &'static str, samples: Samples) {
        self.0.push((part, samples));
    }

    fn add_one(&mut self, part: &'static str, value: f64) {
        let mut samples = Samples::new();
        samples.add(value);
        self.add(part, samples);
    }
}

/// Does what was ordered.
pub(crate) fn run(order: &Order) -> io::Result<()> {
    // Whoever spins would do so for ever if the process that started it were killed.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    raise_descriptor_limit();
    let unknown = || io::Error::other(format!("no such transport: {}", order.peer));
    let peer = peers::find(&order.peer).ok_or_else(unknown)?;
    let task = match order.job {
        Job::Measure(task) => task,
        Job::Check(kind, len) => return check::run(peer, order, kind, len),
    };
    let setup = Setup {
        directory: order.directory.clone(),
        len: task.len(),
        kind: task.kind(peer),
    };
    let mut results = Results::default();
    if let Some(tasks) = peers::tasks(peer) {
        let kept = tasks::run(&tasks, &setup, task, order, &mut results)?;
        return finish(&results, kept);
    }
    let kept = match &order.address {
        None => serve(peer, &setup, task, &mut results)?,
        Some(address) => {
            let slice = Duration::from_micros(order.slice);
            ask(peer, &setup, address, task, slice, &mut results)?
        }
    };
    finish(&results, kept)
}

/// Prints what was measured, and keeps what must be kept until the other process is done as well.
fn finish<K>(results: &Results, kept: K) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for (part, samples) in &results.0 {
        writeln!(output, "result {part} {samples}")?;
    }
    writeln!(output, "done")?;
    output.flush()?;
    wait_for_the_end()?;
    drop(kept);
    Ok(())
}

/// Tells where this process listens.
fn announce(address: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "address {address}")?;
    output.flush()
}

/// Waits until the process that started this one closes our standard input.
fn wait_for_the_end() -> io::Result<()> {
    io::stdin().lock().read_to_end(&mut Vec::new()).map(drop)
}

fn serve(peer: &Peer, setup: &Setup, task: Task, results: &mut Results) -> io::Result<Kept> {
    let before = idle::Usage::now()?;
    let (listener, address) = (peer.listen)(setup)?;
    announce(&address)?;
    let server = Server {
        listener,
        task,
        results,
    };
    match task {
        Task::RoundTrip { .. } | Task::Asleep { .. } | Task::Think(_) => round_trip::serve(server),
        Task::Stream { .. } => stream::serve(server),
        Task::OpenCallClose => many::serve_one_by_one(server),
        Task::FanIn => many::serve_at_once(server),
        Task::Instances(count) => many::serve_in_turn(server, count),
        Task::Idle => idle::serve(server, &before),
    }
}

fn ask(
    peer: &Peer,
    setup: &Setup,
    address: &str,
    task: Task,
    slice: Duration,
    results: &mut Results,
) -> io::Result<Kept> {
    let before = idle::Usage::now()?;
    let client = Client {
        connector: (peer.connect)(setup, address)?,
        task,
        slice,
        results,
    };
    match task {
        Task::RoundTrip { .. } => round_trip::ask(client, round_trip::Pause::None),
        Task::Asleep { .. } => round_trip::ask(client, round_trip::Pause::UntilAsleep),
        Task::Think(time) => round_trip::ask(
            client,
            round_trip::Pause::Think(Duration::from_micros(time)),
        ),
        Task::Stream { .. } => stream::ask(client),
        Task::OpenCallClose => many::ask_one_by_one(client),
        Task::FanIn => many::ask_at_once(client),
        Task::Instances(count) => many::ask_in_turn(client, count),
        Task::Idle => idle::ask(client, &before),
    }
}

/// A thousand conversations need more descriptors than the usual limit allows.
fn raise_descriptor_limit() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it must not be raised, it may still be enough.
    let _ = rustix::process::setrlimit(Resource::Nofile, limit);
}
