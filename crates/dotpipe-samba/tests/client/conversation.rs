//! What two ends say to each other: messages, bytes, transactions.

use dotpipe::options::{PipeMode, WaitMode};
use dotpipe::win32::Win32Error;
use dotpipe::{ClientOptions, WaitTimeout};

use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{open, open_messages, read};

#[test]
fn messages_go_there_and_back() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "Echo");
    for len in [1, 2, 100, 4096, 65_534, 65_535] {
        let message: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
        assert_eq!(end.write(&message), Ok(len));
        assert!(read(&end, 70_000) == Ok((message, false)), "{len}");
    }
    // Longer than Samba carries; the pipe goes on.
    let refused = end.write(&[0; 65_536]);
    assert_eq!(refused, Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(end.write(b"still here"), Ok(10));
    assert_eq!(read(&end, 100), Ok((b"still here".to_vec(), false)));
}

#[test]
fn a_message_is_read_in_parts() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    end.write(b"hello").unwrap();
    end.write(b"you").unwrap();
    assert_eq!(read(&end, 0), Ok((b"".to_vec(), true)));
    assert_eq!(read(&end, 2), Ok((b"he".to_vec(), true)));
    let mut message = b"he".to_vec();
    assert_eq!(end.read_message(&mut message).map(|got| got.len), Ok(5));
    assert_eq!(message, b"hello");
    // In byte mode the rest of a message and the next one are one stream.
    end.write(b"and you").unwrap();
    assert_eq!(read(&end, 2), Ok((b"yo".to_vec(), true)));
    end.set_state(PipeMode::Byte, WaitMode::Blocking).unwrap();
    assert_eq!(read(&end, 100), Ok((b"u".to_vec(), false)));
    assert_eq!(read(&end, 100), Ok((b"and you".to_vec(), false)));
}

#[test]
fn bytes_are_a_stream() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "stream", Type::Byte, echo);
    let options = smbd.options().pipe_type(PipeMode::Byte);
    let client = ClientOptions::new()
        .smb(&options)
        .open(smbd.pipe("stream"))
        .unwrap();
    let data: Vec<u8> = (0..1_000_000u32).map(|byte| (byte * 7) as u8).collect();
    let (mut reader, mut writer) = client.into_split();
    let sent = data.clone();
    let writing = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, &sent).unwrap();
        writer
    });
    let mut got = vec![0; data.len()];
    std::io::Read::read_exact(&mut reader, &mut got).unwrap();
    assert!(got == data);
    drop(writing.join().unwrap());
}

#[test]
fn a_question_gets_its_answer() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    let mut reply = [0; 100];
    let received = end.transact(b"question", &mut reply).unwrap();
    assert_eq!(
        (&reply[..received.len], received.more),
        (&b"question"[..], false)
    );

    // A short buffer gets the first part, and a read the rest.
    let received = end.transact(b"long question", &mut reply[..4]).unwrap();
    assert_eq!((received.len, received.more), (4, true));
    let mut other = [0; 100];
    assert_eq!(
        end.transact(b"another", &mut other),
        Err(Win32Error::PIPE_BUSY)
    );
    assert_eq!(read(&end, 100), Ok((b" question".to_vec(), false)));

    // As large as it gets.
    let question = vec![7; 65_535];
    let mut reply = vec![0; 65_535];
    let received = end.transact(&question, &mut reply).unwrap();
    assert!(received.len == 65_535 && !received.more && reply == question);
    assert_eq!(
        end.transact(&[0; 65_536], &mut reply),
        Err(Win32Error::INVALID_PARAMETER)
    );
    assert_eq!(end.transact(b"x", &mut reply).map(|got| got.len), Ok(1));
    end.set_state(PipeMode::Byte, WaitMode::Blocking).unwrap();
    assert_eq!(end.transact(b"x", &mut reply), Err(Win32Error::BAD_PIPE));
}

#[test]
fn a_pending_transaction_is_overtaken_by_none() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    // The second one finds the first one's request on its way.
    let answers: Vec<_> = (0..10u8)
        .map(|number| end.start_transact(vec![number; 10], 100))
        .collect();
    for (number, answer) in answers.into_iter().enumerate() {
        let got = answer.wait().unwrap();
        assert_eq!(got.data, vec![number as u8; 10]);
    }
}

#[test]
fn the_sync_face_sends_and_receives() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let client = ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .wait_timeout(Some(WaitTimeout::Default))
        .smb(&smbd.options())
        .open(smbd.pipe("echo"))
        .unwrap();
    let message = vec![9; 50_000];
    client.send(&message).unwrap();
    let mut got = Vec::new();
    assert_eq!(client.recv(&mut got).unwrap(), 50_000);
    assert!(got == message);
    assert_eq!(client.transact(&message, &mut got).unwrap(), 50_000);
    assert!(got == message);
    assert_eq!(client.peer_computer_name().unwrap(), "127.0.0.1");
}

#[test]
fn several_pipes_share_a_connection() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let ends: Vec<_> = (0..8).map(|_| open_messages(&smbd, "echo")).collect();
    for (number, end) in ends.iter().enumerate() {
        end.write(&[number as u8; 3]).unwrap();
    }
    for (number, end) in ends.iter().enumerate().rev() {
        assert_eq!(read(end, 100), Ok((vec![number as u8; 3], false)));
    }
    let mut ports: Vec<u16> = served.ports();
    ports.dedup();
    assert_eq!(ports.len(), 1);

    let other = smbd.options().own_connection(true);
    let end = dotpipe::exact::open_remote(&smbd.pipe("echo"), crate::BOTH, None, &other);
    assert_eq!(
        served.ports().last().map(|port| *port == ports[0]),
        Some(false)
    );
    drop((end, ends));
    let _unused = open(&smbd, "echo");
}
