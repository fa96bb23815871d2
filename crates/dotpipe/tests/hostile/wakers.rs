//! Wakers are foreign code: they may use the end that wakes them, drop it, and panic.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;

use dotpipe::exact::{self, End, Pending};
use dotpipe::win32::Win32Error;

use crate::support::*;

/// Does what it holds, once.
struct Does(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Does {
    fn wake(self: Arc<Self>) {
        let act = self.0.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
    }
}

/// Polls `pending`, whose end does `act` then.
fn poll_with<T: Clone>(pending: &mut Pending<T>, act: impl FnOnce() + Send + 'static) {
    let waker = Waker::from(Arc::new(Does(Mutex::new(Some(Box::new(act))))));
    let polled = pin!(pending).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

/// The background thread still receives clients.
fn the_server_lives() {
    let server = create("other");
    let _client = exact::open(&name("other"), BOTH).unwrap();
    assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
}

/// So an executor does that drops its task when it cannot run it any more.
#[test]
fn a_waker_may_drop_the_end() {
    alone(|| {
        let server = create("p");
        let client = exact::open(&name("p"), BOTH).unwrap();
        let mut pending = client.start_read(9);
        poll_with(&mut pending, || drop(client));
        server.write(b"abc").unwrap();
        assert_eq!(pending.wait().unwrap().data, b"abc");
        assert_eq!(
            server.read_until(&mut [0; 4], late()),
            Err(Win32Error::BROKEN_PIPE)
        );
        the_server_lives();
    });
}

/// So an executor does that runs its task where it is woken.
#[test]
fn a_waker_may_use_the_end() {
    alone(|| {
        let server = Arc::new(create("p"));
        let same: Arc<End> = server.clone();
        let mut pending = server.start_connect();
        poll_with(&mut pending, move || {
            assert_eq!(same.write(b"welcome"), Ok(7))
        });
        let client = exact::open(&name("p"), BOTH).unwrap();
        assert_eq!(pending.wait(), Ok(()));
        assert_eq!(client.read_until(&mut [0; 9], late()).unwrap().len, 7);
        let same = server.clone();
        let mut pending = server.start_read(9);
        poll_with(&mut pending, move || server.disconnect().unwrap());
        assert_eq!(same.cancel(), Ok(()));
        assert_eq!(pending.wait().err(), Some(Win32Error::OPERATION_ABORTED));
        the_server_lives();
    });
}

#[test]
fn a_waker_may_panic() {
    alone(|| {
        std::panic::set_hook(Box::new(|_| {})); // this one is wanted
        let server = create("p");
        let client = exact::open(&name("p"), BOTH).unwrap();
        let mut pending = client.start_read(9);
        poll_with(&mut pending, || panic!("as wakers sometimes do"));
        server.write(b"abc").unwrap();
        assert_eq!(pending.wait().unwrap().data, b"abc");
        the_server_lives();
    });
}

/// A thread that waits for its own client answers others meanwhile, and so calls their wakers.
#[test]
fn a_waker_may_panic_in_a_thread_that_waits_for_another_client() {
    alone(|| {
        std::panic::set_hook(Box::new(|_| {})); // this one is wanted
        // Whether that thread is there first is chance.
        for _ in 0..100 {
            let (first, second) = (create("p"), Arc::new(create("p")));
            let mut pending = first.start_connect();
            poll_with(&mut pending, || panic!("as wakers sometimes do"));
            let waiting = second.clone();
            let waiting = thread::spawn(move || waiting.connect_until(late()));
            thread::yield_now();
            let _client = exact::open(&name("p"), BOTH).unwrap();
            assert_eq!(pending.wait(), Ok(()));
            let _other = exact::open(&name("p"), BOTH).unwrap();
            // The panic of the waker is that thread's.
            let _ = waiting.join();
        }
    });
}
