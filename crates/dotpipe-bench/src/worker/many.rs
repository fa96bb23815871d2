//! Many conversations: opened one by one, all at once from threads of their own, or used in turn.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::message::Message;
use super::{Client, Kept, Server};
use crate::samples::Samples;
use crate::task::FAN_IN;
use crate::transport::Channel;

/// Opens, calls and closes, again and again.
pub(super) fn ask_one_by_one(mut client: Client<'_>) -> io::Result<Kept> {
    let mut message = Message::new(client.task.len());
    let mut samples = Samples::new();
    let end = Instant::now() + client.slice;
    for number in 0.. {
        let begun = Instant::now();
        let last = begun >= end && number > 0;
        let mut channel = client.connector.open()?;
        message.call(&mut *channel, number, last)?;
        drop(channel);
        // The first one finds nothing in its place yet.
        if number > 0 {
            samples.add_time(begun.elapsed());
        }
        if last {
            break;
        }
    }
    client.results.add("", samples);
    Ok(Kept::new())
}

pub(super) fn serve_one_by_one(mut server: Server<'_>) -> io::Result<Kept> {
    let mut message = Message::new(server.task.len());
    for number in 0.. {
        let mut channel = server.listener.accept()?;
        if message.answer(&mut *channel, number)? {
            return Ok(vec![channel]);
        }
    }
    Ok(Kept::new())
}

/// Windows of time in which calls are counted.
const WINDOWS: u32 = 5;

/// On a line of its own, since every thread counts for itself.
#[repr(align(128))]
#[derive(Default)]
struct Count(AtomicU64);

/// Clients in threads, each of which calls without a pause. What is measured is the time per call of
/// all together.
pub(super) fn ask_at_once(client: Client<'_>) -> io::Result<Kept> {
    let connector = Mutex::new(client.connector);
    let over = AtomicBool::new(false);
    let counts: Vec<Count> = (0..FAN_IN).map(|_| Count::default()).collect();
    let len = client.task.len();
    let call = |count: &Count| -> io::Result<()> {
        let mut channel = {
            let mut connector = connector.lock().unwrap_or_else(PoisonError::into_inner);
            connector.open()?
        };
        let mut message = Message::new(len);
        for number in 0.. {
            let last = over.load(Ordering::Relaxed);
            message.call(&mut *channel, number, last)?;
            count.0.store(number + 1, Ordering::Relaxed);
            if last {
                break;
            }
        }
        Ok(())
    };
    let sum = || -> u64 {
        counts
            .iter()
            .map(|count| count.0.load(Ordering::Relaxed))
            .sum()
    };
    let mut samples = Samples::new();
    thread::scope(|scope| {
        let threads: Vec<_> = counts
            .iter()
            .map(|count| scope.spawn(|| call(count)))
            .collect();
        // One window for all to begin, then those that count.
        thread::sleep(client.slice / WINDOWS);
        for _ in 0..WINDOWS {
            let (begun, before) = (Instant::now(), sum());
            thread::sleep(client.slice / WINDOWS);
            let (time, calls) = (begun.elapsed(), sum() - before);
            samples.add(time.as_nanos() as f64 / calls.max(1) as f64);
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(joined)
    })?;
    client.results.add("", samples);
    Ok(Kept::new())
}

/// A thread for each client, as a blocking server has.
pub(super) fn serve_at_once(server: Server<'_>) -> io::Result<Kept> {
    let listener = Mutex::new(server.listener);
    let len = server.task.len();
    let serve = || -> io::Result<()> {
        let mut channel = {
            let mut listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
            listener.accept()?
        };
        let mut message = Message::new(len);
        let mut number = 0;
        while !message.answer(&mut *channel, number)? {
            number += 1;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..FAN_IN).map(|_| scope.spawn(serve)).collect();
        threads.into_iter().try_for_each(joined)
    })?;
    Ok(Kept::new())
}

fn joined(thread: thread::ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
}

/// Opens so many conversations, each with a call, so that both sides have them in the same order.
pub(super) fn open_all(client: &mut Client<'_>, count: usize) -> io::Result<Kept> {
    let mut message = Message::new(client.task.len());
    let mut channels = Kept::with_capacity(count);
    for number in 0..count {
        let mut channel = client.connector.open()?;
        message.call(&mut *channel, number as u64, false)?;
        channels.push(channel);
    }
    Ok(channels)
}

/// The other side of [`open_all`].
pub(super) fn accept_all(server: &mut Server<'_>, count: usize) -> io::Result<Kept> {
    let mut message = Message::new(server.task.len());
    let mut channels = Kept::with_capacity(count);
    for number in 0..count {
        let mut channel = server.listener.accept()?;
        message.answer(&mut *channel, number as u64)?;
        channels.push(channel);
    }
    Ok(channels)
}

/// Calls over all conversations, each in its turn.
pub(super) fn ask_in_turn(mut client: Client<'_>, count: usize) -> io::Result<Kept> {
    let mut channels = open_all(&mut client, count)?;
    let mut message = Message::new(client.task.len());
    let mut samples = Samples::new();
    // Every conversation twice before the clock counts.
    let warm = 2 * count as u64;
    let mut end = Instant::now() + client.slice;
    for number in 0.. {
        let begun = Instant::now();
        if number == warm {
            end = begun + client.slice;
        }
        let last = number > warm && begun >= end;
        message.call(in_turn(&mut channels, number), number, last)?;
        if number >= warm {
            samples.add_time(begun.elapsed());
        }
        if last {
            break;
        }
    }
    client.results.add("", samples);
    Ok(channels)
}

pub(super) fn serve_in_turn(mut server: Server<'_>, count: usize) -> io::Result<Kept> {
    let mut channels = accept_all(&mut server, count)?;
    let mut message = Message::new(server.task.len());
    for number in 0.. {
        if message.answer(in_turn(&mut channels, number), number)? {
            break;
        }
    }
    Ok(channels)
}

fn in_turn(channels: &mut Kept, number: u64) -> &mut dyn Channel {
    let index = number as usize % channels.len();
    &mut *channels[index]
}
