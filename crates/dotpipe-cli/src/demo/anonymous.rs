//! Anonymous pipes as standard input and output of ordinary programs.

use std::process::Command;

use dotpipe::anonymous::{PipeReader, PipeWriter};
use dotpipe::error::Error;
use dotpipe::exact::{AnonymousEnd, anonymous_pipe};
use dotpipe::win32::Win32Error;

use super::check::Report;
use crate::failure::{Failure, Result};
use crate::system::{self, Filter};

pub(super) fn show(report: &mut Report) -> Result {
    for filter in system::FILTERS {
        through(report, filter)?;
    }
    ends(report)
}

/// Writes to a program through one anonymous pipe and reads its output from another one.
fn through(report: &mut Report, filter: &Filter) -> Result {
    let Filter {
        program,
        arguments,
        input,
        expected,
    } = *filter;
    let shown = format!(
        "{program} reads one anonymous pipe, writes another, and sees the end of its input"
    );
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (program_reads, we_write) = pipe()?;
    let (we_read, program_writes) = pipe()?;
    let child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(PipeReader::try_from(program_reads)?)
        .stdout(PipeWriter::try_from(program_writes)?)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return report.fails(&shown, "it runs", &error.to_string()),
    };

    we_write.write(input).map_err(code("write"))?;
    // The program reads until nobody can write any more.
    drop(we_write);
    let mut output = Vec::new();
    let end = read_to_end(&we_read, &mut output);
    let status = child
        .wait()
        .map_err(|error| Failure::System(format!("wait for {program}"), error))?;

    report.detail(format_args!(
        "{program}: {:?} -> {:?}, {status}",
        text(input),
        text(&output)
    ))?;
    report.check(
        &shown,
        &format!("{:?} ERROR_BROKEN_PIPE success", text(expected)),
        &format!(
            "{:?} {} {}",
            text(&output),
            end.name().unwrap_or("?"),
            if status.success() {
                "success"
            } else {
                "failure"
            }
        ),
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
