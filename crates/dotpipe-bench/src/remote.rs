//! Pipes that are opened through SMB on loopback: client, `smbd`, export and server, each a process of its own, beside
//! the same with a foreign client, and TCP without anything in between.
//!
//! Layer: a run of its own, over the same workers as the other one. All sign and nobody encrypts.

use std::env;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use dotpipe::PipeName;
use dotpipe_loopback::{Bridge, Smbd};

use crate::machine;
use crate::peers::remote::{ALL, NAME, SMB, TRANSACTING};
use crate::process::{self, PATIENCE, Parts, Process};
use crate::record::Record;
use crate::table;
use crate::task::{Group, Placement, Task};
use crate::transport::{Kind, Peer};
use crate::worker::Job;

/// The client that is another program.
const IMPACKET: &str = "impacket-smb";

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/remote/impacket_client.py");

/// Names the interpreter that has impacket, if it is not where `.ci/python-clients` puts it.
const VARIABLE: &str = "DOTPIPE_PYTHON_CLIENTS";

const ROUNDS: usize = 3;
const SLICE: Duration = Duration::from_millis(300);

fn groups() -> Vec<Group> {
    let round_trip = |len| Task::RoundTrip {
        len,
        placement: Placement::Unpinned,
    };
    let group = |title: &str, task| Group {
        title: title.into(),
        tasks: vec![task],
    };
    vec![
        group("Round trip of 64 B over loopback", round_trip(64)),
        group("Round trip of 4 KiB over loopback", round_trip(4096)),
        group(
            "One-way stream of 64 KiB over loopback, byte type: time per message",
            Task::Stream {
                kind: Kind::Byte,
                len: 64 << 10,
            },
        ),
    ]
}

/// Measures all in turn and prints the tables.
pub(crate) fn measure(quick: bool, output: &mut dyn Write) -> io::Result<()> {
    let smbd = Smbd::launch(vec!["server signing = mandatory".into()])?;
    let impacket = Impacket::find();
    let mut versions = smbd.version()?.replace("Version", "smbd");
    match &impacket {
        Ok(impacket) => versions += &format!(", impacket {}", impacket.version),
        Err(error) => writeln!(output, "{IMPACKET}: skipped: {error}")?,
    }
    writeln!(output, "{}, {versions}", machine::description(None))?;
    if let Some(warning) = machine::load_warning() {
        writeln!(output, "{warning}")?;
    }
    let mut record = Record::default();
    let rounds = if quick { 1 } else { ROUNDS };
    for _ in 0..rounds {
        for task in groups().into_iter().flat_map(|group| group.tasks) {
            for peer in ALL.iter().filter(|peer| task.suits(peer)) {
                keep(&mut record, task, peer.name, run(peer, None, task, &smbd));
            }
            if let Ok(impacket) = &impacket {
                let parts = run(&SMB, Some(impacket), task, &smbd);
                keep(&mut record, task, IMPACKET, parts);
            }
        }
    }
    let rows: Vec<_> = ALL.iter().map(|peer| peer.name).chain([IMPACKET]).collect();
    table::print_these(&record, &groups(), &rows, SMB.name, output)?;
    writeln!(output, "\nThe ratio is to {}'s median.", SMB.name)?;
    match record.failures() {
        [] => Ok(()),
        failures => Err(io::Error::other(failures.join("\n"))),
    }
}

fn keep(record: &mut Record, task: Task, row: &str, parts: io::Result<Parts>) {
    match parts {
        Ok(parts) => {
            for (part, samples) in parts {
                record.add(&task.to_string(), &part, row, &samples);
            }
        }
        Err(error) => record.fail(format!("{row}, {task}: {error}")),
    }
}

/// Has the processes of one measurement do a task.
fn run(peer: &Peer, client: Option<&Impacket>, task: Task, smbd: &Smbd) -> io::Result<Parts> {
    let directory = process::temporary_directory()?;
    let deadline = Instant::now() + SLICE + PATIENCE;
    let job = Job::Measure(task);
    let worker = |address| process::worker(peer, job, SLICE, directory.path(), address);
    let mut server = Process::start(&mut worker(None)?)?;
    let address = match server.line(deadline)?.split_once(' ') {
        Some(("address", address)) => address.to_owned(),
        _ => return Err(server.failure(deadline)),
    };
    let passes_smb = [SMB.name, TRANSACTING.name].contains(&peer.name);
    let _bridge = match passes_smb {
        true => Some(start_bridge(directory.path(), smbd, deadline)?),
        false => None,
    };
    let mut command = match client {
        None => worker(Some(&address))?,
        Some(impacket) => impacket.command(task),
    };
    command
        .env("DOTPIPE_SMB_PORT", smbd.port().to_string())
        .env("DOTPIPE_SMB_USER", smbd.user())
        .env("DOTPIPE_SMB_PASSWORD", smbd.password());
    let mut client = Process::start(&mut command)?;
    let mut parts = Parts::new();
    client.results(deadline, &mut parts, Some(&mut server))?;
    server.results(deadline, &mut parts, None)?;
    Ok(parts)
}

fn start_bridge(directory: &Path, smbd: &Smbd, deadline: Instant) -> io::Result<Process> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("bridge")
        .arg(smbd.sockets())
        .env("DOTPIPE_DIR", directory);
    let mut bridge = Process::start(&mut command)?;
    match bridge.line(deadline)?.as_str() {
        "ready" => Ok(bridge),
        _ => Err(bridge.failure(deadline)),
    }
}

/// The process of the export: it ends with its input.
pub(crate) fn bridge(sockets: &Path) -> io::Result<()> {
    let pipe = PipeName::local(NAME).map_err(io::Error::other)?;
    let _bridge = Bridge::to(sockets, &[pipe])?;
    println!("ready");
    io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The package `impacket`, where it is installed.
struct Impacket {
    python: PathBuf,
    version: String,
}

impl Impacket {
    fn find() -> io::Result<Impacket> {
        let python = match env::var_os(VARIABLE) {
            Some(python) => python.into(),
            None => {
                let program = env::current_exe()?;
                let target = program.ancestors().nth(2).unwrap_or(&program);
                target.join("python-clients/bin/python")
            }
        };
        if !python.exists() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "not installed (.ci/python-clients does it, or {VARIABLE} names the interpreter)"
                ),
            ));
        }
        let script = "import importlib.metadata; print(importlib.metadata.version('impacket'))";
        let output = Command::new(&python).args(["-c", script]).output()?;
        Ok(Impacket {
            version: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            python,
        })
    }

    fn command(&self, task: Task) -> Command {
        let verb = match task {
            Task::Stream { .. } => "stream",
            _ => "round-trip",
        };
        let mut command = Command::new(&self.python);
        command
            .args(["-B", PROGRAM, verb])
            .arg(task.len().to_string())
            .arg(SLICE.as_micros().to_string())
            .arg(NAME);
        command
    }
}
