//! What is done by name: create, open, wait, call, and what can be asked from outside.

use std::fs;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH,
    FILE_WRITE_ATTRIBUTES, PIPE_ACCESS_DUPLEX, PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND,
    READ_CONTROL, SECURITY_ANONYMOUS, SECURITY_DELEGATION, SECURITY_IDENTIFICATION,
    SECURITY_IMPERSONATION, SECURITY_SQOS_PRESENT, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::Pipes::{PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_MESSAGE};

use super::calls::code_of;
use super::calls::pipe::{self, Creation};
use super::deadline::milliseconds;
use super::descriptor::encode;
use super::end::{End, modes};
use super::identity;
use crate::exact::{InstanceCounts, PipeStatus, Received, Result};
use crate::name::PipeName;
use crate::options::{
    Access, CreateOptions, DesiredAccess, ImpersonationLevel, OpenOptions, PipeMode, WaitMode,
    WaitTimeout,
};
use crate::security::SecurityDescriptor;
use crate::win32::Win32Error;

/// The directory of all pipes.
const DIRECTORY: &str = r"\\.\pipe\";

/// The shortest time for which a client can wait; 0 would be the default of the pipe.
const SHORTEST_WAIT: u32 = 1;

pub(crate) fn create(name: &PipeName, options: &CreateOptions) -> Result<End> {
    let access = match options.access {
        Access::Inbound => PIPE_ACCESS_INBOUND,
        Access::Outbound => PIPE_ACCESS_OUTBOUND,
        Access::Duplex => PIPE_ACCESS_DUPLEX,
    };
    let flag = |set, flag| if set { flag } else { 0 };
    let security = match &options.security {
        // Whose the pipe is and whom the placeholders mean is decided as on Linux.
        Some(descriptor) => Some(encode(&descriptor.of_creator(&identity::creator()?))?),
        None => None,
    };
    let creation = Creation {
        open_mode: access
            | FILE_FLAG_OVERLAPPED
            | flag(options.first_instance, FILE_FLAG_FIRST_PIPE_INSTANCE)
            | flag(options.write_through, FILE_FLAG_WRITE_THROUGH)
            | flag(options.write_dac, WRITE_DAC)
            // The same bit as that of the first instance: Win32 cannot ask for the one without the other.
            | flag(options.write_owner, WRITE_OWNER),
        pipe_mode: modes(options.read_mode, options.wait_mode)
            | flag(options.pipe_type == PipeMode::Message, PIPE_TYPE_MESSAGE)
            | flag(options.reject_remote_clients, PIPE_REJECT_REMOTE_CLIENTS),
        max_instances: options.max_instances,
        out_quota: options.out_quota,
        in_quota: options.in_quota,
        default_timeout: options.default_timeout,
        security,
    };
    let handle = pipe::create(name, &creation)?;
    Ok(End::server(handle, options))
}

/// The system needs no instance to make another one. A further one cannot ask for `WRITE_OWNER`, which would
/// make it the first.
pub(crate) fn create_another(
    _sibling: &End,
    name: &PipeName,
    options: &CreateOptions,
) -> Result<End> {
    let options = CreateOptions {
        write_owner: false,
        ..options.clone()
    };
    create(name, &options)
}

pub(crate) fn open(name: &PipeName, access: DesiredAccess) -> Result<End> {
    let options = OpenOptions {
        access,
        ..OpenOptions::default()
    };
    open_with(name, &options)
}

pub(crate) fn open_with(name: &PipeName, options: &OpenOptions) -> Result<End> {
    // The system itself takes clients of other machines in, and believes nobody else.
    if options.on_behalf_of.is_some() || (options.server.is_some() && !name.is_local()) {
        return Err(Win32Error::NOT_SUPPORTED);
    }
    let right = |asked, right| match options.access.contains(asked) {
        true => right,
        false => 0,
    };
    let rights = right(DesiredAccess::READ, GENERIC_READ)
        | right(DesiredAccess::WRITE, GENERIC_WRITE)
        | right(DesiredAccess::WRITE_ATTRIBUTES, FILE_WRITE_ATTRIBUTES)
        | right(DesiredAccess::READ_CONTROL, READ_CONTROL)
        | right(DesiredAccess::WRITE_DAC, WRITE_DAC)
        | right(DesiredAccess::WRITE_OWNER, WRITE_OWNER);
    let level = match options.level {
        ImpersonationLevel::Anonymous => SECURITY_ANONYMOUS,
        ImpersonationLevel::Identification => SECURITY_IDENTIFICATION,
        ImpersonationLevel::Impersonation => SECURITY_IMPERSONATION,
        ImpersonationLevel::Delegation => SECURITY_DELEGATION,
    };
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | level;
    let end = End::client(pipe::open(name, rights, flags)?, name);
    match options.server {
        Some(server) if !end.peer_token().is_ok_and(|token| token.is(&server)) => {
            Err(Win32Error::ACCESS_DENIED)
        }
        _ => Ok(end),
    }
}

