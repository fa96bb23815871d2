//! The liar that rings: as often as the socket takes it, with nothing, with payloads or with descriptors.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Conversation, FILL, LIE, MEET, STOP, Stage, Wire};
use crate::support::try_send;

/// What a ringer sends.
pub(crate) const RINGS_ONLY: u64 = 0;
pub(crate) const PAYLOADS: u64 = 1;
pub(crate) const DESCRIPTORS: u64 = 2;
/// How often it rings before it says so. It goes on until it is told to stop.
pub(crate) fn many(choices: u64) -> u64 {
    match choices {
        // More than the socket holds.
        RINGS_ONLY => 600,
        // The socket has room for few of them, and each few cost a sleep.
        _ => 150,
    }
}

/// The role that rings without end: from [`LIE`] or [`FILL`] on until it is told anything else.
pub(crate) fn ringer(words: &[String]) {
    let stage = Stage::enter(words);
    let payload = vec![1; if stage.choices == PAYLOADS { 60_000 } else { 1 }];
    let gift = File::open("/dev/null").unwrap();
    let gifts = match stage.choices {
        DESCRIPTORS => vec![gift.as_fd(); 200],
        _ => Vec::new(),
    };
    let mut conversation = None;
    loop {
        match stage.hear() {
            MEET => {
                conversation = Some(stage.meet());
                stage.done();
            }
            word @ (LIE | FILL) => {
                let met: &Conversation = conversation.as_ref().unwrap();
                let enough = (word == LIE).then(|| many(stage.choices));
                let count = ring(&met.socket, &payload, &gifts, &stage.wire, enough);
                stage.wire.tell_number(count);
            }
            STOP => stage.done(),
            _ => {
                conversation = None;
                stage.done();
            }
        }
    }
}

/// Rings without end, until the wire brings something. Tells how often it could, once that was `enough` times
/// or the other side has gone; without such a number, once the socket is full.
fn ring(
    socket: &OwnedFd,
    payload: &[u8],
    gifts: &[BorrowedFd<'_>],
    wire: &Wire,
    enough: Option<u64>,
) -> u64 {
    let none = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut told = false;
    let mut count = 0;
    // How often in a row it failed although there was room.
    let mut failures = 0;
    loop {
        let sent = try_send(socket, payload, gifts);
        count += u64::from(sent == Ok(()));
        let is_enough = enough.map_or(sent.is_err(), |enough| count >= enough);
        if !told && (is_enough || failures > 500) {
            told = true;
            wire.tell_number(count);
        }
        let mut fds = [
            PollFd::new(&wire.0, PollFlags::IN),
            PollFd::new(socket, PollFlags::OUT),
        ];
        let is_full = sent == Err(Errno::AGAIN);
        poll(&mut fds, if is_full { None } else { Some(&none) }).unwrap();
        if !fds[0].revents().is_empty() {
            return count;
        }
        failures = match sent {
            Ok(()) => 0,
            // Too many descriptors are on their way, or the other side has gone.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(1));
                failures + 1
            }
        };
    }
}
