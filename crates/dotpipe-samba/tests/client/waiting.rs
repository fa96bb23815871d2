//! Deadlines, cancelling, readiness: what waits can be called off, and nothing is lost by it.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use dotpipe::exact::Interest;
use dotpipe::win32::Win32Error;
use rustix::event::{PollFd, PollFlags, poll};

use crate::support::patience::{soon, start, until};
use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{open, open_messages, read};

#[test]
fn what_comes_after_the_deadline_is_for_the_next_read() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    let mut buffer = [0; 100];
    let late = Err(Win32Error::SEM_TIMEOUT);
    assert_eq!(end.read_until(&mut buffer, soon()), late);
    assert_eq!(end.read_until(&mut buffer, soon()), late);
    end.write(b"one").unwrap();
    end.write(b"two").unwrap();
    assert_eq!(read(&end, 100), Ok((b"one".to_vec(), false)));
    assert_eq!(read(&end, 100), Ok((b"two".to_vec(), false)));
}

#[test]
fn an_answer_after_the_deadline_is_unread_data() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (go, going) = mpsc::channel::<()>();
    let going = Mutex::new(going);
    let _served = Served::start(&smbd, "slow", Type::Message, move |mut client| {
        while let Some(question) = client.receive()? {
            let _ = going.lock().unwrap().recv();
            client.send(&question)?;
        }
        Ok(())
    });
    let end = open_messages(&smbd, "slow");
    let mut reply = [0; 100];
    let late = Err(Win32Error::SEM_TIMEOUT);
    assert_eq!(end.transact_until(b"one", &mut reply, soon()), late);
    go.send(()).unwrap();
    until("the answer arrives", || {
        end.peek(&mut []).unwrap().available == 3
    });
    assert_eq!(end.transact(b"two", &mut reply), Err(Win32Error::PIPE_BUSY));
    assert_eq!(read(&end, 100), Ok((b"one".to_vec(), false)));
    go.send(()).unwrap();
    assert_eq!(end.transact(b"two", &mut reply).map(|got| got.len), Ok(3));
}

#[test]
fn a_question_may_follow_a_read_that_was_called_off() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    // Its request stays on its way, and brings the answer of the question.
    assert!(end.read_until(&mut [0; 9], soon()).is_err());
    let mut reply = [0; 100];
    assert_eq!(end.transact(b"hello", &mut reply).map(|got| got.len), Ok(5));
    assert_eq!(end.transact(b"you", &mut reply).map(|got| got.len), Ok(3));
    assert_eq!(&reply[..5], b"youlo");
}

#[test]
fn a_read_is_cancelled_from_another_thread() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = Arc::new(open_messages(&smbd, "echo"));
    assert_eq!(end.cancel(), Err(Win32Error::NOT_FOUND));
    let reader = end.clone();
    let reading = start("the read", move || read(&reader, 100));
    until("it waits", || end.cancel().is_ok());
    assert_eq!(reading.end(), Err(Win32Error::OPERATION_ABORTED));
    end.write(b"later").unwrap();
    assert_eq!(read(&end, 100), Ok((b"later".to_vec(), false)));
}

#[test]
fn a_pending_read_is_cancelled_alone() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    let (first, second) = (end.start_read(100), end.start_read(100));
    assert_eq!(first.cancel(), Ok(()));
    assert_eq!(first.wait(), Err(Win32Error::OPERATION_ABORTED));
    assert_eq!(first.cancel(), Err(Win32Error::NOT_FOUND));
    assert!(!second.is_done());
    end.write(b"x").unwrap();
    assert_eq!(second.wait().unwrap().data, b"x");
}

#[test]
fn a_write_that_nobody_reads_is_called_off() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let (go, going) = mpsc::channel::<()>();
    let going = Mutex::new(going);
    let _served = Served::start(&smbd, "full", Type::Message, move |mut client| {
        let _ = going.lock().unwrap().recv();
        client.until_gone()
    });
    let end = open_messages(&smbd, "full");
    let message = vec![1; 65_535];
    let mut result = Ok(0);
    // A few fit the buffers in between.
    for _ in 0..100 {
        result = end.write_until(&message, soon());
        if result.is_err() {
            break;
        }
    }
    assert_eq!(result, Err(Win32Error::SEM_TIMEOUT));
    let pending = end.start_write(message.clone());
    assert!(!pending.is_done());
    assert_eq!(end.cancel(), Ok(()));
    assert_eq!(pending.wait(), Err(Win32Error::OPERATION_ABORTED));
    // Once it is read, there is room again.
    drop(go);
    assert_eq!(end.write(&message), Ok(message.len()));
}

#[test]
fn a_program_that_polls_is_woken() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open(&smbd, "echo");
    let descriptor = end.poll_descriptor().unwrap();
    assert_eq!(
        end.arm(Interest::READABLE | Interest::WRITABLE),
        Ok(Interest::WRITABLE)
    );
    assert_eq!(end.arm(Interest::READABLE), Ok(Interest::empty()));
    end.write(b"wake up").unwrap();
    // A ring may come for nothing; that it comes at all is what counts.
    while end.arm(Interest::READABLE).unwrap().is_empty() {
        let mut fds = [PollFd::new(&descriptor, PollFlags::IN)];
        poll(&mut fds, None).unwrap();
    }
    let peeked = end.peek(&mut []).unwrap();
    assert_eq!(peeked.available, 7);
    assert_eq!(read(&end, 100), Ok((b"wake up".to_vec(), false)));
}

#[test]
fn a_peek_takes_nothing() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    assert_eq!(end.peek(&mut []).map(|peeked| peeked.available), Ok(0));
    end.write(b"hello").unwrap();
    until("it arrives", || end.peek(&mut []).unwrap().available > 0);
    let mut buffer = [0; 2];
    let peeked = end.peek(&mut buffer).unwrap();
    assert_eq!((peeked.len, peeked.left_in_message), (2, 3));
    assert_eq!(&buffer, b"he");
    assert_eq!(read(&end, 100), Ok((b"hello".to_vec(), false)));
}
