//! Which pipes are exported, and when.

use std::os::unix::net::UnixListener;

use dotpipe::options::{CreateOptions, PipeMode};
use dotpipe_samba::Export;
use dotpipe_samba::export::Event;

use crate::exporting::{Exporting, create, open, open_messages, options, unique};
use crate::support::patience::until;
use crate::support::{Settings, Smbd};

#[test]
fn a_pipe_comes_and_goes_with_its_server() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("Coming ЖÉ");
    let exporting = Exporting::start(&smbd.sockets(), &[&name]);
    for _ in 0..3 {
        let server = create(&name, &options(PipeMode::Message));
        until("the socket comes", || smbd.socket(&name).exists());
        open_messages(&smbd, &name);
        drop(server);
        until("the socket goes", || !smbd.socket(&name).exists());
    }
    exporting.stop().unwrap();
}

#[test]
fn all_pipes_are_exported_but_those_that_reject_remote_clients() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (open_name, closed_name) = (unique("open"), unique("closed"));
    let _closed = create(
        &closed_name,
        &CreateOptions {
            reject_remote_clients: true,
            ..options(PipeMode::Message)
        },
    );
    let _open = create(&open_name, &options(PipeMode::Message));
    let _exporting = Exporting::run(Export::all(smbd.sockets()));
    until("the socket comes", || smbd.socket(&open_name).exists());
    assert!(!smbd.socket(&closed_name).exists());
    assert!(open(&smbd, &closed_name).is_err());
    open_messages(&smbd, &open_name);
}

#[test]
fn what_a_dead_export_left_is_replaced_and_what_another_has_is_not() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("stale");
    let _server = create(&name, &options(PipeMode::Message));
    drop(UnixListener::bind(smbd.socket(&name)).unwrap());
    let first = Exporting::of(&smbd, &name);
    open_messages(&smbd, &name);

    let second = Exporting::start(&smbd.sockets(), &[&name]);
    second.until_told(|event| matches!(event, Event::Skipped { .. }));
    first.stop().unwrap();
    // It is tried again and again.
    second.until_told(|event| matches!(event, Event::Exported { .. }));
    let told = second.log();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_socket_that_is_removed_is_made_again() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("removed");
    let _server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    std::fs::remove_file(smbd.socket(&name)).unwrap();
    until("the socket comes", || smbd.socket(&name).exists());
    until("it can be opened", || open(&smbd, &name).is_ok());
}

#[test]
fn names_that_samba_cannot_have_are_told() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let slash = unique("a/b");
    let long = unique(&"x".repeat(100));
    // Different names here, the same there: the first one is the degree Kelvin.
    let twice = unique("k");
    let kelvin = format!("\u{212a}{}", &twice[1..]);
    let names = [&slash, &long, &twice, &kelvin];
    let _servers = names.map(|name| create(name, &options(PipeMode::Message)));
    let exporting = Exporting::start(&smbd.sockets(), &names.map(String::as_str));
    until("all are told", || exporting.events().len() == 4);
    let skipped = |name: &str| {
        exporting
            .events()
            .iter()
            .any(|event| matches!(event, Event::Skipped { pipe, .. } if pipe.name() == name))
    };
    assert!(
        skipped(&slash) && skipped(&long) && skipped(&kelvin),
        "{:?}",
        exporting.log()
    );
    assert!(!skipped(&twice));
}

#[test]
fn a_directory_that_others_can_change_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), mode).unwrap();
    let exporting = Exporting::run(Export::all(folder.path()));
    let error = exporting.stop().unwrap_err();
    assert!(error.to_string().contains("chmod 0700"), "{error}");
}
