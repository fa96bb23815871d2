//! Pending operations in bulk, and as futures that a hand-made executor polls.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use dotpipe::exact::{self, Pending};
use dotpipe::options::PipeMode;
use dotpipe::win32::Win32Error;

use crate::support::data::payload;
use crate::support::patience::{start, until};
use crate::support::{open, options, pair, unique_name};

const MANY: u64 = 1000;

#[test]
fn many_reads_are_served_in_their_order() {
    let (server, client) = pair("many reads", PipeMode::Message, 100);
    let reads: Vec<_> = (0..MANY).map(|_| server.start_read(100)).collect();
    assert!(reads.iter().all(|read| !read.is_done()));
    for number in 0..MANY {
        client.write(&number.to_le_bytes()).unwrap();
    }
    for (number, read) in reads.iter().enumerate() {
        let expected = (number as u64).to_le_bytes();
        assert_eq!(read.wait().unwrap().data, expected);
    }
}

#[test]
fn some_of_many_reads_are_cancelled() {
    let (server, client) = pair("some reads", PipeMode::Message, 100);
    let reads: Vec<_> = (0..MANY).map(|_| server.start_read(100)).collect();
    let is_cancelled = |place: usize| (300..800).contains(&place) && !place.is_multiple_of(7);
    for (place, read) in reads.iter().enumerate() {
        if is_cancelled(place) {
            read.cancel().unwrap();
        }
    }
    let mut number = 0u64;
    for (place, read) in reads.iter().enumerate() {
        if is_cancelled(place) {
            assert_eq!(read.wait(), Err(Win32Error::OPERATION_ABORTED));
        } else {
            client.write(&number.to_le_bytes()).unwrap();
            assert_eq!(read.wait().unwrap().data, number.to_le_bytes());
            number += 1;
        }
    }
}

#[test]
fn many_writes_complete_in_their_order() {
    let (server, client) = pair("many writes", PipeMode::Message, 10);
    let writes: Vec<_> = (0..MANY)
        .map(|number| server.start_write(payload(number, 500)))
        .collect();
    for number in 0..MANY {
        // Readable at once, complete only when it has been read but for the quota.
        let mut buffer = [0; 600];
        assert!(!writes[number as usize].is_done());
        let received = client.read(&mut buffer).unwrap();
        assert!(buffer[..received.len] == payload(number, 500));
        assert_eq!(writes[number as usize].wait(), Ok(500));
    }
}

/// The end that has them closes: they are over.
#[test]
fn closing_an_end_ends_its_operations() {
    let (server, client) = pair("closing", PipeMode::Message, 10);
    let reads: Vec<_> = (0..MANY).map(|_| server.start_read(100)).collect();
    let writes: Vec<_> = (0..MANY)
        .map(|number| server.start_write(payload(number, 1000)))
        .collect();
    drop(server);
    let aborted = Win32Error::OPERATION_ABORTED;
    assert!(reads.iter().all(|read| read.wait() == Err(aborted)));
    assert!(writes.iter().all(|write| write.wait() == Err(aborted)));
    // Nothing of the writes is left, since none had completed.
    let read = client.read(&mut [0; 1000]);
    assert_eq!(read, Err(Win32Error::BROKEN_PIPE));
}

/// Dropping a pending read does not cancel it: what it gets is lost.
#[test]
fn a_forgotten_read_still_reads() {
    let (server, client) = pair("forgotten", PipeMode::Message, 100);
    drop(server.start_read(100));
    client.write(b"lost").unwrap();
    client.write(b"kept").unwrap();
    let mut buffer = [0; 9];
    assert_eq!(server.read(&mut buffer).unwrap().len, 4);
    assert_eq!(&buffer[..4], b"kept");
}

/// Wakes the thread of an executor, and counts.
struct Bell {
    thread: Thread,
    rung: AtomicUsize,
}

impl Bell {
    fn new() -> Arc<Bell> {
        Arc::new(Bell {
            thread: std::thread::current(),
            rung: AtomicUsize::new(0),
        })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// The smallest executor.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Bell::new());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn operations_are_futures() {
    let name = unique_name("futures");
    let server = exact::create(&name, &options(PipeMode::Message, 100)).unwrap();
    let serving = start("serving", move || {
        block_on(async {
            match server.start_connect().await {
                // The client may have been faster.
                Ok(()) | Err(Win32Error::PIPE_CONNECTED) => {}
                Err(code) => panic!("{code:?}"),
            }
            loop {
                match server.start_read(1000).await {
                    Ok(question) => {
                        server.start_write(question.data).await.unwrap();
                    }
                    Err(code) => return code,
                }
            }
        })
    });
    until("a pipe", || exact::exists(&name) == Ok(true));
    let client = open(&name, PipeMode::Message);
    let asking = start("asking", move || {
        block_on(async {
            for number in 0..500 {
                let question = payload(number, (number % 300) as usize);
                let reply = client.start_transact(question.clone(), 1000).await;
                assert_eq!(reply.unwrap().data, question);
            }
        });
    });
    asking.end();
    assert_eq!(serving.end(), Win32Error::BROKEN_PIPE);
}

/// One thread polls a thousand of them, and is woken by each at least once and not by nothing.
#[test]
fn one_executor_polls_many() {
    let (server, client) = pair("executor", PipeMode::Message, 100);
    let mut reads: Vec<Option<Pending<_>>> =
        (0..MANY).map(|_| Some(server.start_read(100))).collect();
    let bell = Bell::new();
    let waker = Waker::from(bell.clone());
    let mut context = Context::from_waker(&waker);
    // Gives how many have ended. Earlier ones may do so while later ones are looked at, so what is asserted is that
    // each has the message of its turn.
    let mut poll_all = || {
        for (turn, slot) in (0..MANY).zip(&mut reads) {
            let Some(read) = slot else { continue };
            if let Poll::Ready(result) = pin!(read).poll(&mut context) {
                let data: exact::ReceivedData = result.unwrap();
                assert_eq!(data.data, turn.to_le_bytes());
                *slot = None;
            }
        }
        reads.iter().filter(|slot| slot.is_none()).count()
    };
    let mut done = poll_all();
    assert_eq!(done, 0);
    assert_eq!(bell.rung.load(Ordering::SeqCst), 0);
    let writing = start("writing", move || {
        for number in 0..MANY {
            client.write(&number.to_le_bytes()).unwrap();
        }
    });
    while done < MANY as usize {
        std::thread::park_timeout(crate::support::patience::PATIENCE);
        let before = done;
        done = poll_all();
        assert!(
            done > before || bell.rung.load(Ordering::SeqCst) > 0,
            "never woken"
        );
    }
    writing.end();
    // Wakers are called after the results are there, so the last of them may still be on their way.
    let rung = || bell.rung.load(Ordering::SeqCst);
    let end = Instant::now() + crate::support::patience::PATIENCE;
    while rung() < MANY as usize && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(rung(), MANY as usize);
}

/// A future that moves to another task wakes the one that polled it last.
#[test]
fn the_last_waker_is_woken() {
    let (server, client) = pair("wakers", PipeMode::Message, 100);
    let mut read = server.start_read(100);
    let (first, last) = (Bell::new(), Bell::new());
    for bell in [&first, &last] {
        let waker = Waker::from(bell.clone());
        let polled = pin!(&mut read).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    client.write(b"x").unwrap();
    until("a ring", || last.rung.load(Ordering::SeqCst) == 1);
    assert_eq!(first.rung.load(Ordering::SeqCst), 0);
    assert_eq!(block_on(read).unwrap().data, b"x");
}
