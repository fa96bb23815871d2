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

pub(super) fn looks_at(len: usize) -> u64 {
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
    let mut stretches = Stretches::begin(message.bytes.len());
    for number in 0.. {
        message.receive(&mut *channel, number)?;
        let last = message.is_last();
        stretches.received(number, last);
        if last {
            channel.send(&message.bytes)?;
            break;
        }
    }
    server.results.add("", stretches.samples);
    Ok(vec![channel])
}

/// The clock of a receiver.
pub(super) struct Stretches {
    pub(super) samples: Samples,
    look: u64,
    begun: Instant,
    begun_with: u64,
    warm: bool,
}

impl Stretches {
    pub(super) fn begin(len: usize) -> Stretches {
        Stretches {
            samples: Samples::new(),
            look: looks_at(len),
            begun: Instant::now(),
            begun_with: 0,
            warm: false,
        }
    }

    pub(super) fn received(&mut self, number: u64, last: bool) {
        if number % self.look != self.look - 1 && !last {
            return;
        }
        let time = self.begun.elapsed();
        let count = number + 1 - self.begun_with;
        // The first stretch is the warm-up. When there is no other, the whole must do.
        let only = last && self.samples.count() == 0;
        if (self.warm && time >= STRETCH) || only {
            self.samples.add(time.as_nanos() as f64 / count as f64);
        }
        if time >= STRETCH {
            self.warm = true;
            (self.begun, self.begun_with) = (Instant::now(), number + 1);
        }
    }
}
