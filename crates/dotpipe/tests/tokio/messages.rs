//! Messages: their borders, those larger than the quota, transactions, and what a dropped future leaves.

use std::sync::Arc;

use dotpipe::WaitTimeout;
use dotpipe::tokio::{PipeMode, ServerOptions, call};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::data::{Listener, Random, Story, payload};
use crate::support::unique_name;
use crate::{on_both, pair};

#[test]
fn borders_are_kept_whatever_the_quota_and_the_length() {
    on_both(|| async {
        for quota in [0, 10, 4096, 65_536] {
            let (server, client) = pair(PipeMode::Message, quota).await;
            let story = Story {
                seed: u64::from(quota),
                shortest: 0,
                longest: 3 * quota as usize + 300,
            };
            let sending = tokio::spawn(async move {
                for number in 0..100 {
                    client.send(&story.message(number)).await.unwrap();
                }
                client.flush_pipe().await.unwrap();
            });
            let mut listener = Listener::new(story);
            let mut message = Vec::new();
            while listener.heard() < 50 {
                server.recv(&mut message).await.unwrap();
                listener.hear_message(&message, false);
            }
            let mut piece = vec![0; 33.max(quota as usize / 20)];
            while listener.heard() < 100 {
                let received = server.recv_into(&mut piece).await.unwrap();
                listener.hear_message(&piece[..received.len], received.more);
            }
            sending.await.unwrap();
        }
    });
}

#[test]
fn a_quota_is_there_at_once_wherever_the_last_message_ended() {
    on_both(|| async {
        const QUOTA: u32 = 65_536;
        for first in (1_000..40_000).step_by(3_137) {
            let (server, client) = pair(PipeMode::Message, QUOTA).await;
            let mut message = Vec::new();
            // The ring is begun anew somewhere, and then nobody reads.
            for _ in 0..4 {
                client.send(&vec![1; first]).await.unwrap();
                server.recv(&mut message).await.unwrap();
            }
            for number in 0..QUOTA / 1024 {
                let sent = client.try_write(&[7; 1024]);
                assert!(sent.is_ok(), "message {number} after those of {first}");
            }
        }
    });
}

#[test]
fn a_message_larger_than_the_quota_is_taken_over() {
    on_both(|| async {
        let (server, mut client) = pair(PipeMode::Message, 100).await;
        let large = payload(1, 1 << 20);
        // Nobody reads, and yet it is written.
        assert_eq!(client.write(&large).await.unwrap(), large.len());
        // The next one waits, though it would fit.
        assert!(client.try_write(b"x").is_err());
        let mut flush = Box::pin(client.flush());
        tokio::select! {
            biased;
            _ = &mut flush => assert!(cfg!(windows), "it cannot all be in the ring"),
            // The system has room for all of it.
            () = tokio::task::yield_now() => assert!(!cfg!(windows)),
        }
        drop(flush);
        // Dropping the end lets it finish.
        drop(client);
        let mut message = Vec::new();
        server.recv(&mut message).await.unwrap();
        assert!(message == large);
        assert!(server.recv(&mut message).await.unwrap_err().is_broken());

        let (_server, mut client) = pair(PipeMode::Byte, 100).await;
        // On Windows it is, in pieces.
        let piece = if cfg!(windows) { 64 << 10 } else { 100 };
        assert_eq!(client.write(&large).await.unwrap(), piece);
    });
}

#[test]
fn a_disconnect_drops_what_was_taken_over_and_the_next_client_sees_nothing_of_it() {
    on_both(|| async {
        let name = unique_name("taken").to_string();
        let server = ServerOptions::new()
            .pipe_mode(PipeMode::Message)
            .out_buffer_size(9)
            .create(&name);
        let server = server.unwrap();
        let mut options = dotpipe::tokio::ClientOptions::new();
        let options = options.pipe_mode(PipeMode::Message);
        let first = options.open(&name).unwrap();
        server.connect().await.unwrap();
        server.send(&payload(1, 500_000)).await.unwrap();
        first.readable().await.unwrap();
        server.disconnect().unwrap();
        let (connected, second) = tokio::join!(
            server.connect(),
            options.open_wait(&name, WaitTimeout::Forever)
        );
        connected.unwrap();
        let second = second.unwrap();
        server.send(b"fresh").await.unwrap();
        let mut message = Vec::new();
        second.recv(&mut message).await.unwrap();
        assert_eq!(message, b"fresh");
        assert!(first.recv(&mut message).await.unwrap_err().is_broken());
    });
}

