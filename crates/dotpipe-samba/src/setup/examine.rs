//! [`examine`]: what is in order for an export, and what is not.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use dotpipe::exact;
use dotpipe::name::{PipeName, printable};

use super::Samba;
use crate::export::{PIPES_OF_SAMBA, Place, is_stale};

/// What shall be exported, and how.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The directory for the sockets, if it is not the one in which `smbd` looks.
    pub directory: Option<PathBuf>,
    /// The pipes; none for all that do not reject remote clients.
    pub pipes: Vec<PipeName>,
    /// The configuration of Samba, if it is not the usual one.
    pub configuration: Option<PathBuf>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// In order.
    Fine,
    /// It works, and could be safer or is not what was meant.
    Advice,
    /// Something that was asked for does not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub verdict: Verdict,
    /// What it is.
    pub what: String,
    /// What to do; empty if nothing is to be done.
    pub next: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.verdict {
            Verdict::Fine => "fine:   ",
            Verdict::Advice => "advice: ",
            Verdict::Wrong => "wrong:  ",
        })?;
        write!(f, "{}", printable(&self.what))?;
        match self.next.as_str() {
            "" => Ok(()),
            next => write!(f, "\n        {}", printable(next)),
        }
    }
}

/// What has been found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, verdict: Verdict, what: impl Into<String>, next: impl Into<String>) {
        let (what, next) = (what.into(), next.into());
        self.0.push(Finding {
            verdict,
            what,
            next,
        });
    }

    fn fine(&mut self, what: impl Into<String>) {
        self.add(Verdict::Fine, what, "");
    }

    fn advice(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.add(Verdict::Advice, what, next);
    }

    fn wrong(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.add(Verdict::Wrong, what, next);
    }
}

/// Looks at everything that an export needs. Nothing is changed.
pub fn examine(scope: &Scope) -> Vec<Finding> {
    let mut found = Findings::default();
    let samba = match Samba::find(scope.configuration.as_deref()) {
        Ok(samba) => Some(samba),
        Err(error) => {
            found.wrong(error.to_string(), "");
            None
        }
    };
    let mut searched = None;
    if let Some(samba) = &samba {
        match look_at_samba(samba, &mut found) {
            Ok(directory) => searched = Some(directory),
            Err(error) => found.wrong(error.to_string(), ""),
        }
    }
    let directory = scope.directory.as_ref().or(searched.as_ref());
    if let Some(directory) = directory {
        let place = look_at_directory(directory, &mut found);
        look_at_pipes(scope, place.as_ref(), &mut found);
        if let (Some(place), Some(searched)) = (&place, &searched) {
            look_at_way(scope, place, directory, searched, &mut found);
        }
    }
    found.0
}

/// Its configuration; gives where it looks for sockets.
fn look_at_samba(samba: &Samba, found: &mut Findings) -> io::Result<PathBuf> {
    match samba.is_running()? {
        true => found.fine("smbd runs"),
        false => found.wrong(
            "smbd does not run",
            "start it: systemctl start smbd (on some systems: smb)",
        ),
    }
    match samba.parameter("restrict anonymous")?.as_str() {
        "2" => found.fine("anonymous users are kept out (restrict anonymous = 2)"),
        _ => found.advice(
            "anonymous users get as far as the access check of a pipe",
            "in smb.conf: restrict anonymous = 2",
        ),
    }
    match samba.parameter("map to guest")?.to_lowercase().as_str() {
        "never" => found.fine("nobody becomes a guest (map to guest = never)"),
        _ => found.advice(
            "whoever gives a wrong password may become a guest",
            "in smb.conf: map to guest = never",
        ),
    }
    let is_set = |value: &str| ["mandatory", "required"].contains(&value);
    let signing = samba.parameter("server signing")?;
    let encryption = samba.parameter("server smb encrypt")?;
    match is_set(&signing) || is_set(&encryption) {
        true => found.fine("what travels is signed or encrypted"),
        false => found.advice(
            "clients may do without signing and encryption",
            "in smb.conf: server smb encrypt = required, or server signing = mandatory",
        ),
    }
    samba.directory()
}

/// The directory for the sockets, if one can be exported to.
fn look_at_directory(directory: &Path, found: &mut Findings) -> Option<Place> {
    let owner = fs::metadata(directory).map_or(0, |metadata| metadata.uid());
    let opened = match rustix::process::geteuid().is_root() {
        true => Place::of_anybody(directory),
        false => Place::open(directory),
    };
    match opened {
        Ok(place) => {
            let whose = match owner {
                0 => String::new(),
                owner if owner == rustix::process::geteuid().as_raw() => String::new(),
                owner => format!(", for an export that runs as user {owner}"),
            };
            let shown = directory.display();
            found.fine(format!("{shown} is safe for sockets{whose}"));
            look_for_stale(directory, found);
            Some(place)
        }
        Err(error) => {
            found.wrong(error.to_string(), "");
            None
        }
    }
}

