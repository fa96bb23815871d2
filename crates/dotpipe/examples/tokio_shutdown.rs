//! Graceful shutdown: the server takes no new clients, finishes what it was asked, waits until every client has
//! its answer, and only then disconnects.

use std::error::Error;
use std::time::Duration;

use dotpipe::WaitTimeout;
use dotpipe::tokio::{ClientOptions, NamedPipeServer, PipeListener, PipeMode, ServerOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;

type Anything<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Serves until told to stop; gives how many clients there were.
async fn serve(listener: PipeListener, mut stop: watch::Receiver<bool>) -> Anything<usize> {
    let mut clients = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            client = listener.accept() => {
                count += 1;
                clients.spawn(talk(client?, stop.clone()));
            }
            // An accept that is dropped loses no client; but from here on there are none.
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(count)
}

async fn talk(client: NamedPipeServer, mut stop: watch::Receiver<bool>) -> dotpipe::Result<()> {
    let mut question = Vec::new();
    loop {
        // What has been asked is answered first; a receive that is dropped loses nothing.
        tokio::select! {
            biased;
            received = client.recv(&mut question) => match received {
                Err(error) if error.is_broken() => return Ok(()),
                received => drop(received?),
            },
            _ = stop.wait_for(|stop| *stop) => break,
        }
        // Work that takes its time.
        tokio::time::sleep(Duration::from_millis(2)).await;
        question.reverse();
        client.send(&question).await?;
    }
    client.send(b"bye").await?;
    // The client shall have read everything before the conversation ends.
    client.flush_pipe().await?;
    // Whoever left just now needs no good-bye.
    let _ = client.disconnect();
    Ok(())
}

#[tokio::main]
pub(crate) async fn main() -> Anything<()> {
    let name = format!(r"\\.\pipe\tokio-shutdown-{}", std::process::id());
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .listen(&name)?;
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, stopped));

    let mut clients = JoinSet::new();
    let (tell, mut asked) = tokio::sync::mpsc::channel(3);
    for number in 0..3u8 {
        // The next instance listens as soon as the server has accepted the client before.
        let mut options = ClientOptions::new();
        let options = options.pipe_mode(PipeMode::Message);
        let client = options.open_wait(&name, WaitTimeout::Forever).await?;
        let tell = tell.clone();
        clients.spawn(async move {
            let mut answer = Vec::new();
            client.transact(&[number], &mut answer).await?;
            // The server knows it by now, and has one more question to answer when it is told to stop.
            client.send(&[number, 2, 1]).await?;
            tell.send(()).await.ok();
            client.recv(&mut answer).await?;
            assert_eq!(answer, [1, 2, number]);
            client.recv(&mut answer).await?;
            assert_eq!(answer, b"bye");
            println!("client {number} was answered and sent home");
            // The server hangs up last.
            let ended = client
                .recv(&mut answer)
                .await
                .is_err_and(|error| error.is_broken());
            dotpipe::Result::Ok(ended)
        });
    }
    for _ in 0..3 {
        asked.recv().await;
    }
    stop.send_replace(true);

    while let Some(ended) = clients.join_next().await {
        assert!(ended??);
    }
    assert_eq!(serving.await??, 3);
    assert!(
        ClientOptions::new().open(&name).is_err(),
        "nobody serves it any more"
    );
    Ok(())
}
