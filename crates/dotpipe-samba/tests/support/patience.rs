//! Limits for what must end.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that must end. It tells a hang from a slow machine and measures nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A deadline that shows that something waits: it passes soon, and how soon decides nothing.
pub(crate) fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(30))
}

/// Something that a thread does.
pub(crate) struct Doing<T> {
    what: &'static str,
    result: Receiver<T>,
}

/// Does something in a thread of its own.
pub(crate) fn start<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Doing<T> {
    let (sender, result) = mpsc::channel();
    thread::spawn(move || {
        // Nobody may listen any more when the test has failed meanwhile.
        let _ = sender.send(work());
    });
    Doing { what, result }
}

impl<T> Doing<T> {
    /// Its result. Panics when it does not end, rather than hang with it.
    pub(crate) fn end(self) -> T {
        match self.result.recv_timeout(PATIENCE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => panic!("{}: does not end", self.what),
            Err(RecvTimeoutError::Disconnected) => panic!("{}: panicked", self.what),
        }
    }
}

/// Looks again and again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}: does not come true");
        thread::sleep(Duration::from_millis(1));
    }
}
