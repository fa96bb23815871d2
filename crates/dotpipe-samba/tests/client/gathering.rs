//! Small writes to a byte pipe are gathered, within a bound and a delay, and what ends the gathering.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use dotpipe::exact::{End, open_remote};
use dotpipe::options::PipeMode;
use dotpipe::remote::{Collection, SmbOptions};
use dotpipe::win32::Win32Error;

use crate::support::patience::PATIENCE;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{BOTH, open};

/// No test waits that long.
const NEVER: Duration = Duration::from_secs(3600);

/// A pipe whose server tells what has arrived, portion by portion.
fn told(smbd: &Smbd) -> (Served, Receiver<Vec<u8>>) {
    let (sender, arrived) = mpsc::channel();
    let sender = Mutex::new(sender);
    let served = Served::start(smbd, "bytes", Type::Byte, move |mut client| {
        while let Some(bytes) = client.receive()? {
            let _ = sender.lock().unwrap().send(bytes);
        }
        Ok(())
    });
    (served, arrived)
}

fn opened(smbd: &Smbd, options: SmbOptions) -> End {
    let options = options.pipe_type(PipeMode::Byte);
    open_remote(&smbd.pipe("bytes"), BOTH, None, &options).unwrap()
}

fn next(arrived: &Receiver<Vec<u8>>) -> Vec<u8> {
    arrived.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn small_writes_wait_for_one_another() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (_served, arrived) = told(&smbd);
    let collection = Collection {
        bytes: 8,
        delay: NEVER,
    };
    let end = opened(&smbd, smbd.options().collection(collection));
    for byte in b"abcdefgh" {
        assert_eq!(end.write(&[*byte]), Ok(1));
    }
    assert!(arrived.try_recv().is_err());
    // The ninth does not fit any more.
    end.write(b"i").unwrap();
    assert_eq!(next(&arrived), b"abcdefgh");
    // Whoever wants to read has said what there was to say.
    assert_eq!(end.peek(&mut []).map(|peeked| peeked.available), Ok(0));
    assert_eq!(next(&arrived), b"i");
    // A large one takes the small ones along, in order.
    end.write(b"small").unwrap();
    end.write(b"large enough").unwrap();
    let mut all = next(&arrived);
    while all.len() < 17 {
        all.extend(next(&arrived));
    }
    assert_eq!(all, b"smalllarge enough");
    // Closing loses nothing.
    end.write(b"last").unwrap();
    drop(end);
    assert_eq!(next(&arrived), b"last");
}

#[test]
fn the_delay_is_an_end_as_well() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (_served, arrived) = told(&smbd);
    let end = opened(&smbd, smbd.options());
    end.write(b"by default soon").unwrap();
    assert_eq!(next(&arrived), b"by default soon");
    let collection = Collection {
        bytes: 100,
        delay: NEVER,
    };
    assert_eq!(end.set_collection(collection), Ok(()));
    end.write(b"a").unwrap();
    assert!(arrived.try_recv().is_err());
    // A change of the setting begins anew.
    let collection = Collection {
        bytes: 100,
        delay: Duration::from_millis(1),
    };
    end.set_collection(collection).unwrap();
    assert_eq!(next(&arrived), b"a");
}

#[test]
fn a_flush_sends_what_was_gathered() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (_served, arrived) = told(&smbd);
    let collection = Collection {
        bytes: 100,
        delay: NEVER,
    };
    let end = opened(&smbd, smbd.options().collection(collection));
    end.write(b"a").unwrap();
    // Samba cannot tell when it has been read.
    assert_eq!(end.flush(), Err(Win32Error::NOT_SUPPORTED));
    assert_eq!(next(&arrived), b"a");
}

#[test]
fn nothing_is_gathered_with_write_through_or_on_a_pipe_of_unknown_type() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (_served, arrived) = told(&smbd);
    let collection = Collection {
        bytes: 100,
        delay: NEVER,
    };
    let options = smbd.options().collection(collection).write_through(true);
    let through = opened(&smbd, options);
    through.write(b"a").unwrap();
    assert_eq!(next(&arrived), b"a");
    let unknown = open(&smbd, "bytes");
    unknown.set_collection(collection).unwrap();
    unknown.write(b"b").unwrap();
    assert_eq!(next(&arrived), b"b");
}

#[test]
fn what_could_not_be_sent_is_told_later() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "bytes", Type::Byte, |client| {
        client.hang_up();
        Ok(())
    });
    let end = opened(&smbd, smbd.options());
    let mut results = Vec::new();
    while results
        .last()
        .is_none_or(|result: &Result<_, _>| result.is_ok())
    {
        results.push(end.write(b"x"));
        assert!(results.len() < 1_000_000);
    }
    assert_eq!(results.pop(), Some(Err(Win32Error::NO_DATA)));
}
