//! The tokio face: named pipes on current-thread and multi-thread runtimes.
//!
//! - [`shape`]: what a program for tokio's Windows pipes relies on;
//! - [`bytes`], [`messages`]: what goes through, and what a future that is dropped leaves;
//! - [`stress`]: many tasks on few ends, halves that move, futures that are dropped at any time;
//! - [`endings`]: who is woken with which error when the other end goes, its process dies or disconnects;
//! - [`listener`]: clients one after the other and many at once;
//! - `remote`: pipes that are opened for clients on other machines;
//! - [`ecosystem`]: codecs over a pipe;
//! - `windows`: tokio's own pipes at the other end, and handles.

mod bytes;
mod ecosystem;
mod endings;
mod listener;
mod messages;
#[cfg(target_os = "linux")]
mod remote;
mod shape;
mod stress;
#[cfg(windows)]
mod windows;

#[path = "../support/mod.rs"]
mod support;

use std::future::Future;

use dotpipe::tokio::{ClientOptions, NamedPipeClient, NamedPipeServer, PipeMode, ServerOptions};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use support::patience::PATIENCE;
use support::unique_name;

/// Empty, but for the children that other tests start: see [`support::process`].
#[test]
fn role() {
    support::process::play(&[("clients", listener::clients), ("victim", endings::victim)]);
}

/// The two kinds of runtime.
fn runtimes() -> [Runtime; 2] {
    let mut several = Builder::new_multi_thread();
    several.worker_threads(3);
    [Builder::new_current_thread(), several]
        .map(|mut builder| builder.enable_all().build().unwrap())
}

/// Runs a test on either kind of runtime. Panics when it does not end, rather than hang with it.
fn on_both<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(async {
            // In a task, not on the thread that blocks: there it is where tasks run.
            let run = tokio::spawn(timeout(PATIENCE, test()));
            run.await.unwrap().expect("it does not end");
        });
    }
}

/// The two ends of a new pipe, connected.
async fn pair(mode: PipeMode, quota: u32) -> (NamedPipeServer, NamedPipeClient) {
    let name = unique_name("tokio").to_string();
    let server = ServerOptions::new()
        .pipe_mode(mode)
        .in_buffer_size(quota)
        .out_buffer_size(quota)
        .create(&name)
        .unwrap();
    let client = ClientOptions::new().pipe_mode(mode).open(&name).unwrap();
    server.connect().await.unwrap();
    (server, client)
}
