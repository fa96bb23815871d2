//! Clients and servers die while they find each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{PipeMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::scene::check_free;
use crate::support::data::Random;
use crate::support::patience::{start, until};
use crate::support::process::{Role, alone, namespace_files, say};
use crate::support::{BOTH, is_wine, open, options, unique_name};

const QUOTA: u32 = 1000;

/// Opens, says hello, perhaps hears it back, closes, and again.
pub(crate) fn caller(words: &[String]) {
    let name = PipeName::local(&words[0]).unwrap();
    let mut random = Random::new(words[1].parse().unwrap());
    say("ready");
    loop {
        match exact::open(&name, BOTH) {
            Ok(end) => {
                let (written, mut reply) = (end.write(b"hello"), [0; 9]);
                assert_eq!(written, Ok(5));
                if random.choose(&[true, false]) {
                    assert_eq!(end.read(&mut reply).map(|read| read.len), Ok(5));
                }
            }
            Err(code) => {
                assert_eq!(code, Win32Error::PIPE_BUSY);
                exact::wait(&name, WaitTimeout::Forever).unwrap();
            }
        }
    }
}

/// Serves one instance to one client after the other.
fn serve(end: &exact::End, stopped: &AtomicBool, served: &AtomicU32) {
    while !stopped.load(Ordering::Relaxed) {
        match end.connect() {
            // The last: came, and left or died.
            Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => {}
            Err(code) => {
                assert_eq!(code, Win32Error::OPERATION_ABORTED);
                continue;
            }
        }
        let mut buffer = [0; 100];
        loop {
            match end.read(&mut buffer) {
                Ok(read) => {
                    assert_eq!(&buffer[..read.len], b"hello");
                    served.fetch_add(1, Ordering::Relaxed);
                    let written = end.write(b"hello");
                    let gone = Err(Win32Error::NO_DATA);
                    assert!(written == Ok(5) || written == gone, "{written:?}");
                }
                Err(code) => {
                    assert_eq!(code, Win32Error::BROKEN_PIPE);
                    break;
                }
            }
        }
        end.disconnect().unwrap();
    }
}

#[test]
fn clients_die_and_the_server_serves_on() {
    alone(clients_die_and_the_server_serves_on, || {
        let random = &mut Random::of_test("dying clients");
        let name = unique_name("clients");
        let stopped = Arc::new(AtomicBool::new(false));
        let served = Arc::new(AtomicU32::new(0));
        let mut ends = Vec::new();
        let mut serving = Vec::new();
        for _ in 0..2 {
            let end = Arc::new(exact::create(&name, &options(PipeMode::Message, QUOTA)).unwrap());
            ends.push(end.clone());
            let (stopped, served) = (stopped.clone(), served.clone());
            serving.push(start("serving", move || serve(&end, &stopped, &served)));
        }
        // Three compete for two instances; each kill hits one of them at some moment.
        let start_caller = |random: &mut Random| {
            let seed = random.next().to_string();
            Role::start("caller", &[name.name().to_owned(), seed])
        };
        let mut callers: Vec<Role> = (0..3).map(|_| start_caller(random)).collect();
        for round in 0..30 {
            let mut victim = std::mem::replace(&mut callers[round % 3], start_caller(random));
            victim.expect("ready");
            let moment = random.any_magnitude(3000) as u64;
            thread::sleep(std::time::Duration::from_micros(moment));
            victim.kill();
            victim.bury();
        }
        callers.iter_mut().for_each(|caller| caller.expect("ready"));
        let before = served.load(Ordering::Relaxed);
        until("service", || served.load(Ordering::Relaxed) > before + 100);
        for caller in &mut callers {
            caller.kill();
            caller.bury();
        }
        stopped.store(true, Ordering::Relaxed);
        for (end, serving) in ends.iter().zip(serving) {
            until("the end of service", || {
                let _ = end.cancel();
                !serving.goes_on()
            });
        }
        assert_eq!(ends[0].state().unwrap().instances, 2);
        drop(ends);
        assert_eq!(namespace_files().len(), 0);
    });
}

