//! Running out: of descriptors, of watchers. What fails then fails alone.

use std::thread;
use std::time::Duration;

use dotpipe::exact;
use dotpipe::options::WaitTimeout;
use dotpipe::win32::Win32Error;
use rustix::time::{ClockId, clock_gettime};

use crate::support::*;

/// The processor time that this process has used, in milliseconds.
fn processor_time() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}

/// A server without a descriptor for a client leaves it at the door, without running in circles.
#[test]
fn a_client_at_the_door_that_cannot_be_let_in() {
    alone(|| {
        let server = create("p");
        let (door, socket) = (Door::of("p"), new_socket());
        limit_descriptors(3);
        rustix::net::connect(&socket, &door.address()).unwrap();
        let before = processor_time();
        thread::sleep(Duration::from_millis(400)); // nothing happens, and nothing must
        assert!(
            processor_time() - before < 200,
            "the server runs in circles"
        );
        limit_descriptors(1_000);
        let client = Client(socket);
        client.send(&request(OPEN, 3));
        assert_eq!(client.receive().unwrap().code(), 0);
        assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
    });
}

/// Silent clients have taken every descriptor: they give them back to one that speaks.
#[test]
fn silent_clients_give_their_descriptors_back() {
    alone(|| {
        let _server = create("p");
        let (door, socket) = (Door::of("p"), new_socket());
        let silent: Vec<Client> = (0..50).map(|_| Client::connect("p")).collect();
        until("they are let in", || descriptors() > 2 * silent.len());
        limit_descriptors(20);
        rustix::net::connect(&socket, &door.address()).unwrap();
        let client = Client(socket);
        client.send(&request(QUERY, 0));
        assert_eq!(client.receive().unwrap().code(), 0);
    });
}

/// All pipes are found, though there are fewer descriptors than pipes.
#[test]
fn more_pipes_than_descriptors_are_listed() {
    alone(|| {
        let names: Vec<String> = (0..60).map(|number| format!("p{number:02}")).collect();
        let _servers: Vec<_> = names.iter().map(|name| create(name)).collect();
        let taken = take_descriptors_but(30);
        let listed = exact::list();
        drop(taken);
        let listed = listed.unwrap();
        assert!(listed.iter().map(|pipe| pipe.name.name()).eq(&names));
        assert!(listed.iter().all(|pipe| pipe.instances.unknown == 0));
    });
}

/// Who has no descriptor to look with does not take it for there being nothing.
#[test]
fn who_cannot_look_does_not_say_that_there_is_nothing() {
    alone(|| {
        let _server = create("p");
        // The folder, the record, and two to see whether its server lives.
        for left in 0..4 {
            let taken = take_descriptors_but(left);
            let (exists, listed) = (exact::exists(&name("p")), exact::list());
            drop(taken);
            let refused = Win32Error::TOO_MANY_OPEN_FILES;
            assert_eq!(exists, Err(refused), "{left} are left");
            assert_eq!(listed.map(|pipes| pipes.len()), Err(refused));
        }
        assert_eq!(exact::exists(&name("p")), Ok(true));
        assert_eq!(exact::list().map(|pipes| pipes.len()), Ok(1));
    });
}

/// The background thread could not be started. The read that was refused then takes no data.
#[test]
fn an_operation_that_cannot_be_started_is_not_there() {
    alone(|| {
        let server = Server::listen("p", "1-a");
        let rings = (1 << 16, 1 << 16);
        let layout = dotpipe_ring::Layout::new(1 << 16, 1 << 16).unwrap();
        let (segment, memory) = dotpipe_ring::Segment::create(layout).unwrap();
        thread::scope(|scope| {
            let opened = scope.spawn(|| exact::open(&name("p"), BOTH).unwrap());
            let peer = server.receive();
            peer.send(&answer(0, rings), &[std::os::fd::AsFd::as_fd(&memory)]);
            let client = opened.join().unwrap();
            limit_descriptors(3);
            let full = Some(Err(Win32Error::TOO_MANY_OPEN_FILES));
            assert_eq!(client.start_read(9).result(), full);
            assert_eq!(
                client
                    .start_write(vec![7; 70_000])
                    .result()
                    .map(|r| r.map(drop)),
                Some(Err(Win32Error::TOO_MANY_OPEN_FILES))
            );
            limit_descriptors(1_000);
            let segment = std::sync::Arc::new(segment);
            let side = dotpipe_ring::Side::Server;
            let mut producer = dotpipe_ring::Producer::new(segment.clone(), side);
            producer.publish(b"abc").unwrap();
            assert_eq!(client.read_until(&mut [0; 9], late()).unwrap().len, 3);
            let mut consumer = dotpipe_ring::Consumer::new(segment, side);
            assert_eq!(consumer.look(), Ok(None), "nothing was written");
        });
    });
}

/// A user has 128 watchers of folders as a rule, for all programs together.
#[test]
fn waiting_needs_no_watcher() {
    alone(|| {
        use rustix::fs::inotify::{CreateFlags, init};
        limit_descriptors(100_000);
        let server = create("p");
        let client = exact::open(&name("p"), BOTH).unwrap();
        let mut watchers = Vec::new();
        while let Ok(watcher) = init(CreateFlags::CLOEXEC) {
            watchers.push(watcher);
            if watchers.len() > 10_000 {
                return; // a system without such a limit
            }
        }
        let short = WaitTimeout::For(Duration::from_millis(20));
        assert_eq!(exact::wait(&name("p"), short), Err(Win32Error::SEM_TIMEOUT));
        thread::scope(|scope| {
            let waiter = scope.spawn(|| exact::wait(&name("p"), WaitTimeout::Forever));
            let again = server.disconnect().map(|()| server.start_connect());
            assert_eq!(waiter.join().unwrap(), Ok(()));
            drop(again);
        });
        drop(client);
    });
}
