//! `--check`: every transport carries messages of many lengths, and each byte is looked at.

use std::io::{self, Write};
use std::time::Duration;

use crate::peers;
use crate::peers::wine::Wine;
use crate::process;
use crate::processor::Processors;
use crate::run::Selection;
use crate::task::Placement;
use crate::transport::Peer;
use crate::worker::{Job, LENGTHS};

/// Checks all; says whether all is well. Prints a line for each transport.
pub(crate) fn all(
    selection: &Selection,
    wine: impl FnOnce() -> Option<io::Result<Wine>>,
    output: &mut dyn Write,
) -> io::Result<bool> {
    let processors = Processors::find()?;
    let mut sound = true;
    let mut tell = |name: &str, outcome: io::Result<usize>| -> io::Result<()> {
        sound &= outcome.is_ok();
        match outcome {
            Ok(conversations) => writeln!(output, "ok {name}: {conversations} conversations"),
            Err(error) => writeln!(output, "FAILED {name}: {error}"),
        }
    };
    for peer in peers::ALL {
        if selection.has_transport(peer.name) {
            tell(peer.name, check(peer, &processors))?;
        }
    }
    match wine() {
        None => {}
        Some(Err(error)) => writeln!(output, "skipped {}: {error}", Wine::NAME)?,
        Some(Ok(wine)) => {
            let mut tasks = 0;
            let slice = Duration::from_millis(5);
            let done = wine.measure(slice, &processors, |_, samples| {
                tasks += usize::from(samples.count() > 0);
            });
            tell(Wine::NAME, done.map(|()| tasks))?;
        }
    }
    Ok(sound)
}

/// Gives how many conversations were checked.
fn check(peer: &Peer, processors: &Processors) -> io::Result<usize> {
    let can = peer.abilities;
    let mut conversations = 0;
    for &kind in can.kinds {
        for len in LENGTHS.into_iter().filter(|&len| len <= can.longest) {
            let job = Job::Check(kind, len);
            let placement = Placement::Unpinned;
            process::run_pair(peer, job, placement, Duration::ZERO, processors)
                .map_err(|error| io::Error::other(format!("{job}: {error}")))?;
            conversations += 1;
        }
    }
    Ok(conversations)
}
