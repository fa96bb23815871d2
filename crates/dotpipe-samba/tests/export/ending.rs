//! One of the ends goes, dies or is cut off, and what was written before.

use std::os::unix::net::UnixStream;
use std::thread;

use dotpipe::exact::open_remote;
use dotpipe::options::{CreateOptions, PipeMode};
use dotpipe::win32::Win32Error;

use crate::exporting::{BOTH, Exporting, create, echo, open, open_messages, options, read, unique};
use crate::process::Server;
use crate::support::patience::{start, until};
use crate::support::{Settings, Smbd};

/// Asserts that Samba finds no such pipe. One that is not root has another word for it.
fn assert_nowhere(smbd: &Smbd, name: &str) {
    let code = open(smbd, name).err().unwrap();
    let other = !rustix::process::geteuid().is_root() && code == Win32Error::ACCESS_DENIED;
    assert!(code == Win32Error::FILE_NOT_FOUND || other, "{code}");
}

#[test]
fn all_that_was_written_before_the_server_went_arrives() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    // More than the socket between Samba and the export holds.
    const COUNT: usize = 200;
    for disconnects in [false, true] {
        let name = unique("last");
        let server = create(
            &name,
            &CreateOptions {
                out_quota: 4 << 20,
                ..options(PipeMode::Message)
            },
        );
        let _exporting = Exporting::of(&smbd, &name);
        let end = open_messages(&smbd, &name);
        let messages: Vec<Vec<u8>> = (0..COUNT).map(|n| vec![n as u8; 3000 + n]).collect();
        for message in &messages {
            server.write(message).unwrap();
        }
        let leaving = start("the server", move || {
            if disconnects {
                // The export has everything now, and what it has the client gets.
                server.flush().unwrap();
                server.disconnect().unwrap();
            }
            drop(server);
        });
        for message in &messages {
            assert!(read(&end, 70_000) == Ok((message.clone(), false)));
        }
        assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
        leaving.end();
    }
}

#[test]
fn the_last_bytes_arrive_at_a_client_that_reads_late() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("late");
    let server = create(&name, &options(PipeMode::Byte));
    let _exporting = Exporting::of(&smbd, &name);
    let end = open(&smbd, &name).unwrap();
    server.write(b"last words").unwrap();
    drop(server);
    // The export has noticed when the socket has gone.
    until("the socket goes", || !smbd.socket(&name).exists());
    assert_eq!(read(&end, 4), Ok((b"last".to_vec(), false)));
    assert_eq!(read(&end, 100), Ok((b" words".to_vec(), false)));
    assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn the_last_message_arrives_at_a_client_that_reads_late() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("late-message");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    server.write(b"last words").unwrap();
    drop(server);
    until("the socket goes", || !smbd.socket(&name).exists());
    assert_eq!(read(&end, 100), Ok((b"last words".to_vec(), false)));
    assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn a_disconnected_client_learns_of_it_and_the_instance_serves_the_next() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("next");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    let mut connecting = Vec::new();
    for _ in 0..5 {
        let end = open_messages(&smbd, &name);
        end.write(b"hello").unwrap();
        assert_eq!(read(&server, 100), Ok((b"hello".to_vec(), false)));
        server.disconnect().unwrap();
        assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
        connecting.push(server.start_connect());
    }
}

#[test]
fn a_server_that_is_killed_ends_the_conversation_and_its_socket_goes() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("killed");
    let mut server = Server::start(&name);
    let exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    end.write(b"x").unwrap();
    assert_eq!(read(&end, 9), Ok((b"x".to_vec(), false)));
    let reading = end.start_read(9);
    server.kill();
    assert_eq!(reading.wait(), Err(Win32Error::BROKEN_PIPE));
    until("the socket goes", || !smbd.socket(&name).exists());
    assert_nowhere(&smbd, &name);
    // The next one is found under the same name.
    let _server = Server::start(&name);
    exporting.until_exported(&name);
    open_messages(&smbd, &name).write(b"y").unwrap();
    drop(exporting);
}

#[test]
fn a_client_that_goes_or_is_killed_is_gone_for_the_server() {
    let Some(mut smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("leaving");
    let (one, two) = (
        create(&name, &options(PipeMode::Message)),
        create(&name, &options(PipeMode::Message)),
    );
    let _exporting = Exporting::of(&smbd, &name);
    let leaver = open_messages(&smbd, &name);
    leaver.write(b"bye").unwrap();
    drop(leaver);
    assert_eq!(read(&one, 9), Ok((b"bye".to_vec(), false)));
    assert_eq!(read(&one, 9), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(one.write(b"x"), Err(Win32Error::NO_DATA));

    let _cut_off = open_messages(&smbd, &name);
    let reading = start("the read", move || read(&two, 9));
    smbd.kill();
    assert_eq!(reading.end(), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn a_client_that_is_cut_off_in_the_midst_of_a_message_has_not_said_it() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("half");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    let mut forged = UnixStream::connect(smbd.socket(&name)).unwrap();
    crate::samba::ask(&mut forged, 7);
    std::io::Write::write_all(&mut forged, &[3, 0, b'a', b'l', b'l', 9, 0, b'h']).unwrap();
    drop(forged);
    assert_eq!(read(&server, 9), Ok((b"all".to_vec(), false)));
    assert_eq!(read(&server, 9), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn samba_may_be_started_anew() {
    let Some(mut smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("anew");
    echo(&name, &options(PipeMode::Message), 2);
    let _exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    end.write(b"x").unwrap();
    assert_eq!(read(&end, 9), Ok((b"x".to_vec(), false)));
    smbd.stop();
    assert!(read(&end, 9).is_err());
    smbd.run();
    let options = smbd.options().own_connection(true);
    let end = open_remote(&smbd.pipe(&name), BOTH, None, &options).unwrap();
    end.write(b"y").unwrap();
    assert_eq!(read(&end, 9).unwrap().0, b"y");
}

#[test]
fn an_export_may_be_started_anew() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("again");
    let server = create(&name, &options(PipeMode::Message));
    for _ in 0..3 {
        let exporting = Exporting::of(&smbd, &name);
        let end = open_messages(&smbd, &name);
        end.write(b"x").unwrap();
        assert_eq!(read(&server, 9), Ok((b"x".to_vec(), false)));
        server.write(b"the answer").unwrap();
        // What the export has taken over arrives.
        server.flush().unwrap();
        let stopping = thread::spawn(move || exporting.stop());
        assert_eq!(read(&end, 100), Ok((b"the answer".to_vec(), false)));
        assert_eq!(read(&end, 9), Err(Win32Error::BROKEN_PIPE));
        stopping.join().unwrap().unwrap();
        assert!(!smbd.socket(&name).exists());
        assert_nowhere(&smbd, &name);
        assert_eq!(read(&server, 9), Err(Win32Error::BROKEN_PIPE));
        server.disconnect().unwrap();
        drop(server.start_connect());
        assert_eq!(std::fs::read_dir(smbd.sockets()).unwrap().count(), 0);
    }
}
