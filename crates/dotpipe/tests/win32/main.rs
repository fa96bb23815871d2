//! A plain Win32 program, `peer.c`, at the other end: as a client and as a server.
//!
//! Windows only. `.ci/windows` compiles it and says where it is in `DOTPIPE_WIN32_PEER`; without it there is
//! nobody to talk to, and the tests say so.
#![cfg(windows)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use dotpipe::sync::call;
use dotpipe::{ClientOptions, PipeMode, ServerOptions, WaitTimeout};

#[path = "../support/mod.rs"]
mod support;

use support::patience::{PATIENCE, start};
use support::unique_name;

/// Starts the program, if there is one.
fn peer(role: &str, name: &dotpipe::PipeName) -> Option<Child> {
    let Some(program) = std::env::var_os("DOTPIPE_WIN32_PEER") else {
        println!("skipped: DOTPIPE_WIN32_PEER does not say where peer.c was compiled to");
        return None;
    };
    let mut command = Command::new(program);
    command.args([role, &name.to_string()]);
    Some(command.stdout(Stdio::piped()).spawn().unwrap())
}

/// Bytes of which no two in a row are alike.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (3 * i + i / 256) as u8).collect()
}

fn reversed(message: &[u8]) -> Vec<u8> {
    message.iter().rev().copied().collect()
}

#[test]
fn dotpipe_serves_a_plain_program() {
    let name = unique_name("plain client");
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .in_buffer_size(4096)
        .out_buffer_size(4096)
        .listen(&name)
        .unwrap();
    let Some(mut child) = peer("client", &name) else {
        return;
    };
    let id = child.id();
    let serving = start("serving", move || {
        let mut messages = 0;
        // One for the call, one for the conversation.
        for _ in 0..2 {
            let server = listener.accept_timeout(PATIENCE).unwrap();
            assert_eq!(server.peer_process_id().unwrap(), id);
            let mut message = Vec::new();
            loop {
                match server.recv(&mut message) {
                    Ok(_) => server.send(&reversed(&message)).unwrap(),
                    Err(error) if error.is_broken() => break,
                    Err(error) => panic!("{error}"),
                }
                messages += 1;
            }
        }
        messages
    });
    assert!(child.wait().unwrap().success());
    assert_eq!(serving.end(), 11);
}

#[test]
fn a_plain_program_serves_dotpipe() {
    let name = unique_name("plain server");
    let Some(mut child) = peer("server", &name) else {
        return;
    };
    let mut words = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(words.next().unwrap().unwrap(), "ready");

    let mut reply = Vec::new();
    call(&name, b"call", &mut reply, WaitTimeout::For(PATIENCE)).unwrap();
    assert_eq!(reply, b"llac");

    let client = ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .wait_timeout(Some(WaitTimeout::For(PATIENCE)))
        .open(&name)
        .unwrap();
    assert_eq!(client.peer_process_id().unwrap(), child.id());
    let info = client.info().unwrap();
    assert_eq!((info.mode, info.max_instances), (PipeMode::Message, 1));
    assert_eq!((info.in_buffer_size, info.out_buffer_size), (4096, 4096));
    for len in [0, 1, 4096, 4097, 1_000_000] {
        let question = bytes(len);
        client.transact(&question, &mut reply).unwrap();
        assert!(reply == reversed(&question), "{len}");
        client.send(&question).unwrap();
        client.recv(&mut reply).unwrap();
        assert!(reply == reversed(&question), "{len}");
    }
    // Pending operations on the same end, answered in the order in which they were asked.
    let end = client.as_exact();
    let reads: Vec<_> = (0..5).map(|_| end.start_read(100)).collect();
    let writes: Vec<_> = (0..5_usize)
        .map(|n| end.start_write(bytes(10 + n)))
        .collect();
    for (n, (read, write)) in reads.iter().zip(&writes).enumerate() {
        assert_eq!(write.wait(), Ok(10 + n));
        let read = read.wait().unwrap();
        assert_eq!((read.data, read.more), (reversed(&bytes(10 + n)), false));
    }
    client.send(b"enough").unwrap();
    client.recv(&mut reply).unwrap();
    assert_eq!(reply, b"hguone");
    drop(client);
    assert!(child.wait().unwrap().success());
}
