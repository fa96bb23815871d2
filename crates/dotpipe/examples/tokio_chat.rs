//! A chat server with one task per client: what one client says, all others hear.
//!
//! Lines over a byte pipe. Each client's end is split: one half reads what it says, the other writes what the
//! others do.

use std::io;

use dotpipe::WaitTimeout;
use dotpipe::tokio::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeListener, ServerOptions,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::sync::broadcast;

/// What was said, and by which client.
type Said = (usize, String);

async fn serve(listener: PipeListener) -> io::Result<()> {
    let (room, _) = broadcast::channel(100);
    for number in 0.. {
        let client = listener.accept().await?;
        // It listens from now on, before it can be told that it is in.
        let heard = room.subscribe();
        tokio::spawn(talk(client, number, room.clone(), heard));
    }
    Ok(())
}

/// The task of one client.
async fn talk(
    client: NamedPipeServer,
    number: usize,
    room: broadcast::Sender<Said>,
    mut heard: broadcast::Receiver<Said>,
) -> io::Result<()> {
    let (read, mut write) = client.into_split();
    write.write_all(b"welcome\n").await?;
    let mut lines = BufReader::new(read).lines();
    loop {
        // Both futures may be dropped at any time: neither loses anything.
        tokio::select! {
            line = lines.next_line() => match line? {
                // Nobody else need be there.
                Some(line) => drop(room.send((number, line))),
                None => return Ok(()),
            },
            said = heard.recv() => match said {
                Ok((who, line)) if who != number => {
                    write.write_all(format!("{who}: {line}\n").as_bytes()).await?;
                }
                Ok(_) => {}
                Err(lost) => write.write_all(format!("({lost})\n").as_bytes()).await?,
            },
        }
    }
}

async fn enter(name: &str) -> io::Result<Lines<BufReader<NamedPipeClient>>> {
    // The next instance listens as soon as the server has accepted the client before.
    let options = ClientOptions::new();
    let pipe = options.open_wait(name, WaitTimeout::Forever).await?;
    let mut lines = BufReader::new(pipe).lines();
    assert_eq!(lines.next_line().await?.as_deref(), Some("welcome"));
    Ok(lines)
}

#[tokio::main]
pub(crate) async fn main() -> io::Result<()> {
    let name = format!(r"\\.\pipe\tokio-chat-{}", std::process::id());
    let listener = ServerOptions::new()
        .first_pipe_instance(true)
        .listen(&name)?;
    let serving = tokio::spawn(serve(listener));

    let mut ann = enter(&name).await?;
    let mut bob = enter(&name).await?;
    let mut eve = enter(&name).await?;
    ann.get_mut().write_all(b"hello, all\n").await?;
    for client in [&mut bob, &mut eve] {
        let line = client.next_line().await?;
        println!("{line:?}");
        assert_eq!(line.as_deref(), Some("0: hello, all"));
    }
    drop(eve); // She leaves without a word.
    bob.get_mut().write_all(b"hello, Ann\n").await?;
    let line = ann.next_line().await?;
    println!("{line:?}");
    assert_eq!(line.as_deref(), Some("1: hello, Ann"));

    serving.abort();
    Ok(())
}
