//! Times dotpipe against other ways to pass messages between two processes of one machine.
//!
//! ```text
//! cargo run --release -p dotpipe-bench [--features peers] -- [--quick] [--only PATTERN]
//! ```
//! Every measurement is made by two processes that this one starts anew. A round gives each transport a
//! short turn at each task, and medians are taken over all rounds, so that what else the machine does
//! hits all alike: only ratios within one run mean something. The tables are printed; `results.csv` and
//! `chart.svg` go into `bench/` in the target directory.
//!
//! `--remote` measures another thing, with a table of its own: pipes that are opened through SMB on loopback.
//!
//! From below: `transport.rs` is what a transport is, `peers/` has one file for each,
//! `task.rs` lists what is measured, `worker/` does it, `process.rs` starts workers, `run.rs` plans
//! the rounds; `remote.rs` those through SMB; `record.rs` holds what came out, for `table.rs`, `csv.rs` and `chart.rs`.

mod chart;
mod csv;
mod machine;
mod peers;
mod process;
mod processor;
mod record;
mod remote;
mod run;
mod samples;
mod shared_memory;
mod table;
mod task;
mod transport;
mod verify;
mod worker;

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use peers::wine::Wine;
use run::{Plan, Selection};

/// Times dotpipe against other ways to pass messages between two processes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Take under a minute instead of under ten. Good for seeing whether it works, not for numbers to keep.
    #[arg(long)]
    quick: bool,
    /// Only the tasks whose names hold PATTERN, or the transports, next to dotpipe.
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Print the names of all tasks and transports, and end.
    #[arg(long)]
    list: bool,
    /// Measure nothing: check that every transport brings every byte.
    #[arg(long, conflicts_with = "quick")]
    check: bool,
    /// Measure pipes that are opened through SMB on loopback, by way of an smbd of its own, beside TCP.
    #[arg(long, conflicts_with = "check")]
    remote: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// One side of a measurement.
    #[command(hide = true)]
    Worker(worker::Order),
    /// The export of a measurement through SMB.
    #[command(hide = true)]
    Bridge {
        /// Where smbd looks for sockets.
        sockets: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("dotpipe-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn run(&self) -> Result<ExitCode, Box<dyn Error>> {
        match &self.role {
            Some(Role::Worker(order)) => {
                worker::run(order)?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Role::Bridge { sockets }) => {
                remote::bridge(sockets)?;
                return Ok(ExitCode::SUCCESS);
            }
            None => {}
        }
        if self.remote {
            remote::measure(self.quick, &mut io::stdout().lock())?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.list {
            list()?;
            return Ok(ExitCode::SUCCESS);
        }
        let selection = Selection(self.only.clone());
        if self.check {
            let sound = verify::all(&selection, || wine(&selection), &mut io::stdout().lock())?;
            return Ok(if sound {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        self.measure(&selection)
    }

    fn measure(&self, selection: &Selection) -> Result<ExitCode, Box<dyn Error>> {
        let mut output = io::stdout().lock();
        let wine = match wine(selection) {
            Some(Ok(wine)) => Some(wine),
            Some(Err(error)) => {
                writeln!(output, "{}: skipped: {error}", Wine::NAME)?;
                None
            }
            None => None,
        };
        if !cfg!(feature = "peers") {
            writeln!(
                output,
                "interprocess, iceoryx2, ipc-channel: skipped: built without --features peers"
            )?;
        }
        let version = wine.as_ref().map(|wine| wine.version.as_str());
        writeln!(output, "{}", machine::description(version))?;
        if let Some(warning) = machine::load_warning() {
            writeln!(output, "{warning}")?;
        }
        let plan = if self.quick { Plan::QUICK } else { Plan::FULL };
        let begun = std::time::Instant::now();
        let record = run::run(&plan, selection, wine.as_ref(), &mut progress())?;
        clear_progress();
        table::print(&record, &mut output)?;
        writeln!(
            output,
            "\nMeasured for {:.0} s. The ratio is to {}'s median: above 1, it takes more.",
            begun.elapsed().as_secs_f64(),
            peers::OURS
        )?;

        let directory = directory()?;
        fs::create_dir_all(&directory)?;
        let path = directory.join("results.csv");
        let mut file = BufWriter::new(File::create(&path)?);
        csv::write(&record, &mut file)?;
        file.flush()?;
        writeln!(output, "Numbers: {}", path.display())?;
        let path = directory.join("chart.svg");
        if chart::draw(&record, &path)? {
            writeln!(output, "Chart: {}", path.display())?;
        }
        for failure in record.failures() {
            writeln!(output, "FAILED: {failure}")?;
        }
        Ok(if record.failures().is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Wine, unless the selection has no use for it.
fn wine(selection: &Selection) -> Option<io::Result<Wine>> {
    let wanted = match &selection.0 {
        None => true,
        Some(pattern) => {
            let tasks = [
                "round-trip-64-apart",
                "round-trip-4096-apart",
                "open-call-close",
            ];
            let streams = pattern.contains("stream-") || "stream-".contains(pattern.as_str());
            Wine::NAME.contains(pattern.as_str())
                || tasks.iter().any(|task| task.contains(pattern.as_str()))
                || streams
        }
    };
    wanted.then(|| Wine::prepare(&directory()?.join("wine")))
}

fn list() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for row in table::rows() {
        writeln!(output, "transport {row}")?;
    }
    for task in task::all() {
        writeln!(output, "task {task}")?;
    }
    Ok(())
}

/// Where the results go: beside the directory of this program in the target directory.
fn directory() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(|profile| profile.parent());
    Ok(target.unwrap_or(&program).join("bench"))
}

/// Says where the run is, in one line that is written over, if somebody is looking.
fn progress() -> impl FnMut(&str) {
    let visible = io::stderr().is_terminal();
    move |text| {
        if visible {
            eprint!("\r\x1b[K{text}");
        }
    }
}

fn clear_progress() {
    progress()("");
}
