//! The bell of a connection: how its threads sleep until the other side rings, hangs up or dies, or
//! until somebody in this process has news for them.
//!
//! Several threads may sleep on one connection, and there is one socket. So one of them, the *leader*,
//! sleeps on the socket; the others sleep behind it. Whoever takes a ring from the socket wakes all, and
//! must settle the end for all: otherwise the ring would be lost for those that did not see it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::linux::alarm::Alarm;
use super::linux::socket;

/// The bell of one connection, as one end has it.
pub(super) struct Bell {
    socket: OwnedFd,
    room: Mutex<Room>,
    news: Condvar,
    hung_up: AtomicBool,
}

#[derive(Default)]
struct Room {
    /// Counts the news, so that nobody sleeps over one.
    epoch: u64,
    /// The alarm of the thread that sleeps on the socket.
    leader: Option<Arc<Alarm>>,
    /// Threads that sleep behind it.
    followers: usize,
}

impl Room {
    /// There is news; whoever sleeps is woken by `news`.
    fn tell(&mut self, news: &Condvar) {
        self.epoch += 1;
        if self.followers > 0 {
            news.notify_all();
        }
    }
}

/// Why a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// The bell rang, and this thread took the ring: it settles the end for all.
    Rung,
    /// Somebody else has news; look again.
    News,
    /// The deadline has passed.
    Late,
}

impl Bell {
    pub(super) fn new(socket: OwnedFd) -> Bell {
        Bell {
            socket,
            room: Mutex::default(),
            news: Condvar::new(),
            hung_up: AtomicBool::new(false),
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be asked before the last look at what one is going to wait for.
    pub(super) fn epoch(&self) -> u64 {
        self.room().epoch
    }

    /// Wakes everybody who sleeps here in this process.
    pub(super) fn wake_all(&self) {
        let mut room = self.room();
        if let Some(leader) = &room.leader {
            leader.ring();
        }
        room.tell(&self.news);
    }

    /// Wakes the other side.
    pub(super) fn ring(&self) {
        if !socket::ring(&self.socket) {
            self.hung_up.store(true, Ordering::Release);
        }
    }

    /// Takes a ring, for somebody who has learnt otherwise that the socket has one.
    pub(super) fn hear(&self) {
        if !socket::hear(&self.socket) {
            self.hung_up.store(true, Ordering::Release);
        }
    }

    /// Whether the other side is known to have gone.
    pub(super) fn has_hung_up(&self) -> bool {
        self.hung_up.load(Ordering::Acquire)
    }

    /// Asks the kernel whether it has.
    pub(super) fn ask_hung_up(&self) -> bool {
        let gone = self.has_hung_up() || socket::has_hung_up(&self.socket);
        if gone {
            self.hung_up.store(true, Ordering::Release);
        }
        gone
    }

    /// Ends the conversation for both sides.
    pub(super) fn shut(&self) {
        socket::shut(&self.socket);
        self.wake_all();
    }

    /// Sleeps until there is news that `epoch` did not know. The caller then settles the end.
    pub(super) fn sleep(&self, epoch: u64, deadline: Option<Instant>) -> Woken {
        let mut room = self.room();
        if room.epoch != epoch {
            return Woken::News;
        }
        let left = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        {
            Some(Duration::ZERO) => return Woken::Late,
            left => left,
        };
        if room.leader.is_some() {
            room.followers += 1;
            let mut room = match left {
                None => self.news.wait(room).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.news
                        .wait_timeout(room, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            room.followers -= 1;
            return Woken::News;
        }
        let Ok(alarm) = Alarm::of_this_thread() else {
            // Out of descriptors: sleep in small pieces instead.
            let pause = Duration::from_millis(1);
            let pause = left.map_or(pause, |left| left.min(pause));
            room.followers += 1;
            let mut room = self
                .news
                .wait_timeout(room, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            room.followers -= 1;
            drop(room);
            self.ask_hung_up();
            self.hear();
            return Woken::Rung;
        };
        room.leader = Some(alarm.clone());
        drop(room);
        self.sleep_on_socket(&alarm, left);
        let mut room = self.room();
        room.leader = None;
        room.tell(&self.news);
        Woken::Rung
    }

    fn sleep_on_socket(&self, alarm: &Alarm, left: Option<Duration>) {
        let mut fds = [
            PollFd::new(&self.socket, PollFlags::IN | PollFlags::RDHUP),
            PollFd::new(alarm, PollFlags::IN),
        ];
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        // An interruption counts as news: the sleeper looks and sleeps again.
        if poll(&mut fds, left.as_ref()).is_ok() {
            if fds[1].revents().contains(PollFlags::IN) {
                alarm.hush();
            }
            let rung = fds[0].revents();
            if rung.intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR) {
                self.hung_up.store(true, Ordering::Release);
            } else if rung.contains(PollFlags::IN) {
                self.hear();
            }
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