#[test]
fn a_receive_that_is_given_up_keeps_what_has_come() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Message, 64).await;
        let story = Story {
            seed: 1,
            shortest: 0,
            longest: 300_000,
        };
        let mut message = Vec::new();
        tokio::select! {
            biased;
            _ = server.recv(&mut message) => panic!("nothing has been sent"),
            () = tokio::task::yield_now() => {}
        }
        let sending = tokio::spawn(async move {
            for number in 0..40 {
                client.send(&story.message(number)).await.unwrap();
            }
            client.flush_pipe().await.unwrap();
        });
        let mut given_up = 0;
        let mut listener = Listener::new(story);
        while listener.heard() < 40 {
            tokio::select! {
                biased;
                received = server.recv(&mut message) => {
                    received.unwrap();
                    listener.hear_message(&message, false);
                }
                () = tokio::task::yield_now() => given_up += 1,
            }
        }
        // On Windows all of a message comes at once.
        assert!(given_up > 0 || cfg!(windows));
        sending.await.unwrap();
    });
}

#[test]
fn transactions_are_answered_also_long_ones_and_among_other_readers() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Message, 100).await;
        let answering = tokio::spawn(async move {
            let mut question = Vec::new();
            while server.recv(&mut question).await.is_ok() {
                server.send(&question.repeat(3)).await.unwrap();
            }
        });
        let mut reply = vec![1, 2, 3];
        for len in [0, 5, 100, 300_000] {
            let question = payload(len as u64, len);
            let received = client.transact(&question, &mut reply).await.unwrap();
            assert_eq!(received, 3 * len);
            assert!(reply == question.repeat(3));
        }
        // While one is asked, another task waits to receive: it gets what comes after.
        let client = Arc::new(client);
        let other = client.clone();
        let receiving = tokio::spawn(async move {
            let mut message = Vec::new();
            other.recv(&mut message).await.map(|_| message)
        });
        tokio::task::yield_now().await;
        client.transact(b"one", &mut reply).await.unwrap();
        assert_eq!(reply, b"oneoneone");
        client.send(b"two").await.unwrap();
        assert_eq!(receiving.await.unwrap().unwrap(), b"twotwotwo");
        drop(client);
        answering.await.unwrap();
    });
}

#[test]
fn a_transaction_that_is_given_up_leaves_its_reply_to_the_next_receive() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Message, 100).await;
        let (mut question, mut reply) = (Vec::new(), Vec::new());
        tokio::select! {
            biased;
            _ = client.transact(b"?", &mut reply) => panic!("nobody has answered"),
            () = tokio::task::yield_now() => {}
        }
        server.recv(&mut question).await.unwrap();
        assert_eq!(question, b"?");
        let answer = payload(7, 1 << 20);
        server.send(&answer).await.unwrap();
        let error = client.transact(b"again", &mut reply).await.unwrap_err();
        assert!(error.is_busy(), "{error}");
        client.recv(&mut reply).await.unwrap();
        assert!(reply == answer);
    });
}

#[test]
fn a_transaction_given_up_in_the_midst_of_its_reply_keeps_it() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Message, 100).await;
        let answer = payload(8, 2 << 20);
        let (mut question, mut reply) = (Vec::new(), Vec::new());
        let sent = answer.clone();
        let server = Arc::new(server);
        let answering = server.clone();
        tokio::spawn(async move {
            answering.recv(&mut question).await.unwrap();
            answering.send(&sent).await.unwrap();
        });
        let mut rounds = 0;
        tokio::select! {
            biased;
            result = client.transact(b"?", &mut reply) => { result.unwrap(); }
            () = async { while rounds < 30 { rounds += 1; tokio::task::yield_now().await } } => {
                client.recv(&mut reply).await.unwrap();
            }
        }
        assert!(reply == answer);
    });
}

