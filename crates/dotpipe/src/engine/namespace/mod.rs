//! Names as files: which pipes exist on this machine, and which processes serve them.
//!
//! ```text
//! <directory>/                 the namespace: see `directory`
//!   mypipe/                    one folder per pipe, named by `encode`
//!     lock                     held by whoever changes the folder
//!     <id>.socket              one per server process: where it answers clients
//!     <id>.record              what it serves (`record`)
//! ```
//! A server is alive while its socket is bound, which ends with its process and which nobody else can bring
//! about: a dead one leaves nothing but files, which whoever may removes when he meets them. Process ids,
//! which can be reused, decide nothing, and neither do locks, which others could hold.
//!
//! Only the user who made a folder can change what is in it; who may reach it is the descriptor's to say
//! (`fence`).

pub(super) mod directory;
mod encode;
mod fence;
mod folder;
mod record;
mod record_file;

#[cfg(fuzzing)]
pub(super) use encode::file_name;
pub(super) use folder::{Address, Folder, LockedFolder};
pub(super) use record::Record;
pub(super) use record_file::RecordFile;

use crate::exact::Result;
use crate::name::PipeName;
use crate::win32::Win32Error;

/// Which creation of a name a pipe is: the name may be taken anew while old client ends are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PipeId(pub(super) u64);

impl PipeId {
    /// A new one.
    pub(super) fn new() -> PipeId {
        PipeId(random())
    }
}

/// A number that nobody else draws at the time.
pub(super) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The keys of the standard library's hasher come from the system's random source.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u64(super::linux::clock::now());
    hasher.finish()
}

/// How many instances there are of this creation of the name.
pub(super) fn count_instances(name: &PipeName, id: PipeId) -> Result<u32> {
    match Folder::find(name) {
        Ok(folder) => {
            let servers = folder.live_servers()?;
            let records = servers.iter().map(|(_, record)| record);
            let of_pipe = records.filter(|record| record.pipe == id);
            Ok(of_pipe.fold(0, |sum, record| sum.saturating_add(record.instances)))
        }
        Err(Win32Error::FILE_NOT_FOUND) => Ok(0),
        Err(code) => Err(code),
    }
}
