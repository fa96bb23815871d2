//! Who gets in, who does not, and who it is for the pipe's server.

use dotpipe::options::{CreateOptions, PipeMode};
use dotpipe::security::{Protection, Sid};
use dotpipe::win32::Win32Error;
use dotpipe_samba::export::Event;

use crate::exporting::{Exporting, create, options, read, unique};
use crate::python::{Answer, Library, acquainted, strangers, with_each};
use crate::support::Settings;

const ACCESS_DENIED: Answer = Answer::Status(0xC000_0022);
const LOGON_FAILURE: Answer = Answer::Status(0xC000_006D);
/// What Samba says when the export refuses a client because there is no instance for it.
const DISCONNECTED: Answer = Answer::Status(0xC000_020C);
/// And when the client may not.
const RESET: Answer = Answer::Status(0xC000_020D);

#[test]
fn a_wrong_password_is_refused() {
    with_each(|library| {
        let Some((smbd, mut client)) = strangers(library, Settings::default()) else {
            return;
        };
        assert_eq!(client.connect_with(&smbd, "swordfish"), LOGON_FAILURE);
        client.connect(&smbd);
    });
}

#[test]
fn nobody_is_refused() {
    // `smbprotocol` cannot log on without a name. Samba refuses by itself, if it is told to; else the pipe's
    // descriptor does.
    for settings in [Settings::default(), Settings(&["restrict anonymous = 0"])] {
        let is_strict = settings.0.is_empty();
        let Some((smbd, mut client)) = strangers(Library::Impacket, settings) else {
            return;
        };
        let connected = client.ask(&format!("connect {} -", smbd.port()));
        if is_strict {
            assert_eq!(connected, ACCESS_DENIED);
            continue;
        }
        assert_eq!(connected, Answer::done(""));
        let name = unique("nobody");
        let _server = create(&name, &options(PipeMode::Message));
        let exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), RESET);
        exporting.until_told(|event| matches!(event, Event::Refused { .. }));
    }
}

#[test]
fn the_descriptor_decides() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        // Nobody but the server's user; not over a network; readers only.
        for descriptor in [
            "D:(A;;GA;;;OW)",
            "D:(D;;GA;;;NU)(A;;GA;;;WD)",
            "D:(A;;GA;;;OW)(A;;GR;;;AU)",
        ] {
            let name = unique("descriptor");
            let strict = CreateOptions {
                security: Some(descriptor.parse().unwrap()),
                ..options(PipeMode::Message)
            };
            let _server = create(&name, &strict);
            let exporting = Exporting::of(&smbd, &name);
            assert_eq!(client.open("p", &name), RESET, "{descriptor}");
            exporting.until_told(|event| matches!(event, Event::Refused { .. }));
        }
    });
}

#[test]
fn pipes_of_this_machine_only_are_refused_and_busy_ones_otherwise() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let (here, busy) = (unique("here"), unique("busy"));
        let local = CreateOptions {
            reject_remote_clients: true,
            ..options(PipeMode::Message)
        };
        let _here = create(&here, &local);
        let _busy = create(&busy, &options(PipeMode::Message));
        let _exporting = [Exporting::of(&smbd, &here), Exporting::of(&smbd, &busy)];
        assert_eq!(client.open("p", &here), RESET);
        assert_eq!(client.open("p", &busy), Answer::done(""));
        assert_eq!(client.open("q", &busy), DISCONNECTED);
    });
}

#[test]
fn the_server_sees_who_it_is() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("who");
        let server = create(&name, &options(PipeMode::Message));
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        let who = server.remote_client().unwrap().unwrap();
        let account = who.account().unwrap();
        let user = format!("\\{}", smbd.user());
        assert!(account.ends_with(&user), "{account}");
        assert_eq!(server.peer_computer_name().unwrap(), "127.0.0.1");
        assert_eq!(server.peer_token().unwrap().user(), who.token().user());
        for sid in [Sid::AUTHENTICATED_USERS, Sid::NETWORK, Sid::EVERYONE] {
            assert!(who.token().is(&sid), "{sid}");
        }
        // The user of this system whom Samba maps it to, by its number, too.
        let unix = who.unix_token().unwrap();
        assert!(who.token().is(&unix.user()));
        // No process of this machine stands behind it.
        assert_eq!(server.peer_process_id(), Err(Win32Error::NOT_SUPPORTED));
    });
}

/// How a client came to a server with such settings, as the pipe's server sees it.
fn protection(library: Library, settings: &'static [&'static str]) -> Option<Protection> {
    let (smbd, mut client) = strangers(library, Settings(settings))?;
    client.connect(&smbd);
    let name = unique("protected");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    assert_eq!(client.open("p", &name), Answer::done(""));
    for len in [1, 60_000] {
        let message = vec![3; len];
        assert_eq!(client.write("p", &message), Answer::done(len));
        assert!(read(&server, 70_000) == Ok((message.clone(), false)));
        server.write(&message).unwrap();
        assert_eq!(client.read("p", 65_536), Answer::data(&message));
    }
    Some(server.remote_client().unwrap().unwrap().protected())
}

#[test]
fn signatures_may_be_demanded() {
    with_each(|library| {
        if let Some(protection) = protection(library, &["server signing = mandatory"]) {
            // Of signatures Samba says nothing.
            let expected = match library {
                Library::Smbprotocol => Protection::Unknown,
                Library::Impacket => Protection::Encrypted,
            };
            assert_eq!(protection, expected);
        }
    });
}

#[test]
fn encryption_may_be_demanded() {
    with_each(|library| {
        if let Some(protection) = protection(library, &["server smb encrypt = required"]) {
            assert_eq!(protection, Protection::Encrypted);
        }
    });
}
