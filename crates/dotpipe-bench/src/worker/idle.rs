//! What conversations cost in which nothing happens: memory, descriptors, processor time.
//!
//! Resident memory is what the process has (pages shared with the other side count on both); what the
//! kernel keeps for a socket is not in it. Each conversation has carried one call before.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::message::Message;
use super::{Client, Kept, Server, many};
use crate::processor;
use crate::task::IDLE;

/// What a process has.
pub(super) struct Usage {
    /// Resident bytes.
    memory: u64,
    descriptors: usize,
}

impl Usage {
    pub(super) fn now() -> io::Result<Usage> {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
        let kilobytes = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Rss:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .ok_or_else(|| io::Error::other("no Rss in smaps_rollup"))?;
        Ok(Usage {
            memory: kilobytes << 10,
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
        })
    }

    /// How much of both there is more than `before`, for each conversation.
    fn per_connection(&self, before: &Usage) -> (f64, f64) {
        let each = |more: u64| more as f64 / IDLE as f64;
        (
            each(self.memory.saturating_sub(before.memory)),
            each(self.descriptors.saturating_sub(before.descriptors) as u64),
        )
    }
}

/// Nothing happens for so long, but not shorter than this.
const QUIET: Duration = Duration::from_millis(300);

pub(super) fn ask(mut client: Client<'_>, before: &Usage) -> io::Result<Kept> {
    let mut channels = many::open_all(&mut client, IDLE)?;
    let (memory, descriptors) = Usage::now()?.per_connection(before);
    client.results.add_one("memory-client", memory);
    client.results.add_one("descriptors-client", descriptors);
    let quiet = QUIET.max(client.slice);
    let own = used_while_idle(quiet);
    // The server answers with its own.
    let mut message = Message::new(client.task.len());
    message.call(&mut *channels[0], 0, true)?;
    client.results.add_one("cpu", own + message.extra() as f64);
    Ok(channels)
}

pub(super) fn serve(mut server: Server<'_>, before: &Usage) -> io::Result<Kept> {
    let mut channels = many::accept_all(&mut server, IDLE)?;
    let (memory, descriptors) = Usage::now()?.per_connection(before);
    server.results.add_one("memory-server", memory);
    server.results.add_one("descriptors-server", descriptors);
    let used = used_while_idle(QUIET);
    let mut message = Message::new(server.task.len());
    message.receive(&mut *channels[0], 0)?;
    message.set_extra(used as u64);
    channels[0].send(&message.bytes)?;
    Ok(channels)
}

/// Nanoseconds of processor time per second that this process uses while it does nothing.
fn used_while_idle(time: Duration) -> f64 {
    let (begun, before) = (Instant::now(), processor::time_used());
    thread::sleep(time);
    let used = processor::time_used() - before;
    used.as_nanos() as f64 / begun.elapsed().as_secs_f64()
}