#[test]
fn empty_messages_are_received_and_passed_over_by_a_stream() {
    on_both(|| async {
        let (mut server, mut client) = pair(PipeMode::Message, 100).await;
        let mut message = vec![1];
        client.send(b"").await.unwrap();
        assert_eq!(server.recv(&mut message).await.unwrap(), 0);
        for part in [&b""[..], b"", b"stream", b""] {
            assert_eq!(client.write(part).await.unwrap(), part.len());
        }
        drop(client);
        let mut all = String::new();
        server.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "stream");
    });
}

#[test]
fn a_byte_pipe_has_no_messages_and_says_so() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Byte, 100).await;
        let error = client.send(b"x").await.unwrap_err();
        assert!(error.hint().unwrap().contains("byte type"));
        let error = server.recv(&mut Vec::new()).await.unwrap_err();
        assert!(error.hint().unwrap().contains("byte type"));
        let (server, client) = pair(PipeMode::Message, 100).await;
        server.set_read_mode(PipeMode::Byte).unwrap();
        client.send(b"x").await.unwrap();
        let error = server.recv(&mut Vec::new()).await.unwrap_err();
        assert!(error.hint().unwrap().contains("set_read_mode"));
    });
}

#[test]
fn a_flush_waits_for_the_reader_and_a_peek_takes_nothing() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Message, 100).await;
        client.send(b"one").await.unwrap();
        client.send(b"two").await.unwrap();
        {
            let mut flush = Box::pin(client.flush_pipe());
            for _ in 0..10 {
                tokio::select! {
                    biased;
                    _ = &mut flush => panic!("nothing has been read"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        server.readable().await.unwrap();
        let mut seen = [0; 9];
        let peeked = server.peek(&mut seen).unwrap();
        assert_eq!(
            (peeked.len, peeked.available, &seen[..3]),
            (3, 6, &b"one"[..])
        );
        let flushing = tokio::spawn(async move { client.flush_pipe().await.map(|()| client) });
        let mut message = Vec::new();
        server.recv(&mut message).await.unwrap();
        assert_eq!(message, b"one");
        server.recv(&mut message).await.unwrap();
        let client = flushing.await.unwrap().unwrap();
        // And then a disconnect loses nothing.
        server.disconnect().unwrap();
        assert!(client.flush_pipe().await.unwrap_err().is_broken());
    });
}

#[test]
fn a_call_waits_asks_and_closes() {
    on_both(|| async {
        let name = unique_name("call").to_string();
        let server = ServerOptions::new()
            .pipe_mode(PipeMode::Message)
            .create(&name)
            .unwrap();
        let serving = tokio::spawn(async move {
            let mut question = Vec::new();
            for _ in 0..3 {
                server.connect().await.unwrap();
                server.recv(&mut question).await.unwrap();
                server.send(&question.repeat(2)).await.unwrap();
                server.flush_pipe().await.unwrap();
                server.disconnect().unwrap();
            }
        });
        let calls = (0..3).map(|number: u8| {
            let name = name.clone();
            tokio::spawn(async move {
                let mut reply = Vec::new();
                call(&name, &[number], &mut reply, WaitTimeout::Forever)
                    .await
                    .unwrap();
                assert_eq!(reply, [number; 2]);
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        serving.await.unwrap();
        let gone = call(&name, b"?", &mut Vec::new(), WaitTimeout::Forever).await;
        assert!(gone.unwrap_err().is_not_found());
    });
}

#[test]
fn several_receivers_share_the_messages() {
    on_both(|| async {
        let mut random = Random::of_test("shared");
        let (server, client) = pair(PipeMode::Message, 1000).await;
        let server = Arc::new(server);
        let receivers: Vec<_> = (0..5)
            .map(|_| {
                let server = server.clone();
                tokio::spawn(async move {
                    let (mut sum, mut message) = (0, Vec::new());
                    while server.recv(&mut message).await.is_ok() {
                        let first = message.first().copied().unwrap_or(0);
                        assert!(
                            message.iter().all(|byte| *byte == first),
                            "a message goes whole to one"
                        );
                        sum += message.len();
                    }
                    sum
                })
            })
            .collect();
        let mut sent = 0;
        for number in 0..300u32 {
            let len = random.any_magnitude(5_000);
            client.send(&vec![number as u8; len]).await.unwrap();
            sent += len;
        }
        drop(client);
        let mut received = 0;
        for receiver in receivers {
            received += receiver.await.unwrap();
        }
        assert_eq!(received, sent);
    });
}
