//! Limits for what must end, and certainty about what sleeps.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything may take that must end. It tells a hang from a slow machine and measures nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20 * SLOWNESS as u64);

/// How much longer everything may take: much, under a sanitizer, of which `.ci/sanitizers` tells when it compiles
/// the tests.
pub(crate) const SLOWNESS: u32 = match option_env!("DOTPIPE_SANITIZED") {
    Some(_) => 10,
    None => 1,
};

/// A deadline that shows that something waits: it passes soon, and how soon decides nothing.
pub(crate) fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(20))
}

/// Something that a thread does.
pub(crate) struct Doing<T> {
    what: String,
    thread: ThreadId,
    handle: JoinHandle<()>,
    result: Receiver<(T, Instant)>,
}

/// Does something in a thread of its own; see [`Doing`].
pub(crate) fn start<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Doing<T> {
    let (tell_thread, thread) = mpsc::channel();
    let (tell_result, result) = mpsc::channel();
    let handle = thread::spawn(move || {
        tell_thread.send(ThreadId::own()).unwrap();
        let outcome = work();
        // Nobody may listen any more when the test has failed meanwhile.
        let _ = tell_result.send((outcome, Instant::now()));
    });
    Doing {
        what: what.to_owned(),
        thread: thread.recv().unwrap(),
        handle,
        result,
    }
}

impl<T> Doing<T> {
    /// Its result. Panics when it does not end, rather than hang with it.
    pub(crate) fn end(self) -> T {
        self.end_and_when().0
    }

    /// Its result, and when it had it.
    pub(crate) fn end_and_when(self) -> (T, Instant) {
        match self.result.recv_timeout(PATIENCE) {
            Ok(end) => end,
            Err(RecvTimeoutError::Timeout) => panic!("{}: does not end", self.what),
            Err(RecvTimeoutError::Disconnected) => panic!("{}: panicked", self.what),
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn goes_on(&self) -> bool {
        !self.handle.is_finished()
    }

    /// Waits until it sleeps in the kernel.
    pub(crate) fn until_asleep(&self) {
        let until = Instant::now() + PATIENCE;
        // Twice in a row: a short wait for a lock is a sleep as well.
        let mut seen = 0;
        while seen < 3 {
            assert!(Instant::now() < until, "{}: does not sleep", self.what);
            assert!(self.goes_on(), "{}: has ended", self.what);
            seen = if self.thread.is_asleep() { seen + 1 } else { 0 };
            thread::sleep(Duration::from_micros(200));
        }
    }
}

/// By what the system knows a thread of this process.
#[cfg(target_os = "linux")]
struct ThreadId(i32);

#[cfg(target_os = "linux")]
impl ThreadId {
    fn own() -> ThreadId {
        ThreadId(rustix::thread::gettid().as_raw_nonzero().get())
    }

    /// Whether the thread sleeps in the kernel.
    fn is_asleep(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", self.0));
        // The state stands behind the name, which is in parentheses.
        stat.is_ok_and(|stat| {
            stat.rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" S"))
        })
    }
}

/// Windows does not tell whether a thread sleeps: it is given time enough to get there.
#[cfg(windows)]
struct ThreadId;

#[cfg(windows)]
impl ThreadId {
    fn own() -> ThreadId {
        ThreadId
    }

    fn is_asleep(&self) -> bool {
        thread::sleep(Duration::from_millis(50));
        true
    }
}

/// Looks again and again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}: does not come true");
        thread::sleep(Duration::from_micros(200));
    }
}
