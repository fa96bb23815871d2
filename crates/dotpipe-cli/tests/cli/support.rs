//! A namespace of its own for every test, and processes in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The pipes of one test.
pub(crate) struct Namespace {
    directory: TempDir,
}

impl Namespace {
    pub(crate) fn new() -> Namespace {
        Namespace {
            directory: TempDir::new().unwrap(),
        }
    }

    /// A command that sees this namespace.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dotpipe"));
        command
            .args(arguments)
            .env("DOTPIPE_DIR", self.directory.path());
        command
    }

    /// Runs a command to its end, without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, b"")
    }

    /// Runs a command to its end, with input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command may end without reading all of it.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Done(output)
    }

    /// Starts a server and waits until it listens. However slow the machine is, clients wait for an
    /// instance, unless the server or the client is told otherwise.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Running {
        let mut all = vec!["serve"];
        if !arguments.contains(&"--timeout") {
            all.extend(["--timeout", "60000"]);
        }
        all.extend(arguments);
        let server = self.start(&all);
        let line = server.complaint();
        assert!(line.contains("listening on"), "{line}");
        server
    }

    /// Starts a command and talks to it while it runs.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, complaints) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Running {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            complaints,
            child,
        }
    }

    /// Asserts that no trace of any pipe is left.
    pub(crate) fn assert_empty(&self) {
        let left: Vec<_> = walk(self.directory.path());
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// All files below a directory.
fn walk(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in directory.read_dir().unwrap().map(Result::unwrap) {
        found.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            found.extend(walk(&entry.path()));
        }
    }
    found
}

/// A command that has ended.
pub(crate) struct Done(Output);

impl Done {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.stdout
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// Asserts the status, and shows what was said when it is another one.
    #[track_caller]
    pub(crate) fn assert_code(self, code: i32) -> Done {
        assert_eq!(
            self.code(),
            Some(code),
            "{}{}",
            self.stdout(),
            self.stderr()
        );
        self
    }
}

/// A command that runs. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    complaints: Receiver<String>,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its input.
    pub(crate) fn write_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line of its output, empty at the end.
    pub(crate) fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').into()
    }

    /// The next line that it says on standard error.
    pub(crate) fn complaint(&self) -> String {
        self.complaints.recv().unwrap()
    }

    /// The same; `None` when it ends without saying anything more.
    #[cfg(all(feature = "export", feature = "smb", target_os = "linux"))]
    pub(crate) fn last_complaint(&self) -> Option<String> {
        self.complaints.recv().ok()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Waits for its end; gives its status and what is left of its output.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
