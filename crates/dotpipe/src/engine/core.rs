//! One end: its two ports, its modes and its rights, and how it is linked to and unlinked from another.
//!
//! Locks are taken in this order: the instances of the pipe ([`local`](super::local)), the inlet, the
//! outlet. Nothing is called with a lock held that could wait for another process.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bitflags::bitflags;
use dotpipe_ring::{Side, State};

use super::inlet::Inlet;
use super::link::{Ending, Link};
use super::operation::{Canceller, HeldBack, Outcome};
use super::outlet::Outlet;
use super::reactor::{Reactor, Registration, Source};
use crate::exact::Result;
use crate::options::{CreateOptions, DesiredAccess, PipeMode, WaitMode};
use crate::win32::Win32Error;

bitflags! {
    /// What may be done through an end.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Rights: u8 {
        const READ = 1;
        const WRITE = 2;
        const READ_ATTRIBUTES = 4;
        const WRITE_ATTRIBUTES = 8;
        const READ_CONTROL = 16;
        const WRITE_DAC = 32;
        const WRITE_OWNER = 64;
    }
}

impl Rights {
    /// Those of a server end: its attributes are read with the right to read, and written with the
    /// right to write.
    pub(super) fn of_server(options: &CreateOptions) -> Rights {
        let access = options.access;
        // Whichever way it goes, the generic right to that has it.
        let mut rights = Rights::READ_CONTROL;
        rights.set(Rights::WRITE_DAC, options.write_dac);
        rights.set(Rights::WRITE_OWNER, options.write_owner);
        rights.set(Rights::READ | Rights::READ_ATTRIBUTES, access.is_inbound());
        rights.set(
            Rights::WRITE | Rights::WRITE_ATTRIBUTES,
            access.is_outbound(),
        );
        rights
    }

    /// Those of a client end, which may always read its attributes.
    pub(super) fn of_client(access: DesiredAccess) -> Rights {
        let write = access.contains(DesiredAccess::WRITE);
        let mut rights = Rights::READ_ATTRIBUTES;
        rights.set(Rights::READ, access.contains(DesiredAccess::READ));
        rights.set(Rights::WRITE, write);
        let attributes = write || access.contains(DesiredAccess::WRITE_ATTRIBUTES);
        rights.set(Rights::WRITE_ATTRIBUTES, attributes);
        let control = DesiredAccess::READ | DesiredAccess::WRITE | DesiredAccess::READ_CONTROL;
        rights.set(Rights::READ_CONTROL, access.intersects(control));
        rights.set(Rights::WRITE_DAC, access.contains(DesiredAccess::WRITE_DAC));
        rights.set(
            Rights::WRITE_OWNER,
            access.contains(DesiredAccess::WRITE_OWNER),
        );
        rights
    }
}

/// What all conversations of an instance have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    pub(super) pipe_type: PipeMode,
    /// Quota of what the server end writes.
    pub(super) out_quota: u32,
    /// Quota of what the client end writes.
    pub(super) in_quota: u32,
    pub(super) max_instances: u32,
}

/// One direction of an end.
pub(super) enum Port<T> {
    /// A server end whose instance listens.
    Listening,
    /// A server end whose instance is disconnected.
    Disconnected,
    /// In a conversation, though the other side may have gone.
    Linked(T),
}

impl<T> Port<T> {
    /// The direction, if there is a conversation; otherwise what reads and writes answer.
    pub(super) fn linked(&mut self) -> Result<&mut T> {
        match self {
            Port::Listening => Err(Win32Error::PIPE_LISTENING),
            Port::Disconnected => Err(Win32Error::PIPE_NOT_CONNECTED),
            Port::Linked(direction) => Ok(direction),
        }
    }
}

impl Port<Inlet> {
    /// The inlet, if the conversation is still this one.
    pub(super) fn linked_to(&mut self, link: &Arc<Link>) -> Result<&mut Inlet> {
        match self {
            Port::Linked(inlet) if Arc::ptr_eq(&inlet.link, link) => Ok(inlet),
            _ => Err(Win32Error::PIPE_NOT_CONNECTED),
        }
    }
}

impl Port<Outlet> {
    /// The outlet, if the conversation is still this one.
    pub(super) fn linked_to(&mut self, link: &Arc<Link>) -> Result<&mut Outlet> {
        match self {
            Port::Linked(outlet) if Arc::ptr_eq(&outlet.link, link) => Ok(outlet),
            _ => Err(Win32Error::PIPE_NOT_CONNECTED),
        }
    }
}

/// One end.
pub(super) struct Core {
    this: Weak<Core>,
    pub(super) side: Side,
    pub(super) traits: Traits,
    rights: Rights,
    modes: AtomicU8,
    inlet: Mutex<Port<Inlet>>,
    outlet: Mutex<Port<Outlet>>,
    /// Connects that wait for a client. Touched with the inlet locked.
    connects: Mutex<Vec<(u64, Arc<Outcome<()>>)>>,
    last_id: AtomicU64,
    /// The conversation as the reactor watches it, once a pending operation needed that.
    watched: Mutex<Option<(Arc<Link>, Registration)>>,
}

