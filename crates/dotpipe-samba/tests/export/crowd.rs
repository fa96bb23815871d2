//! Many at once, and slow ones among them.

use std::sync::Arc;

use dotpipe::exact::open_remote;
use dotpipe::options::{CreateOptions, PipeMode, WaitMode};
use dotpipe::win32::Win32Error;
use dotpipe_samba::Export;

use crate::exporting::{
    BOTH, Exporting, create, echo, local, open, open_messages, options, read, unique,
};
use crate::process::Server;
use crate::support::patience::{soon, start};
use crate::support::{Settings, Smbd};

const CLIENTS: usize = 20;
const ROUNDS: usize = 50;

#[test]
fn twenty_clients_at_once() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("crowd");
    echo(&name, &options(PipeMode::Message), CLIENTS);
    let _exporting = Exporting::of(&smbd, &name);
    let smbd = Arc::new(smbd);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (smbd, name) = (smbd.clone(), name.clone());
            start("a client", move || {
                let options = smbd.options().own_connection(client % 2 == 0);
                let end = open_remote(&smbd.pipe(&name), BOTH, None, &options).unwrap();
                end.set_state(PipeMode::Message, WaitMode::Blocking)
                    .unwrap();
                let mut reply = vec![0; 3000];
                for round in 0..ROUNDS {
                    let len = 1 + (client + round) * 37 % 2999;
                    let question = vec![(client * ROUNDS + round) as u8; len];
                    let received = end.transact(&question, &mut reply).unwrap();
                    assert!(reply[..received.len] == question, "{client} {round}");
                }
            })
        })
        .collect();
    for client in clients {
        client.end();
    }
}

#[test]
fn who_does_not_read_holds_nobody_else_up() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("slow");
    let roomy = CreateOptions {
        out_quota: 1000,
        in_quota: 1000,
        ..options(PipeMode::Message)
    };
    let (full, deaf) = (create(&name, &roomy), create(&name, &roomy));
    let _exporting = Exporting::of(&smbd, &name);

    // A client that does not read, until everything between is full.
    let _slow = open_messages(&smbd, &name);
    let message = vec![1; 60_000];
    while full.write_until(&message, soon()).is_ok() {}
    // A server that does not read, likewise.
    let talker = Arc::new(open_messages(&smbd, &name));
    while talker.write_until(&message, soon()).is_ok() {}

    let other = unique("quick");
    echo(&other, &options(PipeMode::Message), 1);
    let _exporting = Exporting::of(&smbd, &other);
    let options = smbd.options().own_connection(true);
    let quick = open_remote(&smbd.pipe(&other), BOTH, None, &options).unwrap();
    for _ in 0..20 {
        quick.write(b"quick").unwrap();
        assert_eq!(read(&quick, 9).unwrap().0, b"quick");
    }
    // On the pipe of the two as well.
    let next = create(&name, &roomy);
    let quick = open_remote(&smbd.pipe(&name), BOTH, None, &options).unwrap();
    quick.write(b"quick").unwrap();
    assert_eq!(read(&next, 9).unwrap().0, b"quick");
    drop((full, deaf));
}

#[test]
fn a_server_that_does_not_answer_holds_nobody_else_up() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (frozen, other) = (unique("frozen"), unique("other"));
    let server = Server::start(&frozen);
    echo(&other, &options(PipeMode::Message), 1);
    let exporting = Exporting::start(&smbd.sockets(), &[&frozen, &other]);
    for name in [&frozen, &other] {
        exporting.until_exported(name);
    }
    server.freeze();
    // More than there are threads for them.
    let waiting: Vec<_> = (0..6)
        .map(|_| {
            let options = smbd.options().own_connection(true);
            let pipe = smbd.pipe(&frozen);
            start("an open", move || {
                open_remote(&pipe, BOTH, None, &options).map(drop)
            })
        })
        .collect();
    let quick = open_messages(&smbd, &other);
    for _ in 0..20 {
        quick.write(b"quick").unwrap();
        assert_eq!(read(&quick, 9).unwrap().0, b"quick");
    }
    for open in waiting {
        assert_eq!(open.end(), Err(Win32Error::PIPE_BUSY));
    }
}

#[test]
fn a_pipe_has_as_many_clients_as_the_export_allows() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("few");
    echo(&name, &options(PipeMode::Message), 3);
    let export = Export::pipes(smbd.sockets(), [local(&name)]);
    let exporting = Exporting::run(export.max_clients(2));
    exporting.until_exported(&name);
    let _two = [open_messages(&smbd, &name), open_messages(&smbd, &name)];
    assert_eq!(open(&smbd, &name).err(), Some(Win32Error::PIPE_BUSY));
}
