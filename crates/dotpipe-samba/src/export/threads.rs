//! [`Threads`]: the threads on which the servers of pipes are asked.
//!
//! Layer: below `door` and `roster`. The rule it owns: whoever does not answer keeps his own pipe waiting and no other.
//! Each pipe has threads that no other pipe can take, and so has the look for pipes; none of them are the runtime's on
//! which the export runs. A pipe that has gone keeps its place until the last of its clients and of its threads has,
//! so that nobody gets more by coming again.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many pipes are exported at once, at most.
pub(super) const MOST_PIPES: usize = 1024;
/// How many threads may be asking the servers of one pipe: a server that does not answer holds one each for seconds.
const MOST_ASKING: usize = 2;
/// Threads that look which pipes there are.
const LOOKING: usize = 1;

/// The threads. They begin when they are needed and end when they have not been for a while. When this is dropped,
/// those that still wait for a server are not waited for.
pub(super) struct Threads {
    /// Nothing runs on it but blocking calls. `None` when it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    places: Arc<Semaphore>,
}

impl Threads {
    pub(super) fn new() -> io::Result<Threads> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(MOST_PIPES * MOST_ASKING + LOOKING)
            .build()?;
        Ok(Threads {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            places: Arc::new(Semaphore::new(MOST_PIPES)),
        })
    }

    /// Looks which pipes there are. One look at a time has a thread for certain.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let looking = self.handle.spawn_blocking(work);
        looking.await.map_err(io::Error::other)
    }

    /// The threads of one more pipe; `None` when there are too many pipes.
    pub(super) fn of_a_pipe(&self) -> Option<ThreadsOfAPipe> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(ThreadsOfAPipe {
            handle: self.handle.clone(),
            asking: Arc::new(Semaphore::new(MOST_ASKING)),
            place: Arc::new(place),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads that one pipe may have.
#[derive(Clone)]
pub(super) struct ThreadsOfAPipe {
    handle: Handle,
    asking: Arc<Semaphore>,
    place: Arc<OwnedSemaphorePermit>,
}

impl ThreadsOfAPipe {
    /// Does what may wait for the pipe's server; `None` when the export ends.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.asking.clone().acquire_owned().await.ok()?;
        let place = self.place.clone();
        // What is opened belongs to the export's own runtime, which waits for it.
        let home = Handle::current();
        let working = self.handle.spawn_blocking(move || {
            // Both until the thread is free, whether or not anybody still wants what it does.
            let _held = (permit, place);
            let _entered = home.enter();
            work()
        });
        working.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_pipe_keeps_its_place_until_its_threads_are_back() {
        let threads = Threads::new().unwrap();
        let pipe = threads.of_a_pipe().unwrap();
        let others: Vec<_> = std::iter::from_fn(|| threads.of_a_pipe()).collect();
        assert_eq!(others.len(), MOST_PIPES - 1);

        let (finish, finished) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let asked = pipe.ask(move || {
                begin.send(()).unwrap();
                // Until the test says so.
                let _ = finished.recv();
            });
            // Whoever wanted it goes away when it has begun.
            tokio::select! {
                biased;
                _ = asked => unreachable!("nobody has told it to end"),
                () = async { begun.recv().unwrap() } => {}
            }
        });
        drop(pipe);
        assert!(threads.of_a_pipe().is_none());
        drop(finish);
        let place = runtime.block_on(threads.places.clone().acquire_owned());
        drop(place.unwrap());
        assert!(threads.of_a_pipe().is_some());
    }
}
