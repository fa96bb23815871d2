//! Who gets in and who does not.

use std::time::Duration;

use dotpipe::exact::open_remote;
use dotpipe::options::{CreateOptions, PipeMode, WaitTimeout};
use dotpipe::remote::{Credentials, SmbOptions};
use dotpipe::security::{Protection, Sid};
use dotpipe::win32::Win32Error;
use dotpipe_samba::export::Event;

use crate::exporting::{BOTH, Exporting, create, open, open_messages, options, read, unique};
use crate::support::patience::start;
use crate::support::{Settings, Smbd};

#[test]
fn whoever_is_let_in_stands_in_the_log() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("log");
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    let _end = open_messages(&smbd, &name);
    let opened = exporting.until_told(|event| matches!(event, Event::Opened { .. }));
    let line = opened.to_string();
    assert!(line.starts_with(&name), "{line}");
    let user = format!("\\{} from 127.0.0.1", smbd.user());
    assert!(line.ends_with(&user), "{line}");
}

#[test]
fn the_server_learns_who_the_client_is() {
    let Some(smbd) = Smbd::start(Settings(&["server smb encrypt = required"])) else {
        return;
    };
    let name = unique("who");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    end.write(b"it is me").unwrap();
    assert_eq!(read(&server, 100).unwrap().0, b"it is me");

    let client = server.remote_client().unwrap().unwrap();
    let account = client.account().unwrap();
    assert!(
        account.ends_with(&format!("\\{}", smbd.user())),
        "{account}"
    );
    assert_eq!(client.computer(), "127.0.0.1");
    assert_eq!(client.protected(), Protection::Encrypted);
    let unix = client.unix_token().unwrap();
    let user = unix.user();
    assert!(client.token().is(&user));
    assert!(client.token().is(&Sid::AUTHENTICATED_USERS));
    assert_eq!(server.peer_token().unwrap().user(), client.token().user());
    assert_eq!(server.peer_computer_name().unwrap(), "127.0.0.1");
    if rustix::process::geteuid().is_root() {
        // Not the bridge's, which is root.
        assert_ne!(user, Sid::user(0));
        let acting = server.impersonate().unwrap();
        let file = tempfile::Builder::new().tempfile_in("/tmp").unwrap();
        let owner = std::os::unix::fs::MetadataExt::uid(&file.as_file().metadata().unwrap());
        drop(acting);
        assert_eq!(Some(owner), unix.user_id());
    }
}

#[test]
fn the_descriptor_decides() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    // Nobody of the network; everybody else.
    for (descriptor, is_let_in) in [
        ("D:(D;;GA;;;NU)(A;;GA;;;WD)", false),
        ("D:(A;;GR;;;AU)", false),
        ("D:(A;;GRGW;;;AU)", true),
        ("D:(A;;GRGW;;;NU)", true),
    ] {
        let name = unique("descriptor");
        let _server = create(
            &name,
            &CreateOptions {
                security: Some(descriptor.parse().unwrap()),
                ..options(PipeMode::Message)
            },
        );
        let exporting = Exporting::of(&smbd, &name);
        match open(&smbd, &name) {
            Ok(_) => assert!(is_let_in, "{descriptor}"),
            Err(code) => {
                assert!(!is_let_in, "{descriptor}");
                assert_eq!(code, Win32Error::ACCESS_DENIED);
                exporting.until_told(|event| matches!(event, Event::Refused { .. }));
            }
        }
    }
}

#[test]
fn a_pipe_whose_instances_have_clients_is_busy_at_once() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("busy");
    let server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    let first = open_messages(&smbd, &name);
    assert_eq!(open(&smbd, &name).err(), Some(Win32Error::PIPE_BUSY));
    exporting.until_told(|event| matches!(event, Event::Refused { .. }));
    // On the same connection, which has not been held up.
    first.write(b"x").unwrap();
    assert_eq!(read(&server, 9), Ok((b"x".to_vec(), false)));
    // Whoever waits gets in when an instance listens.
    let wait = WaitTimeout::For(Duration::from_secs(30));
    let (pipe, settings) = (smbd.pipe(&name), smbd.options());
    let waiting = start("a client that waits", move || {
        open_remote(&pipe, BOTH, Some(wait), &settings).map(drop)
    });
    drop(first);
    assert_eq!(read(&server, 9), Err(Win32Error::BROKEN_PIPE));
    server.disconnect().unwrap();
    let _ = server.connect();
    assert_eq!(waiting.end(), Ok(()));
}

#[test]
fn a_pipe_for_this_machine_only_is_denied() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("here");
    let _server = create(
        &name,
        &CreateOptions {
            reject_remote_clients: true,
            ..options(PipeMode::Message)
        },
    );
    let exporting = Exporting::of(&smbd, &name);
    assert_eq!(open(&smbd, &name).err(), Some(Win32Error::ACCESS_DENIED));
    let refused = exporting.until_told(|event| matches!(event, Event::Refused { .. }));
    assert!(refused.to_string().contains("of this machine only"));
}

#[test]
fn a_wrong_password_does_not_come_here() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("password");
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    let wrong = smbd.options_with("swordfish");
    let opened = open_remote(&smbd.pipe(&name), BOTH, None, &wrong);
    assert_eq!(opened.err(), Some(Win32Error::LOGON_FAILURE));
    assert_eq!(exporting.events().len(), 1);
}

#[test]
fn guests_and_the_anonymous_need_a_descriptor_that_names_them() {
    let Some(smbd) = Smbd::start(Settings(&[
        "map to guest = bad user",
        "restrict anonymous = 0",
    ])) else {
        return;
    };
    let unnamed = || {
        [Credentials::anonymous(), Credentials::guest()]
            .map(|credentials| SmbOptions::new().port(smbd.port()).credentials(credentials))
    };
    let name = unique("guests");
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    for options in unnamed() {
        let opened = open_remote(&smbd.pipe(&name), BOTH, None, &options);
        assert_eq!(opened.err(), Some(Win32Error::ACCESS_DENIED));
    }
    let refused = exporting.events();
    let refused = refused
        .iter()
        .filter(|event| matches!(event, Event::Refused { .. }));
    assert_eq!(refused.count(), 2);
    assert!(open(&smbd, &name).is_ok());

    let name = unique("for-guests");
    let let_in = CreateOptions {
        security: Some(
            "D:(A;;GA;;;OW)(A;;GRGW;;;AN)(A;;GRGW;;;BG)"
                .parse()
                .unwrap(),
        ),
        ..options(PipeMode::Message)
    };
    let servers = [create(&name, &let_in), create(&name, &let_in)];
    let _exporting = Exporting::of(&smbd, &name);
    for (server, options) in servers.iter().zip(unnamed()) {
        let end = open_remote(&smbd.pipe(&name), BOTH, None, &options).unwrap();
        end.write(b"x").unwrap();
        assert_eq!(read(server, 9).unwrap().0, b"x");
        let client = server.remote_client().unwrap().unwrap();
        assert!(!client.token().is(&Sid::AUTHENTICATED_USERS));
    }
}
