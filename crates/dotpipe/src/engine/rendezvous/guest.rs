//! The server's side: clients that have connected and not got their answer yet.
//!
//! A guest is given two seconds to say what it wants; those that wait for an instance may stay until
//! they leave. Both kinds are limited in number, and who makes room for a new one is a guest of the user
//! that has most of them here: so nobody can keep others out by saying nothing, and no user can keep
//! another's clients out at all. One too many that waits is sent away and looks again by itself. When the
//! process runs out of descriptors, guests give theirs back first.

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::wire::{Answer, LONGEST_REQUEST, Operation, REQUEST_LEN, Request};
use crate::engine::core::lock;
use crate::engine::linux::alarm::{Alarm, Wait};
use crate::engine::linux::socket;
use crate::engine::operation::Helper;
use crate::engine::reactor::{Reactor, Registration, Source};
use crate::engine::spin::{Pace, Spin};
use crate::exact::Result;
use crate::win32::Win32Error;

/// How long a guest may say nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many silent guests one pipe puts up with.
const MOST_SILENT: usize = 256;
/// How many clients may wait for an instance of one pipe. Each costs a descriptor, of which a process
/// has 1024 as a rule.
const MOST_WAITING: usize = 256;
/// How long to leave clients waiting at the door when there is no descriptor for them.
const PAUSE: Duration = Duration::from_millis(20);
/// Clients accepted in one go, so that one pipe does not hold up the others.
const MOST_AT_ONCE: usize = 64;

/// Where requests arrive: room for the longest, which would take long to clear for each.
static ROOM: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Who decides on requests: the instances of a pipe.
pub(in crate::engine) trait Doorman: Send + Sync {
    /// Deals with a request, what it goes on with and what is enclosed.
    fn answer(&self, request: Request, more: &[u8], enclosed: Option<OwnedFd>, socket: OwnedFd);
    /// The answer to a request that cannot be understood.
    fn refusal(&self, code: Win32Error) -> Answer;
}

/// The guests of one pipe.
pub(in crate::engine) struct Guests {
    this: Weak<Guests>,
    listener: OwnedFd,
    doorman: Weak<dyn Doorman>,
    present: Mutex<Present>,
    /// For threads that wait at the door.
    arrivals: Spin,
}

#[derive(Default)]
struct Present {
    listening: Option<Registration>,
    /// A thread that waits for a client stands at the door, so the reactor need not.
    tended: bool,
    last_id: u64,
    silent: VecDeque<Arc<Guest>>,
    waiting: VecDeque<Arc<Guest>>,
}

/// One client.
struct Guest {
    id: u64,
    /// Whose it is, for the sharing of seats.
    user: u32,
    host: Weak<Guests>,
    /// Taken out when the guest is answered.
    seat: Mutex<Option<(OwnedFd, Registration)>>,
}

impl Guests {
    /// Those who will come to `listener`.
    pub(in crate::engine) fn new(listener: OwnedFd, doorman: Weak<dyn Doorman>) -> Arc<Guests> {
        Arc::new_cyclic(|this| Guests {
            this: this.clone(),
            listener,
            doorman,
            present: Mutex::default(),
            arrivals: Spin::new(),
        })
    }

    /// Begins to answer them.
    pub(in crate::engine) fn receive(&self) -> Result<()> {
        let source: Weak<dyn Source> = self.this.clone();
        // Held meanwhile: a client may be here already, and the reactor must find what to arm again.
        let mut present = lock(&self.present);
        present.listening = Some(Reactor::watch_once(&self.listener, source)?);
        Ok(())
    }

    /// Ends it: no more clients, and those that are here are sent away.
    pub(in crate::engine) fn close(&self) {
        let present = std::mem::take(&mut *lock(&self.present));
        if let Some(registration) = present.listening {
            registration.release(&self.listener);
        }
        socket::shut(&self.listener);
    }

    /// An instance listens: tells all who wait for one.
    pub(in crate::engine) fn tell_waiting(&self, answer: &Answer) {
        let waiting = std::mem::take(&mut lock(&self.present).waiting);
        if waiting.is_empty() {
            return;
        }
        let bytes = answer.encode();
        for guest in waiting {
            if let Some((socket, _)) = lock(&guest.seat).take() {
                // One that has left meanwhile is not missed.
                let _ = socket::send(&socket, &bytes, None);
            }
        }
    }

    /// Keeps a client that waits for an instance. It hears that it has to wait.
    pub(in crate::engine) fn keep_waiting(&self, socket: OwnedFd, answer: &Answer) {
        if socket::send(&socket, &answer.encode(), None).is_err() {
            return;
        }
        let mut present = lock(&self.present);
        if let Some(guest) = self.seat(&mut present, socket, None) {
            // The newest of that user: those who have waited longer stay. It may be this very one.
            present.waiting.push_back(guest);
            if present.waiting.len() > MOST_WAITING
                && let Some(user) = greediest(&present.waiting)
                && let Some(place) = present.waiting.iter().rposition(|each| each.user == user)
            {
                present.waiting.remove(place);
            }
        }
    }

