//! The users: root, who runs the tests, and two others with processes of their own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, ImpersonationLevel, OpenOptions};

use crate::remote;
use crate::support::process::{Role, alone, say};

/// Somebody with processes.
#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) user: u32,
    pub(crate) group: u32,
    /// One supplementary group.
    pub(crate) other: Option<u32>,
}

pub(crate) const TEAM: u32 = 4300;

pub(crate) const ALICE: User = User {
    user: 4101,
    group: 4201,
    other: None,
};

pub(crate) const BOB: User = User {
    user: 4102,
    group: 4202,
    other: Some(TEAM),
};

/// Runs the body of a test in a process of root's and in a directory for everybody, as `/run/dotpipe` is.
pub(crate) fn shared<F: Fn()>(test: F, body: impl FnOnce()) {
    let setpriv = Command::new("setpriv").arg("--version").output();
    if !rustix::process::geteuid().is_root() || setpriv.is_err() {
        eprintln!("skipped: it takes root and the program setpriv to be several users");
        return;
    }
    alone(test, || {
        set_mode(&directory(), 0o1777);
        body();
    });
}

pub(crate) fn directory() -> PathBuf {
    PathBuf::from(std::env::var_os("DOTPIPE_DIR").unwrap())
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn pipe(text: &str) -> PipeName {
    PipeName::local(text).unwrap()
}

/// The program of the tests where everybody can run it.
fn program() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let reached = program
        .ancestors()
        .all(|path| std::fs::metadata(path).unwrap().permissions().mode() & 0o1 != 0);
    if reached {
        return program;
    }
    // Beside the pipes, where no folder of a pipe can be called so.
    let copy = directory().join(".program");
    if !copy.exists() {
        std::fs::copy(program, &copy).unwrap();
        set_mode(&copy, 0o755);
    }
    copy
}

impl User {
    /// Starts a process of this user that does all of this in turn, says how each line went, and then stays.
    pub(crate) fn start(self, script: &[&str]) -> Role {
        self.start_with(&[], script)
    }

    /// The same of a process that may become any user, though this one is not root.
    pub(crate) fn start_capable(self, script: &[&str]) -> Role {
        let capable = ["inh", "ambient"].map(|set| format!("--{set}-caps=+setuid,+setgid"));
        self.start_with(&capable, script)
    }

    fn start_with(self, more: &[String], script: &[&str]) -> Role {
        let mut command = Command::new("setpriv");
        command.args([
            format!("--reuid={}", self.user),
            format!("--regid={}", self.group),
            match self.other {
                Some(group) => format!("--groups={group}"),
                None => "--clear-groups".into(),
            },
        ]);
        command.args(more).arg(program());
        command.args(["--exact", "role", "--nocapture", "--test-threads=1"]);
        let lines: Vec<String> = script.iter().map(|line| (*line).to_owned()).collect();
        Role::spawn(command, "script", &lines)
    }

    /// The same, all of it: what the lines said.
    pub(crate) fn does(self, script: &[&str]) -> Vec<String> {
        let mut role = self.start(script);
        script
            .iter()
            .map(|_| role.hear().unwrap_or_else(|| "died".into()))
            .collect()
    }

    /// The same for one line.
    pub(crate) fn says(self, line: &str) -> String {
        self.does(&[line]).remove(0)
    }
}

/// What such a process does. Ends that it opens or creates stay open.
pub(crate) fn script(lines: &[String]) {
    let mut ends = Vec::new();
    for line in lines {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or("");
        let result = match word() {
            "create" => create(&mut ends, word(), word(), word()),
            "close" => Ok(ends.pop().map(|_| String::new()).unwrap()),
            "open" => open(&mut ends, word(), word(), word()),
            "accept" => remote::accept(&mut ends, word(), word()),
            "bridge" => remote::bridge(&mut ends, word(), word(), word(), word()),
            "who" => remote::who(ends.last().unwrap()),
            "write" => ends.last().unwrap().write(b"hello").map(|_| String::new()),
            "set" => set(ends.last().unwrap(), word()),
            "get" => ends
                .last()
                .unwrap()
                .security()
                .map(|descriptor| descriptor.to_string()),
            "security" => exact::security(&pipe(word())).map(|descriptor| descriptor.to_string()),
            "list" => exact::list().map(|pipes| pipes.len().to_string()),
            "impersonate" => ends.last().unwrap().impersonate().map(|_| String::new()),
            "impersonate-when-connected" => {
                // Connected already is as good.
                let _ = ends.last().unwrap().connect();
                ends.last().unwrap().impersonate().map(|_| String::new())
            }
            "await" => Ok(await_file(word())),
            "lock" => Ok(lock(word())),
            "spoil" => Ok(spoil(word(), word())),
            other => panic!("what is {other}?"),
        };
        say(&match result {
            Ok(text) if text.is_empty() => "ok".into(),
            Ok(text) => text,
            Err(code) => code.name().unwrap().into(),
        });
    }
    loop {
        std::thread::park();
    }
}

