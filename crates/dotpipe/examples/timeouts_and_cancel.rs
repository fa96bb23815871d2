//! Not waiting for ever: time-outs for opening, connecting and reading, and cancelling from another
//! thread.

use std::error::Error;
use std::thread;
use std::time::Duration;

use dotpipe::{ClientOptions, PipeMode, ServerOptions, WaitTimeout};

const SHORT: Duration = Duration::from_millis(20);

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\timeouts-{}", std::process::id());

    // A pipe that does not exist is not waited for, whatever the time-out.
    let mut options = ClientOptions::new();
    options
        .pipe_mode(PipeMode::Message)
        .wait_timeout(Some(WaitTimeout::For(SHORT)));
    let error = options.open(&name).unwrap_err();
    println!("{error}");
    assert!(error.is_not_found());

    // A server that waits for a client, but not for long. The instance listens on.
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .create(&name)?;
    let error = server.connect_timeout(SHORT).unwrap_err();
    println!("{error}");
    assert!(error.is_timeout());

    let client = options.open(&name)?;
    server.connect_timeout(SHORT)?;

    // A second client finds the only instance in use, and it stays so.
    let error = options.open(&name).unwrap_err();
    println!("{error}");
    assert!(error.is_timeout());

    // A read that runs out of time takes nothing: what comes later is received whole.
    let mut message = Vec::new();
    server.set_read_timeout(Some(SHORT))?;
    let error = server.recv(&mut message).unwrap_err();
    println!("{error}");
    assert!(error.is_timeout());
    client.send(b"late")?;
    server.recv(&mut message)?;
    assert_eq!(message, b"late");

    // Without a time-out, another thread can end the wait. Until there is something that waits,
    // cancelling finds nothing.
    server.set_read_timeout(None)?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| server.recv(&mut Vec::new()));
        while server.cancel().is_err() {
            thread::yield_now();
        }
        let error = waiting.join().expect("no panic").unwrap_err();
        println!("{error}");
        assert!(error.is_cancelled());
    });
    Ok(())
}
