//! Round trips: one after the other, after a pause in which the receiver falls asleep, or with a think
//! time, for which the processor time of both sides is counted.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::message::Message;
use super::{Client, Kept, Server};
use crate::processor;
use crate::samples::Samples;
use crate::task::Placement;

/// What the client does before it sends.
#[derive(Clone, Copy)]
pub(super) enum Pause {
    None,
    /// Long enough for anyone to give up spinning. The client spins meanwhile where it has a processor
    /// of its own, so that only the receiver is asleep; elsewhere it sleeps, since it would keep the
    /// receiver from coming so far.
    UntilAsleep,
    /// Computes for so long.
    Think(Duration),
}

pub(super) const UNTIL_ASLEEP: Duration = Duration::from_micros(400);

/// Round trips before the clock counts, as part of the slice.
pub(super) const WARM_UP: u32 = 8;

pub(super) fn ask(mut client: Client<'_>, pause: Pause) -> io::Result<Kept> {
    let placement = client.task.placement();
    let mut channel = client.connector.open()?;
    let mut message = Message::new(client.task.len());
    let mut number = 0;
    let warm_until = Instant::now() + client.slice / WARM_UP;
    let mut now = Instant::now();
    while now < warm_until || number == 0 {
        wait(pause, now, placement);
        message.call(&mut *channel, number, false)?;
        number += 1;
        now = Instant::now();
    }

    let mut latency = Samples::new();
    let mut thought = Duration::ZERO;
    let first = number;
    let used_before = processor::time_used();
    let end = now + client.slice;
    loop {
        let begun = now;
        let sent = wait(pause, begun, placement);
        thought += sent - begun;
        let last = sent >= end && number > first;
        message.set(number, last);
        if number == first {
            message.set_first();
        }
        channel.send(&message.bytes)?;
        message.receive(&mut *channel, number)?;
        number += 1;
        now = Instant::now();
        latency.add_time(now - sent);
        if last {
            break;
        }
    }
    if let Pause::Think(_) = pause {
        // The server's part comes with its last answer.
        let used = processor::time_used() - used_before;
        let both = used.saturating_sub(thought) + Duration::from_nanos(message.extra());
        let each = both.as_nanos() as f64 / (number - first) as f64;
        client.results.add_one("cpu", each);
        client.results.add("latency", latency);
    } else {
        client.results.add("", latency);
    }
    Ok(vec![channel])
}

/// Pauses, and gives the time at which that was over.
pub(super) fn wait(pause: Pause, begun: Instant, placement: Placement) -> Instant {
    let until = match pause {
        Pause::None => return begun,
        Pause::UntilAsleep if placement != Placement::Apart => {
            thread::sleep(UNTIL_ASLEEP);
            return Instant::now();
        }
        Pause::UntilAsleep => begun + UNTIL_ASLEEP,
        Pause::Think(time) => begun + time,
    };
    loop {
        let now = Instant::now();
        if now >= until {
            return now;
        }
        std::hint::spin_loop();
    }
}

pub(super) fn serve(mut server: Server<'_>) -> io::Result<Kept> {
    let mut channel = server.listener.accept()?;
    let mut message = Message::new(server.task.len());
    let mut used_before = Duration::ZERO;
    for number in 0.. {
        message.receive(&mut *channel, number)?;
        if message.is_first() {
            used_before = processor::time_used();
        }
        let last = message.is_last();
        if last {
            let used = processor::time_used() - used_before;
            message.set_extra(used.as_nanos() as u64);
        }
        channel.send(&message.bytes)?;
        if last {
            break;
        }
    }
    Ok(vec![channel])
}
