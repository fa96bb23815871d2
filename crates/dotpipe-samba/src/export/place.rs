//! [`Place`]: the directory in which Samba looks for sockets, and the sockets in it.
//!
//! Layer: files. The rules it owns: which directory is safe, what the socket of a pipe is called, and whose
//! socket may be replaced.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use dotpipe::name::PipeName;
use rustix::fs::Access;
use tokio::net::UnixListener;

use super::lower::lower;

/// The longest path of a socket, in bytes.
pub const LONGEST_PATH: usize = 107;

/// Pipes that Samba serves itself, in lower case: to take one of these names would break it.
pub const PIPES_OF_SAMBA: [&str; 19] = [
    "atsvc",
    "dssetup",
    "epmapper",
    "eventlog",
    "fssagentrpc",
    "initshutdown",
    "lsarpc",
    "lsass",
    "mdssvc",
    "netdfs",
    "netlogon",
    "ntsvcs",
    "plugplay",
    "samr",
    "spoolss",
    "srvsvc",
    "svcctl",
    "winreg",
    "wkssvc",
];

/// Why a pipe cannot be exported under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Samba has a pipe of its own of this name.
    PipeOfSamba,
    /// The name has a `/`, or means a directory.
    NoFileName,
    /// The path of the socket would be so many bytes long.
    TooLong(usize),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::PipeOfSamba => {
                f.write_str("Samba serves a pipe of this name itself: give the pipe another name")
            }
            Unfit::NoFileName => f.write_str(
                "Samba looks for a file of this name, and no file can be called so: give the pipe a name \
                 without '/'",
            ),
            Unfit::TooLong(len) => write!(
                f,
                "the path of its socket would be {len} bytes long, and {LONGEST_PATH} are possible: give \
                 the pipe a shorter name, or export to a directory with a shorter path"
            ),
        }
    }
}

/// What the socket of a pipe is called: its name in lower case, letter by letter, as `smbd` makes it.
pub fn file_name(pipe: &PipeName) -> Result<String, Unfit> {
    let name: String = pipe.name().chars().map(lower).collect();
    if PIPES_OF_SAMBA.contains(&name.as_str()) {
        return Err(Unfit::PipeOfSamba);
    }
    match name.as_str() {
        "." | ".." => Err(Unfit::NoFileName),
        _ if name.contains('/') => Err(Unfit::NoFileName),
        _ => Ok(name),
    }
}

/// A directory for sockets.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
}

impl Place {
    /// The directory, if nobody but its owner, who is this user or root, can change what is in it.
    pub(crate) fn open(path: &Path) -> io::Result<Place> {
        let path = found(path)?;
        check(&path, false)?;
        Ok(Place { path })
    }

    /// The same for root, who looks at what is another user's export.
    pub(crate) fn of_anybody(path: &Path) -> io::Result<Place> {
        let path = found(path)?;
        check(&path, true)?;
        Ok(Place { path })
    }

    /// Where the socket of a pipe belongs.
    pub(crate) fn socket(&self, pipe: &PipeName) -> Result<PathBuf, Unfit> {
        let path = self.path.join(file_name(pipe)?);
        match len_of(&path) {
            len if len > LONGEST_PATH => Err(Unfit::TooLong(len)),
            _ => Ok(path),
        }
    }
}

/// The path without links.
fn found(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize().map_err(|error| {
        let what = format!(
            "the directory {} for the sockets: {}",
            path.display(),
            hint(&error)
        );
        io::Error::new(error.kind(), what)
    })
}

/// What helps when a directory cannot be opened.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "it does not exist; Samba makes its own when it is started, any other make with mode 0700"
        }
        io::ErrorKind::PermissionDenied => "this user may not enter it",
        _ => "it cannot be opened",
    }
}

/// Whether a directory is safe to put sockets in: who could change it could take the clients over.
fn check(path: &Path, is_anybodys: bool) -> io::Result<()> {
    let shown = path.display();
    let refused = |what: String| io::Error::new(io::ErrorKind::PermissionDenied, what);
    let metadata = fs::metadata(path)?;
    let own = rustix::process::geteuid().as_raw();
    if !metadata.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("{shown} is no directory"),
        ));
    }
    if !is_anybodys && metadata.uid() != own && metadata.uid() != 0 {
        return Err(refused(format!(
            "the directory {shown} belongs to user {}, who could take the clients over: use one of your own",
            metadata.uid()
        )));
    }
    if metadata.permissions().mode() & 0o022 != 0 {
        return Err(refused(format!(
            "others can write in the directory {shown} and could take the clients over: chmod 0700 {shown}"
        )));
    }
    let write = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::access(path, write).map_err(|_| {
        refused(format!(
            "this user may not put sockets into the directory {shown}: run the export as root, or give it a \
             directory of this user's with --directory, as docs/remote.md says"
        ))
    })
}

/// A socket that exists as long as this.
pub(super) struct Bound {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl Bound {
    /// Makes the socket, in place of one whose server is dead.
    pub(super) fn bind(path: &Path) -> io::Result<(Bound, UnixListener)> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        // Root comes in whatever the mode, and nobody else has anything to look for here.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let bound = Bound {
            path: path.into(),
            id: id_of(path)?,
        };
        Ok((bound, listener))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it still stands where it was put.
    pub(super) fn stands(&self) -> bool {
        id_of(&self.path).is_ok_and(|id| id == self.id)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.stands() {
            // Whoever has removed it meanwhile has done what is to be done.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Whether a socket is there and nobody listens to it.
pub(crate) fn is_stale(path: &Path) -> bool {
    let is_refused = |result: io::Result<UnixStream>| {
        result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
        && is_refused(UnixStream::connect(path))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) if is_stale(path) => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "something else is there under its name: another export that runs, or a pipe of Samba's",
        )),
    }
}

/// The length of a path in bytes.
fn len_of(path: &Path) -> usize {
    path.as_os_str().as_bytes().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PipeName {
        PipeName::local(text).unwrap()
    }

    #[test]
    fn what_is_no_file_name_is_refused() {
        for unfit in [".", "..", "a/b", "/"] {
            assert_eq!(file_name(&name(unfit)), Err(Unfit::NoFileName), "{unfit:?}");
        }
        assert_eq!(file_name(&name("SrvSvc")), Err(Unfit::PipeOfSamba));
        assert_eq!(file_name(&name("...É")).as_deref(), Ok("...é"));
        assert!(PIPES_OF_SAMBA.is_sorted());
    }

    #[test]
    fn a_path_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(folder.path()).unwrap();
        let room = LONGEST_PATH - len_of(&place.path) - 1;
        assert!(place.socket(&name(&"x".repeat(room))).is_ok());
        assert_eq!(
            place.socket(&name(&"x".repeat(room + 1))),
            Err(Unfit::TooLong(LONGEST_PATH + 1))
        );
    }

    #[test]
    fn a_directory_in_which_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |mode| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            Place::open(folder.path()).map_err(|error| error.kind())
        };
        assert!(mode(0o755).is_ok());
        for others in [0o770, 0o702, 0o1777] {
            assert_eq!(mode(others).unwrap_err(), io::ErrorKind::PermissionDenied);
        }
        let missing = Place::open(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_socket_is_replaced_only_if_nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(is_stale(&path));
        let (bound, _listener) = Bound::bind(&path).unwrap();
        assert!(bound.stands() && !is_stale(&path));
        let error = Bound::bind(&path).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(bound);
        assert!(!path.exists());
        // What is no socket is nobody's to remove.
        fs::write(&path, "a file").unwrap();
        assert!(Bound::bind(&path).is_err());
        assert!(path.exists());
    }
}
