//! Other processes: a test that has one for itself, and children that play a role until they are killed.
//!
//! All of them are the test binary once more. A child finds its role in the environment and plays it
//! within the test named `role` that each binary with roles has; for anybody else that test is empty.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Instant;

/// The folder of the namespace: set for a test that runs alone.
const NAMESPACE: &str = "DOTPIPE_DIR";
const ALONE: &str = "DOTPIPE_TEST_ALONE";
const ROLE: &str = "DOTPIPE_TEST_ROLE";
/// Begins a line of a child that is meant for its parent; the rest is the test harness talking.
const TO_PARENT: &str = "@ ";

/// What a child does, with the words that its parent gave it.
pub(crate) type Part = fn(&[String]);

/// Runs the body of the test `test` in a process of its own, with a namespace of its own: nobody else
/// creates pipes, opens descriptors or uses memory there.
pub(crate) fn alone<F: Fn()>(test: F, body: impl FnOnce()) {
    let _ = test;
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let path = std::any::type_name::<F>();
    let name = path.split_once("::").expect("a test within a crate").1;
    let namespace = tempfile::tempdir().unwrap();
    let output = myself(name)
        .env(ALONE, "1")
        .env(NAMESPACE, namespace.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}", output.status);
    assert!(text.contains("1 passed"), "there is no test named {name}");
}

fn myself(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

/// The files and folders in the namespace of a test that runs alone.
pub(crate) fn namespace_files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            files.push(entry.path());
            collect(&entry.path(), files);
        }
    }
    let folder = std::env::var_os(NAMESPACE).expect("the test runs alone");
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    files
}

/// A child that plays a role. It is killed when this is dropped.
pub(crate) struct Role {
    child: Child,
    words: BufReader<ChildStdout>,
}

impl Role {
    /// Starts a child in the role of this name.
    pub(crate) fn start(role: &str, arguments: &[String]) -> Role {
        Role::spawn(myself("role"), role, arguments)
    }

    /// The same by a command that runs this binary in some way.
    pub(crate) fn spawn(mut command: Command, role: &str, arguments: &[String]) -> Role {
        command
            .env(ROLE, [&[role.to_owned()], arguments].concat().join("\n"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut tries = 0..3;
        let mut child = loop {
            match command.spawn() {
                // "CreateProcess" in `conformance/DIVERGENCES.md`.
                Err(error) if super::is_wine() && error.raw_os_error() == Some(1359) => {
                    assert!(tries.next().is_some(), "{error}");
                }
                spawned => break spawned.unwrap(),
            }
        };
        let words = BufReader::new(child.stdout.take().unwrap());
        Role { child, words }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the child says next; `None` when it is silent for ever.
    pub(crate) fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.words.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(word) = line.trim_end().strip_prefix(TO_PARENT) {
                return Some(word.to_owned());
            }
        }
    }

    /// Waits until the child says this.
    pub(crate) fn expect(&mut self, word: &str) {
        assert_eq!(self.hear().as_deref(), Some(word));
    }

    /// Kills the child as `kill -9` does, and tells when.
    pub(crate) fn kill(&mut self) -> Instant {
        let when = Instant::now();
        self.child.kill().unwrap();
        when
    }

    /// Waits until the killed child is no more. Panics when it has ended for another reason, such as
    /// an assertion of its own.
    pub(crate) fn bury(&mut self) {
        let status = self.child.wait().unwrap();
        assert!(was_killed(status), "the child ended by itself: {status}");
    }

    /// Waits until the child has ended by itself, and well.
    pub(crate) fn end(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays the role for which this process was started, if it was.
pub(crate) fn play(roles: &[(&str, Part)]) {
    let Ok(script) = std::env::var(ROLE) else {
        return;
    };
    die_with_parent();
    let words: Vec<String> = script.split('\n').map(str::to_owned).collect();
    let (role, arguments) = words.split_first().unwrap();
    let known = roles.iter().find(|(name, _)| name == role);
    known.unwrap_or_else(|| panic!("no role {role}")).1(arguments);
}

/// A test that fails leaves no child behind.
#[cfg(unix)]
fn die_with_parent() {
    use rustix::process::{Signal, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
}

/// A test that fails kills its children as it unwinds.
#[cfg(windows)]
fn die_with_parent() {}

#[cfg(unix)]
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;

    status.signal() == Some(rustix::process::Signal::KILL.as_raw())
}

/// With this code `Child::kill` ends a process; one that panics has 101.
#[cfg(windows)]
fn was_killed(status: ExitStatus) -> bool {
    status.code() == Some(1)
}

/// Says something to the parent.
pub(crate) fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    // The harness may stand in the middle of a line.
    write!(out, "\n{TO_PARENT}{word}\n").unwrap();
    out.flush().unwrap();
}

/// Numbers that a process writes down and that survive it, however it dies.
pub(crate) struct Ledger {
    file: File,
}

impl Ledger {
    pub(crate) fn new(path: &Path) -> Ledger {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        Ledger {
            file: options.open(path).unwrap(),
        }
    }

    pub(crate) fn write(&self, place: u64, number: u64) {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place * 8)).unwrap();
        file.write_all(&number.to_le_bytes()).unwrap();
    }

    /// 0 where nothing has been written.
    pub(crate) fn read(&self, place: u64) -> u64 {
        let mut bytes = [0; 8];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place * 8)).unwrap();
        match file.read(&mut bytes).unwrap() {
            8 => u64::from_le_bytes(bytes),
            _ => 0,
        }
    }
}
