//! Messages of every length, bytes, order, transactions.

use dotpipe::options::{CreateOptions, PipeMode};

use crate::exporting::{Exporting, create, echo, options, read, unique};
use crate::python::{Answer, Library, acquainted, digits, with_each};

/// What Samba says to a message of more than 65535 bytes.
const INVALID_BUFFER_SIZE: Answer = Answer::Status(0xC000_002F);

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|place| (place * 7 + len) as u8).collect()
}

#[test]
fn messages_of_every_length_come_back() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("lengths");
        echo(&name, &options(PipeMode::Message), 1);
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        for len in [1, 2, 255, 4096, 65_534, 65_535] {
            let message = pattern(len);
            assert_eq!(client.write("p", &message), Answer::done(len));
            assert_eq!(client.read("p", 65_536), Answer::data(&message));
            let reply = client.transact("p", &message, 65_536);
            assert_eq!(reply, Answer::data(&message));
        }
        // One byte more is too much for Samba, and nobody is the worse for it.
        assert_eq!(client.write("p", &pattern(65_536)), INVALID_BUFFER_SIZE);
        assert_eq!(
            client.transact("p", b"still here", 100),
            Answer::data(b"still here")
        );
        assert_eq!(client.close("p"), Answer::done(""));
    });
}

#[test]
fn bursts_keep_their_order_and_their_borders() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("bursts");
        let roomy = CreateOptions {
            in_quota: 1 << 20,
            out_quota: 1 << 20,
            ..options(PipeMode::Message)
        };
        let server = create(&name, &roomy);
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        for len in 1..=100 {
            assert_eq!(client.write("p", &pattern(len)), Answer::done(len));
        }
        for len in 1..=100 {
            assert_eq!(read(&server, 200), Ok((pattern(len), false)));
        }
        for len in 1..=100 {
            server.write(&pattern(len)).unwrap();
        }
        for len in 1..=100 {
            assert_eq!(client.read("p", 65_536), Answer::data(&pattern(len)));
        }
    });
}

#[test]
fn small_buffers_get_messages_in_parts() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("parts");
        echo(&name, &options(PipeMode::Message), 1);
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        let reply = client.transact("p", b"a long answer", 6);
        assert_eq!(reply, Answer::more(b"a long"));
        // The rest, and nothing of the next message.
        assert_eq!(client.write("p", b"next"), Answer::done(4));
        assert_eq!(client.read("p", 100), Answer::data(b" answer"));
        assert_eq!(client.read("p", 2), Answer::data(b"ne"));
        assert_eq!(client.read("p", 100), Answer::data(b"xt"));
    });
}

#[test]
fn bytes_are_a_stream() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("bytes");
        let server = create(&name, &options(PipeMode::Byte));
        let _exporting = Exporting::of(&smbd, &name);
        assert_eq!(client.open("p", &name), Answer::done(""));
        // In one request.
        let data = pattern(100_000);
        client.tell(&format!("write p {}", digits(&data)));
        assert!(crate::exporting::read_all(&server, data.len()).unwrap() == data);
        assert_eq!(client.hear(), Answer::done(data.len()));
        // And back, as it comes.
        let writing = crate::support::patience::start("the server", move || {
            server.write(&data).map(|_| (server, data))
        });
        let mut received = String::new();
        while received.len() < 200_000 {
            match client.read("p", 65_536) {
                Answer::Done(part) => received += &part,
                other => panic!("{other:?}"),
            }
        }
        let (_server, data) = writing.end().unwrap();
        assert!(Answer::Done(received) == Answer::data(&data));
    });
}

#[test]
fn an_empty_message_does_no_harm() {
    let Some((smbd, mut client)) = acquainted(Library::Smbprotocol) else {
        return;
    };
    let name = unique("empty");
    let server = create(&name, &options(PipeMode::Message));
    let _exporting = Exporting::of(&smbd, &name);
    assert_eq!(client.open("p", &name), Answer::done(""));
    // Samba swallows it.
    assert_eq!(client.write("p", b""), Answer::done(0));
    assert_eq!(client.write("p", b"x"), Answer::done(1));
    assert_eq!(read(&server, 9), Ok((b"x".to_vec(), false)));
}

#[test]
fn a_client_has_several_pipes_on_one_connection() {
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let (words, bytes) = (unique("words"), unique("bytes"));
        echo(&words, &options(PipeMode::Message), 2);
        echo(&bytes, &options(PipeMode::Byte), 1);
        let _exporting = [Exporting::of(&smbd, &words), Exporting::of(&smbd, &bytes)];
        for (pipe, name) in [("a", &words), ("b", &words), ("c", &bytes)] {
            assert_eq!(client.open(pipe, name), Answer::done(""));
        }
        for pipe in ["a", "b", "c"] {
            assert_eq!(client.write(pipe, pipe.as_bytes()), Answer::done(1));
        }
        for pipe in ["c", "b", "a"] {
            assert_eq!(client.read(pipe, 9), Answer::data(pipe.as_bytes()));
        }
    });
}
