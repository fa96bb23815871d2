//! Questions and replies: `transact` on an open pipe, and `call`, which opens, asks and closes.

use std::error::Error;
use std::thread;

use dotpipe::sync::call;
use dotpipe::{ClientOptions, NamedPipeServer, PipeMode, ServerOptions, WaitTimeout};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\transact-{}", std::process::id());
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .listen(&name)?;
    let stop = listener.canceller();
    let serving = thread::spawn(move || {
        for server in listener.incoming().flatten() {
            answer(&server);
        }
    });

    // Several questions on one pipe. The reply may be of any length; the buffer grows.
    let client = ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .open(&name)?;
    let mut reply = Vec::new();
    for question in ["3 ha", "100000 ho", "0 hm"] {
        let length = client.transact(question.as_bytes(), &mut reply)?;
        println!("{question}: a reply of {length} bytes");
        assert_eq!(reply, repeated(question).ok_or("a bad question")?);
    }
    // A transaction with unread messages in the way is refused: which one would be the reply?
    client.send(b"2 hi")?;
    while client.peek(&mut [])?.available == 0 {
        thread::yield_now();
    }
    let error = client.transact(b"1 ho", &mut reply).unwrap_err();
    println!("{error}");
    assert!(error.is_busy());
    client.recv(&mut reply)?;
    assert_eq!(reply, b"hihi");
    drop(client);

    // One question, and no pipe to keep.
    call(&name, b"2 bye", &mut reply, WaitTimeout::Forever)?;
    assert_eq!(reply, b"byebye");

    stop.cancel();
    serving.join().expect("the server does not panic");
    Ok(())
}

/// Answers one client until it closes its end or asks nonsense.
fn answer(server: &NamedPipeServer) {
    let mut question = Vec::new();
    while server.recv(&mut question).is_ok() {
        let reply = std::str::from_utf8(&question).ok().and_then(repeated);
        match reply {
            Some(reply) if server.send(&reply).is_ok() => {}
            _ => return,
        }
    }
}

/// `3 ha` is `hahaha`.
fn repeated(question: &str) -> Option<Vec<u8>> {
    let (count, word) = question.split_once(' ')?;
    Some(word.repeat(count.parse().ok()?).into_bytes())
}
