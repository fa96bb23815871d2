//! Many clients at once: a listener, and a thread for each client.
//!
//! The listener keeps one instance listening at all times, so clients can come whenever they like.

use std::error::Error;
use std::thread;

use dotpipe::{ClientOptions, NamedPipeServer, PipeListener, PipeMode, ServerOptions, WaitTimeout};

const CLIENTS: u32 = 8;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\many-clients-{}", std::process::id());
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .first_pipe_instance(true)
        .listen(&name)?;
    // What ends the server later on, from this thread.
    let stop = listener.canceller();
    let serving = thread::spawn(move || serve(&listener));

    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let name = name.clone();
            thread::spawn(move || -> dotpipe::Result<u32> {
                let client = ClientOptions::new()
                    .pipe_mode(PipeMode::Message)
                    .wait_timeout(Some(WaitTimeout::Forever))
                    .open(&name)?;
                let mut reply = Vec::new();
                let mut sum = 0;
                for addend in 1..=number {
                    client.transact(&addend.to_le_bytes(), &mut reply)?;
                    sum = u32::from_le_bytes(reply[..].try_into().expect("four bytes"));
                }
                Ok(sum)
            })
        })
        .collect();
    for (number, client) in (0..CLIENTS).zip(clients) {
        let sum = client.join().expect("a client does not panic")?;
        println!("client {number}: the sum is {sum}");
        // Each has its own conversation, and its own sum.
        assert_eq!(sum, number * (number + 1) / 2);
    }

    stop.cancel();
    let served = serving.join().expect("the server does not panic")?;
    assert_eq!(served, CLIENTS);
    Ok(())
}

/// Serves until it is cancelled; gives the number of clients.
fn serve(listener: &PipeListener) -> dotpipe::Result<u32> {
    let mut served = 0;
    thread::scope(|scope| {
        for server in listener.incoming() {
            let server = server?;
            served += 1;
            scope.spawn(move || add(&server));
        }
        Ok(served)
    })
}

/// Adds up what one client sends, and tells it the sum each time.
fn add(server: &NamedPipeServer) {
    let mut sum = 0u32;
    let mut message = Vec::new();
    while server.recv(&mut message).is_ok() {
        // What a client sends may be anything.
        let Ok(addend) = message[..].try_into() else {
            return;
        };
        sum = sum.wrapping_add(u32::from_le_bytes(addend));
        if server.send(&sum.to_le_bytes()).is_err() {
            return;
        }
    }
}
