//! Nothing grows with use: descriptors, threads, files of the namespace, memory, on either side.
//!
//! The long version, a hundred thousand cycles (a quarter as many where whole pipes come and go):
//!
//! ```text
//! DOTPIPE_SOAK=1 cargo test --release -p dotpipe --test many cycles -- --nocapture
//! ```

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{PipeMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::support::measure::{Holding, memory_tells};
use crate::support::patience::until;
use crate::support::process::{Role, alone, namespace_files, say};
use crate::support::{open, options, unique_name};

const WARM_UP: usize = 500;
const CYCLES: usize = 10_000;
/// How much a heap may breathe: threads that meet in another order need more of it at a time. Spread over the cycles it
/// is too little for anything to be forgotten.
const BREATH: usize = 512 << 10;

fn cycles() -> usize {
    match std::env::var_os("DOTPIPE_SOAK") {
        Some(_) => 10 * CYCLES,
        None => CYCLES,
    }
}

fn check_no_growth(what: &str, before: Holding, after: Holding) {
    println!("{what}: {before:?}, then {after:?}");
    // Each thread keeps one by which it is woken, from its first sleep on.
    assert!(
        after.descriptors <= before.descriptors + after.threads,
        "{what}"
    );
    assert_eq!(after.threads, before.threads, "{what}");
    assert!(
        after.memory <= before.memory + BREATH || !memory_tells(),
        "{what}"
    );
}

/// Serves a few instances for ever: hears a question, repeats it, and waits until the client has left.
pub(crate) fn answerer(words: &[String]) {
    let name = PipeName::local(&words[0]).unwrap();
    let create = || exact::create(&name, &options(PipeMode::Message, 1000)).unwrap();
    let ends: Vec<_> = (0..4).map(|_| create()).collect();
    say("ready");
    std::thread::scope(|scope| {
        for end in &ends {
            scope.spawn(|| {
                let mut buffer = [0; 100];
                loop {
                    match end.connect() {
                        Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => {}
                        Err(code) => panic!("{code:?}"),
                    }
                    while let Ok(received) = end.read(&mut buffer) {
                        end.write(&buffer[..received.len]).unwrap();
                    }
                    end.disconnect().unwrap();
                }
            });
        }
    });
}

#[test]
fn open_call_close() {
    alone(open_call_close, || {
        let name = unique_name("cycles");
        let mut server = Role::start("answerer", &[name.name().to_owned()]);
        server.expect("ready");
        let mut reply = [0; 100];
        let mut cycle = |number: usize| {
            let question = number.to_le_bytes();
            let received = if number.is_multiple_of(2) {
                exact::call(&name, &question, &mut reply, WaitTimeout::Forever, None).unwrap()
            } else {
                // There are four instances, but their threads may be slow to listen again.
                let client = loop {
                    match exact::open(&name, crate::support::BOTH) {
                        Err(Win32Error::PIPE_BUSY) => {
                            exact::wait(&name, WaitTimeout::Forever).unwrap();
                        }
                        opened => break opened.unwrap(),
                    }
                };
                client.write(&question).unwrap();
                client.read(&mut reply).unwrap()
            };
            assert_eq!(reply[..received.len], question);
        };
        // All instances listen, and what the last client had is given back.
        let settle = || {
            until("quiet", || {
                exact::status(&name).unwrap().instances.listening == 4
            });
        };
        (0..WARM_UP).for_each(&mut cycle);
        settle();
        let holding = || (Holding::own(), Holding::of(server.id()), namespace_files());
        let before = holding();
        (0..cycles()).for_each(&mut cycle);
        settle();
        let after = holding();
        check_no_growth("the client", before.0, after.0);
        check_no_growth("the server", before.1, after.1);
        assert_eq!(after.2, before.2);
        assert!(!after.2.is_empty());
    });
}

/// The other way round: pipes come and go.
#[test]
fn create_open_close() {
    alone(create_open_close, || {
        let names = [unique_name("one"), unique_name("other")];
        let cycle = |number: usize| {
            let name = &names[number % 2];
            let server = exact::create(name, &options(PipeMode::Message, 1000)).unwrap();
            let client = open(name, PipeMode::Message);
            client.write(b"hello").unwrap();
            let mut buffer = [0; 9];
            if number.is_multiple_of(3) {
                assert_eq!(server.read(&mut buffer).unwrap().len, 5);
                drop(server);
                assert_eq!(client.read(&mut buffer), Err(Win32Error::BROKEN_PIPE));
            } else {
                let answer = client.start_read(9);
                let connect = server.start_connect();
                assert_eq!(connect.wait(), Err(Win32Error::PIPE_CONNECTED));
                drop(client);
                let aborted = Err(Win32Error::OPERATION_ABORTED);
                assert_eq!(answer.wait(), aborted);
                assert_eq!(server.read(&mut buffer).unwrap().len, 5);
                assert_eq!(server.read(&mut buffer), Err(Win32Error::BROKEN_PIPE));
            }
        };
        // One pipe stays, so that the thread in the background does.
        let stays = unique_name("stays");
        let _stays = exact::create(&stays, &options(PipeMode::Byte, 0)).unwrap();
        (0..WARM_UP).for_each(cycle);
        let before = (Holding::own(), namespace_files());
        (0..cycles() / 4).for_each(cycle);
        let after = (Holding::own(), namespace_files());
        check_no_growth("the process", before.0, after.0);
        assert_eq!(after.1, before.1);
    });
}

/// Pending operations come and go on one connection.
#[test]
fn pending_operations_come_and_go() {
    alone(pending_operations_come_and_go, || {
        let (server, client) = crate::support::pair("pending", PipeMode::Message, 10);
        let cycle = |number: usize| {
            let answer = client.start_transact(vec![7; 100], 100);
            let read = server.start_read(100);
            assert_eq!(read.wait().unwrap().data.len(), 100);
            if number.is_multiple_of(5) {
                answer.cancel().unwrap();
                assert_eq!(answer.wait(), Err(Win32Error::OPERATION_ABORTED));
                return;
            }
            let write = server.start_write(vec![8; 50]);
            assert_eq!(answer.wait().unwrap().data.len(), 50);
            assert_eq!(write.wait(), Ok(50));
        };
        // Until both rings have been used all round: their memory is counted from its first use.
        (0..8 * WARM_UP).for_each(cycle);
        let before = Holding::own();
        (0..cycles()).for_each(cycle);
        check_no_growth("the process", before, Holding::own());
    });
}
