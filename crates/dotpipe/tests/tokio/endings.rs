//! The other end goes: every task that waits is woken, with the error that it should see.

use std::sync::Arc;

use dotpipe::WaitTimeout;
use dotpipe::tokio::{ClientOptions, NamedPipeClient, NamedPipeServer, PipeMode, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::task::JoinSet;

use crate::support::process::{Role, alone, say};
use crate::support::unique_name;
use crate::{on_both, pair};

/// How the other end goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Closed,
    Disconnected,
}

/// Starts one of every kind of wait on an end whose pipe is full and empty.
macro_rules! all_waits {
    ($end:expr, $tasks:expr) => {{
        let full = $end.clone();
        full.send(&[7; 10]).await.unwrap();
        if cfg!(windows) {
            // It is taken over, and only the next one waits.
            full.send(&[7]).await.unwrap();
        }
        for _ in 0..2 {
            let end = $end.clone();
            $tasks.spawn(async move { ("recv", end.recv(&mut Vec::new()).await.map(drop)) });
            let end = $end.clone();
            $tasks.spawn(async move { ("recv_into", end.recv_into(&mut [0; 9]).await.map(drop)) });
            let end = $end.clone();
            $tasks.spawn(async move { ("send", end.send(&[7; 5]).await) });
            let end = $end.clone();
            $tasks.spawn(async move { ("flush", end.flush_pipe().await) });
            let end = $end.clone();
            $tasks.spawn(async move {
                let _ = end.ready(Interest::READABLE).await;
                ("readable", end.recv(&mut Vec::new()).await.map(drop))
            });
            let end = $end.clone();
            $tasks.spawn(async move {
                // After a try that found no room it waits for that much.
                let _ = end.try_write(&[7; 5]);
                let _ = end.ready(Interest::WRITABLE).await;
                ("writable", end.send(&[7; 5]).await)
            });
        }
        // Until they sleep: for longer than anybody looks on.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }};
}

async fn check(mut tasks: JoinSet<(&'static str, dotpipe::Result<()>)>, ending: &str) {
    assert_eq!(tasks.len(), 12);
    while let Some(ended) = tasks.join_next().await {
        let (what, result) = ended.unwrap();
        if cfg!(windows) && what == "flush" && result.is_ok() {
            // Its thread came to the system when there was nobody to wait for any more.
            continue;
        }
        let error = result.expect_err(what);
        assert!(error.is_broken(), "{what}, {ending}: {error}");
    }
}

#[test]
fn every_wait_ends_when_the_other_end_goes() {
    on_both(|| async {
        for ending in [Ending::Closed, Ending::Disconnected] {
            let (server, client) = pair(PipeMode::Message, 10).await;
            let client = Arc::new(client);
            let mut tasks = JoinSet::new();
            all_waits!(client, tasks);
            match ending {
                Ending::Closed => drop(server),
                Ending::Disconnected => server.disconnect().unwrap(),
            }
            check(tasks, &format!("{ending:?}")).await;
        }
        // And when this end itself is disconnected.
        let (server, _client) = pair(PipeMode::Message, 10).await;
        let server = Arc::new(server);
        let mut tasks = JoinSet::new();
        all_waits!(server, tasks);
        server.disconnect().unwrap();
        check(tasks, "own disconnect").await;
    });
}

/// A child that opens a pipe, or serves it, and does nothing more.
pub(crate) fn victim(words: &[String]) {
    let [side, name] = words else {
        panic!("{words:?}");
    };
    let runtime = &crate::runtimes()[0];
    runtime.block_on(async {
        match &side[..] {
            "client" => {
                let _client = open(name);
                say("ready");
                std::future::pending::<()>().await;
            }
            _ => {
                let server = serve(name);
                say("ready");
                server.connect().await.unwrap();
                std::future::pending::<()>().await;
            }
        }
    });
}

fn open(name: &str) -> NamedPipeClient {
    let mut options = ClientOptions::new();
    options.pipe_mode(PipeMode::Message).open(name).unwrap()
}

fn serve(name: &str) -> NamedPipeServer {
    let mut options = ServerOptions::new();
    let options = options.pipe_mode(PipeMode::Message);
    options
        .in_buffer_size(10)
        .out_buffer_size(10)
        .create(name)
        .unwrap()
}

#[test]
fn every_wait_ends_when_the_other_process_is_killed() {
    alone(every_wait_ends_when_the_other_process_is_killed, || {
        on_both(|| async {
            // The victim is the client.
            let name = unique_name("killed").to_string();
            let server = Arc::new(serve(&name));
            let mut child = Role::start("victim", &["client".into(), name.clone()]);
            server.connect().await.unwrap();
            child.expect("ready");
            let mut tasks = JoinSet::new();
            all_waits!(server, tasks);
            child.kill();
            check(tasks, "killed client").await;
            child.bury();

            // The victim is the server.
            let name = unique_name("killed").to_string();
            let mut child = Role::start("victim", &["server".into(), name.clone()]);
            child.expect("ready");
            let client = Arc::new(open(&name));
            let waiting = tokio::spawn(async move {
                ClientOptions::new()
                    .open_wait(&name, WaitTimeout::Forever)
                    .await
            });
            let mut tasks = JoinSet::new();
            all_waits!(client, tasks);
            child.kill();
            check(tasks, "killed server").await;
            // Under Wine the name is there as long as this end: "waitpipe-wake" in
            // `conformance/DIVERGENCES.md`.
            drop(client);
            assert!(waiting.await.unwrap().is_err());
            child.bury();
        });
    });
}

#[test]
fn a_stream_ends_for_a_reader_and_breaks_for_a_writer() {
    on_both(|| async {
        let (mut server, mut client) = pair(PipeMode::Byte, 10).await;
        client.write_all(b"rest").await.unwrap();
        drop(client);
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"rest");
        let error = server.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

/// A pipe outlives the runtime that it was used on: nobody hangs, and nothing panics.
#[test]
fn a_runtime_that_shuts_down_takes_its_tasks_along() {
    for runtime in crate::runtimes() {
        let (server, client) = runtime.block_on(pair(PipeMode::Message, 10));
        let client = Arc::new(client);
        let other = client.clone();
        runtime.spawn(async move { other.recv(&mut Vec::new()).await });
        runtime.block_on(async {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            server.send(&[7; 100]).await.unwrap();
        });
        drop(runtime);
        let [next, _] = crate::runtimes();
        next.block_on(async {
            let mut message = Vec::new();
            // What came meanwhile may be read, what is waited for never comes.
            while client.recv(&mut message).await.is_ok() {}
        });
        drop((server, client));
    }
}
