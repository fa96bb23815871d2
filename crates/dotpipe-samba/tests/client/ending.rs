//! The other end goes, the server dies, this end closes: whoever waits learns of it, and of the right thing.

use std::io::Read;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use dotpipe::ClientOptions;
use dotpipe::exact::open_remote;
use dotpipe::options::PipeMode;
use dotpipe::win32::Win32Error;

use crate::support::patience::{start, until};
use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{BOTH, open, open_messages, read};

#[test]
fn what_was_sent_before_the_end_is_read() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "last", Type::Message, |mut client| {
        client.receive()?;
        client.send(b"last words")?;
        // Only once they have been read: this is what draining means.
        client.receive()?;
        client.hang_up();
        Ok(())
    });
    let end = open_messages(&smbd, "last");
    end.write(b"go").unwrap();
    assert_eq!(read(&end, 4), Ok((b"last".to_vec(), true)));
    end.write(b"got it").unwrap();
    assert_eq!(read(&end, 100), Ok((b" words".to_vec(), false)));
    assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(end.write(b"x"), Err(Win32Error::NO_DATA));
    let mut reply = [0; 9];
    assert_eq!(end.transact(b"x", &mut reply), Err(Win32Error::BAD_PIPE));
    assert_eq!(end.peek(&mut []), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn a_read_that_waits_learns_that_the_other_end_has_gone() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (go, going) = mpsc::channel::<()>();
    let going = Mutex::new(going);
    let _served = Served::start(&smbd, "goes", Type::Byte, move |client| {
        let _ = going.lock().unwrap().recv();
        client.hang_up();
        Ok(())
    });
    let mut client = ClientOptions::new()
        .smb(&smbd.options())
        .open(smbd.pipe("goes"))
        .unwrap();
    let pending = client.as_exact().start_read(100);
    drop(go);
    assert_eq!(pending.wait(), Err(Win32Error::BROKEN_PIPE));
    // To a stream this is the end of the file.
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_server_that_is_killed_is_not_the_end_of_a_file() {
    let Some(mut smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = std::sync::Arc::new(open_messages(&smbd, "echo"));
    end.write(b"x").unwrap();
    assert_eq!(read(&end, 9), Ok((b"x".to_vec(), false)));
    let reader = end.clone();
    let reading = start("the read", move || read(&reader, 100));
    let pending = end.start_read(100);
    smbd.kill();
    let lost = Win32Error::NETNAME_DELETED;
    assert_eq!(reading.end(), Err(lost));
    assert_eq!(pending.wait(), Err(lost));
    assert_eq!(end.write(b"x"), Err(lost));
    assert_eq!(end.transact(b"x", &mut [0; 9]), Err(lost));
    assert_eq!(read(&end, 9), Err(lost));
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let Some(mut smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let options = smbd.options().silence_timeout(Duration::from_millis(500));
    let end = open_remote(&smbd.pipe("echo"), BOTH, None, &options).unwrap();
    let pending = end.start_read(100);
    // As long as the server is there, a read may wait for as long as it likes.
    assert_eq!(pending.wait_for(Duration::from_secs(2)), None);
    smbd.freeze();
    assert_eq!(pending.wait(), Err(Win32Error::NETNAME_DELETED));
    assert_eq!(end.write(b"x"), Err(Win32Error::NETNAME_DELETED));
    smbd.kill();
}

#[test]
fn a_new_pipe_finds_a_server_that_was_restarted() {
    let Some(mut smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let before = open_messages(&smbd, "echo");
    before.write(b"x").unwrap();
    smbd.stop();
    let unreachable = open_remote(&smbd.pipe("echo"), BOTH, None, &smbd.options());
    assert_eq!(unreachable.err(), Some(Win32Error::BAD_NETPATH));
    smbd.run();
    let after = open_messages(&smbd, "echo");
    after.write(b"y").unwrap();
    assert_eq!(read(&after, 9), Ok((b"y".to_vec(), false)));
    let lost = read(&before, 9).and_then(|_| read(&before, 9));
    assert_eq!(lost, Err(Win32Error::NETNAME_DELETED));
}

#[test]
fn closing_is_seen_at_once_and_ends_what_waits() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open(&smbd, "echo");
    let other = open_messages(&smbd, "echo");
    until("both are there", || served.clients() == 2);
    let pending = end.start_read(100);
    drop(end);
    assert_eq!(pending.result(), Some(Err(Win32Error::OPERATION_ABORTED)));
    until("one is left", || served.clients() == 1);
    // The other pipe of the connection goes on.
    other.write(b"x").unwrap();
    assert_eq!(read(&other, 9), Ok((b"x".to_vec(), false)));
    drop(other);
    until("none is left", || served.clients() == 0);
}

#[test]
fn closing_does_not_wait_for_a_server_that_reads_nothing() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (go, going) = mpsc::channel::<()>();
    let going = Mutex::new(going);
    let _served = Served::start(&smbd, "full", Type::Byte, move |mut client| {
        let _ = going.lock().unwrap().recv();
        client.until_gone()
    });
    let options = smbd.options().pipe_type(PipeMode::Byte);
    let end = open_remote(&smbd.pipe("full"), BOTH, None, &options).unwrap();
    let pending = end.start_write(vec![1; 4_000_000]);
    let closing = start("the close", move || drop(end));
    closing.end();
    assert_eq!(pending.wait(), Err(Win32Error::OPERATION_ABORTED));
    drop(go);
}