fn create(ends: &mut Vec<End>, name: &str, security: &str, max: &str) -> exact::Result<String> {
    let options = CreateOptions {
        security: (!security.is_empty()).then(|| security.parse().unwrap()),
        write_dac: true,
        max_instances: max.parse().unwrap_or(255),
        ..CreateOptions::default()
    };
    ends.push(exact::create(&pipe(name), &options)?);
    Ok(String::new())
}

/// The access by letters: read, write, attributes, control, DAC, owner.
pub(crate) fn access(letters: &str) -> DesiredAccess {
    letters.chars().fold(DesiredAccess::empty(), |sum, letter| {
        sum | match letter {
            'r' => DesiredAccess::READ,
            'w' => DesiredAccess::WRITE,
            'a' => DesiredAccess::WRITE_ATTRIBUTES,
            'c' => DesiredAccess::READ_CONTROL,
            'd' => DesiredAccess::WRITE_DAC,
            'o' => DesiredAccess::WRITE_OWNER,
            _ => DesiredAccess::empty(),
        }
    })
}

fn open(ends: &mut Vec<End>, name: &str, letters: &str, level: &str) -> exact::Result<String> {
    let level = match level {
        "anonymous" => ImpersonationLevel::Anonymous,
        "identification" => ImpersonationLevel::Identification,
        _ => ImpersonationLevel::Impersonation,
    };
    let options = OpenOptions {
        access: access(letters),
        level,
        ..OpenOptions::default()
    };
    ends.push(exact::open_with(&pipe(name), &options)?);
    Ok(String::new())
}

fn set(end: &End, security: &str) -> exact::Result<String> {
    end.set_security(&security.parse().unwrap())?;
    Ok(String::new())
}

/// Waits until the test has made this file in the directory.
fn await_file(file: &str) -> String {
    while !directory().join(file).exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    String::new()
}

/// Locks every file of a pipe that can be opened, and keeps it so.
fn lock(name: &str) -> String {
    let mut locked = 0;
    for entry in std::fs::read_dir(directory().join(name)).unwrap() {
        if let Ok(file) = std::fs::File::open(entry.unwrap().path()) {
            let shared = rustix::fs::FlockOperation::NonBlockingLockShared;
            let _ = rustix::fs::flock(&file, shared);
            std::mem::forget(file);
            locked += 1;
        }
    }
    locked.to_string()
}

/// Tries to harm the files of a pipe in every way that a stranger has. Says which way worked.
fn spoil(name: &str, mine: &str) -> String {
    let (folder, mine) = (directory().join(name), directory().join(mine));
    std::fs::create_dir_all(&mine).unwrap();
    let mut tries = vec![
        ("remove the folder", std::fs::remove_dir_all(&folder)),
        (
            "rename the folder",
            std::fs::rename(&folder, mine.join("taken")),
        ),
        ("replace the folder", std::fs::rename(&mine, &folder)),
        ("make a file", std::fs::write(folder.join("1-1.record"), "")),
        (
            "change the mode",
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)),
        ),
    ];
    let listening = std::os::unix::net::UnixListener::bind(folder.join("1-1.socket"));
    tries.push(("listen", listening.map(drop)));
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        tries.push(("remove a file", std::fs::remove_file(&path)));
        tries.push(("write a file", std::fs::write(&path, "")));
        tries.push(("rename a file", std::fs::rename(&path, mine.join("taken"))));
        tries.push((
            "link over a file",
            std::fs::hard_link(mine.join("."), &path),
        ));
    }
    let worked: Vec<&str> = tries
        .iter()
        .filter(|(_, result)| result.is_ok())
        .map(|(what, _)| *what)
        .collect();
    worked.join(", ")
}
