//! A private `smbd` on loopback: a port of its own, a folder of its own, one user, no trace in the system.
//!
//! It works as root and as any user. The folder has a short name: the path of a socket in it may have 107
//! bytes.

use std::fs::{self, DirBuilder};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use dotpipe::name::PipeName;
use dotpipe::remote::{Credentials, SmbOptions};
use rustix::process::{Pid, Signal, kill_process};

use super::patience::until;

/// The password of the one user.
pub(crate) const PASSWORD: &str = "correct horse";

/// The list of users with that one in it: it takes longer to make than all else.
static USERS: OnceLock<Vec<u8>> = OnceLock::new();

/// What a test wants otherwise: lines of `smb.conf`.
#[derive(Default)]
pub(crate) struct Settings(pub(crate) &'static [&'static str]);

/// A server that runs. It ends when this is dropped.
pub(crate) struct Smbd {
    child: Option<Child>,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    user: String,
    port: u16,
}

impl Smbd {
    /// Starts a server; `None`, with one line that says so, when there is no `smbd` here.
    pub(crate) fn start(settings: Settings) -> Option<Smbd> {
        Smbd::start_with(settings.0.iter().map(|line| line.to_string()).collect())
    }

    /// The same, with lines that are made up at run time.
    pub(crate) fn start_with(settings: Vec<String>) -> Option<Smbd> {
        if !Path::new("/usr/sbin/smbd").exists() {
            eprintln!("skipped: there is no smbd here (Debian: apt install samba)");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("dp").tempdir().unwrap();
        for name in ["private", "state", "cache", "lock", "pid", "log", "ncalrpc"] {
            let mode = if name == "private" { 0o700 } else { 0o755 };
            let made = DirBuilder::new()
                .mode(mode)
                .create(folder.path().join(name));
            made.unwrap();
        }
        let sockets = folder.path().join("ncalrpc/np");
        DirBuilder::new().mode(0o700).create(sockets).unwrap();
        let mut smbd = Smbd {
            child: None,
            folder,
            settings,
            user: user(),
            port: 0,
        };
        smbd.run();
        Some(smbd)
    }

    /// Starts the process at a free port, or at the one that it had.
    pub(crate) fn run(&mut self) {
        assert!(self.child.is_none());
        for _ in 0..5 {
            if self.port == 0 {
                self.port = free_port();
            }
            self.configure();
            let mut child = self.spawn();
            let mut ready = false;
            until("smbd listens", || {
                ready = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
                ready || child.try_wait().unwrap().is_some()
            });
            if ready && child.try_wait().unwrap().is_none() {
                self.child = Some(child);
                return;
            }
            // Somebody else has taken the port.
            self.port = 0;
        }
        panic!("smbd does not start:\n{}", self.log());
    }

    fn spawn(&self) -> Child {
        let configuration = self.path("smb.conf");
        let users = self.path("private/passdb.tdb");
        if !users.exists() {
            let made = USERS.get_or_init(|| {
                self.add_user(&configuration);
                fs::read(&users).unwrap()
            });
            fs::write(&users, made).unwrap();
        }
        // Its own process group: when it ends it sends SIGTERM to the group that it is in.
        Command::new("/usr/sbin/smbd")
            .args(["-F", "--no-process-group", "-s"])
            .arg(&configuration)
            .arg("-l")
            .arg(self.path("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap()
    }

    fn add_user(&self, configuration: &Path) {
        let mut pdbedit = Command::new("/usr/bin/pdbedit")
            .args(["-a", "-u", &self.user, "-t", "-s"])
            .arg(configuration)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let twice = format!("{PASSWORD}\n{PASSWORD}\n");
        let mut input = pdbedit.stdin.take().unwrap();
        input.write_all(twice.as_bytes()).unwrap();
        drop(input);
        assert!(pdbedit.wait().unwrap().success(), "pdbedit");
    }

    fn configure(&self) {
        let folder = self.folder.path().display();
        let mut text = format!(
            "[global]\n\
             server role = standalone server\n\
             smb ports = {port}\n\
             interfaces = 127.0.0.1/8\n\
             bind interfaces only = yes\n\
             disable netbios = yes\n\
             load printers = no\n\
             map to guest = never\n\
             restrict anonymous = 2\n\
             rpc start on demand helpers = no\n\
             passdb backend = tdbsam:{folder}/private/passdb.tdb\n\
             private dir = {folder}/private\n\
             state directory = {folder}/state\n\
             cache directory = {folder}/cache\n\
             lock directory = {folder}/lock\n\
             pid directory = {folder}/pid\n\
             ncalrpc dir = {folder}/ncalrpc\n\
             log file = {folder}/log/log\n\
             log level = 1\n",
            port = self.port
        );
        for line in &self.settings {
            text += line;
            text.push('\n');
        }
        fs::write(self.path("smb.conf"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the socket of a pipe of this name has to be.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.sockets().join(name.to_lowercase())
    }

    /// Where the sockets of all pipes are.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.path("ncalrpc/np")
    }

    /// The file with its settings.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.path("smb.conf")
    }

    /// The name of a pipe as a client says it.
    pub(crate) fn pipe(&self, name: &str) -> PipeName {
        PipeName::parse(&format!(r"\\127.0.0.1\pipe\{name}")).unwrap()
    }

    /// How the one user reaches it.
    pub(crate) fn options(&self) -> SmbOptions {
        self.options_with(PASSWORD)
    }

    pub(crate) fn options_with(&self, password: &str) -> SmbOptions {
        SmbOptions::new()
            .port(self.port)
            .credentials(Credentials::password(&self.user, password))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn password(&self) -> &str {
        PASSWORD
    }

    /// What it has written down, for the message of a test that fails.
    fn log(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(self.path("log")).unwrap().flatten() {
            text += &fs::read_to_string(entry.path()).unwrap_or_default();
        }
        text
    }

    /// Ends the server with all its processes.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let _ = child.wait();
        }
    }

    /// Stops every process of it, so that the connection stays and nobody answers.
    pub(crate) fn freeze(&self) {
        let parent = self.child.as_ref().map(Child::id);
        for process in parent.into_iter().flat_map(descendants) {
            let pid = Pid::from_raw(process as i32).unwrap();
            kill_process(pid, Signal::STOP).unwrap();
        }
    }

    /// Kills every process of it, the one that serves this client above all, with no word of farewell.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            for process in descendants(child.id()) {
                let pid = Pid::from_raw(process as i32).unwrap();
                let _ = kill_process(pid, Signal::KILL);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Smbd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The processes that a process has started.
fn descendants(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    let children = text.split_whitespace().filter_map(|word| word.parse().ok());
    children
        .flat_map(|child: u32| descendants(child).into_iter().chain([child]))
        .collect()
}

/// Who logs on: a user of this system. Root is given another one, so that there is a difference.
pub(crate) fn user() -> String {
    match rustix::process::geteuid().is_root() {
        true => "daemon".to_owned(),
        false => output(Command::new("id").arg("-un")).trim().to_owned(),
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn output(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}
