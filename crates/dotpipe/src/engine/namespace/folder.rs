//! The folder of one pipe: its lock, its records and its sockets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use super::encode::file_name;
use super::record::Record;
use super::record_file::{RecordFile, read_record, write_all};
use super::{directory, random};
use crate::engine::linux::{code, socket};
use crate::exact::Result;
use crate::name::PipeName;
use crate::win32::Win32Error;

const LOCK: &str = "lock";
pub(super) const RECORD: &str = ".record";
pub(super) const SOCKET: &str = ".socket";
pub(super) const UNFINISHED: &str = ".new";
/// How long to wait for another process that changes the folder. A change takes microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The folder of a pipe, as anybody may look at it.
pub(in crate::engine) struct Folder {
    fd: OwnedFd,
    file: String,
}

/// Where a server process answered, to be asked there again without looking at the folder.
///
/// Nobody but the owner of the namespace can have put another socket there since; but who answers now must
/// still be checked against who answered then.
#[derive(Debug, PartialEq, Eq)]
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
    folder: Folder,
    _lock: OwnedFd,
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

    /// The folders of all pipes that have one, each opened when it is asked for and not before: there may be more than
    /// this process may have descriptors. One that cannot be opened brings why.
    ///
    /// # Errors
    /// `ERROR_FILE_NOT_FOUND` when there is no namespace, and so no pipe.
    pub(in crate::engine) fn all() -> Result<impl Iterator<Item = Result<Folder>>> {
        let root = directory::open()?;
        let files = list(root.as_fd()).map_err(code)?;
        Ok(files
            .into_iter()
            .map(move |file| Folder::open(&root, &file).map_err(code)))
    }

    fn open(root: &OwnedFd, file: &str) -> rustix::io::Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Folder {
            fd: rustix::fs::openat(root, file, flags, Mode::empty())?,
            file: file.to_owned(),
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

    /// Identifies the folder among all that this process knows.
    pub(in crate::engine) fn identity(&self) -> Result<(u64, u64)> {
        let stat = rustix::fs::fstat(&self.fd).map_err(code)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.fd
    }

    /// The user whose folder it is.
    pub(in crate::engine) fn owner(&self) -> Result<u32> {
        Ok(rustix::fs::fstat(&self.fd).map_err(code)?.st_uid)
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
            .filter(|(_, record)| self.is_of(&record.name))
            .collect();
        servers.sort_by_key(|(_, record)| record.since);
        Ok(servers)
    }

    /// Whether this is the folder of a pipe of that name. Anybody can write down the name of another's.
    fn is_of(&self, name: &str) -> bool {
        PipeName::local(name).is_ok_and(|name| file_name(&name) == self.file)
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
            let alive = socket::is_bound(self.fd.as_fd(), &format!("{id}{SOCKET}"))?;
            records.push((id.to_owned(), alive, read_record(&fd)));
        }
        Ok(records)
    }

    /// Removes what dead server processes left, if that can be done at once. For clients, who need
    /// nothing of it.
    pub(in crate::engine) fn try_tidy(name: &PipeName) {
        Folder::try_tidy_file(&file_name(name));
    }

    /// The same for this folder.
    pub(in crate::engine) fn try_tidy_this(&self) {
        Folder::try_tidy_file(&self.file);
    }

    fn try_tidy_file(file: &str) {
        if let Ok(root) = directory::open()
            && let Ok(Some(folder)) = LockedFolder::lock_once(root, file, false)
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

    /// The folder of a pipe that exists, if nobody else holds it.
    pub(in crate::engine) fn try_lock(name: &PipeName) -> Result<Option<LockedFolder>> {
        LockedFolder::lock_once(directory::open()?, &file_name(name), false)
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
        // Not blocking: the owner of a strange folder could hold a lease on a file in it.
        let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        // Root, who only tidies up, shall not leave a lock that the owner of the folder cannot open.
        flags.set(OFlags::CREATE, make);
        let lock = match rustix::fs::openat(&folder.fd, LOCK, flags, Mode::RUSR | Mode::WUSR) {
            Ok(lock) => lock,
            Err(Errno::NOENT) => {
                if !make {
                    // Without a lock it can only be empty, or not ours to understand.
                    let _ = rustix::fs::unlinkat(&root, file, AtFlags::REMOVEDIR);
                }
                return Ok(None);
            }
            Err(error) => {
                if make {
                    // Should it be ours and empty; of others nothing can be removed, and nothing filled.
                    let _ = rustix::fs::unlinkat(&root, file, AtFlags::REMOVEDIR);
                }
                return Err(code(error));
            }
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
        self.folder.identity()
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
        let id = new_id(record);
        let folder = &self.folder.fd;
        let added = socket::listen(folder.as_fd(), &format!("{id}{SOCKET}"))
            .map_err(code)
            .and_then(|listener| Ok((listener, RecordFile::write(folder, record, id.clone())?)));
        if added.is_err() {
            // On a full disk, say. Nothing of it shall be in anybody's way.
            self.unlink(&id);
            self.remove_if_empty();
        }
        added
    }

    /// Adds a process of another user as a server: the socket on which it is going to answer, and its record.
    /// Gives its id and the file of the record, which it keeps up to date.
    pub(in crate::engine) fn add_guest(
        &self,
        record: &Record,
        listener: &OwnedFd,
    ) -> Result<(String, OwnedFd)> {
        let id = new_id(record);
        let folder = &self.folder.fd;
        let added = socket::bind(listener, folder.as_fd(), &format!("{id}{SOCKET}"))
            .map_err(code)
            .and_then(|()| RecordFile::write(folder, record, id.clone()));
        match added {
            Ok(file) => Ok((id, file.into_file())),
            Err(code) => {
                self.unlink(&id);
                Err(code)
            }
        }
    }

    /// Counts one more instance of a server of another user, which must be this process.
    pub(in crate::engine) fn count_instance(&self, id: &str, process: u32) -> Result<()> {
        let servers = self.folder.live_servers()?;
        let known = servers.into_iter().find(|(each, _)| each == id);
        let Some((_, mut record)) = known.filter(|(_, record)| record.process == process) else {
            return Err(Win32Error::INVALID_PARAMETER);
        };
        record.instances = record.instances.saturating_add(1);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = format!("{id}{RECORD}");
        let fd = rustix::fs::openat(&self.folder.fd, file, flags, Mode::empty()).map_err(code)?;
        write_all(&fd, &record)
    }

    /// Removes a server, and the folder when it was the last one.
    pub(in crate::engine) fn remove_server(&self, id: &str) {
        self.unlink(id);
        if !self.remove_if_empty() {
            // Those of other users cannot remove what they leave behind.
            let _ = self.tidy();
            self.remove_if_empty();
        }
    }

    /// Removes the folder when no server is left in it. False when there is one.
    fn remove_if_empty(&self) -> bool {
        let only_lock = |files: Vec<String>| files.iter().all(|file| file == LOCK);
        let empty = list(self.folder.fd.as_fd()).is_ok_and(only_lock);
        if empty {
            let _ = rustix::fs::unlinkat(&self.folder.fd, LOCK, AtFlags::empty());
            let _ = rustix::fs::unlinkat(&self.root, &self.folder.file, AtFlags::REMOVEDIR);
        }
        empty
    }

    fn unlink(&self, id: &str) {
        // The socket first: no client shall find a server without a record.
        for ending in [SOCKET, RECORD, UNFINISHED] {
            let _ =
                rustix::fs::unlinkat(&self.folder.fd, format!("{id}{ending}"), AtFlags::empty());
        }
    }
}

/// An id for a new server.
fn new_id(record: &Record) -> String {
    format!("{}-{:016x}", record.process, random())
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
