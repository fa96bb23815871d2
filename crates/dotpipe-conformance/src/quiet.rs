//! Whether processes have nothing left to do: all their threads sleep.
//!
//! Layer: what Linux tells of threads. Between two ends on two machines stand several programs, and none of them tells
//! when it has passed everything on. But a program that still has something in its hands runs, or is about to.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// So many looks in a row must see the same. Two would do if the kernel passed everything on at once.
const LOOKS: usize = 3;

/// No program takes so long between its two ends.
const LIMIT: Duration = Duration::from_secs(10);

/// Between two looks while somebody works.
const PAUSE: Duration = Duration::from_micros(200);

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
            // Those who have something to do need the processor.
            thread::sleep(PAUSE);
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
            let value = |name: &str| {
                let mut lines = status.lines();
                lines
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or_default()
                    .trim_start()
            };
            if !value("State:").starts_with('S') {
                return None;
            }
            let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"].map(value);
            sleepers.push((path.display().to_string(), switches.join(" ")));
        }
    }
    Some(sleepers)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn whoever_runs_is_seen() {
        let stop = AtomicBool::new(false);
        let own = fs::read_link("/proc/thread-self").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
            assert_eq!(look(&[std::process::id()], &own), None);
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn whoever_waits_is_seen_to_sleep() {
        // It works for a while and then waits for the end of its input.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo; read line",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for(|| vec![child.id()]);
        let path = format!("/proc/{}/status", child.id());
        assert!(fs::read_to_string(path).unwrap().contains("State:\tS"));
        // What it did is done.
        let mut newline = [0];
        std::io::Read::read_exact(&mut child.stdout.take().unwrap(), &mut newline).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
