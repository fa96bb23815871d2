//! Windows only: tokio's own named pipes at the other end, and handles that were made elsewhere.
#![expect(
    unsafe_code,
    reason = "a handle is taken over as tokio does it, by its number"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, AsRawHandle, IntoRawHandle};

use dotpipe::tokio::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeEnd, PipeMode, ServerOptions, win32_code,
};
use dotpipe::{WaitTimeout, Win32Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::windows::named_pipe as theirs;

use crate::on_both;
use crate::support::data::payload;
use crate::support::unique_name;

const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;

async fn exchange(
    mut one: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    mut other: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
) {
    let (there, back) = (payload(1, 200_000), payload(2, 300_000));
    let (mut here, mut got) = (vec![0; there.len()], vec![0; back.len()]);
    let (mut read, mut write) = tokio::io::split(&mut one);
    let (mut other_read, mut other_write) = tokio::io::split(&mut other);
    let results = tokio::join!(
        write.write_all(&there),
        other_write.write_all(&back),
        other_read.read_exact(&mut here),
        read.read_exact(&mut got)
    );
    results.0.unwrap();
    results.1.unwrap();
    results.2.unwrap();
    results.3.unwrap();
    assert!(here == there && got == back);
    one.write_all(b"end").await.unwrap();
    one.flush().await.unwrap();
    drop(one);
    let mut rest = Vec::new();
    other.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"end");
}

#[test]
fn tokios_own_client_at_a_server_of_dotpipe() {
    on_both(|| async {
        let name = unique_name("their client").to_string();
        let server = ServerOptions::new().create(&name).unwrap();
        let client = theirs::ClientOptions::new().open(&name).unwrap();
        server.connect().await.unwrap();
        exchange(server, client).await;
    });
}

#[test]
fn tokios_own_server_for_a_client_of_dotpipe() {
    on_both(|| async {
        let name = unique_name("their server").to_string();
        let server = theirs::ServerOptions::new().create(&name).unwrap();
        let open = async {
            let options = ClientOptions::new();
            options.open_wait(&name, WaitTimeout::Forever).await
        };
        let (connected, client) = tokio::join!(server.connect(), open);
        connected.unwrap();
        exchange(client.unwrap(), server).await;
    });
}

#[test]
fn messages_for_tokios_own_client_keep_their_borders() {
    on_both(|| async {
        let name = unique_name("their messages").to_string();
        let mut options = ServerOptions::new();
        let server = options.pipe_mode(PipeMode::Message).create(&name).unwrap();
        let mut client = theirs::ClientOptions::new()
            .pipe_mode(theirs::PipeMode::Message)
            .open(&name)
            .unwrap();
        server.send(b"one").await.unwrap();
        server.send(b"two").await.unwrap();
        let mut buffer = [0; 100];
        for expected in [b"one", b"two"] {
            let len = client.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..len], expected);
        }
        client.write_all(b"three").await.unwrap();
        client.write_all(b"four").await.unwrap();
        let mut message = Vec::new();
        for expected in [&b"three"[..], b"four"] {
            server.recv(&mut message).await.unwrap();
            assert_eq!(message, expected);
        }
    });
}

#[test]
fn a_handle_made_elsewhere_becomes_an_end() {
    on_both(|| async {
        let name = unique_name("handle").to_string();
        let mut options = ServerOptions::new();
        let options = options.pipe_mode(PipeMode::Message);
        let server = options.create(&name).unwrap();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(FILE_FLAG_OVERLAPPED)
            .open(&name)
            .unwrap();
        // SAFETY: the handle is open, and given away.
        let client = unsafe { NamedPipeClient::from_raw_handle(file.into_raw_handle()) }.unwrap();
        assert_eq!(client.name().to_string(), name);
        assert_eq!(client.info().unwrap().end, PipeEnd::Client);
        client.set_read_mode(PipeMode::Message).unwrap();
        client.send(b"question").await.unwrap();
        let mut message = Vec::new();
        server.recv(&mut message).await.unwrap();
        assert_eq!(message, b"question");
        server.send(b"").await.unwrap();
        server.send(b"answer").await.unwrap();
        assert_eq!(client.recv(&mut message).await.unwrap(), 0);
        client.recv(&mut message).await.unwrap();
        assert_eq!(message, b"answer");

        // And it is lent.
        assert_eq!(
            client.as_handle().as_raw_handle(),
            AsRawHandle::as_raw_handle(&client)
        );
        assert_ne!(client.as_raw_handle(), server.as_raw_handle());
    });
}