const MESSAGE_READ: u8 = 1;
const NON_BLOCKING: u8 = 2;

/// A lock that is held. Wakers of operations that end meanwhile are called once the thread holds none
/// any more: they are foreign code, which may use or drop the very end that wakes them.
pub(super) struct Held<'a, T> {
    // In this order: the lock is let go of, then the wakers are called.
    guard: MutexGuard<'a, T>,
    _wakers: HeldBack,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> Held<'_, T> {
    // A thread that panicked with a lock held left a state that the next one can still use: every
    // change is made whole or not begun.
    Held {
        guard: mutex.lock().unwrap_or_else(PoisonError::into_inner),
        _wakers: HeldBack::begin(),
    }
}

impl Core {
    /// A server end, listening.
    pub(super) fn listening(traits: Traits, rights: Rights) -> Arc<Core> {
        Arc::new_cyclic(|this| Core {
            this: this.clone(),
            side: Side::Server,
            traits,
            rights,
            modes: AtomicU8::new(0),
            inlet: Mutex::new(Port::Listening),
            outlet: Mutex::new(Port::Listening),
            connects: Mutex::default(),
            last_id: AtomicU64::new(0),
            watched: Mutex::default(),
        })
    }

    /// A client end, in a conversation.
    pub(super) fn connected(traits: Traits, rights: Rights, link: Arc<Link>) -> Arc<Core> {
        let core = Arc::new_cyclic(|this| Core {
            this: this.clone(),
            side: Side::Client,
            traits,
            rights,
            modes: AtomicU8::new(0),
            inlet: Mutex::new(Port::Disconnected),
            outlet: Mutex::new(Port::Disconnected),
            connects: Mutex::default(),
            last_id: AtomicU64::new(0),
            watched: Mutex::default(),
        });
        // Cannot fail: the link is there.
        let _ = core.attach(|| Ok(link));
        core
    }

    /// Begins the conversation that `make` makes. Nobody sees the end meanwhile, so the other side may
    /// be told of it within `make`.
    pub(super) fn attach(&self, make: impl FnOnce() -> Result<Arc<Link>>) -> Result<()> {
        let Traits {
            pipe_type,
            out_quota,
            in_quota,
            ..
        } = self.traits;
        let (reads, writes) = match self.side {
            Side::Server => (in_quota, out_quota),
            Side::Client => (out_quota, in_quota),
        };
        let mut inlet = self.inlet();
        let mut outlet = self.outlet();
        let link = make()?;
        *inlet = Port::Linked(Inlet::new(link.clone(), self.side, pipe_type, reads));
        *outlet = Port::Linked(Outlet::new(link, self.side, pipe_type, writes));
        for (_, outcome) in lock(&self.connects).drain(..) {
            outcome.complete(Ok(()));
        }
        Ok(())
    }

    /// Ends the conversation from this end's side and gives whether there was one: `Disconnected`
    /// voids what is unread, `Closed` only takes back the writes that wait.
    pub(super) fn detach(&self, state: State) -> bool {
        let mut inlet = self.inlet();
        let mut outlet = self.outlet();
        let old = (
            std::mem::replace(&mut *inlet, Port::Disconnected),
            std::mem::replace(&mut *outlet, Port::Disconnected),
        );
        let (code, ending) = match state {
            State::Disconnected => (Win32Error::PIPE_NOT_CONNECTED, Ending::Disconnected),
            _ => (Win32Error::OPERATION_ABORTED, Ending::Closed),
        };
        for (_, outcome) in lock(&self.connects).drain(..) {
            outcome.complete(Err(code));
        }
        let (Port::Linked(mut reads), Port::Linked(mut writes)) = old else {
            return false;
        };
        reads.fail_all(code);
        if state == State::Disconnected {
            writes.fail_pending(code);
        } else {
            for id in writes.waiting() {
                writes.cancel(id);
            }
        }
        let link = reads.link.clone();
        drop((inlet, outlet, reads, writes));
        link.end(ending);
        link.leave(state);
        lock(&self.watched).take();
        true
    }

