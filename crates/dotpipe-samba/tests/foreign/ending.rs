//! One of the ends goes or is killed, and Samba starts anew.

use std::process::{Child, Command, Stdio};

use dotpipe::options::{CreateOptions, PipeMode};
use dotpipe::win32::Win32Error;

use crate::exporting::{Exporting, create, echo, options, read, unique};
use crate::python::{Answer, Client, acquainted, with_each};
use crate::support::patience::until;

/// What Samba says when there is no pipe of the name.
const NAME_NOT_FOUND: Answer = Answer::Status(0xC000_0034);

#[test]
fn all_that_the_server_wrote_arrives_before_the_end() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("last");
        let roomy = CreateOptions {
            out_quota: 1 << 20,
            ..options(PipeMode::Message)
        };
        let server = create(&name, &roomy);
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        let messages: Vec<Vec<u8>> = (1..=20).map(|n| vec![n; 20_000]).collect();
        for message in &messages {
            server.write(message).unwrap();
        }
        drop(server);
        for message in &messages {
            assert_eq!(client.read("p", 65_536), Answer::data(message));
        }
        let end = client.read("p", 65_536);
        assert!(end.is_the_end(), "{end:?}");
        assert_eq!(client.close("p"), Answer::done(""));
    });
}

#[test]
fn a_killed_server_is_the_end_and_its_name_goes() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("killed");
        let mut server = server_process(&name);
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        // The answer tells that the read which comes next can only end with the server.
        assert_eq!(client.transact("p", b"x", 9), Answer::data(b"x"));
        client.tell("read p 100");
        server.kill().unwrap();
        server.wait().unwrap();
        let end = client.hear();
        assert!(end.is_the_end(), "{end:?}");
        until("the socket goes", || !smbd.socket(&name).exists());
        assert_eq!(client.open("q", &name), NAME_NOT_FOUND);
    });
}

#[test]
fn a_client_killed_in_the_midst_of_a_message_has_not_said_it() {
    for pipe_type in [PipeMode::Message, PipeMode::Byte] {
        with_each(|library| {
            let Some((smbd, mut client)) = acquainted(library) else {
                return;
            };
            let name = unique("half");
            let server = create(&name, &options(pipe_type));
            let _exporting = Exporting::of(&smbd, &name);
            assert_eq!(client.open("p", &name), Answer::done(""));
            assert_eq!(client.write("p", b"whole"), Answer::done(5));
            client.tell(&format!("die p {}", "61".repeat(60_000)));
            assert_eq!(read(&server, 70_000), Ok((b"whole".to_vec(), false)));
            assert_eq!(read(&server, 70_000), Err(Win32Error::BROKEN_PIPE));
            // The instance is as good as new.
            server.disconnect().unwrap();
            let _listening = server.start_connect();
            let Some(mut next) = Client::start(library) else {
                return;
            };
            next.connect(&smbd);
            assert_eq!(next.open("p", &name), Answer::done(""));
        });
    }
}

#[test]
fn a_client_killed_while_it_reads_is_gone_for_the_server() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("reading");
        let server = create(&name, &options(PipeMode::Message));
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        server.write(b"first").unwrap();
        assert_eq!(client.read("p", 2), Answer::data(b"fi"));
        client.tell("read p 100");
        assert_eq!(client.hear(), Answer::data(b"rst"));
        client.tell("read p 100");
        client.kill();
        assert_eq!(read(&server, 100), Err(Win32Error::BROKEN_PIPE));
        assert_eq!(server.write(b"x"), Err(Win32Error::NO_DATA));
    });
}

#[test]
fn samba_may_be_started_anew() {
    with_each(|library| {
        let Some((mut smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("anew");
        echo(&name, &options(PipeMode::Message), 2);
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        assert_eq!(client.transact("p", b"x", 9), Answer::data(b"x"));
        smbd.stop();
        let lost = client.transact("p", b"y", 9);
        assert!(matches!(lost, Answer::Lost(_)), "{lost:?}");
        smbd.run();
        client.connect(&smbd);
        assert_eq!(client.open("p", &name), Answer::done(""));
        assert_eq!(client.transact("p", b"z", 9), Answer::data(b"z"));
    });
}

const ROLE: &str = "DOTPIPE_TEST_ROLE";
/// Ends the line by which the server's process says that it listens; the rest is the test harness talking.
const LISTENING: &str = "@ listening";

/// A process that serves a message pipe of this name: this program once more.
fn server_process(name: &str) -> Child {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ending::role", "--nocapture"])
        .env(ROLE, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listens = lines.any(|line| line.unwrap().ends_with(LISTENING));
    assert!(listens, "the server has ended");
    child
}

/// What such a process does. For anybody else it is empty.
#[test]
fn role() {
    let Ok(name) = std::env::var(ROLE) else {
        return;
    };
    let end = create(&name, &options(PipeMode::Message));
    println!("{LISTENING}");
    let _ = end.connect();
    let mut question = Vec::new();
    while end.read_message(&mut question).is_ok() {
        end.write(&question).unwrap();
    }
}