#[test]
fn a_handle_that_will_not_do_is_refused() {
    on_both(|| async {
        let invalid = Some(Win32Error::INVALID_PARAMETER);
        let name = unique_name("refused").to_string();
        let server = ServerOptions::new().create(&name).unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true);

        let mut blocking = options.open(&name).unwrap();
        blocking.write_all(b"it works as a file").unwrap();
        // SAFETY: the handle is open, and given away.
        let refused = unsafe { NamedPipeClient::from_raw_handle(blocking.into_raw_handle()) };
        assert_eq!(win32_code(&refused.unwrap_err()), invalid);

        // It was closed.
        server.connect().await.unwrap();
        server.disconnect().unwrap();
        let other = ServerOptions::new().create(&name).unwrap();
        options.custom_flags(FILE_FLAG_OVERLAPPED);
        let client = options.open(&name).unwrap();
        // SAFETY: the handle is open, and given away.
        let refused = unsafe { NamedPipeServer::from_raw_handle(client.into_raw_handle()) };
        assert_eq!(win32_code(&refused.unwrap_err()), invalid);
        other.disconnect().unwrap();

        // One that belongs to tokio's port.
        let own = theirs::ServerOptions::new().create(&name).unwrap();
        let copy = own.as_handle().try_clone_to_owned().unwrap();
        // SAFETY: the handle is open, and given away.
        let refused = unsafe { NamedPipeServer::from_raw_handle(copy.into_raw_handle()) };
        assert_eq!(win32_code(&refused.unwrap_err()), invalid);

        let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
        // SAFETY: the handle is open, and given away.
        let refused = unsafe { NamedPipeServer::from_raw_handle(file.into_raw_handle()) };
        assert!(refused.is_err());
    });
}

#[test]
fn pipes_on_other_machines_are_not_for_tasks() {
    on_both(|| async {
        let error = ClientOptions::new()
            .open(r"\\elsewhere\pipe\x")
            .unwrap_err();
        assert_eq!(win32_code(&error), Some(Win32Error::NOT_SUPPORTED));
    });
}

/// What the read under way has taken of a message is nobody's loss, whatever is done next.
#[test]
fn a_byte_that_is_held_is_seen_and_read_with_its_message() {
    on_both(|| async {
        for text in [&b""[..], b"1", b"12", b"a longer message"] {
            let (server, client) = crate::pair(PipeMode::Message, 100).await;
            let mut message = Vec::new();
            for round in 0..4 {
                // A read is under way from here on.
                tokio::select! {
                    biased;
                    _ = server.readable() => panic!("there is nothing"),
                    () = tokio::task::yield_now() => {}
                }
                client.send(text).await.unwrap();
                client.send(b"next").await.unwrap();
                // Whether it has been told of yet or not.
                if round % 2 == 0 {
                    server.readable().await.unwrap();
                }
                let mut seen = [0; 100];
                let peeked = server.peek(&mut seen).unwrap();
                assert_eq!(&seen[..peeked.len], text);
                assert_eq!(peeked.available as usize, text.len() + 4);
                assert_eq!(peeked.left_in_message, 0);
                let counts = server.peek(&mut []).unwrap();
                assert_eq!((counts.len, counts.available), (0, peeked.available));
                assert_eq!(counts.left_in_message as usize, text.len());
                let busy = server.transact(b"?", &mut message).await.unwrap_err();
                assert!(busy.is_busy(), "{busy}");
                if round < 2 {
                    server.recv(&mut message).await.unwrap();
                } else {
                    message.clear();
                    loop {
                        let received = server.recv_into(&mut seen[..1]).await.unwrap();
                        message.extend(&seen[..received.len]);
                        if !received.more {
                            break;
                        }
                    }
                }
                assert_eq!(message, text);
                let mut buffer = [0; 100];
                assert_eq!(server.try_read(&mut buffer).unwrap(), 4);
                assert_eq!(&buffer[..4], b"next");
                let nothing = server.try_read(&mut buffer).unwrap_err();
                assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
            }
            // What is held goes with the conversation.
            client.send(text).await.unwrap();
            server.readable().await.unwrap();
            server.disconnect().unwrap();
            let gone = server.try_read(&mut [0; 9]).unwrap_err();
            assert_eq!(win32_code(&gone), Some(Win32Error::PIPE_NOT_CONNECTED));
        }
    });
}
