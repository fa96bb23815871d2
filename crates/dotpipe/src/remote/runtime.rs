//! The one thread in the background on which all remote pipes of a process wait.
//!
//! It starts with the first pipe that is opened on another machine and stays. After a fork the child
//! starts its own; the sessions of the parent are none of its business.

use std::future::Future;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, ThreadId};
use std::time::Instant;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use crate::exact::Result;
use crate::win32::Win32Error;

#[derive(Clone)]
struct Running {
    process: u32,
    thread: ThreadId,
    handle: Handle,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// The thread of this process, started if need be.
fn running() -> Result<Running> {
    let mut current = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(running) = &*current
        && running.process == process
    {
        return Ok(running.clone());
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|_| Win32Error::TOO_MANY_OPEN_FILES)?;
    let handle = runtime.handle().clone();
    let thread = thread::Builder::new()
        .name("dotpipe-smb".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
    let running = Running {
        process,
        thread: thread.thread().id(),
        handle,
    };
    // The parent's, after a fork: to drop it would wake a thread that is not there.
    std::mem::forget(current.replace(running.clone()));
    Ok(running)
}

/// Lets something go on in the background.
pub(super) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<JoinHandle<T>> {
    Ok(running()?.handle.spawn(work))
}

/// Lets something go on in the background and waits for its result, not longer than until `deadline`. It
/// goes on when that has passed.
pub(super) fn run<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    deadline: Option<Instant>,
) -> Result<T> {
    let running = running()?;
    let (sender, result) = mpsc::channel();
    running.handle.spawn(async move {
        // Nobody may wait any more.
        let _ = sender.send(work.await);
    });
    if running.thread == thread::current().id() {
        // A waker that uses a pipe as if it were an ordinary thread. To wait here would be for ever.
        return Err(Win32Error::NOT_SUPPORTED);
    }
    let result = match deadline {
        None => result.recv().ok(),
        Some(deadline) => result
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .ok(),
    };
    result.ok_or(Win32Error::SEM_TIMEOUT)
}
