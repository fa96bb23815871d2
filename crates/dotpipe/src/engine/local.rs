//! The instances of a pipe that this process serves: how they come to be, and who serves which name.
//!
//! All instances of a name in one process share a [`LocalPipe`]: one socket, one record, one queue of
//! those that listen. The queue is what hands out instances first in, first out: [`doorman`] takes them from
//! it for clients, [`instance`] puts them back. [`client`] is whom to believe; [`join`] is serving a pipe of another user, [`security`] who
//! may do what.

mod client;
mod doorman;
mod instance;
mod join;
mod security;

use std::collections::{HashMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};

use super::access;
use super::core::{Core, Rights, Traits, lock};
use super::end::{End, Owner};
use super::linux::identity::own_token;
use super::linux::impersonation::refuse_if_acting;
use super::linux::origin::Origin;
use super::linux::{clock, code};
use super::memories::Memories;
use super::namespace::{LockedFolder, PipeId, Record, RecordFile};
use super::rendezvous::{Doorman, Guests, NameDigest};
use crate::exact::Result;
use crate::name::PipeName;
use crate::options::{CreateOptions, PipeMode, UNLIMITED_INSTANCES};
use crate::security::SecurityDescriptor;
use crate::win32::Win32Error;

use doorman::answer;
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
