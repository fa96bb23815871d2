//! Whole messages: a server that serves one client after the other with a single instance.
//!
//! This is the oldest shape of a pipe server: connect, talk, disconnect, connect again. For many
//! clients at once see `many_clients`.

use std::error::Error;
use std::thread;

use dotpipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeMode, ServerOptions, WaitTimeout,
};

const CLIENTS: usize = 3;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\message-server-{}", std::process::id());
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        // Nobody else serves this name.
        .first_pipe_instance(true)
        .max_instances(1)
        .create(&name)?;
    let serving = thread::spawn(move || serve(&server));

    for number in 0..CLIENTS {
        // The instance is busy while it serves another client. This one waits for its turn.
        let client = ClientOptions::new()
            .pipe_mode(PipeMode::Message)
            .wait_timeout(Some(WaitTimeout::Forever))
            .open(&name)?;
        talk(&client, number)?;
    }
    serving.join().expect("the server does not panic")?;
    Ok(())
}

/// Answers every message with the number of its words, for one client after the other.
fn serve(server: &NamedPipeServer) -> dotpipe::Result<()> {
    let mut message = Vec::new();
    for _ in 0..CLIENTS {
        server.connect()?;
        loop {
            match server.recv(&mut message) {
                Ok(_) => {}
                // The client has closed its end.
                Err(error) if error.is_broken() => break,
                Err(error) => return Err(error),
            }
            let words = String::from_utf8_lossy(&message).split_whitespace().count();
            server.send(words.to_string().as_bytes())?;
        }
        server.disconnect()?;
    }
    Ok(())
}

fn talk(client: &NamedPipeClient, number: usize) -> Result<(), Box<dyn Error>> {
    // Sent in one go; the borders stay, and an empty message is a message.
    let texts = ["one two three", "", "four five"];
    for text in texts {
        client.send(text.as_bytes())?;
    }
    let mut reply = Vec::new();
    for text in texts {
        client.recv(&mut reply)?;
        let words = String::from_utf8_lossy(&reply);
        println!("client {number}: {text:?} has {words} words");
        assert_eq!(words, text.split_whitespace().count().to_string());
    }
    Ok(())
}