    /// Has the reactor watch a client.
    fn seat(
        &self,
        present: &mut Present,
        socket: OwnedFd,
        expires: Option<Instant>,
    ) -> Option<Arc<Guest>> {
        present.last_id += 1;
        let guest = Arc::new(Guest {
            id: present.last_id,
            user: socket::peer(&socket).map_or(u32::MAX, |peer| peer.user.as_raw()),
            host: self.this.clone(),
            seat: Mutex::default(),
        });
        let source: Weak<Guest> = Arc::downgrade(&guest);
        let source: Weak<dyn Source> = source;
        // Held, so that the reactor finds the seat taken when it looks.
        let mut seat = lock(&guest.seat);
        let registration = Reactor::watch(&socket, source).ok()?;
        if let Some(time) = expires {
            registration.expire_at(time);
        }
        *seat = Some((socket, registration));
        drop(seat);
        Some(guest)
    }

    /// A guest leaves.
    fn dismiss(&self, id: u64) {
        let mut present = lock(&self.present);
        present.silent.retain(|guest| guest.id != id);
        present.waiting.retain(|guest| guest.id != id);
    }

    /// Hears what a client wants, if it has said so. Gives the socket back if it has not.
    fn hear(&self, socket: OwnedFd) -> Option<OwnedFd> {
        // Taken out: another thread, or whom this client wakes, makes room of its own meanwhile.
        let mut room = std::mem::take(&mut *lock(&ROOM));
        if room.is_empty() {
            room = vec![0; LONGEST_REQUEST + 1];
        }
        let unheard = self.hear_in(&mut room, socket);
        *lock(&ROOM) = room;
        unheard
    }

    /// The same, with room for what is heard.
    fn hear_in(&self, room: &mut [u8], socket: OwnedFd) -> Option<OwnedFd> {
        let packet = match socket::receive(&socket, room) {
            Ok(packet) => packet,
            Err(Errno::AGAIN) => return Some(socket),
            Err(_) => return None,
        };
        let doorman = self.doorman.upgrade()?;
        if packet.len == 0 {
            return None;
        }
        let bytes = &room[..packet.len];
        match Request::decode(bytes) {
            Ok(request)
                if !packet.truncated
                    && (packet.fd.is_none() || request.operation == Operation::Join) =>
            {
                doorman.answer(request, &bytes[REQUEST_LEN..], packet.fd, socket);
            }
            Ok(_) => {
                let refusal = doorman.refusal(Win32Error::INVALID_PARAMETER);
                let _ = socket::send(&socket, &refusal.encode(), None);
            }
            Err(code) => {
                let _ = socket::send(&socket, &doorman.refusal(code).encode(), None);
            }
        }
        None
    }
}

impl Guests {
    /// Receives those at the door, but not too many. False when one must stay there for want of a descriptor.
    fn receive_some(&self, most: usize) -> bool {
        for _ in 0..most {
            let socket = match socket::accept(&self.listener) {
                Ok(Some(socket)) => socket,
                Ok(None) => return true,
                // The system looks for a descriptor before it looks for a client.
                Err(_) if !socket::is_readable(&self.listener) => return true,
                Err(_) if self.send_one_away() => continue,
                Err(_) => return false,
            };
            // Most have spoken by now.
            if let Some(silent) = self.hear(socket) {
                let mut present = lock(&self.present);
                let expires = Some(Instant::now() + PATIENCE);
                if let Some(guest) = self.seat(&mut present, silent, expires) {
                    present.silent.push_back(guest);
                    if present.silent.len() > MOST_SILENT {
                        send_away_oldest(&mut present.silent);
                    }
                }
            }
        }
        true
    }

    /// Gets one descriptor back from the guests, if they have any.
    fn send_one_away(&self) -> bool {
        let mut present = lock(&self.present);
        send_away_oldest(&mut present.silent) || send_away_oldest(&mut present.waiting)
    }

    /// Goes on listening.
    fn listen_on(&self) {
        let present = lock(&self.present);
        if let Some(registration) = &present.listening
            && !present.tended
        {
            // Cannot fail for a descriptor that is registered.
            let _ = registration.rearm(&self.listener);
        }
    }

    /// Takes the door over from the reactor; `None` when somebody else has it, or nobody comes any more.
    fn take_door(&self) -> Option<Door<'_>> {
        let mut present = lock(&self.present);
        let registration = present.listening.as_ref()?;
        if present.tended || registration.disarm(&self.listener).is_err() {
            return None;
        }
        present.tended = true;
        Some(Door(self))
    }
}

