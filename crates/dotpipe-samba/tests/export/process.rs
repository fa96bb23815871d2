//! Other processes: this test binary once more, in a role.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use dotpipe::options::PipeMode;
use rustix::process::{Pid, Signal, kill_process};

use crate::exporting::{create, options};

const ROLE: &str = "DOTPIPE_TEST_ROLE";
/// Stands between the names of pipes.
const BETWEEN: &str = "/";
/// Begins a line that is meant for the parent; the rest is the test harness talking.
const TO_PARENT: &str = "@ ";

/// A process that serves pipes, one client of the first of them, and is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    words: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a process that serves a message pipe of this name, and waits until it listens.
    pub(crate) fn start(name: &str) -> Server {
        Server::of(&[name])
    }

    /// The same with pipes of all these names.
    pub(crate) fn of(names: &[&str]) -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::role", "--nocapture"])
            .env(ROLE, names.join(BETWEEN))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, words };
        server.hear("listening");
        server
    }

    /// Waits until it says this.
    pub(crate) fn hear(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim_end() != format!("{TO_PARENT}{word}") {
            line.clear();
            assert_ne!(self.words.read_line(&mut line).unwrap(), 0, "it has ended");
        }
    }

    /// Stops it: it lives and answers nobody.
    pub(crate) fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What such a process does. For anybody else it is empty.
#[test]
fn role() {
    let Ok(names) = std::env::var(ROLE) else {
        return;
    };
    let create = |name| create(name, &options(PipeMode::Message));
    let ends: Vec<_> = names.split(BETWEEN).map(create).collect();
    let end = &ends[0];
    println!("{TO_PARENT}listening");
    let _ = end.connect();
    let mut question = Vec::new();
    while end.read_message(&mut question).is_ok() {
        // The client may have gone without waiting for it.
        let _ = end.write(&question);
    }
}
