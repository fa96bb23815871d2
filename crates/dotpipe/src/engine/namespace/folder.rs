//! The folder of one pipe: its lock, its records and its sockets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use super::encode::file_name;
use super::record::{LONGEST, Record};
use super::{directory, random};
use crate::engine::linux::{code, socket};
use crate::exact::Result;
use crate::name::PipeName;
use crate::win32::Win32Error;

const LOCK: &str = "lock";
const RECORD: &str = ".record";
const SOCKET: &str = ".socket";
const UNFINISHED: &str = ".new";
/// How long to wait for another process that changes the folder. A change takes microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The folder of a pipe, as anybody may look at it.
pub(in crate::engine) struct Folder {
    fd: OwnedFd,
}

/// Where a server process answered, to be asked there again without looking at the folder.
///
/// Nobody but the owner of the namespace can have put another socket there since; but who answers now must
/// still be checked against who answered then.
#[derive(Debug)]
pub(in crate::engine) struct Address {
    directory: PathBuf,
    socket: SocketAddrUnix,
}

impl Address {
    /// The address of the server process `id` of a pipe; `None` when it is too long for a socket.
    pub(in crate::engine) fn of(name: &PipeName, id: &str) -> Option<Address> {
        let directory = directory::path();
        let socket = directory
            .join(file_name(name))
            .join(format!("{id}{SOCKET}"));
        let socket = SocketAddrUnix::new(socket).ok()?;
        Some(Address { directory, socket })
    }

    /// Connects to the server process. `None` when it is dead, or another namespace applies by now.
    pub(in crate::engine) fn connect(&self, limit: Duration) -> Result<Option<OwnedFd>> {
        if directory::path() != self.directory {
            return Ok(None);
        }
        unless_dead(socket::connect_to(&self.socket, limit))
    }
}

/// `None` when nobody listens at a socket.
fn unless_dead(connected: rustix::io::Result<OwnedFd>) -> Result<Option<OwnedFd>> {
    match connected {
        Ok(socket) => Ok(Some(socket)),
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(None),
        Err(error) => Err(code(error)),
    }
}

/// The folder of a pipe while this process alone may change it.
pub(in crate::engine) struct LockedFolder {
    root: OwnedFd,
    file: String,
    folder: Folder,
    _lock: OwnedFd,
}

/// This process's record in a folder. It is alive until it is dropped.
pub(in crate::engine) struct RecordFile {
    fd: OwnedFd,
    id: String,
}

/// A record or a socket by the id of its server process.
fn id_of<'a>(file: &'a str, ending: &str) -> Option<&'a str> {
    file.strip_suffix(ending)
}

impl Folder {
    /// The folder of a pipe; `ERROR_FILE_NOT_FOUND` when there is none.
    pub(in crate::engine) fn find(name: &PipeName) -> Result<Folder> {
        let root = directory::open()?;
        Folder::open(&root, &file_name(name)).map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Win32Error::FILE_NOT_FOUND,
            error => code(error),
        })
    }

    /// The folders of all pipes that have one.
    pub(in crate::engine) fn all() -> Result<Vec<Folder>> {
        let root = match directory::open() {
            Err(Win32Error::FILE_NOT_FOUND) => return Ok(Vec::new()),
            root => root?,
        };
        let files = list(root.as_fd()).map_err(code)?;
        // One that vanishes meanwhile, or may not be looked into, is left out.
        Ok(files
            .iter()
            .filter_map(|file| Folder::open(&root, file).ok())
            .collect())
    }

    fn open(root: &OwnedFd, file: &str) -> rustix::io::Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Folder {
            fd: rustix::fs::openat(root, file, flags, Mode::empty())?,
        })
    }

    /// The ids of the server processes that have a socket here, dead ones included.
    pub(in crate::engine) fn servers(&self) -> Result<Vec<String>> {
        let files = list(self.fd.as_fd()).map_err(code)?;
        Ok(files
            .iter()
            .filter_map(|file| id_of(file, SOCKET).map(str::to_owned))
            .collect())
    }

    /// Connects to a server process. `None` when it is dead.
    pub(in crate::engine) fn connect(&self, id: &str, limit: Duration) -> Result<Option<OwnedFd>> {
        let file = format!("{id}{SOCKET}");
        unless_dead(socket::connect(self.fd.as_fd(), &file, limit))
    }

    /// All live server processes, oldest first: the id and the record.
    pub(in crate::engine) fn live_servers(&self) -> Result<Vec<(String, Record)>> {
        let mut servers: Vec<(String, Record)> = self
            .records()
            .map_err(code)?
            .into_iter()
            .filter(|(_, alive, _)| *alive)
            .filter_map(|(id, _, record)| Some((id, record?)))
            .collect();
        servers.sort_by_key(|(_, record)| record.since);
        Ok(servers)
    }

    /// All records: the id, whether it is alive, and what it says, if that can be understood.
    fn records(&self) -> rustix::io::Result<Vec<(String, bool, Option<Record>)>> {
        let mut records = Vec::new();
        for file in list(self.fd.as_fd())? {
            let Some(id) = id_of(&file, RECORD) else {
                continue;
            };
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let fd = match rustix::fs::openat(&self.fd, &file, flags, Mode::empty()) {
                Ok(fd) => fd,
                // Gone meanwhile; or a link or a socket, which is nobody's record.
                Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => continue,
                Err(error) => return Err(error),
            };
            let alive = is_locked(&fd)?;
            records.push((id.to_owned(), alive, read_record(&fd)));
        }
        Ok(records)
    }

    /// Removes what dead server processes left, if that can be done at once. For clients, who need
    /// nothing of it.
    pub(in crate::engine) fn try_tidy(name: &PipeName) {
        if let Ok(root) = directory::open()
            && let Ok(Some(folder)) = LockedFolder::lock_once(root, &file_name(name), false)
        {
            let _ = folder.tidy();
            folder.remove_if_empty();
        }
    }

    /// Notices of servers that come. The descriptor is readable when there is one.
    pub(in crate::engine) fn watch(&self) -> Result<OwnedFd> {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        use std::os::fd::AsRawFd;
        let fd = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(code)?;
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        let news = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF;
        add_watch(&fd, path, news).map_err(code)?;
        Ok(fd)
    }
}

