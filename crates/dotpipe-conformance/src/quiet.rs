//! Whether processes have nothing left to do: all their threads sleep.
//!
//! Layer: what Linux tells of threads. Between two ends on two machines stand several programs, and none of them tells
//! when it has passed everything on. But a program that still has something in its hands runs, or is about to.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// So many looks in a row must see the same. Two would do if the kernel passed everything on at once.
const LOOKS: usize = 3;

/// No program takes so long between its two ends.
const LIMIT: Duration = Duration::from_secs(10);

/// A thread that sleeps, and how often it has gone to sleep.
type Sleeper = (String, String);

/// Waits until all threads of these processes but the calling one sleep and have not run meanwhile. Who never does is
/// left alone after a while: what comes of it is seen in the answers.
pub(crate) fn wait_for(processes: impl Fn() -> Vec<u32>) {
    let deadline = Instant::now() + LIMIT;
    let own = fs::read_link("/proc/thread-self").unwrap_or_default();
    let mut last = None;
    let mut same = 0;
    while same < LOOKS && Instant::now() < deadline {
        let seen = look(&processes(), &own);
        same = match &seen {
            Some(_) if seen == last => same + 1,
            Some(_) => 1,
            None => 0,
        };
        last = seen;
        if same == 0 {
            std::thread::yield_now();
        }
    }
}

/// All threads, if all sleep.
fn look(processes: &[u32], own: &Path) -> Option<Vec<Sleeper>> {
    let mut sleepers = Vec::new();
    for process in processes {
        let folder = Path::new("/proc").join(process.to_string()).join("task");
        for thread in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = thread.path();
            if path.ends_with(own) {
                continue;
            }
            // One that has ended meanwhile has nothing in its hands.
            let Ok(status) = fs::read_to_string(path.join("status")) else {
                continue;
            };
            let line = |name: &str| status.lines().find(|line| line.starts_with(name));
            if !line("State:")?.contains('S') {
                return None;
            }
            let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"]
                .map(|name| line(name).unwrap_or_default());
            sleepers.push((path.display().to_string(), switches.concat()));
        }
    }
    Some(sleepers)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn whoever_runs_is_seen() {
        let stop = AtomicBool::new(false);
        let own = fs::read_link("/proc/thread-self").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| while !stop.load(Ordering::Relaxed) {});
            assert_eq!(look(&[std::process::id()], &own), None);
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn what_was_set_off_is_over() {
        let mut sleeper = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let (sender, receiver) = mpsc::channel::<()>();
        let process = sleeper.id();
        wait_for(|| vec![process]);
        let own = fs::read_link("/proc/thread-self").unwrap();
        let asleep = look(&[process], &own).unwrap();
        assert_eq!(asleep.len(), 1);
        drop((sender, receiver));
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
}
