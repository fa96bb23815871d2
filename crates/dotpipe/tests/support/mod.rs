//! What the integration tests share. No subject of its own: each file here is a tool.
//!
//! - [`data`]: payloads that can be checked byte for byte, and a random source that can be repeated;
//! - [`patience`]: limits for what must end, and how to know that a thread sleeps;
//! - [`process`]: other processes: a test alone in one, children that play a role, their death;
//! - `measure`: what a process holds: descriptors, threads, memory, processor time (Linux);
//! - [`sync`]: connected pairs of the sync face.

#![allow(dead_code, reason = "every test binary uses its own part")]

pub(crate) mod data;
#[cfg(target_os = "linux")]
pub(crate) mod measure;
pub(crate) mod patience;
pub(crate) mod process;
pub(crate) mod sync;

use std::sync::atomic::{AtomicU32, Ordering};

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, PipeMode, WaitMode};
use dotpipe::win32::Win32Error;

/// Whether this runs under Wine, which has its own configuration program among those of Windows. Where it
/// answers otherwise than Windows (`conformance/DIVERGENCES.md`), a test asks for this by name.
pub(crate) fn is_wine() -> bool {
    cfg!(windows) && std::path::Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

/// What `cancel` answers when nothing waits.
pub(crate) fn nothing_to_cancel() -> exact::Result<()> {
    match is_wine() {
        // "CancelIoEx" in `conformance/DIVERGENCES.md`.
        true => Ok(()),
        false => Err(Win32Error::NOT_FOUND),
    }
}

/// Which pipes there are for a test that runs alone: on Linux, where its namespace is its own, all that are
/// listed; elsewhere those of `names` that exist.
pub(crate) fn existing(names: &[PipeName]) -> Vec<PipeName> {
    if cfg!(target_os = "linux") {
        let pipes = exact::list().unwrap();
        return pipes.into_iter().map(|pipe| pipe.name).collect();
    }
    let exists = |name: &&PipeName| exact::exists(name).unwrap();
    names.iter().filter(exists).cloned().collect()
}

/// What info tells of a pipe without a limit of instances.
pub(crate) fn unlimited_instances() -> u32 {
    match is_wine() {
        // "instances-max" in `conformance/DIVERGENCES.md`.
        true => u32::MAX,
        false => dotpipe::options::UNLIMITED_INSTANCES,
    }
}

/// Both rights to the data.
pub(crate) const BOTH: DesiredAccess = DesiredAccess::READ.union(DesiredAccess::WRITE);

/// A name that no other test has, in this process or another.
pub(crate) fn unique_name(what: &str) -> PipeName {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    PipeName::local(&format!("test {what} {process} {number}")).unwrap()
}

/// Options of a pipe whose ends read as its type says, with one quota for both ways.
pub(crate) fn options(pipe_type: PipeMode, quota: u32) -> CreateOptions {
    CreateOptions {
        pipe_type,
        read_mode: pipe_type,
        out_quota: quota,
        in_quota: quota,
        ..CreateOptions::default()
    }
}

/// Opens a pipe and sets the read mode to its type.
pub(crate) fn open(name: &PipeName, pipe_type: PipeMode) -> End {
    let client = exact::open(name, BOTH).unwrap();
    client.set_state(pipe_type, WaitMode::Blocking).unwrap();
    client
}

/// The server end and the client end of a fresh pipe, connected, both reading as its type says.
pub(crate) fn pair(what: &str, pipe_type: PipeMode, quota: u32) -> (End, End) {
    let name = unique_name(what);
    let server = exact::create(&name, &options(pipe_type, quota)).unwrap();
    let client = open(&name, pipe_type);
    (server, client)
}
