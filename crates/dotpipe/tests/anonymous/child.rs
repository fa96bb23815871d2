//! Real programs with an end of an anonymous pipe as their standard input, output or error.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use dotpipe::anonymous;
use dotpipe::win32::Win32Error;

use crate::{fill, no_child_starts, soon, spawn};

#[test]
fn three_megabytes_through_cat() {
    let (child_input, mut input) = anonymous::pipe().unwrap();
    let (mut output, child_output) = anonymous::pipe().unwrap();
    let mut child = spawn(Command::new("cat").stdin(child_input).stdout(child_output));
    let data = fill(3_000_000, 11);
    thread::scope(|scope| {
        let data = &data;
        scope.spawn(move || input.write_all(data).unwrap());
        let mut taken = Vec::new();
        output.read_to_end(&mut taken).unwrap();
        assert!(taken == *data);
    });
    assert!(child.wait().unwrap().success());
}

#[test]
fn standard_error_is_a_pipe_of_its_own() {
    let (mut output, child_output) = anonymous::pipe().unwrap();
    let (mut errors, child_errors) = anonymous::pipe().unwrap();
    let mut child = spawn(
        Command::new("sh")
            .args(["-c", "echo good; echo bad >&2"])
            .stdout(child_output)
            .stderr(child_errors),
    );
    let (mut good, mut bad) = (String::new(), String::new());
    output.read_to_string(&mut good).unwrap();
    errors.read_to_string(&mut bad).unwrap();
    assert_eq!((good.as_str(), bad.as_str()), ("good\n", "bad\n"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn output_and_error_can_share_one_pipe() {
    let (mut output, child_output) = anonymous::pipe().unwrap();
    let child_errors = child_output.try_clone().unwrap();
    let mut child = spawn(
        Command::new("sh")
            .args(["-c", "echo one; echo two >&2; echo three"])
            .stdout(child_output)
            .stderr(child_errors),
    );
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\ntwo\nthree\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_killed_reader_is_no_reader() {
    let (child_input, writer) = anonymous::pipe().unwrap();
    let mut child = spawn(Command::new("sleep").arg("1000").stdin(child_input));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.exact().write(&fill(3_000_000, 1)));
        // The pipe is full or will be, and nobody reads: only the death of the child can end this.
        child.kill().unwrap();
        child.wait().unwrap();
        let code = waiting.join().unwrap().unwrap_err();
        // No data when it died before the write began.
        assert!(
            [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA].contains(&code),
            "{code:?}"
        );
    });
    let _quiet = no_child_starts();
    assert_eq!(writer.exact().write(b"x"), Err(Win32Error::NO_DATA));
}

#[test]
fn a_flush_notices_that_the_reader_was_killed() {
    let (child_input, writer) = anonymous::pipe().unwrap();
    let mut child = spawn(Command::new("sleep").arg("1000").stdin(child_input));
    writer.exact().write(b"never read").unwrap();
    assert_eq!(
        writer.exact().flush_until(soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.exact().flush_until(None));
        child.kill().unwrap();
        child.wait().unwrap();
        // A flush that begins after the death has nothing to wait for.
        let result = waiting.join().unwrap();
        assert!(
            [Ok(()), Err(Win32Error::BROKEN_PIPE)].contains(&result),
            "{result:?}"
        );
    });
}

#[test]
fn what_a_killed_writer_wrote_is_readable_then_the_file_ends() {
    let (mut output, child_output) = anonymous::pipe().unwrap();
    let mut child = spawn(
        Command::new("sh")
            .args(["-c", "echo last words; exec sleep 1000"])
            .stdin(Stdio::null())
            .stdout(child_output),
    );
    let mut words = [0; 11];
    output.read_exact(&mut words).unwrap();
    assert_eq!(&words, b"last words\n");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(output.read(&mut [0; 9]).unwrap(), 0);
}
