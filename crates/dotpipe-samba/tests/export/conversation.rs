//! Messages, bytes, transactions, and what is not carried.

use dotpipe::options::{Access, CreateOptions, DesiredAccess, PipeMode};
use dotpipe::win32::Win32Error;
use dotpipe_samba::export::Event;

use crate::exporting::{
    Exporting, create, echo, open, open_messages, options, read, read_all, unique,
};
use crate::support::patience::{soon, start};
use crate::support::{Settings, Smbd};

#[test]
fn messages_keep_their_borders_both_ways() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("Messages");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    for message in [&b"one"[..], b"two", b"three"] {
        end.write(message).unwrap();
    }
    for message in [&b"one"[..], b"two", b"three"] {
        assert_eq!(read(&server, 100), Ok((message.to_vec(), false)));
        server.write(&message.repeat(2)).unwrap();
    }
    assert_eq!(read(&end, 4), Ok((b"oneo".to_vec(), true)));
    assert_eq!(read(&end, 4), Ok((b"ne".to_vec(), false)));
    assert_eq!(read(&end, 100), Ok((b"twotwo".to_vec(), false)));
    assert_eq!(read(&end, 100), Ok((b"threethree".to_vec(), false)));
}

#[test]
fn questions_are_answered() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("echo");
    echo(&name, &options(PipeMode::Message), 1);
    let _exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    let mut reply = vec![0; 70_000];
    for len in [1, 2, 4000, 65_534, 65_535] {
        let question: Vec<u8> = (0..len).map(|place| (place * 7) as u8).collect();
        let received = end.transact(&question, &mut reply).unwrap();
        assert!(reply[..received.len] == question, "{len}");
    }
    let received = end.transact(b"too long", &mut reply[..3]).unwrap();
    assert_eq!((received.len, received.more), (3, true));
    assert_eq!(read(&end, 100), Ok((b" long".to_vec(), false)));
}

#[test]
fn the_longest_messages_pass_small_quotas() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    for quota in [0, 1000] {
        let name = unique("small");
        let small = CreateOptions {
            in_quota: quota,
            out_quota: quota,
            ..options(PipeMode::Message)
        };
        echo(&name, &small, 1);
        let _exporting = Exporting::of(&smbd, &name);
        let end = open_messages(&smbd, &name);
        let longest = vec![quota as u8 + 1; 65_535];
        for _ in 0..5 {
            end.write(&longest).unwrap();
            assert!(read(&end, 70_000) == Ok((longest.clone(), false)));
        }
    }
}

#[test]
fn bytes_are_a_stream() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("bytes");
    echo(&name, &options(PipeMode::Byte), 1);
    let _exporting = Exporting::of(&smbd, &name);
    let end = open(&smbd, &name).unwrap();
    let data: Vec<u8> = (0..100_000).map(|place| (place * 3) as u8).collect();
    for _ in 0..3 {
        assert_eq!(end.write(&data), Ok(data.len()));
        assert!(read_all(&end, data.len()).unwrap() == data);
    }
}

#[test]
fn an_empty_message_is_left_out_and_the_next_one_comes() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("empty");
    let server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    for message in [&b""[..], b"", b"something", b""] {
        server.write(message).unwrap();
    }
    assert_eq!(read(&end, 100), Ok((b"something".to_vec(), false)));
    exporting.until_told(|event| matches!(event, Event::Dropped { .. }));
}

#[test]
fn a_message_that_is_too_long_ends_the_conversation() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("long");
    let server = create(&name, &options(PipeMode::Message));
    let exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    server.write(b"first").unwrap();
    let writing = start("the write", move || {
        let written = server.write(&vec![1; 65_536]);
        (server, written)
    });
    assert_eq!(read(&end, 100), Ok((b"first".to_vec(), false)));
    assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
    let (server, _) = writing.end();
    assert_eq!(read(&server, 100), Err(Win32Error::BROKEN_PIPE));
    exporting.until_told(|event| matches!(event, Event::BrokenOff { .. }));
}

#[test]
fn data_flow_the_way_the_pipe_goes() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    for pipe_type in [PipeMode::Byte, PipeMode::Message] {
        let name = unique("out");
        let one_way = CreateOptions {
            access: Access::Outbound,
            ..options(pipe_type)
        };
        let server = create(&name, &one_way);
        let exporting = Exporting::of(&smbd, &name);
        let end = open_messages(&smbd, &name);
        server.write(b"news").unwrap();
        assert_eq!(read(&end, 100), Ok((b"news".to_vec(), false)));
        // Samba lets a client write that must not.
        end.write(b"an answer").unwrap();
        let _ = end.flush();
        assert_eq!(read(&end, 100), Err(Win32Error::BROKEN_PIPE));
        exporting.until_told(|event| matches!(event, Event::BrokenOff { .. }));

        let name = unique("in");
        let one_way = CreateOptions {
            access: Access::Inbound,
            ..options(pipe_type)
        };
        let server = create(&name, &one_way);
        let _exporting = Exporting::of(&smbd, &name);
        let only_write = DesiredAccess::WRITE;
        let end = dotpipe::exact::open_remote(&smbd.pipe(&name), only_write, None, &smbd.options());
        let end = end.unwrap();
        end.write(b"a report").unwrap();
        let _ = end.flush();
        drop(end);
        assert_eq!(read(&server, 100), Ok((b"a report".to_vec(), false)));
        assert_eq!(read(&server, 100), Err(Win32Error::BROKEN_PIPE));
    }
}

#[test]
fn a_message_to_which_nobody_listens_waits() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let name = unique("quiet");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    let mut buffer = [0; 9];
    let waited = end.read_until(&mut buffer, soon());
    assert_eq!(waited, Err(Win32Error::SEM_TIMEOUT));
    server.write(b"late").unwrap();
    assert_eq!(read(&end, 9), Ok((b"late".to_vec(), false)));
}