    pub(super) fn inlet(&self) -> Held<'_, Port<Inlet>> {
        lock(&self.inlet)
    }

    pub(super) fn outlet(&self) -> Held<'_, Port<Outlet>> {
        lock(&self.outlet)
    }

    /// `ERROR_ACCESS_DENIED` unless the end has all of these rights.
    pub(super) fn need(&self, rights: Rights) -> Result<()> {
        if self.rights.contains(rights) {
            Ok(())
        } else {
            Err(Win32Error::ACCESS_DENIED)
        }
    }

    pub(super) fn read_mode(&self) -> PipeMode {
        match self.modes.load(Ordering::Relaxed) & MESSAGE_READ {
            0 => PipeMode::Byte,
            _ => PipeMode::Message,
        }
    }

    pub(super) fn wait_mode(&self) -> WaitMode {
        match self.modes.load(Ordering::Relaxed) & NON_BLOCKING {
            0 => WaitMode::Blocking,
            _ => WaitMode::NonBlocking,
        }
    }

    pub(super) fn set_modes(&self, read_mode: PipeMode, wait_mode: WaitMode) {
        let read = if read_mode == PipeMode::Message {
            MESSAGE_READ
        } else {
            0
        };
        let wait = if wait_mode == WaitMode::NonBlocking {
            NON_BLOCKING
        } else {
            0
        };
        self.modes.store(read | wait, Ordering::Relaxed);
    }

    /// A number for a new operation, never 0.
    pub(super) fn new_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whoever can cancel operations of this end, without keeping it open.
    pub(super) fn canceller(&self) -> Weak<dyn Canceller> {
        self.this.clone()
    }

    /// A connect waits. The inlet must be locked.
    pub(super) fn queue_connect(&self) -> (u64, Arc<Outcome<()>>) {
        let (id, outcome) = (self.new_id(), Outcome::new());
        lock(&self.connects).push((id, outcome.clone()));
        (id, outcome)
    }

    /// Ends a connect that waits; false when it is over already.
    pub(super) fn end_connect(&self, id: u64, code: Win32Error) -> bool {
        let _inlet = self.inlet();
        let mut connects = lock(&self.connects);
        let Some(place) = connects.iter().position(|(each, _)| *each == id) else {
            return false;
        };
        connects.remove(place).1.complete(Err(code));
        true
    }

    /// Serves the reads of this end that can be served; wakes a thread whose turn it is.
    pub(super) fn settle_reads(&self) {
        if let Port::Linked(inlet) = &mut *self.inlet()
            && inlet.settle(self.read_mode())
        {
            inlet.link.bell.wake_all();
        }
    }

    /// Brings the writes of this end forward; wakes the threads that sleep in one or in a flush, which
    /// may have looked before this did.
    pub(super) fn settle_writes(&self) {
        if let Port::Linked(outlet) = &mut *self.outlet()
            && outlet.settle()
        {
            outlet.link.bell.wake_all();
        }
    }

    /// Has the reactor drive what is pending on `link`.
    pub(super) fn watch(&self, link: &Arc<Link>) -> Result<()> {
        let mut watched = lock(&self.watched);
        match &*watched {
            Some((known, registration)) if Arc::ptr_eq(known, link) => {
                registration.rearm(&link.bell)
            }
            _ => {
                let source: Weak<dyn Source> = self.this.clone();
                let registration = Reactor::watch_once(&link.bell, source)?;
                *watched = Some((link.clone(), registration));
                Ok(())
            }
        }
    }

    /// Whether anything is pending that only the reactor drives, and on which link.
    fn driven(&self) -> Option<Arc<Link>> {
        let reads = match &*self.inlet() {
            Port::Linked(inlet) if inlet.needs_driving() => Some(inlet.link.clone()),
            _ => None,
        };
        reads.or_else(|| match &*self.outlet() {
            Port::Linked(outlet) if outlet.needs_driving() => Some(outlet.link.clone()),
            _ => None,
        })
    }

    /// Cancels every operation that waits.
    pub(super) fn cancel_all(&self) -> Result<()> {
        self.settle_reads();
        let mut ids = match &*self.inlet() {
            Port::Linked(inlet) => inlet.waiting(),
            _ => Vec::new(),
        };
        if let Port::Linked(outlet) = &*self.outlet() {
            ids.extend(outlet.waiting());
        }
        ids.extend(lock(&self.connects).iter().map(|(id, _)| *id));
        let cancelled = ids
            .into_iter()
            .filter(|id| self.cancel_operation(*id).is_ok())
            .count();
        if cancelled > 0 {
            Ok(())
        } else {
            Err(Win32Error::NOT_FOUND)
        }
    }
}

impl Canceller for Core {
    fn cancel_operation(&self, id: u64) -> Result<()> {
        // What could have ended has ended: the data are there first.
        self.settle_reads();
        self.settle_writes();
        let wake = |link: &Arc<Link>, thread: bool| {
            if thread {
                link.bell.wake_all();
            }
            Ok(())
        };
        if let Port::Linked(inlet) = &mut *self.inlet()
            && let Some(thread) = inlet.cancel(id, self.read_mode())
        {
            let next = inlet.settle(self.read_mode());
            return wake(&inlet.link, thread || next);
        }
        if let Port::Linked(outlet) = &mut *self.outlet()
            && let Some(thread) = outlet.cancel(id)
        {
            return wake(&outlet.link, thread);
        }
        if self.end_connect(id, Win32Error::OPERATION_ABORTED) {
            return Ok(());
        }
        Err(Win32Error::NOT_FOUND)
    }
}

impl Source for Core {
    fn ready(&self) {
        let Some(link) = lock(&self.watched).as_ref().map(|(link, _)| link.clone()) else {
            return;
        };
        link.bell.hear();
        self.settle_reads();
        self.settle_writes();
        // The ring that was taken here may have been meant for a thread.
        link.bell.wake_all();
        if let Some(driven) = self.driven() {
            // Cannot fail for a descriptor that is registered; then there is nobody to tell.
            let _ = self.watch(&driven);
        }
    }
}
