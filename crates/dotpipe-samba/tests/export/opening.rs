//! Who gets in and who does not.

use std::time::Duration;

use dotpipe::exact::open_remote;
use dotpipe::options::{CreateOptions, PipeMode, WaitTimeout};
use dotpipe::remote::{Credentials, SmbOptions};
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
fn guests_and_the_anonymous_are_refused() {
    let Some(smbd) = Smbd::start(Settings(&[
        "map to guest = bad user",
        "restrict anonymous = 0",
    ])) else {
        return;
    };
    let name = unique("guests");
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    for credentials in [Credentials::anonymous(), Credentials::guest()] {
        let options = SmbOptions::new().port(smbd.port()).credentials(credentials);
        let opened = open_remote(&smbd.pipe(&name), BOTH, None, &options);
        assert_eq!(opened.err(), Some(Win32Error::ACCESS_DENIED));
    }
    let refused = exporting.events();
    let refused = refused
        .iter()
        .filter(|event| matches!(event, Event::Refused { .. }));
    assert_eq!(refused.count(), 2);
    assert!(open(&smbd, &name).is_ok());
}
