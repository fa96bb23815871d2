//! Clients one after the other and many at once, up to the maximum of instances.

use std::pin::Pin;
use std::sync::Arc;

use dotpipe::WaitTimeout;
use dotpipe::tokio::{ClientOptions, NamedPipeServer, PipeListener, PipeMode, ServerOptions};
use futures_core::Stream;
use tokio::task::JoinSet;

#[cfg(target_os = "linux")]
use crate::support::measure::{Holding, allow_descriptors};
use crate::support::patience::start;
use crate::support::process::{Role, alone, say};
use crate::support::{is_wine, unique_name};
use crate::{on_both, runtimes};

async fn next(listener: &mut PipeListener) -> std::io::Result<NamedPipeServer> {
    let next = std::future::poll_fn(|context| Pin::new(&mut *listener).poll_next(context));
    next.await.expect("it never ends")
}

async fn echo(server: NamedPipeServer) {
    let mut message = Vec::new();
    while server.recv(&mut message).await.is_ok() && server.send(&message).await.is_ok() {}
}

fn message_client() -> ClientOptions {
    let mut options = ClientOptions::new();
    options.pipe_mode(PipeMode::Message);
    options
}

#[test]
fn a_stream_of_clients() {
    on_both(|| async {
        let name = unique_name("stream").to_string();
        let mut options = ServerOptions::new();
        let mut listener = options.pipe_mode(PipeMode::Message).listen(&name).unwrap();
        let serving = tokio::spawn(async move {
            for _ in 0..20 {
                tokio::spawn(echo(next(&mut listener).await.unwrap()));
            }
            listener
        });
        let mut clients = JoinSet::new();
        for number in 0..20u8 {
            let name = name.clone();
            clients.spawn(async move {
                let client = message_client()
                    .open_wait(&name, WaitTimeout::Forever)
                    .await
                    .unwrap();
                let mut reply = Vec::new();
                client.transact(&[number], &mut reply).await.unwrap();
                assert_eq!(reply, [number]);
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        drop(serving.await.unwrap());
        assert!(
            message_client().open(&name).is_err(),
            "nothing listens any more"
        );
    });
}

/// Whether there is no such pipe, or no longer.
fn is_gone(error: &std::io::Error) -> bool {
    // "waitpipe-wake" in `conformance/DIVERGENCES.md`.
    let wines_own = is_wine() && error.raw_os_error() == Some(676);
    wines_own || error.kind() == std::io::ErrorKind::NotFound
}

#[test]
fn at_the_maximum_the_next_one_listens_when_a_server_is_dropped() {
    on_both(|| async {
        let name = unique_name("maximum").to_string();
        let mut options = ServerOptions::new();
        let listener = Arc::new(
            options
                .pipe_mode(PipeMode::Message)
                .max_instances(2)
                .listen(&name)
                .unwrap(),
        );
        let mut clients = JoinSet::new();
        for number in 0..12u8 {
            let name = name.clone();
            clients.spawn(async move {
                let options = message_client();
                let client = loop {
                    match options.open_wait(&name, WaitTimeout::Forever).await {
                        // Both servers have just been dropped, and nothing listens yet.
                        Err(error) if is_gone(&error) => {}
                        opened => break opened.unwrap(),
                    }
                };
                let mut reply = Vec::new();
                client.transact(&[number], &mut reply).await.unwrap();
            });
        }
        // Several accept at once, each one client after the other.
        let mut serving = JoinSet::new();
        for _ in 0..3 {
            let listener = listener.clone();
            serving.spawn(async move {
                for _ in 0..4 {
                    echo(listener.accept().await.unwrap()).await;
                }
            });
        }
        for mut tasks in [clients, serving] {
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        }
    });
}

#[test]
fn an_accept_that_is_given_up_loses_no_client() {
    on_both(|| async {
        let name = unique_name("accept").to_string();
        let mut options = ServerOptions::new();
        let listener = options.pipe_mode(PipeMode::Message).listen(&name).unwrap();
        for round in 0..10u8 {
            tokio::select! {
                biased;
                _ = listener.accept() => panic!("nobody has come"),
                () = tokio::task::yield_now() => {}
            }
            let client = message_client().open(&name).unwrap();
            client.send(&[round]).await.unwrap();
            let server = listener.accept().await.unwrap();
            let mut message = Vec::new();
            server.recv(&mut message).await.unwrap();
            assert_eq!(message, [round]);
        }
    });
}

/// Handles are not limited.
#[cfg(windows)]
fn allow_descriptors(_: u64) -> bool {
    true
}

/// An echo server with many connected clients in one runtime: 10,000 with `DOTPIPE_SOAK=1`. The clients are in
/// one runtime of another process.
#[test]
fn many_clients_in_one_runtime() {
    alone(many_clients_in_one_runtime, || {
        let count = match std::env::var_os("DOTPIPE_SOAK") {
            Some(_) => 10_000,
            // Every step is a call of Wine's one server there.
            None if is_wine() => 200,
            None => 1_000,
        };
        if !allow_descriptors(count + 100) {
            println!("skipped: {count} clients need {} descriptors", count + 100);
            return;
        }
        for (which, runtime) in runtimes().into_iter().enumerate() {
            let name = unique_name("many").to_string();
            let mut options = ServerOptions::new();
            let options = options.pipe_mode(PipeMode::Message);
            let options = options.in_buffer_size(512).out_buffer_size(512);
            let listener = runtime.block_on(async { options.listen(&name) }).unwrap();
            let mut child = Role::start("clients", &[name, count.to_string(), which.to_string()]);
            // The thread waits for the child, and a current-thread runtime needs one to run on.
            let serving = start("server", move || {
                let serve = runtime.spawn(async move {
                    let mut clients = JoinSet::new();
                    for _ in 0..count {
                        clients.spawn(echo(listener.accept().await.unwrap()));
                    }
                    #[cfg(target_os = "linux")]
                    {
                        // Workers, the one that answers, those of the test; none per connection.
                        let threads = Holding::own().threads;
                        assert!(threads < 20, "{threads} threads");
                    }
                    while let Some(ended) = clients.join_next().await {
                        ended.unwrap();
                    }
                });
                runtime.block_on(serve).unwrap()
            });
            child.expect("served");
            child.end();
            serving.end();
        }
    });
}

/// A child with so many clients, all of which ask at once, twice.
pub(crate) fn clients(words: &[String]) {
    let [name, count, which] = words else {
        panic!("{words:?}");
    };
    let (name, count): (String, u64) = (name.clone(), count.parse().unwrap());
    assert!(allow_descriptors(count + 100));
    let mut runtimes = runtimes().into_iter();
    let runtime = runtimes.nth(which.parse().unwrap()).unwrap();
    let run = runtime.spawn(async move {
        let (mut clients, options) = (Vec::new(), message_client());
        for _ in 0..count {
            let client = options.open_wait(&name, WaitTimeout::Forever);
            clients.push(client.await.unwrap());
        }
        for round in 0..2u64 {
            let mut asking = JoinSet::new();
            for (number, client) in clients.drain(..).enumerate() {
                asking.spawn(async move {
                    let question = [number as u64, round].map(u64::to_le_bytes).concat();
                    let mut reply = Vec::new();
                    client.transact(&question, &mut reply).await.unwrap();
                    assert_eq!(reply, question);
                    client
                });
            }
            while let Some(client) = asking.join_next().await {
                clients.push(client.unwrap());
            }
        }
        say("served");
    });
    runtime.block_on(run).unwrap();
}
