//! [`Place`]: the directory in which Samba looks for sockets, and the sockets in it.
//!
//! Layer: files. The rules it owns: which directory is safe, by itself and by where it lies; what the socket of a
//! pipe is called; and whose socket may be replaced.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
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
    /// The directory, if nobody but root and this user can change what is in it, or put another in its place.
    pub(crate) fn open(path: &Path) -> io::Result<Place> {
        let path = found(path)?;
        check(&path, false)?;
        Ok(Place { path })
    }

    /// The same for root, who looks at what is another user's export: nobody but root and the directory's owner.
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
    let trusted = if is_anybodys { metadata.uid() } else { own };
    check_way(path, trusted)?;
    let write = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::access(path, write).map_err(|_| {
        refused(format!(
            "this user may not put sockets into the directory {shown}: run the export as root, or give it a \
             directory of this user's with --directory, as docs/remote.md says"
        ))
    })
}

/// Whether nobody but root and the user `trusted` can put another directory in the place of this one, which is called by its
/// path again and again: by renaming it, or one of those in which it lies.
fn check_way(path: &Path, trusted: u32) -> io::Result<()> {
    let shown = path.display();
    for above in path.ancestors().skip(1) {
        let metadata = fs::metadata(above)?;
        let (owner, mode) = (metadata.uid(), metadata.mode());
        let above = above.display();
        let (what, next) = if owner != 0 && owner != trusted {
            let next =
                "use one that lies in directories of root's and of the export's own user only";
            (format!("belongs to user {owner}, who"), next.to_owned())
        } else if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            let next = format!("chmod go-w {above}, or use one that lies elsewhere");
            ("can be written by others, who".to_owned(), next)
        } else {
            continue;
        };
        let what = format!(
            "the directory {above} {what} could put another in the place of {shown} and take the clients over: {next}"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    Ok(())
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

/// Whether a socket is there and nobody has bound it. Whoever has does not hear of the question.
pub(crate) fn is_stale(path: &Path) -> bool {
    // With a socket of another type: the system looks for the one that is bound, and refuses by type before anything
    // is connected. Otherwise who asks would wait for one who listens and accepts nobody.
    let asked = || UnixDatagram::unbound()?.connect(path);
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
        && asked().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
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
    fn a_directory_that_others_could_replace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let outer = folder.path().canonicalize().unwrap().join("outer");
        let inner = outer.join("between").join("np");
        fs::create_dir_all(&inner).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(outer.join("between").as_path(), 0o755);
        mode(&inner, 0o700);
        for (others, is_safe) in [
            (0o755, true),
            (0o700, true),
            // Whoever may write there may rename nobody's but his own.
            (0o1777, true),
            (0o775, false),
            (0o777, false),
            (0o702, false),
        ] {
            mode(&outer, others);
            for opened in [Place::open(&inner), Place::of_anybody(&inner)] {
                match opened {
                    Ok(_) => assert!(is_safe, "{others:o}"),
                    Err(error) => {
                        assert!(!is_safe, "{others:o}: {error}");
                        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                        let named = format!("the directory {} can be", outer.display());
                        assert!(error.to_string().starts_with(&named), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_directory_in_one_of_another_user_is_refused() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give directories away");
            return;
        }
        const ANN: u32 = 1234;
        const BOB: u32 = 1235;
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().canonicalize().unwrap().join("home");
        let inner = home.join("np");
        fs::create_dir_all(&inner).unwrap();
        for path in [&home, &inner] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        // Whose the one above is, whose it is itself, and for whom it is safe: root as the exporter, its owner.
        for (above, owner, for_root, for_owner) in [
            (0, 0, true, true),
            (ANN, 0, false, false),
            (ANN, ANN, false, true),
            (0, ANN, false, true),
            (BOB, ANN, false, false),
        ] {
            std::os::unix::fs::chown(&home, Some(above), None).unwrap();
            std::os::unix::fs::chown(&inner, Some(owner), None).unwrap();
            let case = format!("{owner} in {above}");
            assert_eq!(Place::open(&inner).is_ok(), for_root, "{case}");
            let seen = Place::of_anybody(&inner).map(drop);
            assert_eq!(seen.is_ok(), for_owner, "{case}");
            if let Err(error) = seen {
                let named = format!("the directory {} belongs to user {above}", home.display());
                assert!(error.to_string().starts_with(&named), "{error}");
            }
        }
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
