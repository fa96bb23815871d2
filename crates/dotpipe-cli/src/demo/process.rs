//! [`Process`]: another process of the demonstration, which does what it is told.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::failure::{Failure, Result};

/// How long to wait for an answer before the check counts as failed. It is longer than what the process
/// itself gives an operation, see [`peer`](super::peer).
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that carries out one command per line. It is asked to end when this is dropped, and made
/// to if it does not.
pub(super) struct Process {
    child: Child,
    /// Always there until the drop.
    commands: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Process {
    /// Starts one. Every pipe that it names gets the prefix in front.
    pub(super) fn start(prefix: &str) -> Result<Process> {
        let refused = |error| Failure::System("start a process of the demonstration".into(), error);
        let mut child = Command::new(env::current_exe().map_err(refused)?)
            .args(["demo-peer", prefix])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(refused)?;
        let (Some(commands), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for");
        };
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(|line| line.ok()) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Process {
            child,
            commands: Some(commands),
            answers,
        })
    }

    /// The id of the process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it carry out a command, and gives its answer.
    pub(super) fn ask(&mut self, command: &str) -> String {
        if !self.tell(command) {
            return "the process has ended".into();
        }
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => "no answer".into(),
            Err(RecvTimeoutError::Disconnected) => "the process has ended".into(),
        }
    }

    /// Has it carry out a command, and waits for nothing. Tells whether it could be told.
    pub(super) fn tell(&mut self, command: &str) -> bool {
        let written = self
            .commands
            .as_mut()
            .map(|commands| writeln!(commands, "{command}"));
        matches!(written, Some(Ok(())))
    }

    /// Kills it, as if it had crashed: it has no chance to close anything.
    pub(super) fn kill(mut self) {
        // The drop waits for it.
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of the commands is what ends it, and that ends its answers.
        self.commands = None;
        while self.answers.recv_timeout(PATIENCE).is_ok() {}
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
