//! Which pipes are exported, and when.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use dotpipe::exact::open_remote;
use dotpipe::options::{CreateOptions, PipeMode, WaitTimeout};
use dotpipe::win32::Win32Error;
use dotpipe_samba::Export;
use dotpipe_samba::export::Event;
use dotpipe_samba::setup::Samba;

use crate::exporting::{BOTH, Exporting, create, local, open, open_messages, options, unique};
use crate::support::patience::until;
use crate::support::{Settings, Smbd};

/// Longer than any test takes.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn a_pipe_comes_and_goes_with_its_server() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("Coming ЖÉ");
    let exporting = Exporting::start(&smbd.sockets(), &[&name]);
    for _ in 0..3 {
        let server = create(&name, &options(PipeMode::Message));
        exporting.until_exported(&name);
        open_messages(&smbd, &name);
        drop(server);
        until("the socket goes", || !smbd.socket(&name).exists());
    }
    exporting.stop().unwrap();
}

/// Nothing but the client makes the export look whether the pipe is still there.
#[test]
fn who_waits_for_a_pipe_that_has_gone_hears_that_it_is_not_there() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("gone");
    let server = create(&name, &options(PipeMode::Message));
    let export = Export::pipes(smbd.sockets(), [local(&name)]).interval(NEVER);
    let exporting = Exporting::run_as_is(export);
    exporting.until_exported(&name);
    drop(server);
    let opened = open_remote(
        &smbd.pipe(&name),
        BOTH,
        Some(WaitTimeout::For(NEVER)),
        &smbd.options(),
    );
    assert_eq!(opened.err(), Some(Win32Error::FILE_NOT_FOUND));
    exporting.until_told(|event| matches!(event, Event::Withdrawn { .. }));
}

#[test]
fn letters_become_small_as_samba_makes_them() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    // The end of a word, a letter without a small one of one letter, a title letter, the unit.
    let names = ["ΟΔΟΣ", "İZ", "ǅ", "STRAẞE", "\u{2126}"].map(unique);
    let _servers = names
        .each_ref()
        .map(|name| create(name, &options(PipeMode::Message)));
    let exporting = Exporting::start(&smbd.sockets(), &names.each_ref().map(String::as_str));
    until("all are exported", || {
        exporting.events().len() == names.len()
    });
    for name in &names {
        assert!(open(&smbd, name).is_ok(), "{name}");
    }
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
    let exporting = Exporting::run(Export::all(smbd.sockets()));
    exporting.until_exported(&open_name);
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
    until("it can be opened", || open(&smbd, &name).is_ok());
}

#[test]
fn names_that_samba_cannot_have_are_told() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let slash = unique("a/b");
    let long = unique(&"x".repeat(100));
    let fits = unique("fits");
    let names = [&slash, &long, &fits];
    let _servers = names.map(|name| create(name, &options(PipeMode::Message)));
    let exporting = Exporting::start(&smbd.sockets(), &names.map(String::as_str));
    until("all are told", || exporting.events().len() == names.len());
    let skipped = |name: &str| {
        exporting
            .events()
            .iter()
            .any(|event| matches!(event, Event::Skipped { pipe, .. } if pipe.name() == name))
    };
    let told = exporting.log();
    assert!(
        skipped(&slash) && skipped(&long) && !skipped(&fits),
        "{told:?}"
    );
}

#[test]
fn samba_may_look_elsewhere() {
    let folder = tempfile::Builder::new().prefix("sd").tempdir().unwrap();
    let sockets = folder.path().join("np");
    std::fs::create_dir(&sockets).unwrap();
    let setting = format!("external_rpc_pipe:socket_dir = {}", folder.path().display());
    let Some(smbd) = Smbd::start_with(vec![setting]) else {
        return;
    };
    let samba = Samba::find(Some(&smbd.configuration())).unwrap();
    assert_eq!(samba.directory().unwrap(), sockets);
    assert_eq!(samba.own_directory().unwrap(), smbd.sockets());
    assert!(samba.is_running().unwrap());
    let name = unique("elsewhere");
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::start(&sockets, &[&name]);
    exporting.until_told(|event| matches!(event, Event::Exported { .. }));
    open_messages(&smbd, &name);
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
