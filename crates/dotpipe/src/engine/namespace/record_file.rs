//! The file of a record: how it is written, and the modes of the files beside it.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Gid;

use super::fence::Fence;
use super::folder::{Folder, RECORD, SOCKET, UNFINISHED};
use super::record::{LONGEST, Record};
use crate::engine::core::lock;
use crate::engine::linux::{code, io_code};
use crate::exact::Result;
use crate::security::SecurityDescriptor;
use crate::win32::Win32Error;

/// This process's record in a folder.
pub(in crate::engine) struct RecordFile {
    folder: OwnedFd,
    fd: Mutex<OwnedFd>,
    id: String,
}

impl RecordFile {
    /// Writes a record where there is none yet, and sets the fence. Its socket must be there.
    pub(super) fn write(folder: &OwnedFd, record: &Record, id: String) -> Result<RecordFile> {
        let folder = folder.try_clone().map_err(|error| io_code(&error))?;
        let fd = Mutex::new(new_record(&folder, record, &id)?);
        Ok(RecordFile { folder, fd, id })
    }

    /// The record that another user's process wrote for this one, and handed over.
    pub(in crate::engine) fn handed(
        folder: &Folder,
        fd: OwnedFd,
        id: String,
    ) -> Result<RecordFile> {
        let folder = folder
            .descriptor()
            .try_clone()
            .map_err(|error| io_code(&error))?;
        let fd = Mutex::new(fd);
        Ok(RecordFile { folder, fd, id })
    }

    /// Its file, for the process that it is about.
    pub(super) fn into_file(self) -> OwnedFd {
        self.fd.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says.
    pub(in crate::engine) fn read(&self) -> Option<Record> {
        read_record(&lock(&self.fd))
    }

    /// The id of this process in the folder.
    pub(in crate::engine) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the record is still in a folder.
    pub(in crate::engine) fn exists(&self) -> bool {
        rustix::fs::fstat(&*lock(&self.fd)).is_ok_and(|stat| stat.st_nlink > 0)
    }

    /// Writes numbers of the record anew. Readers may see those of before and after.
    pub(in crate::engine) fn update(&self, record: &Record) -> Result<()> {
        write_all(&lock(&self.fd), record)
    }

    /// Writes the record anew with another descriptor, and moves the fence. Readers see the old or the new
    /// one.
    pub(in crate::engine) fn replace(&self, record: &Record) -> Result<()> {
        let mut fd = lock(&self.fd);
        match new_record(&self.folder, record, &self.id) {
            Ok(new) => *fd = new,
            // In the folder of another user. The fence is its owner's to move.
            Err(Win32Error::ACCESS_DENIED) => {
                write_all(&fd, record)?;
                let len = record.to_text().len() as u64;
                rustix::fs::ftruncate(&*fd, len).map_err(code)?;
            }
            Err(code) => return Err(code),
        }
        Ok(())
    }
}

/// Puts the record with this id into the folder, in the place of one that may be there.
fn new_record(folder: &OwnedFd, record: &Record, id: &str) -> Result<OwnedFd> {
    let fence = set_fence(folder, &record.security, id).map_err(code)?;
    // Under another name until it is whole.
    let (new, done) = (format!("{id}{UNFINISHED}"), format!("{id}{RECORD}"));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let _ = rustix::fs::unlinkat(folder, &new, AtFlags::empty());
    let fd = rustix::fs::openat(folder, &new, flags, Mode::RUSR | Mode::WUSR).map_err(code)?;
    write_all(&fd, record)?;
    if let Fence::Group(group) = fence {
        rustix::fs::fchown(&fd, None, Some(Gid::from_raw(group))).map_err(code)?;
    }
    rustix::fs::fchmod(&fd, fence.record()).map_err(code)?;
    rustix::fs::renameat(folder, &new, folder, &done).map_err(code)?;
    Ok(fd)
}

/// Writes the record over the old one. Where only numbers differ it is as long: they have a fixed width.
pub(super) fn write_all(fd: &OwnedFd, record: &Record) -> Result<()> {
    let text = record.to_text();
    let written = rustix::io::pwrite(fd, text.as_bytes(), 0).map_err(code)?;
    if written == text.len() {
        Ok(())
    } else {
        Err(Win32Error::DISK_FULL)
    }
}

/// Sets the modes of the folder and of the socket with this id. Gives the fence that could be set: files can
/// be given to groups only of which this process is a member.
fn set_fence(
    folder: &OwnedFd,
    descriptor: &SecurityDescriptor,
    id: &str,
) -> rustix::io::Result<Fence> {
    let user = rustix::process::geteuid().as_raw();
    let socket = format!("{id}{SOCKET}");
    let mut fence = Fence::of(descriptor, user);
    if let Fence::Group(group) = fence {
        let group = Some(Gid::from_raw(group));
        let given = rustix::fs::fchown(folder, None, group).and_then(|()| {
            rustix::fs::chownat(folder, &socket, None, group, AtFlags::SYMLINK_NOFOLLOW)
        });
        match given {
            Ok(()) => {}
            Err(Errno::PERM) => fence = Fence::Open,
            Err(error) => return Err(error),
        }
    }
    rustix::fs::fchmod(folder, fence.folder())?;
    rustix::fs::chmodat(folder, socket, fence.socket(), AtFlags::empty())?;
    Ok(fence)
}

/// What a record says, if it can be understood.
pub(super) fn read_record(fd: &OwnedFd) -> Option<Record> {
    let mut bytes = [0; LONGEST];
    let len = rustix::io::pread(fd, &mut bytes, 0).ok()?;
    Record::parse(std::str::from_utf8(&bytes[..len]).ok()?)
}
