//! `dotpipe demo`: every idea of a pipe, shown between real processes and checked.
//!
//! A group of ideas is a script ([`script::Step`]) in a file of its own below `groups`: which process
//! does what, and what Windows would answer. [`script`] plays it, [`process`] starts the processes, which
//! are this program again in the hidden command `demo-peer` ([`peer`]); [`check`] prints what held. What
//! needs more than a script (anonymous pipes, the clock) has a file beside them.

mod anonymous;
mod check;
mod groups;
mod peer;
mod process;
mod script;
mod speed;

use std::time::{Instant, SystemTime};

use dotpipe::exact;

use crate::failure::{Failure, Result};
use crate::output;
use check::Report;
use script::Stage;

pub(crate) use peer::{Args as PeerArgs, run as run_peer};

/// Show and check every idea of a pipe between real processes, in a few seconds.
///
/// Starts servers and clients as processes of their own, lets them talk, kills some of them, and
/// prints one line for everything that was checked. At the end it measures a round trip beside that of
/// a socket. It leaves nothing behind. The status is 0 only if every check held.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also print what every process did and what it was answered.
    #[arg(short, long)]
    verbose: bool,
}

pub(crate) fn run(args: &Args) -> Result {
    let started = Instant::now();
    let prefix = unique_prefix();
    let mut report = Report::new(args.verbose, |text| output::line(text));

    for group in groups::ALL {
        report.heading(group.title)?;
        Stage::new(&prefix).play(&mut report, group.steps)?;
    }
    report.heading("Anonymous pipes, through programs that know nothing of dotpipe")?;
    anonymous::show(&mut report)?;
    report.heading("A message of 64 bytes there and back, between two processes")?;
    speed::show(&mut report, &prefix)?;
    report.heading("Nothing left behind")?;
    nothing_is_left(&mut report, &prefix)?;

    output::line(format_args!(
        "\n{} checks, {} failed, {:.1} s",
        report.checks(),
        report.failures(),
        started.elapsed().as_secs_f64()
    ))?;
    if report.failures() == 0 {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// What the names of all pipes of this run begin with.
fn unique_prefix() -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!("dotpipe-demo-{}-{now:x}", std::process::id())
}

fn nothing_is_left(report: &mut Report, prefix: &str) -> Result {
    let left = match exact::list() {
        Ok(pipes) => pipes
            .iter()
            .filter(|pipe| pipe.name.name().starts_with(prefix))
            .map(|pipe| pipe.name.to_string())
            .collect::<Vec<_>>()
            .join(" "),
        Err(code) => code.to_string(),
    };
    report.check("no pipe of this run exists any more", "", &left)
}
