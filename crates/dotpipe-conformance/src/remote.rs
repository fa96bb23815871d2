//! The face whose clients come from another machine: what a script creates is here, what it opens is opened as
//! `\\127.0.0.1\pipe\Name`, through a private `smbd` and an export.
//!
//! Layer: over the exact layer like [`ExactFace`]. It adds three things that a program on another machine has, too: it
//! may (the pipes let users of the network in), it knows the type of the pipe, and it does not come before the
//! name has reached the network. One script at a time, since it waits until all of this process is quiet.

pub mod check;

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, PipeMode, WaitMode, WaitTimeout};
use dotpipe::remote::SmbOptions;
use dotpipe::win32::Win32Error;
use dotpipe_loopback::{Bridge, Smbd};
use dotpipe_samba::export::file_name;

use crate::exact::{ExactFace, NamedHandle, done, parsed, received};
use crate::face::{Face, Handle, Outcome};
use crate::quiet;

/// The server may do everything, and whoever has logged on may read and write.
const DESCRIPTOR: &str = "D:(A;;GA;;;OW)(A;;0x12019b;;;AU)";

/// How long a name may take to come and go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Servers here, clients from another machine.
pub struct RemoteFace {
    smbd: Smbd,
    /// The exports, by the names of their pipes.
    bridges: Mutex<HashMap<PipeName, Bridge>>,
}

impl RemoteFace {
    /// Starts an `smbd`.
    ///
    /// # Errors
    /// `NotFound` when there is none here; others when it does not start.
    pub fn start() -> io::Result<RemoteFace> {
        Ok(RemoteFace {
            smbd: Smbd::launch(Vec::new())?,
            bridges: Mutex::default(),
        })
    }

    /// What `smbd` calls itself.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn version(&self) -> io::Result<String> {
        self.smbd.version()
    }

    /// Waits until the name is on the network if there is such a pipe, or not if there is none.
    fn reach(&self, name: &PipeName) -> Result<(), Win32Error> {
        let mut bridges = self.bridges.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file_name(name).map_err(|_| Win32Error::INVALID_NAME)?;
        let socket = self.smbd.sockets().join(file);
        // Those of earlier scripts.
        bridges.retain(|other, _| other == name || exact::exists(other).unwrap_or(true));
        if exact::exists(name)? && !bridges.contains_key(name) {
            let bridge = Bridge::start(&self.smbd, std::slice::from_ref(name));
            bridges.insert(name.clone(), bridge.map_err(|_| Win32Error::INVALID_NAME)?);
        }
        drop(bridges);
        let deadline = Instant::now() + PATIENCE;
        while exact::exists(name)? != socket.exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn options(&self, name: &PipeName) -> SmbOptions {
        let options = self.smbd.options().write_through(true);
        let known = exact::status(name).ok().and_then(|status| status.pipe_type);
        match known {
            Some(pipe_type) => options.pipe_type(pipe_type),
            None => options,
        }
    }

    fn open_end(
        &self,
        name: &str,
        access: DesiredAccess,
        wait: Option<WaitTimeout>,
    ) -> Result<exact::End, Win32Error> {
        let local = parsed(name)?;
        self.reach(&local)?;
        exact::open_remote(&remote(&local)?, access, wait, &self.options(&local))
    }
}

impl Face for RemoteFace {
    fn create(&self, name: &str, options: &CreateOptions) -> Result<Box<dyn Handle>, Win32Error> {
        let options = CreateOptions {
            security: DESCRIPTOR.parse().ok(),
            reject_remote_clients: false,
            ..options.clone()
        };
        ExactFace.create(name, &options)
    }

    fn open(&self, name: &str, access: DesiredAccess) -> Result<Box<dyn Handle>, Win32Error> {
        Ok(NamedHandle::boxed(self.open_end(name, access, None)?))
    }

    fn anonymous_pipe(&self, size: u32) -> Result<[Box<dyn Handle>; 2], Win32Error> {
        ExactFace.anonymous_pipe(size)
    }

    /// Put together as `CallNamedPipe` is, which has no place for a port and a password.
    fn call(&self, name: &str, question: &[u8], reply_len: usize, timeout: WaitTimeout) -> Outcome {
        let access = DesiredAccess::READ | DesiredAccess::WRITE;
        let end = self.open_end(name, access, Some(timeout))?;
        end.set_state(PipeMode::Message, WaitMode::Blocking)?;
        received(reply_len, |buffer| end.transact(question, buffer))
    }

    fn wait(&self, name: &str, timeout: WaitTimeout) -> Outcome {
        let local = parsed(name)?;
        exact::wait_remote(&remote(&local)?, timeout, &self.options(&local)).map(done)
    }

    fn settle(&self) {
        quiet::wait_for(|| {
            let mut processes = self.smbd.processes();
            processes.push(std::process::id());
            processes
        });
    }
}

/// What a pipe is called from another machine.
fn remote(local: &PipeName) -> Result<PipeName, Win32Error> {
    parsed(&format!(r"\\127.0.0.1\pipe\{}", local.name()))
}