/// Serves two instances; each client is heard, answered and left.
pub(crate) fn host(words: &[String]) {
    let name = PipeName::local(&words[0]).unwrap();
    let create = || exact::create(&name, &options(PipeMode::Message, QUOTA)).unwrap();
    let ends = [create(), create()];
    say("ready");
    thread::scope(|scope| {
        for end in &ends {
            scope.spawn(|| serve(end, &AtomicBool::new(false), &AtomicU32::new(0)));
        }
    });
}

#[test]
fn servers_die_and_their_clients_learn_it() {
    alone(servers_die_and_their_clients_learn_it, || {
        let random = &mut Random::of_test("dying servers");
        for _ in 0..30 {
            let name = unique_name("server");
            let mut host = Role::start("host", &[name.name().to_owned()]);
            host.expect("ready");
            let clients: Vec<_> = (0..3)
                .map(|_| {
                    let name = name.clone();
                    start("client", move || visit_until_gone(&name))
                })
                .collect();
            let moment = random.any_magnitude(5000) as u64;
            thread::sleep(std::time::Duration::from_micros(moment));
            host.kill();
            for client in clients {
                client.end();
            }
            host.bury();
            check_free(&name, &options(PipeMode::Message, QUOTA), random);
            assert_eq!(namespace_files().len(), 0);
        }
    });
}

/// A client of [`host`]: hears an answer to what it says, until the pipe does not exist any more.
fn visit_until_gone(name: &PipeName) {
    loop {
        match exact::open(name, BOTH) {
            Ok(end) => {
                let mut reply = [0; 9];
                match end.write(b"hello") {
                    Ok(len) => assert_eq!(len, 5),
                    Err(code) => assert_eq!(code, Win32Error::NO_DATA),
                }
                match end.read(&mut reply) {
                    Ok(read) => assert_eq!(&reply[..read.len], b"hello"),
                    Err(code) => assert_eq!(code, Win32Error::BROKEN_PIPE),
                }
            }
            Err(Win32Error::FILE_NOT_FOUND) => return,
            Err(code) => {
                assert_eq!(code, Win32Error::PIPE_BUSY);
                match exact::wait(name, WaitTimeout::Forever) {
                    Ok(()) => {}
                    Err(code) => {
                        // "waitpipe-wake" in `conformance/DIVERGENCES.md`.
                        let expected = match is_wine() {
                            true => [Win32Error::FILE_NOT_FOUND, Win32Error::HANDLES_CLOSED],
                            false => [Win32Error::FILE_NOT_FOUND; 2],
                        };
                        assert!(expected.contains(&code), "{code:?}");
                        return;
                    }
                }
            }
        }
    }
}

/// The server process is the survivor's own: a client that was killed before the server saw it has
/// written what it has written.
#[test]
fn what_a_client_wrote_before_it_died_waits_for_the_server() {
    alone(
        what_a_client_wrote_before_it_died_waits_for_the_server,
        || {
            let name = unique_name("late server");
            let server = exact::create(&name, &options(PipeMode::Message, QUOTA)).unwrap();
            let mut caller = Role::start("caller", &[name.name().to_owned(), "1".to_owned()]);
            caller.expect("ready");
            let mut buffer = [0; 9];
            until("hello", || {
                server
                    .peek(&mut [])
                    .is_ok_and(|peeked| peeked.available > 0)
            });
            caller.kill();
            caller.bury();
            assert_eq!(server.connect(), Err(Win32Error::NO_DATA));
            let read = server.read(&mut buffer).unwrap();
            assert_eq!((&buffer[..read.len], read.more), (&b"hello"[..], false));
            let read = server.read(&mut buffer);
            assert_eq!(read, Err(Win32Error::BROKEN_PIPE));
            server.disconnect().unwrap();
            let again = start("connect", {
                let server = Arc::new(server);
                move || server.connect().map(|()| server)
            });
            exact::wait(&name, WaitTimeout::Forever).unwrap();
            let client = open(&name, PipeMode::Message);
            let server = again.end().unwrap();
            client.write(b"next").unwrap();
            assert_eq!(server.read(&mut buffer).unwrap().len, 4);
        },
    );
}
