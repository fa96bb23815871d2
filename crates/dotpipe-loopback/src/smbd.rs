//! A private `smbd` on loopback: a port of its own, a folder of its own, one user, no trace in the system.
//!
//! It works as root and as any user. The folder has a short name: the path of a socket in it may have 107
//! bytes.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dotpipe::name::PipeName;
use dotpipe::remote::{Credentials, SmbOptions};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take that must end. It tells a hang from a slow machine and measures nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const SMBD: &str = "/usr/sbin/smbd";

/// The password of the one user.
pub const PASSWORD: &str = "correct horse";

/// The list of users with that one in it: it takes longer to make than all else.
static USERS: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// What a test wants otherwise: lines of `smb.conf`.
#[derive(Debug, Default)]
pub struct Settings(pub &'static [&'static str]);

/// A server that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Smbd {
    child: Option<Child>,
    folder: tempfile::TempDir,
    settings: Vec<String>,
    user: String,
    port: u16,
}

impl Smbd {
    /// Starts a server, for a test: `None`, with one line that says so, when there is no `smbd` here.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(settings: Settings) -> Option<Smbd> {
        Smbd::start_with(settings.0.iter().map(|line| line.to_string()).collect())
    }

    /// The same, with lines that are made up at run time.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(settings: Vec<String>) -> Option<Smbd> {
        match Smbd::launch(settings) {
            Ok(smbd) => Some(smbd),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts a server, for a program.
    ///
    /// # Errors
    /// `NotFound` when there is no `smbd` here; others when it does not start.
    pub fn launch(settings: Vec<String>) -> io::Result<Smbd> {
        if !Path::new(SMBD).exists() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "there is no smbd here (Debian: apt install samba)",
            ));
        }
        let folder = tempfile::Builder::new().prefix("dp").tempdir()?;
        for name in ["private", "state", "cache", "lock", "pid", "log", "ncalrpc"] {
            let mode = if name == "private" { 0o700 } else { 0o755 };
            DirBuilder::new()
                .mode(mode)
                .create(folder.path().join(name))?;
        }
        let sockets = folder.path().join("ncalrpc/np");
        DirBuilder::new().mode(0o700).create(sockets)?;
        let mut smbd = Smbd {
            child: None,
            folder,
            settings,
            user: user(),
            port: 0,
        };
        smbd.run_again()?;
        Ok(smbd)
    }

    /// Starts the process at a free port, or at the one that it had.
    ///
    /// # Panics
    /// When it runs, or does not start.
    pub fn run(&mut self) {
        assert!(self.child.is_none());
        self.run_again().unwrap();
    }

    fn run_again(&mut self) -> io::Result<()> {
        for _ in 0..5 {
            if self.port == 0 {
                self.port = free_port();
            }
            self.configure()?;
            let mut child = self.spawn()?;
            let deadline = Instant::now() + PATIENCE;
            while child.try_wait()?.is_none() {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                    // Unless somebody else listens there, and it is about to end.
                    if child.try_wait()?.is_none() {
                        self.child = Some(child);
                        return Ok(());
                    }
                } else if Instant::now() > deadline {
                    child.kill()?;
                } else {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            // Somebody else has taken the port.
            self.port = 0;
        }
        let log = self.log();
        Err(io::Error::other(format!("smbd does not start:\n{log}")))
    }

    fn spawn(&self) -> io::Result<Child> {
        let configuration = self.path("smb.conf");
        let users = self.path("private/passdb.tdb");
        if !users.exists() {
            let mut made = USERS.lock().unwrap_or_else(PoisonError::into_inner);
            if made.is_empty() {
                self.add_user(&configuration)?;
                *made = fs::read(&users)?;
            } else {
                fs::write(&users, &*made)?;
            }
        }
        // Its own process group: when it ends it sends SIGTERM to the group that it is in.
        Command::new(SMBD)
            .args(["-F", "--no-process-group", "-s"])
            .arg(&configuration)
            .arg("-l")
            .arg(self.path("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
    }

    fn add_user(&self, configuration: &Path) -> io::Result<()> {
        let mut pdbedit = Command::new("/usr/bin/pdbedit")
            .args(["-a", "-u", &self.user, "-t", "-s"])
            .arg(configuration)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let twice = format!("{PASSWORD}\n{PASSWORD}\n");
        if let Some(mut input) = pdbedit.stdin.take() {
            input.write_all(twice.as_bytes())?;
        }
        match pdbedit.wait()? {
            status if status.success() => Ok(()),
            status => Err(io::Error::other(format!("pdbedit: {status}"))),
        }
    }

    fn configure(&self) -> io::Result<()> {
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
        fs::write(self.path("smb.conf"), text)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the socket of a pipe of this name has to be.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.sockets().join(name.to_lowercase())
    }

    /// Where the sockets of all pipes are.
    pub fn sockets(&self) -> PathBuf {
        self.path("ncalrpc/np")
    }

    /// The file with its settings.
    pub fn configuration(&self) -> PathBuf {
        self.path("smb.conf")
    }

    /// The name of a pipe as a client says it.
    ///
    /// # Panics
    /// When no pipe can have this name.
    pub fn pipe(&self, name: &str) -> PipeName {
        PipeName::parse(&format!(r"\\127.0.0.1\pipe\{name}")).unwrap()
    }

    /// How the one user reaches it.
    pub fn options(&self) -> SmbOptions {
        self.options_with(PASSWORD)
    }

    /// How the one user reaches it who says this password.
    pub fn options_with(&self, password: &str) -> SmbOptions {
        SmbOptions::new()
            .port(self.port)
            .credentials(Credentials::password(&self.user, password))
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The one user that it knows.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The user's password.
    pub fn password(&self) -> &str {
        PASSWORD
    }

    /// What it calls itself: `Version 4.17.12-Debian`.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn version(&self) -> io::Result<String> {
        let output = Command::new(SMBD).arg("--version").output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Its processes that run now; one of them for each connection.
    pub fn processes(&self) -> Vec<u32> {
        let parent = self.child.as_ref().map(Child::id);
        let children = parent.into_iter().flat_map(descendants);
        children.chain(parent).collect()
    }

    /// What it has written down, for the message of a test that fails.
    fn log(&self) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(self.path("log"))
            .into_iter()
            .flatten()
            .flatten()
        {
            text += &fs::read_to_string(entry.path()).unwrap_or_default();
        }
        text
    }

    /// Ends the server with all its processes.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let _ = child.wait();
        }
    }

    /// Stops every process of it, so that the connection stays and nobody answers.
    pub fn freeze(&self) {
        let parent = self.child.as_ref().map(Child::id);
        for process in parent.into_iter().flat_map(descendants) {
            let pid = Pid::from_raw(process as i32).unwrap();
            // One that has ended meanwhile does not answer either.
            let _ = kill_process(pid, Signal::STOP);
        }
    }

    /// Kills every process of it, the one that serves this client above all, with no word of farewell.
    pub fn kill(&mut self) {
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
///
/// # Panics
/// When the system does not tell.
pub fn user() -> String {
    match rustix::process::geteuid().is_root() {
        true => "daemon".to_owned(),
        false => output(Command::new("id").arg("-un")).trim().to_owned(),
    }
}

/// A port at which nobody listens now.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn output(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}
