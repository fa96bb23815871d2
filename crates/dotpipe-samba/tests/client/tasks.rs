//! The face for tasks on pipes of another machine.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use dotpipe::PipeMode;
use dotpipe::WaitTimeout;
use dotpipe::tokio::{ClientOptions, NamedPipeClient};
use dotpipe::win32::Win32Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use crate::support::patience::{PATIENCE, start, until};
use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn open(smbd: &Smbd, name: &str, mode: PipeMode) -> NamedPipeClient {
    let mut options = ClientOptions::new();
    let smb = smbd.options().pipe_type(mode);
    options.pipe_mode(mode).smb(&smb);
    options
        .open_wait(smbd.pipe(name).to_string(), WaitTimeout::Default)
        .await
        .unwrap()
}

#[test]
fn messages_go_there_and_back() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    runtime().block_on(async {
        let mut client = open(&smbd, "echo", PipeMode::Message).await;
        let mut got = Vec::new();
        for len in [1, 100, 65_535] {
            let message = vec![len as u8; len];
            client.send(&message).await.unwrap();
            assert_eq!(client.recv(&mut got).await.unwrap(), len);
            assert!(got == message);
            assert_eq!(client.transact(&message, &mut got).await.unwrap(), len);
            assert!(got == message);
        }
        // One that is given up takes nothing with it.
        tokio::select! {
            biased;
            _ = client.recv(&mut got) => panic!("nobody has sent anything"),
            () = std::future::ready(()) => {}
        }
        client.send(b"later").await.unwrap();
        client.recv(&mut got).await.unwrap();
        assert_eq!(got, b"later");
        // Longer than Samba carries; the pipe goes on.
        client.send(&[0; 65_536]).await.unwrap();
        let refused = client.flush().await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(client.transact(b"still", &mut got).await.unwrap(), 5);
        let flushed = client.flush_pipe().await.unwrap_err();
        assert_eq!(flushed.code(), Win32Error::NOT_SUPPORTED);
    });
}

#[test]
fn bytes_are_a_stream_both_ways_at_once() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "stream", Type::Byte, echo);
    let data: Vec<u8> = (0..1_000_000u32).map(|byte| (byte * 7) as u8).collect();
    runtime().block_on(async {
        let client = open(&smbd, "stream", PipeMode::Byte).await;
        let (mut reader, mut writer) = client.into_split();
        let mut got = vec![0; data.len()];
        let writing = async {
            writer.write_all(&data).await.unwrap();
            // Little enough to be gathered; the flush sends it.
            writer.write_all(b"the end").await.unwrap();
            writer.flush().await.unwrap();
        };
        let mut end = [0; 7];
        let reading = async {
            reader.read_exact(&mut got).await.unwrap();
            reader.read_exact(&mut end).await.unwrap();
        };
        tokio::time::timeout(PATIENCE, async { tokio::join!(writing, reading) })
            .await
            .unwrap();
        assert!(got == data && &end == b"the end");
    });
}

#[test]
fn several_tasks_use_one_end_and_one_connection() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = Arc::new(open(&smbd, "echo", PipeMode::Message).await);
        let tasks: Vec<_> = (0..8u8)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    for _ in 0..20 {
                        client.send(&[number; 9]).await.unwrap();
                        let mut got = Vec::new();
                        // Whoever comes first gets the next one, whoever sent it.
                        assert_eq!(client.recv(&mut got).await.unwrap(), 9);
                        sum += u64::from(got[0]);
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
        assert_eq!(sum, 20 * (0..8).sum::<u64>());
    });
}

