//! Many who wait, and cost nothing.

use std::sync::Arc;
use std::time::Duration;

use dotpipe::exact;
use dotpipe::options::{PipeMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::support::measure::processor_time;
use crate::support::patience::start;
use crate::support::process::alone;
use crate::support::{BOTH, open, options, pair, unique_name};

const MANY: usize = 100;

/// The one test with a measured time: that is its subject. The process has nothing else to do.
#[test]
fn waiting_costs_no_processor_time() {
    alone(waiting_costs_no_processor_time, || {
        let pairs: Vec<_> = (0..MANY)
            .map(|_| {
                let (server, client) = pair("idle", PipeMode::Message, 1000);
                (Arc::new(server), client)
            })
            .collect();
        // Threads that read on one side, pending reads on the other.
        let threads: Vec<_> = pairs
            .iter()
            .map(|(server, _)| {
                let server = server.clone();
                start("reading", move || {
                    server.read(&mut [0; 9]).map(|read| read.len)
                })
            })
            .collect();
        let reads: Vec<_> = pairs
            .iter()
            .map(|(_, client)| client.start_read(9))
            .collect();
        threads.iter().for_each(|thread| thread.until_asleep());
        let before = processor_time();
        std::thread::sleep(Duration::from_secs(1));
        let used = processor_time() - before;
        println!("{MANY} idle connections used {used:?} of processor time in a second");
        assert!(used < Duration::from_millis(20), "{used:?}");
        // And they are all awake when it counts.
        for (server, client) in &pairs {
            client.write(b"wake").unwrap();
            server.write(b"up").unwrap();
        }
        for (thread, read) in threads.into_iter().zip(reads) {
            assert_eq!(thread.end(), Ok(4));
            assert_eq!(read.wait().unwrap().data, b"up");
        }
    });
}

/// However many clients wait for an instance, they are told; and one of them gets it.
#[test]
fn many_clients_wait_for_one_instance() {
    alone(many_clients_wait_for_one_instance, || {
        let name = unique_name("queue");
        let server = exact::create(&name, &options(PipeMode::Byte, 1000)).unwrap();
        let _client = open(&name, PipeMode::Byte);
        let waiting: Vec<_> = (0..3 * MANY)
            .map(|_| {
                let name = name.clone();
                start("wait", move || exact::wait(&name, WaitTimeout::Forever))
            })
            .collect();
        waiting.iter().for_each(|waiting| waiting.until_asleep());
        assert!(waiting.iter().all(|waiting| waiting.goes_on()));
        server.disconnect().unwrap();
        let connect = server.start_connect();
        for waiting in waiting {
            assert_eq!(waiting.end(), Ok(()));
        }
        let _next = exact::open(&name, BOTH).unwrap();
        assert_eq!(connect.wait(), Ok(()));
        let last = exact::open(&name, BOTH).err();
        assert_eq!(last, Some(Win32Error::PIPE_BUSY));
    });
}
