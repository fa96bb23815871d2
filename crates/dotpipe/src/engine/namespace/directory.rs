//! The directory of the namespace: which one applies, and that it is safe to use.
//!
//! The first that applies: `$DOTPIPE_DIR`; `/run/dotpipe` when it exists and is sticky (one namespace
//! for the whole machine, as on Windows); `dotpipe` in `$XDG_RUNTIME_DIR`; `/tmp/dotpipe-<uid>`.

use std::env;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::engine::linux::code;
use crate::exact::Result;
use crate::win32::Win32Error;

const MACHINE_WIDE: &str = "/run/dotpipe";
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// A candidate and what it must be.
struct Candidate {
    path: PathBuf,
    /// Must be this user's own: made if it does not exist, refused if others could write in it.
    private: bool,
}

fn choose() -> Candidate {
    let variable = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = variable("DOTPIPE_DIR") {
        return Candidate {
            path,
            private: false,
        };
    }
    let mode = |path: &Path| rustix::fs::stat(path).ok().map(|stat| stat.st_mode);
    let is_folder = |mode: u32| FileType::from_raw_mode(mode) == FileType::Directory;
    let machine = Path::new(MACHINE_WIDE);
    if mode(machine).is_some_and(|mode| is_folder(mode) && mode & Mode::SVTX.bits() != 0) {
        return Candidate {
            path: machine.into(),
            private: false,
        };
    }
    if let Some(runtime) = variable("XDG_RUNTIME_DIR")
        && mode(&runtime).is_some_and(is_folder)
    {
        return Candidate {
            path: runtime.join("dotpipe"),
            private: true,
        };
    }
    let user = rustix::process::geteuid().as_raw();
    Candidate {
        path: format!("/tmp/dotpipe-{user}").into(),
        private: true,
    }
}

/// The path of the directory that applies now.
pub(super) fn path() -> PathBuf {
    choose().path
}

/// The directory for a client: `ERROR_FILE_NOT_FOUND` when there is none, and so no pipe.
pub(in crate::engine) fn open() -> Result<OwnedFd> {
    let candidate = choose();
    match open_checked(&candidate) {
        Err(Errno::NOENT) => Err(Win32Error::FILE_NOT_FOUND),
        other => other.map_err(code),
    }
}

/// The directory for a server: made if need be.
pub(in crate::engine) fn open_or_make() -> Result<OwnedFd> {
    let candidate = choose();
    match open_checked(&candidate) {
        Err(Errno::NOENT) => {
            if !candidate.private {
                let parent = candidate.path.parent().unwrap_or(Path::new("/"));
                std::fs::create_dir_all(parent)
                    .map_err(|error| crate::engine::linux::io_code(&error))?;
            }
            match rustix::fs::mkdir(&candidate.path, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(code(error)),
            }
            open_checked(&candidate).map_err(code)
        }
        other => other.map_err(code),
    }
}

fn open_checked(candidate: &Candidate) -> rustix::io::Result<OwnedFd> {
    if !candidate.private {
        return rustix::fs::openat(CWD, &candidate.path, FOLDER, Mode::empty());
    }
    // In a place where others can make files: not through a link of theirs, and only our own folder.
    let fd = rustix::fs::openat(
        CWD,
        &candidate.path,
        FOLDER | OFlags::NOFOLLOW,
        Mode::empty(),
    )?;
    let stat = rustix::fs::fstat(&fd)?;
    let others = Mode::WGRP | Mode::WOTH;
    if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & others.bits() != 0 {
        return Err(Errno::PERM);
    }
    Ok(fd)
}