#[test]
fn the_other_end_goes() {
    let Some(mut smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "once", Type::Message, |mut conversation| {
        conversation.receive()?;
        conversation.send(b"bye")?;
        Ok(())
    });
    runtime().block_on(async {
        let client = open(&smbd, "once", PipeMode::Message).await;
        client.send(b"hello").await.unwrap();
        let mut got = Vec::new();
        client.recv(&mut got).await.unwrap();
        assert_eq!(got, b"bye");
        client.readable().await.unwrap();
        assert_eq!(client.try_read(&mut [0; 9]).unwrap(), 0);
        let error = client.send(b"more").await.unwrap_err();
        assert_eq!(error.code(), Win32Error::NO_DATA);

        // A reader that sleeps is woken when the server of the connection dies.
        let silent = Served::start(&smbd, "silent", Type::Message, |mut conversation| {
            conversation.until_gone()
        });
        let client = open(&smbd, "silent", PipeMode::Message).await;
        let reading = client.recv(&mut got);
        let killing = async {
            // It has been polled first.
            smbd.kill();
        };
        let (received, ()) =
            tokio::time::timeout(PATIENCE, async { tokio::join!(reading, killing) })
                .await
                .unwrap();
        assert_eq!(received.unwrap_err().code(), Win32Error::NETNAME_DELETED);
        drop(silent);
    });
    drop(served);
}

#[test]
fn closing_holds_nobody_up() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "silent", Type::Message, |mut conversation| {
        conversation.until_gone()
    });
    let mut options = ClientOptions::new();
    // Whoever waited for the server would wait for ever.
    options.smb(&smbd.options().request_timeout(PATIENCE * 100));
    let name = smbd.pipe("silent").to_string();
    let runtime = runtime();
    let _entered = runtime.enter();
    drop(options.open(&name).unwrap());
    // It goes on in the background.
    until("the close", || served.clients() == 0);
    let client = options.open(&name).unwrap();
    smbd.freeze();
    start("the drop", move || drop(client)).end();
}

#[test]
fn who_waits_in_vain_and_who_does_not() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::answering(&smbd, "busy", |_| None, echo);
    runtime().block_on(async {
        let mut options = ClientOptions::new();
        options.smb(&smbd.options());
        let name = smbd.pipe("busy").to_string();
        let error = options.open(&name).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(231));
        let limit = WaitTimeout::For(Duration::from_millis(300));
        let error = options.open_wait(&name, limit).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let missing = smbd.pipe("missing").to_string();
        let error = options
            .open_wait(&missing, WaitTimeout::Forever)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        // Free while somebody waits.
        let waiting = options.open_wait(&name, WaitTimeout::Forever);
        let freeing = async {
            tokio::task::yield_now().await;
            drop(served);
            Served::start(&smbd, "busy", Type::Message, echo)
        };
        let (client, _served) =
            tokio::time::timeout(PATIENCE, async { tokio::join!(waiting, freeing) })
                .await
                .unwrap();
        // Between the two servers there is no such pipe.
        match client {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    });
}

/// Counts how often it is called.
#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_waits_is_woken_by_news_only() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "silent", Type::Message, |mut conversation| {
        conversation.until_gone()
    });
    let runtime = runtime();
    let client = runtime.block_on(open(&smbd, "silent", PipeMode::Message));
    let _entered = runtime.enter();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut got = Vec::new();
    let mut reading = pin!(client.recv(&mut got));
    let poll = reading.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    assert_eq!(count.0.load(Ordering::SeqCst), 0, "it has woken itself");
}

#[test]
fn an_answer_that_nobody_has_looked_at_is_the_next_message() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let runtime = runtime();
    let client = runtime.block_on(open(&smbd, "echo", PipeMode::Message));
    let mut got = Vec::new();
    {
        let _entered = runtime.enter();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let mut asking = pin!(client.transact(b"question", &mut got));
        let poll = asking.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        until("the answer", || count.0.load(Ordering::SeqCst) > 0);
    }
    runtime.block_on(async {
        let receiving = tokio::time::timeout(PATIENCE, client.recv(&mut got));
        assert_eq!(receiving.await.unwrap().unwrap(), 8);
    });
    assert_eq!(got, b"question");
}
