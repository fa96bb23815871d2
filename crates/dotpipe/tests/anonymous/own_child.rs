//! The test program itself at the other end: it is told of its ends by their numbers, or has one as its
//! standard input.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use dotpipe::anonymous::{self, Options, PipeReader, PipeWriter};
use dotpipe::win32::Win32Error;

use crate::support::process::{Part, Role, say};
use crate::{STARTING, fill, no_child_starts, soon, spawn};

pub(crate) const ROLES: &[(&str, Part)] = &[("copier", copier), ("idler", idler)];

/// Copies what comes from one end into the other one.
fn copier(numbers: &[String]) {
    let mut from = PipeReader::from_inherited(&numbers[0]).unwrap();
    let mut to = PipeWriter::from_inherited(&numbers[1]).unwrap();
    let mut all = Vec::new();
    from.read_to_end(&mut all).unwrap();
    to.write_all(&all).unwrap();
}

/// Does nothing until it is killed.
fn idler(_: &[String]) {
    say("here");
    loop {
        thread::park();
    }
}

#[test]
fn a_child_finds_its_ends_by_their_numbers() {
    let (their_input, mut input) = Options::new().inheritable_reader(true).create().unwrap();
    let (mut output, their_output) = Options::new().inheritable_writer(true).create().unwrap();
    let numbers = [&their_input.number(), &their_output.number()].map(|number| number.to_string());
    let copier = {
        let _starting = STARTING.write().unwrap();
        let copier = Role::start("copier", &numbers);
        drop((their_input, their_output));
        copier
    };
    let data = fill(300_000, 3);
    thread::scope(|scope| {
        let data = &data;
        scope.spawn(move || input.write_all(data).unwrap());
        let mut copied = Vec::new();
        output.read_to_end(&mut copied).unwrap();
        assert!(copied == *data);
    });
    copier.end();
}

#[test]
fn a_killed_child_is_no_reader() {
    let (their_input, writer) = anonymous::pipe().unwrap();
    let mut idler = spawn(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "role", "--nocapture"])
            .env("DOTPIPE_TEST_ROLE", "idler")
            .stdin(their_input)
            .stdout(Stdio::null()),
    );
    writer.exact().write(b"never read").unwrap();
    assert_eq!(
        writer.exact().flush_until(soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    assert_eq!(
        writer.exact().write_until(&fill(3_000_000, 1), soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    idler.kill().unwrap();
    idler.wait().unwrap();
    let _quiet = no_child_starts();
    assert_eq!(writer.exact().write(b"x"), Err(Win32Error::NO_DATA));
}
