//! The one thread in the background: it waits for many descriptors at once and tells their sources.
//!
//! A server process needs it to answer clients that open its pipes; any process needs it for pending
//! operations. It is started with the first source and ends soon after the last one. No source may wait
//! in it. The only foreign code it runs are wakers, and one that panics harms nobody else.

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::core::lock;
use super::linux::alarm::Alarm;
use super::linux::code;
use super::linux::origin::Origin;
use crate::exact::Result;
use crate::win32::Win32Error;

/// How long the thread outlives its last source, so that it is not started anew for every operation.
const LINGER: Duration = Duration::from_millis(100);
/// Events taken from the kernel at a time.
const BATCH: usize = 64;

/// Who is told.
pub(super) trait Source: Send + Sync {
    /// The descriptor has something to hear, or has hung up.
    fn ready(&self);
    /// The time that was set for this source has come.
    fn expired(&self) {}
}

/// The thread's side of all sources.
pub(super) struct Reactor {
    origin: Origin,
    epoll: OwnedFd,
    alarm: Alarm,
    sources: Mutex<Sources>,
}

#[derive(Default)]
struct Sources {
    last_token: u64,
    known: HashMap<u64, Weak<dyn Source>>,
    timers: BTreeSet<(Instant, u64)>,
    /// The thread has ended; nothing can be added any more.
    ended: bool,
}

/// The token of the alarm; those of sources are larger.
const ALARM: u64 = 0;

static CURRENT: Mutex<Option<Arc<Reactor>>> = Mutex::new(None);

/// That a descriptor is watched. Dropping it ends that.
pub(super) struct Registration {
    reactor: Arc<Reactor>,
    token: u64,
}

impl Reactor {
    /// Watches `fd`: tells `source` whenever there is something to hear.
    pub(super) fn watch(fd: impl AsFd, source: Weak<dyn Source>) -> Result<Registration> {
        Self::register(fd, epoll::EventFlags::IN | epoll::EventFlags::RDHUP, source)
    }

    /// Watches `fd` once: tells `source`, and then not again before [`Registration::rearm`].
    pub(super) fn watch_once(fd: impl AsFd, source: Weak<dyn Source>) -> Result<Registration> {
        Self::register(fd, ONCE, source)
    }

    fn register(
        fd: impl AsFd,
        flags: epoll::EventFlags,
        source: Weak<dyn Source>,
    ) -> Result<Registration> {
        loop {
            let reactor = Self::current()?;
            let mut sources = lock(&reactor.sources);
            if sources.ended {
                continue; // it ended between the two lines above; the next one is new
            }
            sources.last_token += 1;
            let token = sources.last_token;
            let data = epoll::EventData::new_u64(token);
            epoll::add(&reactor.epoll, &fd, data, flags).map_err(code)?;
            sources.known.insert(token, source);
            drop(sources);
            return Ok(Registration { reactor, token });
        }
    }

    /// The reactor of this process, started if there is none.
    fn current() -> Result<Arc<Reactor>> {
        let mut current = lock(&CURRENT);
        if let Some(reactor) = &*current
            && reactor.origin.is_here()
        {
            return Ok(reactor.clone());
        }
        let reactor = Arc::new(Reactor {
            origin: Origin::here(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(code)?,
            alarm: Alarm::new().map_err(code)?,
            sources: Mutex::default(),
        });
        let data = epoll::EventData::new_u64(ALARM);
        epoll::add(&reactor.epoll, &reactor.alarm, data, epoll::EventFlags::IN).map_err(code)?;
        let thread = reactor.clone();
        std::thread::Builder::new()
            .name("dotpipe".into())
            .spawn(move || thread.run())
            .map_err(|error| super::linux::io_code(&error))?;
        *current = Some(reactor.clone());
        Ok(reactor)
    }

    fn run(&self) {
        let mut events = Vec::with_capacity(BATCH);
        loop {
            let timeout = match self.pause() {
                Some(pause) => Timespec::try_from(pause).ok(),
                None => None,
            };
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                // The descriptor is ours and valid; nothing else can fail.
                Err(_) => return self.end(),
            }
            for event in &events {
                match event.data.u64() {
                    ALARM => self.alarm.hush(),
                    token => {
                        let source = lock(&self.sources)
                            .known
                            .get(&token)
                            .and_then(Weak::upgrade);
                        if let Some(source) = source {
                            guarded(|| source.ready());
                        }
                    }
                }
            }
            self.expire();
            if events.is_empty() && self.ends_if_idle() {
                return;
            }
        }
    }

    /// How long to wait at the most; `None`: without limit.
    fn pause(&self) -> Option<Duration> {
        let sources = lock(&self.sources);
        if sources.known.is_empty() {
            return Some(LINGER);
        }
        let (first, _) = sources.timers.first()?;
        Some(first.saturating_duration_since(Instant::now()))
    }

    fn expire(&self) {
        loop {
            let source = {
                let mut sources = lock(&self.sources);
                match sources.timers.first() {
                    Some((time, token)) if *time <= Instant::now() => {
                        let token = *token;
                        sources.timers.pop_first();
                        sources.known.get(&token).and_then(Weak::upgrade)
                    }
                    _ => return,
                }
            };
            if let Some(source) = source {
                guarded(|| source.expired());
            }
        }
    }

    fn ends_if_idle(&self) -> bool {
        let mut current = lock(&CURRENT);
        let mut sources = lock(&self.sources);
        if !sources.known.is_empty() {
            return false;
        }
        sources.ended = true;
        *current = None;
        true
    }

    fn end(&self) {
        let mut current = lock(&CURRENT);
        lock(&self.sources).ended = true;
        *current = None;
    }
}

/// Calls a source. A panic (the panic hook has reported it) ends the call and not the thread, on which
/// all pipes of the process depend.
fn guarded(call: impl FnOnce()) {
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
}

const ONCE: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::RDHUP)
    .union(epoll::EventFlags::ONESHOT);

impl Registration {
    /// Watches `fd`, the one that was registered, once more.
    pub(super) fn rearm(&self, fd: impl AsFd) -> Result<()> {
        let data = epoll::EventData::new_u64(self.token);
        epoll::modify(&self.reactor.epoll, fd, data, ONCE).map_err(code)
    }

    /// Stops watching `fd`, the one that was registered, until it is armed again. Fails in a process that was
    /// forked: the list of what is watched is the parent's, which would hear nothing more.
    pub(super) fn disarm(&self, fd: impl AsFd) -> Result<()> {
        if !self.reactor.origin.is_here() {
            return Err(Win32Error::INVALID_HANDLE);
        }
        let data = epoll::EventData::new_u64(self.token);
        epoll::modify(&self.reactor.epoll, fd, data, epoll::EventFlags::ONESHOT).map_err(code)
    }

    /// Tells the source when `time` has come.
    pub(super) fn expire_at(&self, time: Instant) {
        lock(&self.reactor.sources)
            .timers
            .insert((time, self.token));
        self.reactor.alarm.ring();
    }

    /// Stops watching `fd`, the one that was registered, which stays open.
    pub(super) fn release(self, fd: impl AsFd) {
        let _ = epoll::delete(&self.reactor.epoll, fd);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sources = lock(&self.reactor.sources);
        sources.known.remove(&self.token);
        sources.timers.retain(|(_, token)| *token != self.token);
        let idle = sources.known.is_empty();
        drop(sources);
        if idle && self.reactor.origin.is_here() {
            self.reactor.alarm.ring();
        }
    }
}
