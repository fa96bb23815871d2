//! A stream one way, as fast as it goes, with one answer at its end.
//!
//! A sample is the mean time per message over a stretch of some milliseconds at the receiver: single
//! messages come in bursts, and their times would say how long the bursts are.

use std::io;
use std::time::{Duration, Instant};

use super::message::Message;
use super::{Client, Kept, Server};
use crate::samples::Samples;

/// A stretch, at the least.
const STRETCH: Duration = Duration::from_millis(2);

/// The clock is read once for so many bytes, and after every message that is longer.
const BETWEEN_LOOKS: usize = 128 << 10;

fn looks_at(len: usize) -> u64 {
    (BETWEEN_LOOKS / len).max(1) as u64
}

pub(super) fn ask(mut client: Client<'_>) -> io::Result<Kept> {
    let mut channel = client.connector.open()?;
    let mut message = Message::new(client.task.len());
    let look = looks_at(message.bytes.len());
    let end = Instant::now() + client.slice;
    for number in 0.. {
        let last = number % look == look - 1 && Instant::now() >= end;
        message.set(number, last);
        channel.send(&message.bytes)?;
        if last {
            message.receive(&mut *channel, number)?;
            break;
        }
    }
    Ok(vec![channel])
}

pub(super) fn serve(mut server: Server<'_>) -> io::Result<Kept> {
    let mut channel = server.listener.accept()?;
    let mut message = Message::new(server.task.len());
    let look = looks_at(message.bytes.len());
    let mut samples = Samples::new();
    let whole = Instant::now();
    let (mut begun, mut begun_with) = (whole, 0);
    let mut warm = false;
    for number in 0.. {
        message.receive(&mut *channel, number)?;
        let last = message.is_last();
        if number % look == look - 1 || last {
            let time = begun.elapsed();
            let count = number + 1 - begun_with;
            // The first stretch is the warm-up. When there is no other, the whole must do.
            let only = last && samples.count() == 0;
            if (warm && time >= STRETCH) || only {
                samples.add(time.as_nanos() as f64 / count as f64);
            }
            if time >= STRETCH {
                warm = true;
                (begun, begun_with) = (Instant::now(), number + 1);
            }
        }
        if last {
            channel.send(&message.bytes)?;
            break;
        }
    }
    server.results.add("", samples);
    Ok(vec![channel])
}
