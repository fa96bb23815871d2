//! `--exec`: a program for every client, its standard input and output joined to the pipe.
//!
//! Two threads copy, one for each direction; the thread of the instance waits for what happens first:
//! that the program has no more to say, or that the server is stopped.

use std::ffi::OsString;
use std::io;
use std::io::BufReader;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::Duration;

use dotpipe::exact::End;
use dotpipe::name::PipeName;
use dotpipe::options::Access;

use crate::failure::{Failure, Result};
use crate::pump::{self, Framing};
use crate::system;

/// How long a program may take to end when it is asked to, before it is made to.
const GRACE: Duration = Duration::from_secs(1);

/// What to run, and how to join it to the pipe.
pub(super) struct Program {
    pub(super) command: Vec<OsString>,
    pub(super) access: Access,
    pub(super) framing: Framing,
}

/// What can happen to a program that runs.
pub(super) enum Event {
    /// It has closed its output.
    Done,
    /// The server is to end.
    Stop,
}

impl Program {
    /// Serves one client.
    pub(super) fn serve(
        &self,
        end: &Arc<End>,
        name: &PipeName,
        done: Sender<Event>,
        events: &Receiver<Event>,
    ) -> Result {
        let mut child = self.start(end, name)?;
        let input = child
            .stdin
            .take()
            .map(|stdin| self.feed(end.clone(), stdin));
        let output = child
            .stdout
            .take()
            .map(|stdout| self.collect(end.clone(), stdout, done));

        if let Ok(Event::Stop) | Err(_) = events.recv() {
            system::ask_to_end(&mut child);
            if events.recv_timeout(GRACE).is_err() {
                system::make_end(&mut child);
            }
        }
        // Both may find that the conversation is over. The client gets time to read all; the disconnect
        // ends the thread that still waits for its input.
        if self.access.is_outbound() {
            let _ = end.flush();
        }
        let _ = end.disconnect();
        // A program can live on without output; the client must not wait for it, nor must the next one.
        thread::spawn(move || child.wait());
        for thread in [input, output].into_iter().flatten() {
            let _ = thread.join();
        }
        Ok(())
    }

    fn start(&self, end: &End, name: &PipeName) -> Result<Child> {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .env("DOTPIPE_NAME", name.to_string())
            .stdin(if self.access.is_inbound() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped());
        system::in_group_of_its_own(&mut command);
        match end.peer_process_id() {
            Ok(id) => command.env("DOTPIPE_CLIENT_PID", id.to_string()),
            // The client has left already; what it wrote is there to be read.
            Err(_) => command.env_remove("DOTPIPE_CLIENT_PID"),
        };
        command.spawn().map_err(|error| {
            let _ = end.disconnect();
            Failure::System(format!("run {}", self.command[0].display()), error)
        })
    }

    /// Copies what the client writes to the program, and closes its input when the client has gone.
    fn feed(&self, end: Arc<End>, mut stdin: ChildStdin) -> thread::JoinHandle<()> {
        let framing = self.framing;
        thread::spawn(move || {
            // A program that does not read to the end has a right to that.
            let _ = pump::receive(&end, framing, &mut stdin, || {});
        })
    }

    /// Copies what the program prints to the client, or to standard output when the pipe has no such
    /// direction.
    fn collect(
        &self,
        end: Arc<End>,
        mut stdout: ChildStdout,
        done: Sender<Event>,
    ) -> thread::JoinHandle<()> {
        let (framing, outbound) = (self.framing, self.access.is_outbound());
        thread::spawn(move || {
            // When nobody takes it any more, the program learns it by its next write.
            if outbound {
                let _ = pump::send(&end, framing, &mut BufReader::new(stdout));
            } else {
                let _ = io::copy(&mut stdout, &mut io::stdout());
            }
            let _ = done.send(Event::Done);
        })
    }
}
