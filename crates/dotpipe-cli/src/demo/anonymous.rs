//! Anonymous pipes as standard input and output of ordinary programs.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use dotpipe::error::Error;
use dotpipe::exact::{AnonymousEnd, anonymous_pipe};
use dotpipe::win32::Win32Error;

use super::check::Report;
use crate::failure::{Failure, Result};

pub(super) fn show(report: &mut Report) -> Result {
    through(
        report,
        "tr",
        &["a-z", "A-Z"],
        b"from the parent, through tr, and back\n",
        b"FROM THE PARENT, THROUGH TR, AND BACK\n",
    )?;
    through(
        report,
        "sort",
        &[],
        b"pear\napple\nfig\n",
        b"apple\nfig\npear\n",
    )?;
    ends(report)
}

/// Writes to a program through one anonymous pipe and reads its output from another one.
fn through(
    report: &mut Report,
    program: &str,
    arguments: &[&str],
    input: &[u8],
    expected: &[u8],
) -> Result {
    let (program_reads, we_write) = pipe()?;
    let (we_read, program_writes) = pipe()?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::from(OwnedFd::from(program_reads)))
        .stdout(Stdio::from(OwnedFd::from(program_writes)))
        .spawn()
        .map_err(|error| Failure::System(format!("run {program}"), error))?;

    we_write.write(input).map_err(code("write"))?;
    // The program reads until nobody can write any more.
    drop(we_write);
    let mut output = Vec::new();
    let end = read_to_end(&we_read, &mut output);
    let status = child
        .wait()
        .map_err(|error| Failure::System(format!("wait for {program}"), error))?;

    let shown = format!(
        "{program} reads one anonymous pipe, writes another, and sees the end of its input"
    );
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    report.detail(format_args!(
        "{program}: {:?} -> {:?}, {status}",
        text(input),
        text(&output)
    ))?;
    report.check(
        &shown,
        &format!("{:?} ERROR_BROKEN_PIPE exit status: 0", text(expected)),
        &format!("{:?} {} {status}", text(&output), end.name().unwrap_or("?")),
    )
}

/// What each end is told when the other is closed.
fn ends(report: &mut Report) -> Result {
    let (reader, writer) = pipe()?;
    writer.write(b"kept").map_err(code("write"))?;
    drop(writer);
    let mut output = Vec::new();
    let end = read_to_end(&reader, &mut output);
    report.check(
        "what was written before the write end closed stays readable, then it is ERROR_BROKEN_PIPE",
        "kept ERROR_BROKEN_PIPE",
        &format!(
            "{} {}",
            String::from_utf8_lossy(&output),
            end.name().unwrap_or("?")
        ),
    )?;

    let (reader, writer) = pipe()?;
    drop(reader);
    let got = match writer.write(b"x") {
        Ok(count) => format!("ok {count}"),
        Err(code) => code.name().unwrap_or("?").into(),
    };
    report.check(
        "a write without a reader is ERROR_NO_DATA, and no signal",
        "ERROR_NO_DATA",
        &got,
    )
}

/// Reads until the read fails, and tells with what.
fn read_to_end(reader: &AnonymousEnd, output: &mut Vec<u8>) -> Win32Error {
    let mut buffer = [0; 4096];
    loop {
        match reader.read(&mut buffer) {
            Ok(received) => output.extend_from_slice(&buffer[..received.len]),
            Err(code) => return code,
        }
    }
}

fn pipe() -> Result<(AnonymousEnd, AnonymousEnd)> {
    anonymous_pipe(0).map_err(code("create"))
}

fn code(operation: &'static str) -> impl Fn(Win32Error) -> Failure {
    move |code: Win32Error| Error::new(operation, None, code).into()
}
