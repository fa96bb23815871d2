//! What the tests of the sync face share: connected pairs, data, trying again.

use std::thread;

use dotpipe::{ClientOptions, NamedPipeClient, NamedPipeServer, PipeMode, ServerOptions};

use super::unique_name;

/// The two ends of a new pipe of this type and read mode.
pub(crate) fn pair(mode: PipeMode) -> (NamedPipeServer, NamedPipeClient) {
    pair_of(ServerOptions::new().pipe_mode(mode))
}

/// The two ends of a new pipe with these options; the client end has the read mode of the server end.
pub(crate) fn pair_of(options: &ServerOptions) -> (NamedPipeServer, NamedPipeClient) {
    let name = unique_name("pair");
    let server = options.create(&name).unwrap();
    let read_mode = server.state().unwrap().read_mode;
    let client = ClientOptions::new()
        .pipe_mode(read_mode)
        .open(&name)
        .unwrap();
    (server, client)
}

/// `len` bytes that differ from place to place and from seed to seed.
pub(crate) fn fill(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (seed + 7 * i + 13 * (i / 256)) as u8)
        .collect()
}

/// Tries again until it succeeds: for what another thread is about to make possible.
pub(crate) fn until<T, E>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(_) => thread::yield_now(),
        }
    }
}
