//! A listener: an instance for every client, at all times.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use dotpipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, PipeListener, PipeMode, PipeName,
    ServerOptions, WaitMode, WaitTimeout, Win32Error,
};

use crate::support::sync::until;
use crate::support::{is_wine, unique_name};

fn listen(name: &PipeName) -> PipeListener {
    ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .listen(name)
        .unwrap()
}

fn open(name: &PipeName) -> NamedPipeClient {
    ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .wait_timeout(Some(WaitTimeout::Forever))
        .open(name)
        .unwrap()
}

fn echo(server: &NamedPipeServer) {
    let mut message = Vec::new();
    while server.recv(&mut message).is_ok() && server.send(&message).is_ok() {}
}

#[test]
fn many_clients_at_once_each_have_their_own_conversation() {
    const CLIENTS: usize = 16;
    const ROUNDS: usize = 50;
    let name = unique_name("many");
    let listener = listen(&name);
    let stop = listener.canceller();
    let all_connected = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut served = 0;
            for server in listener.incoming() {
                let server = server.unwrap();
                served += 1;
                scope.spawn(move || echo(&server));
            }
            assert_eq!(served, CLIENTS);
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (name, all_connected) = (&name, &all_connected);
                scope.spawn(move || {
                    let client = open(name);
                    all_connected.wait();
                    let mut reply = Vec::new();
                    for round in 0..ROUNDS {
                        let question = format!("{number}/{round}");
                        client.transact(question.as_bytes(), &mut reply).unwrap();
                        assert_eq!(reply, question.as_bytes());
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        stop.cancel();
    });
}

#[test]
fn an_instance_listens_at_all_times() {
    // Clients that neither wait nor try again: every one must find an instance, or all in use for
    // the moment in which the next is created, and never a name that is gone.
    let name = unique_name("always");
    let listener = listen(&name);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..200 {
                let client = until(|| {
                    ClientOptions::new()
                        .open(&name)
                        .inspect_err(|error| assert!(error.is_busy(), "{error}"))
                });
                drop(client);
            }
        });
        for _ in 0..200 {
            drop(listener.accept().unwrap());
        }
    });
}

#[test]
fn a_client_that_has_left_is_handed_out_with_what_it_wrote() {
    let name = unique_name("left");
    let listener = listen(&name);
    for text in ["one", "two"] {
        open(&name).send(text.as_bytes()).unwrap();
        let server = listener.accept().unwrap();
        let mut message = Vec::new();
        server.recv(&mut message).unwrap();
        assert_eq!(message, text.as_bytes());
        let error = server.recv(&mut message).unwrap_err();
        assert_eq!(error.code(), Win32Error::BROKEN_PIPE);
    }
}

#[test]
fn cancelling_ends_accepting_for_good() {
    let name = unique_name("cancel");
    let listener = listen(&name);
    let stop = listener.canceller();
    thread::scope(|scope| {
        // One waits for a client, the others for their turn; some may not have begun yet.
        let accepting: Vec<_> = (0..3).map(|_| scope.spawn(|| listener.accept())).collect();
        stop.cancel();
        for thread in accepting {
            let error = thread.join().unwrap().unwrap_err();
            assert_eq!(error.code(), Win32Error::OPERATION_ABORTED);
            assert_eq!(error.operation(), "connect");
            assert!(error.hint().unwrap().contains("this listener"));
        }
    });
    assert!(listener.accept().unwrap_err().is_cancelled());
    assert!(listener.incoming().next().is_none());
    // It still listens, until it is dropped.
    let client = open(&name);
    drop(listener);
    assert_eq!(client.send(b"x").unwrap_err().code(), Win32Error::NO_DATA);
    stop.cancel();
    assert!(ClientOptions::new().open(&name).unwrap_err().is_not_found());
}