/// Only an end can be asked, so one is opened, and its server takes it for a client.
pub(crate) fn security(name: &PipeName) -> Result<SecurityDescriptor> {
    let options = OpenOptions {
        access: DesiredAccess::READ_CONTROL,
        level: ImpersonationLevel::Identification,
        ..OpenOptions::default()
    };
    open_with(name, &options)?.security()
}

pub(crate) fn wait(name: &PipeName, timeout: WaitTimeout) -> Result<()> {
    let milliseconds = match timeout {
        WaitTimeout::Default => 0,
        WaitTimeout::For(limit) => milliseconds(limit).max(SHORTEST_WAIT),
        WaitTimeout::Forever => u32::MAX,
    };
    pipe::wait(name, milliseconds)
}

/// `CallNamedPipe` has no deadline, hence its parts.
pub(crate) fn call(
    name: &PipeName,
    question: &[u8],
    reply: &mut [u8],
    timeout: WaitTimeout,
    deadline: Option<Instant>,
) -> Result<Received> {
    let start = Instant::now();
    let end = loop {
        match open(name, DesiredAccess::READ | DesiredAccess::WRITE) {
            Err(Win32Error::PIPE_BUSY) => wait(name, time_left(timeout, start, deadline)?)?,
            opened => break opened?,
        }
        // Somebody else may have been faster.
    };
    end.set_state(PipeMode::Message, WaitMode::Blocking)?;
    end.transact(question, reply, deadline)
}

/// How long a call may still wait for an instance. The default time-out of the pipe, which is not known
/// here, is not shortened by the deadline.
fn time_left(
    timeout: WaitTimeout,
    start: Instant,
    deadline: Option<Instant>,
) -> Result<WaitTimeout> {
    let until_deadline = match deadline {
        None => Duration::MAX,
        Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => return Err(Win32Error::SEM_TIMEOUT),
            left => left,
        },
    };
    let waited = start.elapsed();
    match timeout {
        WaitTimeout::Default => Ok(WaitTimeout::Default),
        WaitTimeout::Forever if deadline.is_none() => Ok(WaitTimeout::Forever),
        WaitTimeout::Forever => Ok(WaitTimeout::For(until_deadline)),
        // The first wait is granted however little time there is.
        WaitTimeout::For(limit) => match limit.checked_sub(waited) {
            Some(left) => Ok(WaitTimeout::For(left.min(until_deadline))),
            None if waited < Duration::from_millis(1) => Ok(timeout),
            None => Err(Win32Error::SEM_TIMEOUT),
        },
    }
}

/// Whether there is such a pipe. To wait for it as short as can be is the one way to ask that no server
/// takes for a client.
pub(crate) fn exists(name: &PipeName) -> Result<bool> {
    match pipe::wait(name, SHORTEST_WAIT) {
        Ok(()) | Err(Win32Error::SEM_TIMEOUT) => Ok(true),
        Err(Win32Error::FILE_NOT_FOUND) => Ok(false),
        Err(code) => Err(code),
    }
}

pub(crate) fn status(name: &PipeName) -> Result<PipeStatus> {
    if !name.is_local() {
        return Err(Win32Error::NOT_SUPPORTED);
    }
    if !exists(name)? {
        return Err(Win32Error::FILE_NOT_FOUND);
    }
    let mut pipes = list()?.into_iter();
    pipes
        .find(|pipe| pipe.name == *name)
        .ok_or(Win32Error::FILE_NOT_FOUND)
}

/// The directory tells the names, and as the size of each the number of its instances.
pub(crate) fn list() -> Result<Vec<PipeStatus>> {
    let mut pipes = Vec::new();
    for entry in fs::read_dir(DIRECTORY).map_err(|error| code_of(&error))? {
        let entry = entry.map_err(|error| code_of(&error))?;
        let instances = entry.metadata().map_or(0, |data| data.len());
        // Names that break the rules of a `PipeName` can be made by other programs, and are left out.
        let name = entry.file_name();
        let Some(Ok(name)) = name.to_str().map(PipeName::local) else {
            continue;
        };
        pipes.push(PipeStatus {
            name,
            pipe_type: None,
            access: None,
            max_instances: None,
            instances: InstanceCounts {
                unknown: instances.try_into().unwrap_or(u32::MAX),
                ..InstanceCounts::default()
            },
            out_quota: None,
            in_quota: None,
            default_timeout: None,
            reject_remote_clients: None,
            server_process_ids: Vec::new(),
        });
    }
    pipes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(pipes)
}
