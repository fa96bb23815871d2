//! [`Bridge`]: an export of pipes to a private `smbd`, in a thread of this process.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dotpipe::name::PipeName;
use dotpipe_samba::Export;
use dotpipe_samba::export::Event;
use tokio::sync::oneshot;

use crate::Smbd;
use crate::smbd::PATIENCE;

/// How often it looks whether its pipes are there.
const INTERVAL: Duration = Duration::from_millis(100);

/// An export that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Bridge {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Bridge {
    /// Exports pipes that exist, and waits until they can be opened through `smbd`.
    ///
    /// # Errors
    /// The export cannot run, or one of the pipes cannot be exported: the error says why.
    pub fn start(smbd: &Smbd, pipes: &[PipeName]) -> io::Result<Bridge> {
        Bridge::to(&smbd.sockets(), pipes)
    }

    /// The same for the server that looks into this directory, which another process may have started.
    ///
    /// # Errors
    /// As those of [`start`](Self::start).
    pub fn to(sockets: &Path, pipes: &[PipeName]) -> io::Result<Bridge> {
        let (told, tidings) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let export = Export::pipes(sockets, pipes.iter().cloned())
            .interval(INTERVAL)
            .on_event(move |event| {
                let tiding = match event {
                    Event::Exported { .. } => Ok(()),
                    Event::Skipped { .. } | Event::Trouble { .. } => Err(event.to_string()),
                    _ => return,
                };
                // Nobody listens any more when all are there.
                let _ = told.send(tiding);
            });
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(export.serve(async {
                // Dropping the other half is the word.
                let _ = stopped.await;
            }))
        });
        let mut bridge = Bridge {
            stop: Some(stop),
            thread: Some(thread),
        };
        for _ in pipes {
            match tidings.recv_timeout(PATIENCE) {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => return Err(io::Error::other(reason)),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(io::Error::other("a pipe is not exported"));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(bridge.failure()),
            }
        }
        Ok(bridge)
    }

    /// Why it has ended.
    fn failure(&mut self) -> io::Error {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => error,
            _ => io::Error::other("the export has ended"),
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // How it ends is of no interest any more.
            let _ = thread.join();
        }
    }
}
