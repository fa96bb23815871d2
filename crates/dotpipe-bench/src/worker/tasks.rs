//! Round trips and streams as tasks of a runtime do them: the same steps as in `round_trip` and `stream`, with an
//! `await` at each.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::message::Message;
use super::round_trip::{Pause, WARM_UP, wait};
use super::stream::{Stretches, looks_at};
use super::{Order, Results, announce};
use crate::peers::{Stream, Tasks};
use crate::processor;
use crate::samples::Samples;
use crate::task::{Placement, Task};
use crate::transport::Setup;

/// What is kept until the other process is done as well.
pub(super) type KeptByTasks = (Runtime, Box<dyn Stream>);

/// Does one side of a task.
pub(super) fn run(
    tasks: &Tasks,
    setup: &Setup,
    task: Task,
    order: &Order,
    results: &mut Results,
) -> io::Result<KeptByTasks> {
    let runtime = tasks.runtime()?;
    let (stream, measured) = match &order.address {
        None => {
            let (opening, address) = runtime.block_on(async { tasks.listen(setup) })?;
            announce(&address)?;
            let serving = async move {
                let mut stream = opening.await?;
                let mut results = Results::default();
                match task {
                    Task::Stream { .. } => serve_stream(&mut stream, task, &mut results).await,
                    _ => serve_round_trips(&mut stream, task).await,
                }?;
                io::Result::Ok((stream, results))
            };
            // In a task of its own: there it is where tasks run.
            runtime.block_on(runtime.spawn(serving))
        }
        Some(address) => {
            let slice = Duration::from_micros(order.slice);
            let opening = tasks.connect(address);
            let asking = async move {
                let mut stream = opening.await?;
                let mut results = Results::default();
                match task {
                    Task::Stream { .. } => ask_stream(&mut stream, task, slice).await,
                    _ => ask_round_trips(&mut stream, task, slice, &mut results).await,
                }?;
                io::Result::Ok((stream, results))
            };
            runtime.block_on(runtime.spawn(asking))
        }
    }
    .map_err(io::Error::other)??;
    results.0.extend(measured.0);
    Ok((runtime, stream))
}

type Open = Box<dyn Stream>;

async fn receive(stream: &mut Open, message: &mut Message, number: u64) -> io::Result<()> {
    stream.read_exact(&mut message.bytes).await?;
    message.check(number)
}

fn pause_of(task: Task) -> Pause {
    match task {
        Task::Asleep { .. } => Pause::UntilAsleep,
        Task::Think(time) => Pause::Think(Duration::from_micros(time)),
        _ => Pause::None,
    }
}

/// As [`wait`], but where that would put the thread to sleep it is the task that sleeps.
async fn pause(pause: Pause, begun: Instant, placement: Placement) -> Instant {
    match pause {
        Pause::UntilAsleep if placement != Placement::Apart => {
            tokio::time::sleep(super::round_trip::UNTIL_ASLEEP).await;
            Instant::now()
        }
        _ => wait(pause, begun, placement),
    }
}

async fn ask_round_trips(
    stream: &mut Open,
    task: Task,
    slice: Duration,
    results: &mut Results,
) -> io::Result<()> {
    let (before, placement) = (pause_of(task), task.placement());
    let mut message = Message::new(task.len());
    let mut number = 0;
    let warm_until = Instant::now() + slice / WARM_UP;
    let mut now = Instant::now();
    while now < warm_until || number == 0 {
        pause(before, now, placement).await;
        message.set(number, false);
        stream.write_all(&message.bytes).await?;
        receive(stream, &mut message, number).await?;
        number += 1;
        now = Instant::now();
    }

    let mut latency = Samples::new();
    let mut thought = Duration::ZERO;
    let first = number;
    let used_before = processor::time_used();
    let end = now + slice;
    loop {
        let begun = now;
        let sent = pause(before, begun, placement).await;
        thought += sent - begun;
        let last = sent >= end && number > first;
        message.set(number, last);
        if number == first {
            message.set_first();
        }
        stream.write_all(&message.bytes).await?;
        receive(stream, &mut message, number).await?;
        number += 1;
        now = Instant::now();
        latency.add_time(now - sent);
        if last {
            break;
        }
    }
    if let Pause::Think(_) = before {
        let used = processor::time_used() - used_before;
        let both = used.saturating_sub(thought) + Duration::from_nanos(message.extra());
        results.add_one("cpu", both.as_nanos() as f64 / (number - first) as f64);
        results.add("latency", latency);
    } else {
        results.add("", latency);
    }
    Ok(())
}

async fn serve_round_trips(stream: &mut Open, task: Task) -> io::Result<()> {
    let mut message = Message::new(task.len());
    let mut used_before = Duration::ZERO;
    for number in 0.. {
        receive(stream, &mut message, number).await?;
        if message.is_first() {
            used_before = processor::time_used();
        }
        let last = message.is_last();
        if last {
            let used = processor::time_used() - used_before;
            message.set_extra(used.as_nanos() as u64);
        }
        stream.write_all(&message.bytes).await?;
        if last {
            break;
        }
    }
    Ok(())
}

async fn ask_stream(stream: &mut Open, task: Task, slice: Duration) -> io::Result<()> {
    let mut message = Message::new(task.len());
    let look = looks_at(message.bytes.len());
    let end = Instant::now() + slice;
    for number in 0.. {
        let last = number % look == look - 1 && Instant::now() >= end;
        message.set(number, last);
        stream.write_all(&message.bytes).await?;
        if last {
            receive(stream, &mut message, number).await?;
            break;
        }
    }
    Ok(())
}

async fn serve_stream(stream: &mut Open, task: Task, results: &mut Results) -> io::Result<()> {
    let mut message = Message::new(task.len());
    let mut stretches = Stretches::begin(message.bytes.len());
    for number in 0.. {
        receive(stream, &mut message, number).await?;
        let last = message.is_last();
        stretches.received(number, last);
        if last {
            stream.write_all(&message.bytes).await?;
            break;
        }
    }
    results.add("", stretches.samples);
    Ok(())
}
