//! What can be known of pipes by their names: whether they exist, how they are, which there are.

use std::time::{Duration, Instant};

use super::client::{ask, refuse_remote, time_left};
use super::wire::{Operation, Request};
use crate::engine::linux::is_shortage;
use crate::engine::namespace::{Folder, Record};
use crate::exact::{InstanceCounts, PipeStatus, Result};
use crate::name::PipeName;
use crate::win32::Win32Error;

/// How long one server process may take to tell how its instances are, and all of them together.
const QUERY_PATIENCE: Duration = Duration::from_secs(1);

/// Whether anybody serves this name.
pub(crate) fn exists(name: &PipeName) -> Result<bool> {
    match status(name) {
        Ok(_) => Ok(true),
        Err(Win32Error::FILE_NOT_FOUND) => Ok(false),
        Err(code) => Err(code),
    }
}

/// How a pipe is, over all its server processes.
pub(crate) fn status(name: &PipeName) -> Result<PipeStatus> {
    refuse_remote(name)?;
    let end = Instant::now() + QUERY_PATIENCE;
    status_in(&Folder::find(name)?, end)?.ok_or_else(|| {
        Folder::try_tidy(name);
        Win32Error::FILE_NOT_FOUND
    })
}

/// All pipes, sorted by name.
pub(crate) fn list() -> Result<Vec<PipeStatus>> {
    // One limit for all, so that those who do not answer cannot add up.
    let end = Instant::now() + QUERY_PATIENCE;
    let folders = match Folder::all() {
        Err(Win32Error::FILE_NOT_FOUND) => return Ok(Vec::new()),
        folders => folders?,
    };
    let mut pipes = Vec::new();
    for folder in folders {
        let Some(folder) = unless_unseen(folder)? else {
            continue;
        };
        match status_in(&folder, end)? {
            Some(status) => pipes.push(status),
            None => folder.try_tidy_this(),
        }
    }
    pipes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(pipes)
}

/// `None` for what has gone meanwhile, may not be looked into, or is no pipe's: nobody's files shall keep others from
/// theirs. But who lacks the means to look must not take it for nothing.
fn unless_unseen<T>(seen: Result<T>) -> Result<Option<T>> {
    match seen {
        Ok(seen) => Ok(Some(seen)),
        Err(code) if is_shortage(code) => Err(code),
        Err(_) => Ok(None),
    }
}

/// `None` when no live process serves it.
fn status_in(folder: &Folder, end: Instant) -> Result<Option<PipeStatus>> {
    let servers = unless_unseen(folder.live_servers())?;
    Ok(servers.and_then(|servers| status_of(folder, &servers, end)))
}

/// How a pipe is that these processes serve.
fn status_of(folder: &Folder, servers: &[(String, Record)], end: Instant) -> Option<PipeStatus> {
    let (_, first) = servers.first()?;
    let (_, last) = servers.last()?;
    let mut instances = InstanceCounts::default();
    let name = PipeName::local(&first.name).ok()?;
    for (id, record) in servers {
        match ask_counts(folder, id, &name, end) {
            Some(counts) => instances += counts,
            // It lives and does not answer: how its instances are, it alone knows.
            None => instances.unknown = instances.unknown.saturating_add(record.instances),
        }
    }
    Some(PipeStatus {
        name,
        pipe_type: Some(first.pipe_type),
        access: Some(first.access),
        max_instances: Some(first.max_instances),
        instances,
        out_quota: Some(last.out_quota),
        in_quota: Some(last.in_quota),
        default_timeout: Some(first.default_timeout),
        reject_remote_clients: Some(first.reject_remote_clients),
        server_process_ids: servers.iter().map(|(_, record)| record.process).collect(),
    })
}

/// Asks a server process how its instances are.
fn ask_counts(folder: &Folder, id: &str, name: &PipeName, end: Instant) -> Option<InstanceCounts> {
    let request = Request::to(Operation::Query, name);
    let connect = |limit| folder.connect(id, limit);
    let reply = ask(connect, request, time_left(Some(end))).ok()??;
    (reply.answer.code == Win32Error(0)).then_some(reply.answer.counts)
}
