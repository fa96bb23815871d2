//! Starts the two processes of a measurement, each in its place, and collects what they print.
//!
//! The rule it owns: nothing that a measurement does can hang the run. A pair that is not done in time
//! is killed, and that is its result.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::processor::{Processors, Role};
use crate::samples::Samples;
use crate::task::Placement;
use crate::transport::Peer;
use crate::worker::Job;

/// How much longer than its slice a pair may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often one side is asked whether it still lives while the other is awaited.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What a pair measured, by part of its task.
pub(crate) type Parts = Vec<(String, Samples)>;

/// Has `peer` do a job in two processes.
pub(crate) fn run_pair(
    peer: &Peer,
    job: Job,
    placement: Placement,
    slice: Duration,
    processors: &Processors,
) -> io::Result<Parts> {
    let directory = temporary_directory()?;
    let deadline = Instant::now() + slice + PATIENCE;
    let start = |role, address: Option<&str>| {
        let mut command = worker(peer, job, slice, directory.path(), address)?;
        processors.place(placement, role, || Process::start(&mut command))
    };
    let mut server = start(Role::Server, None)?;
    let address = match server.line(deadline)?.split_once(' ') {
        Some(("address", address)) => address.to_owned(),
        _ => return Err(server.failure(deadline)),
    };
    let mut client = start(Role::Client, Some(&address))?;
    let mut parts = Parts::new();
    client.results(deadline, &mut parts, Some(&mut server))?;
    server.results(deadline, &mut parts, None)?;
    Ok(parts)
}

pub(crate) fn worker(
    peer: &Peer,
    job: Job,
    slice: Duration,
    directory: &Path,
    address: Option<&str>,
) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["worker", "--peer", peer.name])
        .args(["--job", &job.to_string()])
        .args(["--slice", &slice.as_micros().to_string()])
        .arg("--directory")
        .arg(directory)
        .env("DOTPIPE_DIR", directory)
        .env_remove("DOTPIPE_SPIN")
        .envs(peer.environment.iter().copied());
    if let Some(address) = address {
        command.args(["--address", address]);
    }
    Ok(command)
}

/// A directory that is gone afterwards; in memory, if there is such a place.
pub(crate) fn temporary_directory() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("dotpipe-bench-");
    builder
        .tempdir_in("/dev/shm")
        .or_else(|_| builder.tempdir())
}

/// A process whose lines are awaited with a deadline. It is killed when this is dropped before it ended.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    complaints: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> io::Result<Process> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (Some(output), Some(complaints)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both were asked for");
        };
        Ok(Process {
            child,
            lines: lines(output),
            complaints: lines(complaints),
        })
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self, deadline: Instant) -> io::Result<String> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "it was not done in time",
            )),
            Err(RecvTimeoutError::Disconnected) => Err(self.failure(deadline)),
        }
    }

    /// Adds its results, which end with `done`. If the process on the other side fails meanwhile, that is
    /// what is told: this one may spin for ever then.
    pub(crate) fn results(
        &mut self,
        deadline: Instant,
        parts: &mut Parts,
        mut other: Option<&mut Process>,
    ) -> io::Result<()> {
        loop {
            let soon = deadline.min(Instant::now() + BETWEEN_LOOKS);
            let line = match self.line(soon) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut && soon < deadline => {
                    if let Some(other) = &mut other
                        && other
                            .child
                            .try_wait()?
                            .is_some_and(|status| !status.success())
                    {
                        return Err(other.failure(deadline));
                    }
                    continue;
                }
                line => line?,
            };
            if line == "done" {
                return Ok(());
            }
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("result"), Some(part), Some(samples)) => {
                    parts.push((part.to_owned(), samples.parse()?));
                }
                _ => return Err(io::Error::other(format!("unexpected answer: {line}"))),
            }
        }
    }

    /// Why it ended: what it said last.
    pub(crate) fn failure(&mut self, deadline: Instant) -> io::Error {
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut last = "it ended without a word".to_owned();
        while let Ok(line) = self.complaints.recv_timeout(left()) {
            last = line;
        }
        io::Error::other(last)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is what it waits for when it is done. Nothing is left to be saved: what
        // the kernel keeps for it goes with it either way.
        drop(self.child.stdin.take());
        if self.lines.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Disconnected) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn lines(from: impl io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
