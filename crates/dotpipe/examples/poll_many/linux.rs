//! One thread, many pipes: a server that waits for all of its clients with `poll`.
//!
//! The loop for each pipe is: arm, do what can be done without waiting, and sleep only when there is
//! nothing. See `NamedPipeServer::poll_descriptor` for the rules.

use std::error::Error;
use std::os::fd::OwnedFd;
use std::thread;

use dotpipe::sync::Interest;
use dotpipe::{
    ClientOptions, NamedPipeServer, PipeListener, PipeMode, ServerOptions, WaitMode, WaitTimeout,
};
use rustix::event::{PollFd, PollFlags, poll};

const CLIENTS: usize = 5;
const MESSAGES: usize = 20;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\poll-many-{}", std::process::id());
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .listen(&name)?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let name = name.clone();
            thread::spawn(move || talk(&name, number))
        })
        .collect();

    let answered = serve(&listener)?;
    println!("{answered} messages answered by one thread");
    assert_eq!(answered, CLIENTS * MESSAGES);
    for client in clients {
        client.join().expect("a client does not panic")?;
    }
    Ok(())
}

fn talk(name: &str, number: usize) -> dotpipe::Result<()> {
    let client = ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .wait_timeout(Some(WaitTimeout::Forever))
        .open(name)?;
    let mut reply = Vec::new();
    for count in 0..MESSAGES {
        let text = format!("client {number}, message {count}");
        client.transact(text.as_bytes(), &mut reply)?;
        assert_eq!(reply, text.to_uppercase().as_bytes());
    }
    Ok(())
}

/// A client, and what to wait on for it.
struct Guest {
    server: NamedPipeServer,
    descriptor: OwnedFd,
}

/// Serves all clients until the last one has gone; gives the number of messages.
fn serve(listener: &PipeListener) -> Result<usize, Box<dyn Error>> {
    let mut guests = Vec::new();
    for _ in 0..CLIENTS {
        let server = listener.accept()?;
        // From here on nothing waits in an operation of a pipe.
        server.set_wait_mode(WaitMode::NonBlocking)?;
        let descriptor = server.poll_descriptor()?;
        guests.push(Guest { server, descriptor });
    }

    let mut answered = 0;
    while !guests.is_empty() {
        let mut idle = true;
        let mut staying = Vec::new();
        for guest in guests {
            if guest.server.arm(Interest::READABLE)?.is_empty() {
                staying.push(guest);
                continue;
            }
            idle = false;
            if let Some(count) = answer_all(&guest.server)? {
                answered += count;
                staying.push(guest);
            }
        }
        guests = staying;
        if idle {
            // Every pipe is armed and has nothing. Whichever gets something wakes us.
            let mut descriptors: Vec<PollFd<'_>> = guests
                .iter()
                .map(|guest| PollFd::new(&guest.descriptor, PollFlags::IN))
                .collect();
            poll(&mut descriptors, None)?;
        }
    }
    Ok(answered)
}

/// Answers everything that one client has sent. `None` when it has gone.
fn answer_all(server: &NamedPipeServer) -> dotpipe::Result<Option<usize>> {
    let mut message = Vec::new();
    let mut count = 0;
    loop {
        match server.recv(&mut message) {
            Ok(_) => {
                message.make_ascii_uppercase();
                server.send(&message)?;
                count += 1;
            }
            Err(error) if error.is_would_block() => return Ok(Some(count)),
            Err(error) if error.is_broken() && count == 0 => return Ok(None),
            // Its last messages were answered; the next round sees that it has gone.
            Err(error) if error.is_broken() => return Ok(Some(count)),
            Err(error) => return Err(error),
        }
    }
}