impl LockedFolder {
    /// The folder of a pipe, made if need be, for this process alone.
    ///
    /// # Errors
    /// `ERROR_SEM_TIMEOUT` when another process holds it that does not go on.
    pub(in crate::engine) fn lock(name: &PipeName) -> Result<LockedFolder> {
        let file = file_name(name);
        let end = Instant::now() + PATIENCE;
        let mut pause = Duration::from_micros(50);
        loop {
            if let Some(folder) = LockedFolder::lock_once(directory::open_or_make()?, &file, true)?
            {
                return Ok(folder);
            }
            if Instant::now() > end {
                return Err(Win32Error::SEM_TIMEOUT);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// One try; `None` when somebody else has it, or has just removed it.
    fn lock_once(root: OwnedFd, file: &str, make: bool) -> Result<Option<LockedFolder>> {
        if make {
            let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
            match rustix::fs::mkdirat(&root, file, mode) {
                // Who may open the pipe is the server's to say, not the mask of its process's files.
                Ok(()) => match rustix::fs::chmodat(&root, file, mode, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(error) => return Err(code(error)),
                },
                Err(Errno::EXIST) => {}
                Err(error) => return Err(code(error)),
            }
        }
        let folder = match Folder::open(&root, file) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(code(error)),
        };
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = match rustix::fs::openat(&folder.fd, LOCK, flags, Mode::RUSR | Mode::WUSR) {
            Ok(lock) => lock,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(code(error)),
        };
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(code(error)),
        }
        // Whoever held it before may have removed the folder with it.
        if rustix::fs::fstat(&lock).map_err(code)?.st_nlink == 0 {
            return Ok(None);
        }
        Ok(Some(LockedFolder {
            root,
            file: file.to_owned(),
            folder,
            _lock: lock,
        }))
    }

    /// Whether only this user can have put there what is in the folder.
    pub(in crate::engine) fn is_ours(&self) -> Result<bool> {
        let stat = rustix::fs::fstat(&self.folder.fd).map_err(code)?;
        let others = Mode::WGRP | Mode::WOTH;
        let ours = stat.st_uid == rustix::process::geteuid().as_raw();
        Ok(ours && stat.st_mode & others.bits() == 0)
    }

    /// Identifies the folder among all that this process knows.
    pub(in crate::engine) fn identity(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.folder.fd).map_err(code)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Removes what dead server processes left, and gives the records of the live ones.
    ///
    /// # Errors
    /// `ERROR_GEN_FAILURE` when a live record cannot be understood: another version made it.
    pub(in crate::engine) fn tidy(&self) -> Result<Vec<Record>> {
        let mut live = Vec::new();
        let mut ids = Vec::new();
        for (id, alive, record) in self.folder.records().map_err(code)? {
            if alive {
                live.push(record.ok_or(Win32Error::GEN_FAILURE)?);
                ids.push(id);
            } else {
                self.unlink(&id);
            }
        }
        for file in list(self.folder.fd.as_fd()).map_err(code)? {
            let orphan = id_of(&file, SOCKET).or(id_of(&file, UNFINISHED));
            if let Some(id) = orphan
                && !ids.iter().any(|known| known == id)
            {
                let _ = rustix::fs::unlinkat(&self.folder.fd, &file, AtFlags::empty());
            }
        }
        live.sort_by_key(|record| record.since);
        Ok(live)
    }

    /// Adds this process as a server: the socket on which it answers, and its record.
    pub(in crate::engine) fn add_server(&self, record: &Record) -> Result<(OwnedFd, RecordFile)> {
        let id = format!("{}-{:016x}", record.process, random());
        let folder = &self.folder.fd;
        let listener = socket::listen(folder.as_fd(), &format!("{id}{SOCKET}")).map_err(code)?;
        let file = self.write_record(record, &id);
        if file.is_err() {
            self.unlink(&id);
        }
        Ok((listener, file?))
    }

    fn write_record(&self, record: &Record, id: &str) -> Result<RecordFile> {
        let folder = &self.folder.fd;
        // Everybody who may open the pipe at all connects; the server decides (and `connect` on a
        // socket needs the right to write).
        let all = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
        rustix::fs::chmodat(folder, format!("{id}{SOCKET}"), all, AtFlags::empty())
            .map_err(code)?;
        // Under another name until it is locked, so that nobody takes it for dead.
        let (new, done) = (format!("{id}{UNFINISHED}"), format!("{id}{RECORD}"));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let fd = rustix::fs::openat(folder, &new, flags, mode).map_err(code)?;
        rustix::fs::fchmod(&fd, mode).map_err(code)?;
        let file = RecordFile {
            fd,
            id: id.to_owned(),
        };
        flock(&file.fd, FlockOperation::NonBlockingLockExclusive).map_err(code)?;
        file.update(record)?;
        rustix::fs::renameat(folder, &new, folder, &done).map_err(code)?;
        Ok(file)
    }

    /// Removes this process as a server, and the folder when it was the last one.
    pub(in crate::engine) fn remove_server(&self, file: &RecordFile) {
        self.unlink(&file.id);
        self.remove_if_empty();
    }

    /// Removes the folder when no server is left in it.
    fn remove_if_empty(&self) {
        let only_lock = |files: Vec<String>| files.iter().all(|file| file == LOCK);
        if list(self.folder.fd.as_fd()).is_ok_and(only_lock) {
            let _ = rustix::fs::unlinkat(&self.folder.fd, LOCK, AtFlags::empty());
            let _ = rustix::fs::unlinkat(&self.root, &self.file, AtFlags::REMOVEDIR);
        }
    }

    fn unlink(&self, id: &str) {
        // The socket first: no client shall find a server without a record.
        for ending in [SOCKET, RECORD, UNFINISHED] {
            let _ =
                rustix::fs::unlinkat(&self.folder.fd, format!("{id}{ending}"), AtFlags::empty());
        }
    }
}

impl RecordFile {
    /// Whether the record is still in a folder.
    pub(in crate::engine) fn exists(&self) -> bool {
        rustix::fs::fstat(&self.fd).is_ok_and(|stat| stat.st_nlink > 0)
    }

    /// Writes the record anew, over the old one, which is as long: what changes has a fixed width.
    pub(in crate::engine) fn update(&self, record: &Record) -> Result<()> {
        let text = record.to_text();
        let written = rustix::io::pwrite(&self.fd, text.as_bytes(), 0).map_err(code)?;
        if written == text.len() {
            Ok(())
        } else {
            Err(Win32Error::DISK_FULL)
        }
    }
}

/// Whether somebody holds the lock of a record: its process is alive.
fn is_locked(fd: &OwnedFd) -> rustix::io::Result<bool> {
    match flock(fd, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::AGAIN) => Ok(true),
        Err(error) => Err(error),
    }
}

fn read_record(fd: &OwnedFd) -> Option<Record> {
    let mut bytes = [0; LONGEST];
    let len = rustix::io::pread(fd, &mut bytes, 0).ok()?;
    Record::parse(std::str::from_utf8(&bytes[..len]).ok()?)
}

/// The files in a folder that have a name this crate gives.
fn list(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in Dir::read_from(folder)? {
        if let Ok(file) = entry?.file_name().to_str()
            && !file.starts_with('.')
        {
            files.push(file.to_owned());
        }
    }
    Ok(files)
}
