//! The instances of a pipe that this process serves: how they come and go, which listens next.
//!
//! All instances of a name in one process share a [`LocalPipe`]: one socket, one record, one queue of
//! those that listen. The queue is what hands out instances first in, first out.

mod join;
mod security;

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, Weak};

use dotpipe_ring::{Direction, Side, State};

use super::access;
use super::bell::Bell;
use super::core::{Core, Port, Rights, Traits, lock};
use super::end::{End, Owner};
use super::link::Link;
use super::linux::identity::{own_token, peer_token};
use super::linux::impersonation::refuse_if_acting;
use super::linux::origin::Origin;
use super::linux::{clock, code, socket};
use super::memories::Memories;
use super::namespace::{LockedFolder, PipeId, Record, RecordFile};
use super::operation::{Helper, Outcome};
use super::rendezvous::{Answer, Doorman, Guests, NameDigest, Operation, Request};
use crate::exact::{InstanceCounts, Result};
use crate::name::PipeName;
use crate::options::{CreateOptions, PipeMode, UNLIMITED_INSTANCES, WaitMode};
use crate::security::SecurityDescriptor;
use crate::win32::Win32Error;

#[cfg(fuzzing)]
pub(super) use join::parse_wish;
pub(super) use security::rights_to_change;

/// The pipes that this process serves, by the folder of their name. Changed with that folder locked.
static SERVED: Mutex<Option<Served>> = Mutex::new(None);

/// Device and inode of the folder.
type FolderId = (u64, u64);
type Served = HashMap<FolderId, Arc<LocalPipe>>;

/// A pipe as this process serves it.
pub(super) struct LocalPipe {
    origin: Origin,
    name: PipeName,
    digest: NameDigest,
    folder: FolderId,
    file: RecordFile,
    guests: Arc<Guests>,
    instances: Mutex<Instances>,
}

struct Instances {
    record: Record,
    /// Those that listen, the one that has longest in front.
    listening: VecDeque<Arc<Core>>,
    all: Vec<Weak<Core>>,
    memories: Memories,
}

/// What a server end holds of its pipe.
pub(super) struct Instance {
    pipe: Arc<LocalPipe>,
}

/// Creates an instance.
pub(crate) fn create(name: &PipeName, options: &CreateOptions) -> Result<End> {
    check(options)?;
    if !name.is_local() {
        return Err(Win32Error::INVALID_NAME);
    }
    refuse_if_acting()?;
    let folder = match LockedFolder::lock(name) {
        // It may be another user's, who may let this one serve it.
        Err(Win32Error::ACCESS_DENIED) => return join::create(name, options),
        folder => folder?,
    };
    let records = folder.tidy()?;
    check_fits(&records, options)?;
    if let Some(first) = records.first() {
        access::check_server(&first.security, &own_token().map_err(code)?, options)?;
    }
    if !folder.is_ours()? {
        // Made by somebody who could put his own socket in the place of ours.
        return Err(Win32Error::ACCESS_DENIED);
    }
    let pipe = serve(&folder, name, options, records.first())?;
    new_instance(pipe, options, Some(&folder))
}

/// Whether one more instance fits those that exist.
fn check_fits(records: &[Record], options: &CreateOptions) -> Result<()> {
    let Some(first) = records.first() else {
        return Ok(());
    };
    // In this order: a pipe that is full says so whatever else is wrong.
    let total = records
        .iter()
        .fold(0u32, |sum, record| sum.saturating_add(record.instances));
    if first.max_instances != UNLIMITED_INSTANCES && total >= first.max_instances {
        return Err(Win32Error::PIPE_BUSY);
    }
    let same = first.access == options.access && first.pipe_type == options.pipe_type;
    if options.first_instance || !same {
        return Err(Win32Error::ACCESS_DENIED);
    }
    Ok(())
}

/// One more instance of a pipe that this process serves. The folder is locked, unless it is another user's.
fn new_instance(
    pipe: Arc<LocalPipe>,
    options: &CreateOptions,
    folder: Option<&LockedFolder>,
) -> Result<End> {
    let created = pipe.begin_instance(options);
    if created.is_err() {
        pipe.leave_if_empty(folder);
    }
    created
}

/// Creates a further instance of the pipe of which the caller has one.
pub(crate) fn create_another(end: &End, name: &PipeName, options: &CreateOptions) -> Result<End> {
    let Owner::Instance(Instance { pipe }) = end.owner() else {
        return create(name, options);
    };
    let is_like = |record: &Record| {
        record.max_instances == UNLIMITED_INSTANCES
            && record.access == options.access
            && record.pipe_type == options.pipe_type
    };
    let simple = !options.first_instance
        && is_like(&lock(&pipe.instances).record)
        && pipe.origin.is_here()
        && pipe.file.exists();
    if !simple {
        return create(name, options);
    }
    // No other process has a say in this, and so the folder need not be locked: there is no limit to
    // keep, and the pipe cannot go away while the caller's instance is there.
    refuse_if_acting()?;
    check(options)?;
    let server = own_token().map_err(code)?;
    access::check_server(&lock(&pipe.instances).record.security, &server, options)?;
    pipe.begin_instance(options)
}

