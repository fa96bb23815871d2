//! A thousand connections at once.

use std::time::Instant;

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::PipeMode;
use dotpipe::win32::Win32Error;

use crate::support::measure::{Holding, allow_descriptors, memory_tells};
use crate::support::patience::{PATIENCE, until};
use crate::support::process::{Role, alone, namespace_files, say};
use crate::support::{open, options, unique_name};

const PROCESSES: usize = 4;
const EACH: usize = 250;
const ALL: usize = PROCESSES * EACH;

/// The budget per connection and side, in bytes.
const MEMORY: usize = 12 << 10;
/// What a process may need once, however many connections it has: buffers, the heap's own slack.
const MEMORY_ONCE: usize = 512 << 10;

/// What so many connections added to what a process holds: within the budget, and in words.
fn check(what: &str, before: Holding, after: Holding, connections: usize) -> String {
    let memory = after.memory.saturating_sub(before.memory);
    let descriptors = after.descriptors - before.descriptors;
    assert!(
        memory <= connections * MEMORY + MEMORY_ONCE || !memory_tells(),
        "{memory}"
    );
    // One more is for the sleep of the thread that reads.
    assert!(descriptors <= 2 * connections + 1, "{descriptors}");
    assert_eq!(after.threads, before.threads);
    format!(
        "{what}: {} bytes and {:.3} descriptors per connection, {} threads",
        memory / connections,
        descriptors as f64 / connections as f64,
        after.threads - before.threads
    )
}

/// Opens many, asks through each, hears an answer from each, and keeps them.
pub(crate) fn crowd(words: &[String]) {
    let name = PipeName::local(&words[0]).unwrap();
    assert!(allow_descriptors(2 * EACH as u64));
    let ask = |end: &exact::End, number: usize| {
        end.write(&number.to_le_bytes()).unwrap();
    };
    let hear = |end: &exact::End, number: usize| {
        let mut reply = [0; 9];
        let received = end.read(&mut reply).unwrap();
        assert_eq!(reply[..received.len], number.to_le_bytes());
    };
    // The first one brings with it what the process needs once.
    let first = open(&name, PipeMode::Message);
    ask(&first, 0);
    hear(&first, 0);
    let before = Holding::own();
    let ends: Vec<_> = (1..EACH)
        .map(|number| {
            let end = open(&name, PipeMode::Message);
            ask(&end, number);
            end
        })
        .collect();
    for (place, end) in ends.iter().enumerate() {
        hear(end, place + 1);
    }
    say(&check("a client", before, Holding::own(), EACH - 1));
    // All of them end with this process.
    loop {
        std::thread::park();
    }
}

#[test]
fn a_thousand_connections() {
    alone(a_thousand_connections, || {
        if !allow_descriptors(4 * ALL as u64) {
            println!("skipped: this user may not open {} descriptors", 4 * ALL);
            return;
        }
        let name = unique_name("thousand");
        let create = || exact::create(&name, &options(PipeMode::Message, 65536)).unwrap();
        let serve = |end: &exact::End| {
            // A client that fails must not keep the server waiting for ever.
            let limit = Some(Instant::now() + PATIENCE);
            match end.connect_until(limit) {
                Ok(()) | Err(Win32Error::PIPE_CONNECTED) => {}
                Err(code) => panic!("{code:?}"),
            }
            let mut question = [0; 9];
            let received = end.read_until(&mut question, limit).unwrap();
            end.write(&question[..received.len]).unwrap();
        };
        let without = Holding::own();
        let mut ends = vec![create()];
        assert_eq!(Holding::own().threads, without.threads + 1);
        // The first one brings with it what the process needs once.
        {
            let client = open(&name, PipeMode::Message);
            client.write(b"first").unwrap();
            serve(&ends[0]);
            ends.clear();
        }
        ends.push(create());
        let before = Holding::own();
        ends.extend((1..ALL).map(|_| create()));
        let mut crowds: Vec<Role> = (0..PROCESSES)
            .map(|_| Role::start("crowd", &[name.name().to_owned()]))
            .collect();
        ends.iter().for_each(serve);
        for crowd in &mut crowds {
            println!(
                "{}",
                crowd.hear().expect("a client process without a failure")
            );
        }
        println!("{}", check("the server", before, Holding::own(), ALL));
        let status = exact::status(&name).unwrap();
        assert_eq!(status.instances.connected as usize, ALL);
        // They go all at once.
        for crowd in &mut crowds {
            crowd.kill();
            crowd.bury();
        }
        for end in &ends {
            assert_eq!(end.read(&mut [0; 9]), Err(Win32Error::BROKEN_PIPE));
        }
        let status = exact::status(&name).unwrap();
        assert_eq!(status.instances.closing as usize, ALL);
        drop(ends);
        // The thread in the background stays a moment, in case it is needed again.
        until("the end of the thread in the background", || {
            Holding::own().threads == without.threads
        });
        // One is left to this thread, by which it is woken from a sleep.
        assert!(Holding::own().descriptors <= without.descriptors + PROCESSES + 1);
        assert_eq!(namespace_files().len(), 0);
    });
}
