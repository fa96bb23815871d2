//! Sends data through another program: `sort`, with its standard input and output on anonymous
//! pipes.
//!
//! The input is larger than any pipe, and two pipes are full sooner than one thinks: the child
//! stops reading when nobody takes its output. So one thread writes while another one reads.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::thread;

use dotpipe::anonymous;

const LINES: u32 = 200_000;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (child_input, input) = anonymous::pipe()?;
    let (output, child_output) = anonymous::Options::new().size(65536).create()?;

    // `Command` owns the child's ends, and they must close here once the child has them. Otherwise
    // this process would wait for the end of an output that it holds open itself.
    let mut child = {
        let mut command = Command::new("sort");
        command
            .env("LC_ALL", "C")
            .stdin(child_input)
            .stdout(child_output);
        command.spawn()?
    };

    let writer = thread::spawn(move || write_numbers(input));
    let mut expected = 0;
    for line in BufReader::new(output).lines() {
        if line? != format!("{expected:06}") {
            return Err(format!("line {expected} is not in order").into());
        }
        expected += 1;
    }
    writer.join().expect("the writer does not panic")?;

    if !child.wait()?.success() {
        return Err("sort has failed".into());
    }
    if expected != LINES {
        return Err(format!("{expected} lines of {LINES} came back").into());
    }
    println!("{expected} lines came back in order");
    Ok(())
}

/// Writes every number below [`LINES`] once, in disorder; the end of the file follows when `input`
/// drops.
fn write_numbers(mut input: anonymous::PipeWriter) -> std::io::Result<()> {
    const STEP: u32 = 77_777; // has no factor in common with the number of lines
    let mut chunk = String::new();
    for index in 0..LINES {
        let number = u64::from(index) * u64::from(STEP) % u64::from(LINES);
        chunk.push_str(&format!("{number:06}\n"));
        if chunk.len() > 10_000 {
            input.write_all(chunk.as_bytes())?;
            chunk.clear();
        }
    }
    input.write_all(chunk.as_bytes())
}
