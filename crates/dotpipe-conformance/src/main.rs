//! `dotpipe-conformance`: puts conformance scripts to dotpipe and prints or checks what it answers.
//!
//! The command line and the exit status are all that is here; the work is in the library.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use dotpipe_conformance::exact::ExactFace;
use dotpipe_conformance::face::Face;
use dotpipe_conformance::parse::subject;
use dotpipe_conformance::suite::{self, Verdict};

const USAGE: &str = "\
usage: dotpipe-conformance [--check | --list | --remote] [--jobs N] [SCRIPT.pipe ...]

Puts conformance scripts to dotpipe and prints its answers, one line for each command.
--check     compares them with SCRIPT.expect and prints 'ok NAME' or the lines that differ
--list      prints the name of each script and what it pins, and runs nothing
--remote    the same with clients on another machine, by way of an smbd of its own; lists what cannot be
            carried and why, and counts the answers that differ by nature (docs/remote.md)
--jobs N    runs up to N scripts at a time (4); most of their time is spent in waiting
Without a script: all of conformance/scripts, looked for in the current directory and above it.

Exit status: 0 all well, 1 an answer differs, 2 bad usage or a script that cannot be used, 77 --remote without
an smbd.";

const DIFFERS: u8 = 1;
const UNUSABLE: u8 = 2;
const SKIPPED: u8 = 77;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Print,
    Check,
    List,
    Remote,
}

struct Request {
    mode: Mode,
    jobs: usize,
    scripts: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match request(arguments.into_iter()) {
        Ok(request) => ExitCode::from(serve(&request)),
        Err(reason) => {
            eprintln!("dotpipe-conformance: {reason}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn request(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut request = Request {
        mode: Mode::Print,
        jobs: 4,
        scripts: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => request.mode = Mode::Check,
            "--list" => request.mode = Mode::List,
            "--remote" => request.mode = Mode::Remote,
            "--jobs" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                request.jobs = number
                    .filter(|jobs| *jobs > 0)
                    .ok_or("--jobs needs a number from 1")?;
            }
            option if option.starts_with('-') => {
                return Err(format!("unknown option '{option}'\n{USAGE}"));
            }
            script => request.scripts.push(script.into()),
        }
    }
    if request.scripts.is_empty() {
        let here = env::current_dir().map_err(|error| format!("no current directory: {error}"))?;
        let directory = suite::find_directory(&here).ok_or_else(|| {
            format!(
                "there is no conformance/scripts in {} or above it; go to the sources of dotpipe, or name \
                 the scripts",
                here.display()
            )
        })?;
        request.scripts = suite::scripts_in(&directory)
            .map_err(|error| format!("{} cannot be read: {error}", directory.display()))?;
    }
    Ok(request)
}

/// Does what was asked for; the result is the exit status.
fn serve(request: &Request) -> u8 {
    let face: Arc<dyn Face> = Arc::new(ExactFace);
    let (scripts, jobs) = (&request.scripts, request.jobs);
    let mut status = 0;
    match request.mode {
        Mode::Remote => status = remote(scripts),
        Mode::List => {
            for path in scripts {
                match fs::read_to_string(path) {
                    Ok(text) => println!("{:<24} {}", suite::name(path), subject(&text)),
                    Err(error) => {
                        eprintln!(
                            "dotpipe-conformance: {} cannot be read: {error}",
                            path.display()
                        );
                        status = UNUSABLE;
                    }
                }
            }
        }
        Mode::Print => {
            suite::for_each(
                scripts,
                jobs,
                |path| suite::output(path, &face),
                |path, output| match output {
                    Ok(lines) => {
                        if scripts.len() > 1 {
                            println!("# {}.pipe", suite::name(path));
                        }
                        lines.iter().for_each(|line| println!("{line}"));
                    }
                    Err(reason) => {
                        eprintln!("dotpipe-conformance: {reason}");
                        status = UNUSABLE;
                    }
                },
            );
        }
        Mode::Check => {
            suite::for_each(
                scripts,
                jobs,
                |path| suite::check(path, &face),
                |path, verdict| {
                    let name = suite::name(path);
                    match verdict {
                        Verdict::Same => println!("ok {name}"),
                        Verdict::OptionalDifferent => {
                            println!("optional {name}: differs, which is allowed")
                        }
                        Verdict::Different(hunks) => {
                            print!("FAILED {name} (- expected, + got)\n{hunks}");
                            status = status.max(DIFFERS);
                        }
                        Verdict::Unusable(reason) => {
                            eprintln!("dotpipe-conformance: {reason}");
                            status = UNUSABLE;
                        }
                    }
                },
            );
        }
    }
    status
}

/// Puts the scripts to pipes whose clients are on another machine; the result is the exit status.
#[cfg(all(feature = "remote", target_os = "linux"))]
fn remote(scripts: &[PathBuf]) -> u8 {
    use dotpipe_conformance::remote::RemoteFace;
    use dotpipe_conformance::remote::check::{Report, Verdict, check};

    let face = match RemoteFace::start() {
        Ok(face) => face,
        Err(error) => {
            eprintln!("dotpipe-conformance: {error}");
            return match error.kind() {
                std::io::ErrorKind::NotFound => SKIPPED,
                _ => UNUSABLE,
            };
        }
    };
    if let Ok(version) = face.version() {
        println!("smbd: {version}");
    }
    let face: Arc<dyn Face> = Arc::new(face);
    let mut report = Report::default();
    for path in scripts {
        let verdict = check(path, &face);
        let name = suite::name(path);
        report.add(&verdict);
        match verdict {
            Verdict::Same(differences) => {
                print!("ok {name}");
                for (difference, count) in differences {
                    print!(" {difference} {count}");
                }
                println!();
            }
            Verdict::NotCarried(hindrances) => {
                println!("not carried: {name}");
                for hindrance in hindrances {
                    println!("    {hindrance}");
                }
            }
            Verdict::Different(hunks) => print!("FAILED {name} (- expected, + got)\n{hunks}"),
            Verdict::Unusable(reason) => eprintln!("dotpipe-conformance: {reason}"),
        }
    }
    println!("{report}");
    match report {
        Report { unusable: 1.., .. } => UNUSABLE,
        Report { different: 1.., .. } => DIFFERS,
        _ => 0,
    }
}

/// Samba is not here, or the runner was built without it.
#[cfg(not(all(feature = "remote", target_os = "linux")))]
fn remote(_: &[PathBuf]) -> u8 {
    eprintln!("dotpipe-conformance: this program was built without the way to an smbd");
    SKIPPED
}