#[test]
fn time_runs_out_and_nothing_is_lost() {
    let name = unique_name("time");
    let listener = listen(&name);
    let error = listener.accept_timeout(Duration::ZERO).unwrap_err();
    assert!(error.is_timeout());
    let error = listener
        .accept_timeout(Duration::from_millis(1))
        .unwrap_err();
    assert!(error.is_timeout());
    let _client = open(&name);
    // A client that is there needs no time.
    listener.accept_timeout(Duration::ZERO).unwrap();
}

#[test]
fn at_the_maximum_accept_waits_for_a_server_to_go() {
    let name = unique_name("maximum");
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .max_instances(2)
        .listen(&name)
        .unwrap();
    let _first = (open(&name), listener.accept().unwrap());
    let second = (open(&name), listener.accept().unwrap());
    // Both instances have their clients.
    assert!(ClientOptions::new().open(&name).unwrap_err().is_busy());
    let error = listener
        .accept_timeout(Duration::from_millis(1))
        .unwrap_err();
    assert!(error.is_timeout());
    drop(second);
    // One instance is free again, without any accept.
    let third = open(&name);
    let server = listener.accept().unwrap();
    third.send(b"third").unwrap();
    let mut message = Vec::new();
    server.recv(&mut message).unwrap();
    assert_eq!(message, b"third");
}

#[test]
fn accept_goes_on_when_a_server_goes() {
    let name = unique_name("goes");
    let listener = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .max_instances(1)
        .listen(&name)
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20u8 {
                // With a single instance the name is gone while it is replaced.
                let client = until(|| {
                    ClientOptions::new()
                        .pipe_mode(PipeMode::Message)
                        .wait_timeout(Some(WaitTimeout::Forever))
                        .open(&name)
                });
                client.send(&[number]).unwrap();
            }
        });
        let mut message = Vec::new();
        for number in 0..20u8 {
            let server = listener.accept().unwrap();
            server.recv(&mut message).unwrap();
            assert_eq!(message, [number]);
            // The other half keeps the instance.
            let (read, write) = server.into_split();
            drop(read);
            assert!(listener.accept_timeout(Duration::ZERO).is_err());
            drop(write);
        }
    });
}

#[test]
fn only_the_first_instance_must_be_the_first() {
    let name = unique_name("first");
    let mut options = ServerOptions::new();
    options.first_pipe_instance(true);
    let listener = options.listen(&name).unwrap();
    // "instances-first" in `conformance/DIVERGENCES.md`.
    if !is_wine() {
        assert!(options.listen(&name).unwrap_err().is_access_denied());
    }
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let client = ClientOptions::new().open(&name).unwrap();
            (client, listener.accept().unwrap())
        })
        .collect();
    assert_eq!(clients[0].1.state().unwrap().instances, 4);
}

#[test]
fn several_threads_may_accept() {
    const EACH: usize = 10;
    let name = unique_name("several");
    let listener = listen(&name);
    let mut received: Vec<Vec<u8>> = thread::scope(|scope| {
        let accepting: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    (0..EACH)
                        .map(|_| {
                            let mut message = Vec::new();
                            listener.accept().unwrap().recv(&mut message).unwrap();
                            message
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for number in 0..3 * EACH {
            open(&name).send(&[number as u8]).unwrap();
        }
        let joined = accepting.into_iter().map(|thread| thread.join().unwrap());
        joined.flatten().collect()
    });
    received.sort();
    let expected: BTreeSet<Vec<u8>> = (0..3 * EACH).map(|number| vec![number as u8]).collect();
    assert_eq!(received, Vec::from_iter(expected));
}

#[test]
fn a_non_blocking_listener_does_not_wait() {
    let name = unique_name("nowait");
    let listener = ServerOptions::new()
        .wait_mode(WaitMode::NonBlocking)
        .listen(&name)
        .unwrap();
    let error = listener.accept().unwrap_err();
    assert_eq!(error.code(), Win32Error::PIPE_LISTENING);
    assert!(error.is_would_block());
    let _client = ClientOptions::new().open(&name).unwrap();
    let server = listener.accept().unwrap();
    assert_eq!(server.state().unwrap().wait_mode, WaitMode::NonBlocking);
}