/// The door, as the thread has it that tends it. It goes back to the reactor whatever happens: a waker that this
/// thread calls may panic, and then nobody would ever answer again.
struct Door<'a>(&'a Guests);

impl Drop for Door<'_> {
    fn drop(&mut self) {
        lock(&self.0.present).tended = false;
        self.0.listen_on();
    }
}

impl Helper for Guests {
    /// Receives clients: one wake-up sooner than if the reactor did it and then woke this thread.
    fn lend(&self, alarm: &Alarm, deadline: Option<Instant>, is_over: &dyn Fn() -> bool) {
        let Some(_door) = self.take_door() else {
            return;
        };
        // Also when there is always somebody at the door.
        let is_late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        while !is_over() && !is_late() {
            let begun = Instant::now();
            let is_here = || socket::is_readable(&self.listener);
            if !self.arrivals.until(Pace::CALLS, is_here, is_over) {
                match alarm.wait_with(&self.listener, deadline) {
                    Ok(Wait::Ready) => self.arrivals.learn_from(begun.elapsed()),
                    Ok(Wait::Alarm) => continue,
                    Ok(Wait::Late) | Err(_) => break,
                }
            }
            // One at a time: most likely it is the one that this thread waits for. For want of descriptors
            // the reactor has patience.
            if !is_over() && !self.receive_some(1) {
                break;
            }
        }
    }
}

/// The user who has most of these guests.
fn greediest(guests: &VecDeque<Arc<Guest>>) -> Option<u32> {
    let mut seats = HashMap::new();
    for guest in guests {
        *seats.entry(guest.user).or_insert(0) += 1;
    }
    let most = seats.into_iter().max_by_key(|(_, seats)| *seats);
    most.map(|(user, _)| user)
}

/// Sends away the oldest guest of the user who has most. False when there is none.
fn send_away_oldest(guests: &mut VecDeque<Arc<Guest>>) -> bool {
    let user = greediest(guests);
    let place = guests.iter().position(|guest| Some(guest.user) == user);
    place.and_then(|place| guests.remove(place)).is_some()
}

impl Source for Guests {
    fn ready(&self) {
        if self.receive_some(MOST_AT_ONCE) {
            self.listen_on();
        } else if let Some(registration) = &lock(&self.present).listening {
            registration.expire_at(Instant::now() + PAUSE);
        }
    }

    fn expired(&self) {
        self.listen_on();
    }
}

impl Source for Guest {
    fn ready(&self) {
        let Some(host) = self.host.upgrade() else {
            return;
        };
        let Some((socket, registration)) = lock(&self.seat).take() else {
            return;
        };
        host.dismiss(self.id);
        registration.release(&socket);
        // One that waits and speaks again breaks the rules and is sent away by this as well: its
        // request is heard, but it has lost its place.
        if let Some(silent) = host.hear(socket) {
            drop(silent);
        }
    }

    fn expired(&self) {
        if let Some(host) = self.host.upgrade() {
            host.dismiss(self.id);
        }
        lock(&self.seat).take();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{self, ThreadId};

    use super::super::wire::Operation;
    use super::*;
    use crate::name::PipeName;

    /// Counts the requests that one thread brings.
    struct Counter {
        thread: ThreadId,
        heard: AtomicUsize,
    }

    impl Doorman for Counter {
        fn answer(&self, _: Request, _: &[u8], _: Option<OwnedFd>, _: OwnedFd) {
            if thread::current().id() == self.thread {
                self.heard.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn refusal(&self, _: Win32Error) -> Answer {
            unreachable!("all requests are correct")
        }
    }

    #[test]
    fn a_thread_that_helps_minds_its_deadline_whoever_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = std::fs::File::open(folder.path()).unwrap();
        let listener = socket::listen(std::os::fd::AsFd::as_fd(&path), "door").unwrap();
        let counter = Arc::new(Counter {
            thread: thread::current().id(),
            heard: AtomicUsize::new(0),
        });
        let doorman: Weak<Counter> = Arc::downgrade(&counter);
        let guests = Guests::new(listener, doorman);
        guests.receive().unwrap();
        let request = Request::to(Operation::Query, &PipeName::local("door").unwrap());
        // There is always one more at the door, once the thread stands there.
        let clients = RefCell::new(Vec::new());
        let is_over = || {
            let folder = std::os::fd::AsFd::as_fd(&path);
            let client = socket::connect(folder, "door", PATIENCE).unwrap();
            socket::send(&client, &request.encode(), None).unwrap();
            clients.borrow_mut().push(client);
            clients.borrow().len() > 100
        };
        let alarm = Alarm::of_this_thread().unwrap();
        guests.lend(&alarm, Some(Instant::now()), &is_over);
        assert_eq!(counter.heard.load(Ordering::Relaxed), 0, "it is late");
        guests.close();
    }
}
