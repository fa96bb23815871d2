//! [`Log`]: lines about what happens, for who serves many and can wait for none of them to be read.
//!
//! The rule it owns: whoever tells something goes on at once. A thread of its own writes; what comes while too much
//! waits to be written is counted instead, and the count is told.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// How many lines may wait to be written.
const MOST_WAITING: usize = 1024;
/// How long the last lines may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where lines are told. The log ends when all of its clones are dropped.
#[derive(Clone)]
pub(crate) struct Log {
    lines: SyncSender<String>,
    lost: Arc<AtomicU64>,
}

/// The end of a log.
pub(crate) struct End(Receiver<()>);

impl Log {
    /// A log whose lines `write` writes, however long it takes for each.
    pub(crate) fn start(write: impl FnMut(&str) + Send + 'static) -> io::Result<(Log, End)> {
        let (lines, waiting) = sync_channel(MOST_WAITING);
        let lost = Arc::<AtomicU64>::default();
        let log = Log {
            lines,
            lost: lost.clone(),
        };
        let (ending, end) = channel();
        thread::Builder::new().spawn(move || {
            write_all(&waiting, &lost, write);
            drop(ending);
        })?;
        Ok((log, End(end)))
    }

    /// Has a line written, or counted as lost.
    pub(crate) fn tell(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl End {
    /// Waits until the last line has been written, but not for a reader who does not read.
    pub(crate) fn wait(self) {
        // Nothing is ever sent: either it has ended or the time has passed.
        let _ = self.0.recv_timeout(FAREWELL);
    }
}

fn write_all(waiting: &Receiver<String>, lost: &AtomicU64, mut write: impl FnMut(&str)) {
    // A line is lost only while others wait, so that the count is told with one of these.
    for line in waiting {
        write(&line);
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            write(&format!(
                "{lost} lines are lost: the log is not read in time"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn nobody_waits_for_a_reader_and_what_is_lost_is_counted() {
        let (read, reader) = channel::<()>();
        let written = Arc::<Mutex<Vec<String>>>::default();
        let kept = written.clone();
        let (log, end) = Log::start(move |line| {
            // Until the test has told everything.
            let _ = reader.recv();
            kept.lock().unwrap().push(line.to_owned());
        })
        .unwrap();
        let told = 2 * MOST_WAITING;
        for number in 0..told {
            log.clone().tell(format!("line {number}"));
        }
        drop((read, log));
        // Longer than a reader would be waited for: this one reads.
        assert!(end.0.recv().is_err());
        let written = written.lock().unwrap();
        let (lines, counts): (Vec<_>, Vec<_>) =
            written.iter().partition(|line| line.starts_with("line "));
        let lost: usize = counts
            .iter()
            .map(|count| count.split(' ').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert!(lines.len() >= MOST_WAITING, "{}", lines.len());
        assert!(lost > 0);
        assert_eq!(lines.len() + lost, told);
    }
}