fn look_for_stale(directory: &Path, found: &mut Findings) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !PIPES_OF_SAMBA.contains(&&*name) && is_stale(&entry.path()) {
            found.advice(
                format!("nobody listens to the socket {}", entry.path().display()),
                "an export of that pipe replaces it; if there is none any more: remove it",
            );
        }
    }
}

/// Whether what `smbd` looks for leads to the sockets.
fn look_at_way(
    scope: &Scope,
    place: &Place,
    directory: &Path,
    searched: &Path,
    found: &mut Findings,
) {
    let same = |one: &Path, other: &Path| {
        let id = |path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()));
        matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
    };
    if same(directory, searched) {
        return look_at_mode(directory, found);
    }
    let shown = searched.display();
    if fs::read_dir(searched).is_err() {
        let names: Vec<&str> = scope.pipes.iter().map(PipeName::name).collect();
        let next = format!(
            "as root: dotpipe export --check --directory {} {}",
            directory.display(),
            names.join(" ")
        );
        found.advice(format!("this user cannot see the links in {shown}"), next);
        return;
    }
    for pipe in &scope.pipes {
        let Ok(socket) = place.socket(pipe) else {
            continue;
        };
        let link = socket.file_name().map(|name| searched.join(name));
        let leads = link
            .as_ref()
            .and_then(|link| fs::read_link(link).ok())
            .is_some_and(|target| same_place(&target, &socket));
        match leads {
            true => found.fine(format!("{}: smbd is led to its socket", pipe.name())),
            false => found.wrong(
                format!(
                    "{}: smbd looks in {shown} and finds nothing there",
                    pipe.name()
                ),
                format!("as root: ln -s '{}' {shown}/", socket.display()),
            ),
        }
    }
    if scope.pipes.is_empty() {
        found.advice(
            format!("smbd looks in {shown} and finds only the pipes for which root has put links there"),
            "name the pipes to have their links looked at, or set external_rpc_pipe:socket_dir in smb.conf",
        );
    }
}

/// Whether a link leads to a socket, which need not be there now.
fn same_place(target: &Path, socket: &Path) -> bool {
    let parent = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
    target.is_absolute()
        && target.file_name() == socket.file_name()
        && parent(target) == parent(socket)
}

/// `smbd` does not start when its own directory has another mode.
fn look_at_mode(directory: &Path, found: &mut Findings) {
    let Ok(metadata) = fs::metadata(directory) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if directory.ends_with("ncalrpc/np") && mode != 0o700 {
        let shown = directory.display();
        found.wrong(
            format!("the mode of {shown} is {mode:04o}, with which smbd does not start"),
            format!("chmod 0700 {shown}"),
        );
    }
}

/// The pipes themselves.
fn look_at_pipes(scope: &Scope, place: Option<&Place>, found: &mut Findings) {
    let there = match exact::list() {
        Ok(there) => there,
        Err(code) => {
            found.wrong(
                format!("the pipes of this machine cannot be listed: {code}"),
                "",
            );
            return;
        }
    };
    let all: Vec<PipeName> = there.iter().map(|status| status.name.clone()).collect();
    let meant = if scope.pipes.is_empty() {
        &all
    } else {
        &scope.pipes
    };
    for pipe in meant {
        let name = pipe.name();
        let status = there.iter().find(|status| status.name == *pipe);
        match status {
            None => found.advice(
                format!("{name}: nobody serves it now"),
                "it is exported when its server is there, if that is in the same namespace: dotpipe ls",
            ),
            Some(status) if status.reject_remote_clients == Some(true) => {
                if !scope.pipes.is_empty() {
                    found.wrong(
                        format!("{name}: its server rejects clients of other machines"),
                        "create it with reject_remote_clients(false), or dotpipe serve --accept-remote",
                    );
                }
                continue;
            }
            Some(_) => {}
        }
        let Some(place) = place else {
            continue;
        };
        match place.socket(pipe) {
            Err(unfit) => found.wrong(format!("{name}: it cannot be exported"), unfit.to_string()),
            Ok(_) if status.is_some() => found.fine(format!("{name}: can be exported")),
            Ok(_) => {}
        }
    }
}
