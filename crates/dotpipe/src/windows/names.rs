//! What is done by name: create, open, wait, call, and what can be asked from outside.

use std::fs;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH,
    FILE_WRITE_ATTRIBUTES, PIPE_ACCESS_DUPLEX, PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND,
    SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_MESSAGE};

use super::calls::code_of;
use super::calls::pipe::{self, Creation};
use super::deadline::milliseconds;
use super::end::{End, modes};
use crate::exact::{InstanceCounts, PipeStatus, Received, Result};
use crate::name::PipeName;
use crate::options::{Access, CreateOptions, DesiredAccess, PipeMode, WaitMode, WaitTimeout};
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
    let creation = Creation {
        open_mode: access
            | FILE_FLAG_OVERLAPPED
            | flag(options.first_instance, FILE_FLAG_FIRST_PIPE_INSTANCE)
            | flag(options.write_through, FILE_FLAG_WRITE_THROUGH),
        pipe_mode: modes(options.read_mode, options.wait_mode)
            | flag(options.pipe_type == PipeMode::Message, PIPE_TYPE_MESSAGE)
            // As on Linux, a pipe is for this machine.
            | PIPE_REJECT_REMOTE_CLIENTS,
        max_instances: options.max_instances,
        out_quota: options.out_quota,
        in_quota: options.in_quota,
        default_timeout: options.default_timeout,
    };
    let handle = pipe::create(name, &creation)?;
    Ok(End::server(handle, options.read_mode))
}

/// The system needs no instance to make another one.
pub(crate) fn create_another(
    _sibling: &End,
    name: &PipeName,
    options: &CreateOptions,
) -> Result<End> {
    create(name, options)
}

pub(crate) fn open(name: &PipeName, access: DesiredAccess) -> Result<End> {
    let right = |asked, right| if access.contains(asked) { right } else { 0 };
    let rights = right(DesiredAccess::READ, GENERIC_READ)
        | right(DesiredAccess::WRITE, GENERIC_WRITE)
        | right(DesiredAccess::WRITE_ATTRIBUTES, FILE_WRITE_ATTRIBUTES);
    // Whoever serves the name may learn who its client is, but not act in its name.
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    let handle = pipe::open(name, rights, flags)?;
    Ok(End::client(handle, name))
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
            server_process_ids: Vec::new(),
        });
    }
    pipes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(pipes)
}