/// Refuses options that no pipe can have.
fn check(options: &CreateOptions) -> Result<()> {
    if !(1..=UNLIMITED_INSTANCES).contains(&options.max_instances) {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    if options.pipe_type == PipeMode::Byte && options.read_mode == PipeMode::Message {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    Ok(())
}

/// The pipe as this process serves it, begun if it does not yet.
fn serve(
    folder: &LockedFolder,
    name: &PipeName,
    options: &CreateOptions,
    first: Option<&Record>,
) -> Result<Arc<LocalPipe>> {
    let identity = folder.identity()?;
    if let Some(pipe) = known(identity, name) {
        return Ok(pipe);
    }
    let security = match first {
        Some(first) => first.security.clone(),
        None => descriptor(options)?,
    };
    let record = Record {
        pipe: first.map_or_else(PipeId::new, |first| first.pipe),
        pipe_type: options.pipe_type,
        access: options.access,
        // What all must share, the first instance has decided.
        max_instances: first.map_or(options.max_instances, |first| first.max_instances),
        default_timeout: first.map_or(options.default_timeout, |first| first.default_timeout),
        instances: 0,
        out_quota: options.out_quota,
        in_quota: options.in_quota,
        process: std::process::id(),
        since: clock::now(),
        reject_remote_clients: first.map_or(options.reject_remote_clients, |first| {
            first.reject_remote_clients
        }),
        security,
        name: first.map_or(name.name(), |first| &first.name).to_owned(),
    };
    let (listener, file) = folder.add_server(&record)?;
    let id = file.id().to_owned();
    let started = start(name, identity, record, listener, file);
    if started.is_err() {
        folder.remove_server(&id);
    }
    started
}

/// The pipe in this folder as this process serves it already, if it does.
fn known(folder: FolderId, name: &PipeName) -> Option<Arc<LocalPipe>> {
    // Files may be removed behind our back, and the number of a folder goes to the next one then.
    let is_here =
        |pipe: &&Arc<LocalPipe>| pipe.origin.is_here() && pipe.name == *name && pipe.file.exists();
    let served = lock(&SERVED);
    served.as_ref()?.get(&folder).filter(is_here).cloned()
}

/// Begins to serve a pipe.
fn start(
    name: &PipeName,
    identity: FolderId,
    record: Record,
    listener: OwnedFd,
    file: RecordFile,
) -> Result<Arc<LocalPipe>> {
    let pipe = Arc::new_cyclic(|this: &Weak<LocalPipe>| {
        let doorman: Weak<dyn Doorman> = this.clone();
        LocalPipe {
            origin: Origin::here(),
            name: name.clone(),
            digest: NameDigest::of(name),
            folder: identity,
            file,
            guests: Guests::new(listener, doorman),
            instances: Mutex::new(Instances {
                record,
                listening: VecDeque::new(),
                all: Vec::new(),
                memories: Memories::default(),
            }),
        }
    });
    pipe.guests.receive()?;
    lock(&SERVED)
        .get_or_insert_default()
        .insert(identity, pipe.clone());
    Ok(pipe)
}

/// The descriptor of a pipe that this process creates.
fn descriptor(options: &CreateOptions) -> Result<SecurityDescriptor> {
    let creator = own_token().map_err(code)?;
    let given = options.security.clone().unwrap_or_default();
    security::bounded(given.of_creator(&creator))
}

impl LocalPipe {
    /// Makes a new instance, which listens. The folder is locked, or this process has an instance already
    /// and there is no maximum.
    fn begin_instance(self: &Arc<Self>, options: &CreateOptions) -> Result<End> {
        let traits = Traits {
            pipe_type: options.pipe_type,
            out_quota: options.out_quota,
            in_quota: options.in_quota,
            max_instances: lock(&self.instances).record.max_instances,
        };
        let core = Core::listening(traits, Rights::of_server(options));
        core.set_modes(options.read_mode, options.wait_mode);
        self.add(&core, traits)?;
        let pipe = self.clone();
        Ok(End::new(core, Owner::Instance(Instance { pipe })))
    }

    /// A new instance listens.
    fn add(&self, core: &Arc<Core>, traits: Traits) -> Result<()> {
        let mut instances = lock(&self.instances);
        instances.record.instances += 1;
        (instances.record.out_quota, instances.record.in_quota) =
            (traits.out_quota, traits.in_quota);
        if let Err(code) = self.file.update(&instances.record) {
            instances.record.instances -= 1;
            return Err(code);
        }
        instances.all.push(Arc::downgrade(core));
        instances.listening.push_back(core.clone());
        self.guests.tell_waiting(&answer(&instances, Win32Error(0)));
        Ok(())
    }

    /// Ends this process as a server of the pipe when it has no instance of it. The folder is locked,
    /// unless somebody sits on the lock.
    fn leave_if_empty(&self, folder: Option<&LockedFolder>) {
        if lock(&self.instances).record.instances > 0 {
            return;
        }
        if let Some(served) = &mut *lock(&SERVED)
            && served
                .get(&self.folder)
                .is_some_and(|known| std::ptr::eq(Arc::as_ptr(known), self))
        {
            served.remove(&self.folder);
        }
        if let Some(folder) = folder {
            folder.remove_server(self.file.id());
        }
        self.guests.close();
    }
}

/// An answer that says how the pipe is.
fn answer(instances: &Instances, code: Win32Error) -> Answer {
    let record = &instances.record;
    Answer {
        code,
        access: record.access,
        pipe_type: record.pipe_type,
        max_instances: record.max_instances,
        default_timeout: record.default_timeout,
        out_quota: record.out_quota,
        in_quota: record.in_quota,
        counts: InstanceCounts::default(),
        process: record.process,
        pipe: record.pipe,
        rings: (0, 0),
        token: 0,
        recycled: false,
        reject_remote_clients: record.reject_remote_clients,
        text: String::new(),
    }
}

impl Doorman for LocalPipe {
    fn answer(&self, request: Request, text: &[u8], enclosed: Option<OwnedFd>, socket: OwnedFd) {
        let mut instances = lock(&self.instances);
        let refusal = match request.operation {
            _ if request.name != self.digest => answer(&instances, Win32Error::FILE_NOT_FOUND),
            Operation::GetSecurity | Operation::SetSecurity => {
                let set = (request.operation == Operation::SetSecurity).then_some(text);
                match self.descriptor_for(&mut instances, &socket, set) {
                    Ok(text) => Answer {
                        text,
                        ..answer(&instances, Win32Error(0))
                    },
                    Err(code) => answer(&instances, code),
                }
            }
            Operation::Join => match self.admit(&instances, &request, text, enclosed, &socket) {
                Ok((text, file)) => {
                    let welcome = Answer {
                        text,
                        ..answer(&instances, Win32Error(0))
                    };
                    let file = file.as_ref().map(|file| file.as_fd());
                    let _ = socket::send(&socket, &welcome.encode(), file);
                    return;
                }
                Err(code) => answer(&instances, code),
            },
            Operation::Wait if instances.listening.is_empty() => {
                // With the instances locked: one that listens from now on finds the guest waiting.
                let patience = answer(&instances, Win32Error::IO_PENDING);
                return self.guests.keep_waiting(socket, &patience);
            }
            Operation::Wait => answer(&instances, Win32Error(0)),
            Operation::Query => Answer {
                counts: instances.count(),
                text: instances.record.name.clone(),
                ..answer(&instances, Win32Error(0))
            },
            Operation::Open => match instances.choose(&request, &socket) {
                Ok((core, peer)) => {
                    let mut seat = Some(socket);
                    let attached =
                        core.attach(|| instances.hand_over(core.traits, &request, &mut seat, peer));
                    match (attached, seat) {
                        // It did not work out, and the instance keeps its place.
                        (Err(code), Some(socket)) => {
                            let refusal = answer(&instances, code);
                            let _ = socket::send(&socket, &refusal.encode(), None);
                        }
                        _ => {
                            drop(instances.listening.pop_front());
                            // While the client finds its way.
                            instances.memories.prepare(core.traits);
                        }
                    }
                    return;
                }
                Err(code) => answer(&instances, code),
            },
        };
        // A client that has left meanwhile misses nothing.
        let _ = socket::send(&socket, &refusal.encode(), None);
    }

    fn refusal(&self, code: Win32Error) -> Answer {
        answer(&lock(&self.instances), code)
    }
}

impl Instances {
    /// Checks a client that wants to open the pipe, and picks the instance for it.
    fn choose(&self, request: &Request, client: impl AsFd) -> Result<(Arc<Core>, socket::Peer)> {
        let peer = socket::peer(&client).map_err(code)?;
        let token = peer_token(&client).map_err(code)?;
        access::check_client(
            self.record.access,
            &self.record.security,
            &token,
            request.access,
        )?;
        let core = self.listening.front().ok_or(Win32Error::PIPE_BUSY)?;
        Ok((core.clone(), peer))
    }

    /// Gives the client the memory of its conversation, which may be one that it had before.
    fn hand_over(
        &mut self,
        traits: Traits,
        request: &Request,
        seat: &mut Option<OwnedFd>,
        peer: socket::Peer,
    ) -> Result<Arc<Link>> {
        let memory = self.memories.take(traits, request.token, peer.user)?;
        let layout = memory.segment.layout();
        let size = |direction| layout.ring_len(direction) as u64;
        let welcome = Answer {
            out_quota: traits.out_quota,
            in_quota: traits.in_quota,
            rings: (
                size(Direction::ServerToClient),
                size(Direction::ClientToServer),
            ),
            token: memory.token,
            recycled: memory.descriptor.is_none(),
            ..answer(self, Win32Error(0))
        };
        let client = seat.as_ref().ok_or(Win32Error::GEN_FAILURE)?;
        let descriptor = memory.descriptor.as_ref().map(AsFd::as_fd);
        socket::send(client, &welcome.encode(), descriptor).map_err(code)?;
        let client = seat.take().ok_or(Win32Error::GEN_FAILURE)?;
        let bell = Bell::new(client);
        let peer = (peer.process, request.level);
        Ok(Link::new(memory.segment, bell, Side::Server, peer))
    }

    fn count(&self) -> InstanceCounts {
        let mut counts = InstanceCounts::default();
        for core in self.all.iter().filter_map(Weak::upgrade) {
            match &*core.inlet() {
                Port::Listening => counts.listening += 1,
                Port::Disconnected => counts.disconnected += 1,
                Port::Linked(inlet) if inlet.link.ending_exactly().is_some() => counts.closing += 1,
                Port::Linked(_) => counts.connected += 1,
            }
        }
        counts
    }
}

impl Instance {
    /// Where a thread that waits for a client can receive clients itself.
    pub(super) fn helper(&self) -> Arc<dyn Helper> {
        self.pipe.guests.clone()
    }

    /// A connect begins: waits for a client, or says why there is nothing to wait for.
    pub(super) fn begin_connect(&self, core: &Arc<Core>) -> Result<(u64, Arc<Outcome<()>>)> {
        let mut instances = lock(&self.pipe.instances);
        let mut inlet = core.inlet();
        let listens_anew = match &*inlet {
            Port::Linked(inlet) => {
                let left = inlet.link.ending_exactly().is_some();
                return Err(if left {
                    Win32Error::NO_DATA
                } else {
                    Win32Error::PIPE_CONNECTED
                });
            }
            Port::Listening => false,
            Port::Disconnected => {
                *inlet = Port::Listening;
                *core.outlet() = Port::Listening;
                true
            }
        };
        let connect = match core.wait_mode() {
            WaitMode::NonBlocking => Err(Win32Error::PIPE_LISTENING),
            WaitMode::Blocking => Ok(core.queue_connect()),
        };
        drop(inlet);
        if listens_anew {
            instances.listening.push_back(core.clone());
            self.pipe
                .guests
                .tell_waiting(&answer(&instances, Win32Error(0)));
        }
        connect
    }

    /// Breaks the connection.
    pub(super) fn disconnect(&self, core: &Arc<Core>) -> Result<()> {
        let _instances = lock(&self.pipe.instances);
        match &*core.inlet() {
            Port::Listening => return Err(Win32Error::PIPE_LISTENING),
            Port::Disconnected => return Err(Win32Error::PIPE_NOT_CONNECTED),
            Port::Linked(_) => {}
        }
        core.detach(State::Disconnected);
        Ok(())
    }

    /// How many instances the pipe has, in all processes.
    pub(super) fn total(&self) -> Result<u32> {
        let id = lock(&self.pipe.instances).record.pipe;
        super::namespace::count_instances(&self.pipe.name, id)
    }

    /// The instance goes away, and with the last one this process as a server of the pipe.
    pub(super) fn remove(&self, core: &Arc<Core>) {
        let pipe = &self.pipe;
        {
            let mut instances = lock(&pipe.instances);
            instances.listening.retain(|each| !Arc::ptr_eq(each, core));
            instances
                .all
                .retain(|each| !std::ptr::eq(each.as_ptr(), Arc::as_ptr(core)));
            core.detach(State::Closed);
            if instances.record.instances > 1 {
                // A count that is too high for a moment harms nobody: no lock for that.
                instances.record.instances -= 1;
                let _ = pipe.file.update(&instances.record);
                return;
            }
        }
        // Without the folder's lock (somebody sits on it) the record is corrected all the same.
        let folder = LockedFolder::lock(&pipe.name).ok();
        let mut instances = lock(&pipe.instances);
        instances.record.instances -= 1;
        if instances.record.instances > 0 {
            let _ = pipe.file.update(&instances.record);
        }
        drop(instances);
        pipe.leave_if_empty(folder.as_ref());
    }
}
