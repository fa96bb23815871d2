//! Where operations end for which no thread waits.
//!
//! The rule this file owns: the memory of a pending operation, its `OVERLAPPED` and its buffers, stays
//! where it is until the system has said that the operation is over, whoever has lost interest
//! meanwhile. It is said through a completion port, to which an end is bound with its first pending
//! operation; for such ends an operation also outlives the thread that started it, which Windows grants no
//! others. One thread of this process takes what comes out of the port.
//!
//! A packet comes for every operation that went on or succeeded at once, `ERROR_MORE_DATA` included, and
//! for none that failed at once.
#![expect(
    unsafe_code,
    reason = "the system writes to this memory while operations go on"
)]

use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatus, OVERLAPPED,
};

use super::calls::transfer::{self, Room, Source, Started, Transfer};
use super::calls::{checked, last_error};
use crate::exact::{Received, ReceivedData, Result};
use crate::win32::Win32Error;

/// What to start, with the buffers that it needs.
pub(super) struct Task {
    pub(super) kind: Kind,
    /// What is written.
    pub(super) sent: Vec<u8>,
    /// How many bytes may be read.
    pub(super) room: usize,
}

/// The kinds of operations that can be pending.
pub(super) enum Kind {
    Connect,
    Read,
    Write,
    Transact,
}

/// How an operation ended: the bytes it counted, the data it brought.
pub(super) struct Ended {
    pub(super) count: usize,
    pub(super) received: ReceivedData,
}

/// Who is told of the end. It is called once.
type Teller = Box<dyn FnOnce(Result<Ended>) + Send>;

/// The memory of one operation.
struct Memory {
    overlapped: UnsafeCell<OVERLAPPED>,
    /// What is written. Nobody changes it.
    sent: Vec<u8>,
    /// What is read goes into the capacity of it.
    received: UnsafeCell<Vec<u8>>,
}

// SAFETY: `overlapped` is the system's from the start to the end of the operation, and nobody looks at it
// afterwards. `received` is the system's until the end; then it belongs to the one thread that has taken
// the operation's `Teller`.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// An operation that was started, to cancel it by. While there is one, the memory stays where it is, so
/// that no other operation is taken for this one.
pub(super) struct Ticket(Arc<Memory>);

impl Ticket {
    /// Cancels the operation, which was started on this handle.
    pub(super) fn cancel(&self, handle: BorrowedHandle<'_>) -> Result<()> {
        // SAFETY: each memory is for one operation only.
        unsafe { transfer::cancel(handle, self.0.overlapped.get()) }
    }
}

struct Entry {
    memory: Arc<Memory>,
    stage: Stage,
}

/// How far an operation has come whose memory the system may still write to.
enum Stage {
    /// The thread that starts it does not know yet whether it goes on. It tells of an end that comes now: so
    /// what has ended at once has been told of when its start returns.
    Starting,
    /// It has ended, and the thread that starts it will tell.
    Ended(Result<Received>),
    /// It goes on.
    GoesOn(Teller),
    /// It has been told of, and its packet is still to come.
    Told,
}

/// The port of this process.
struct Port {
    handle: OwnedHandle,
    /// What the system may still write to, by the address of its `OVERLAPPED`.
    under_way: Mutex<HashMap<usize, Entry>>,
}

/// The port, which is made with the first operation that needs it.
fn port() -> Result<&'static Port> {
    static PORT: OnceLock<Port> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());

    if let Some(port) = PORT.get() {
        return Ok(port);
    }
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(port) = PORT.get() {
        return Ok(port);
    }
    // SAFETY: no handle is bound yet, and no port is there before.
    let handle = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, null_mut(), 0, 1) };
    if handle.is_null() {
        return Err(last_error());
    }
    let port = Port {
        // SAFETY: the handle is open, and nobody else knows it.
        handle: unsafe { OwnedHandle::from_raw_handle(handle) },
        under_way: Mutex::default(),
    };
    thread::Builder::new()
        .name("dotpipe pending".to_owned())
        .spawn(|| PORT.wait().serve())
        .map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
    Ok(PORT.get_or_init(|| port))
}

impl Port {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Entry>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what comes out of the port, as long as there is this process.
    fn serve(&self) -> ! {
        loop {
            let (mut count, mut key, mut overlapped) = (0, 0, null_mut());
            // SAFETY: the port is open, and all places can be written.
            let success = unsafe {
                GetQueuedCompletionStatus(
                    self.handle.as_raw_handle(),
                    &mut count,
                    &mut key,
                    &mut overlapped,
                    u32::MAX,
                )
            };
            let result = transfer::received(checked(success), count);
            if let Some((memory, teller)) = self.end(overlapped.addr(), result) {
                tell(&memory, teller, result);
            }
        }
    }

    /// A packet has come: gives whom to tell, if nobody else does.
    fn end(&self, address: usize, result: Result<Received>) -> Option<(Arc<Memory>, Teller)> {
        let mut under_way = self.lock();
        let entry = under_way.get_mut(&address)?;
        if let Stage::Starting = entry.stage {
            entry.stage = Stage::Ended(result);
            return None;
        }
        let Entry { memory, stage } = under_way.remove(&address)?;
        match stage {
            Stage::GoesOn(teller) => Some((memory, teller)),
            _ => None,
        }
    }

    /// An operation has been started: gives its teller back with its result, if it has ended.
    fn started(
        &self,
        address: usize,
        started: Started,
        teller: Teller,
    ) -> Option<(Teller, Result<Received>)> {
        let mut under_way = self.lock();
        let entry = under_way.get_mut(&address)?;
        match (started, &entry.stage) {
            // The packet was faster.
            (_, &Stage::Ended(result)) => {
                under_way.remove(&address);
                Some((teller, result))
            }
            (Started::GoesOn, _) => {
                entry.stage = Stage::GoesOn(teller);
                None
            }
            (Started::Ended(Ok(received)), _) => {
                entry.stage = Stage::Told;
                Some((teller, Ok(received)))
            }
            // No packet will come.
            (Started::Ended(Err(code)), _) => {
                under_way.remove(&address);
                Some((teller, Err(code)))
            }
        }
    }
}

/// Tells how an operation ended, which it has.
fn tell(memory: &Memory, teller: Teller, result: Result<Received>) {
    let ended = result.map(|Received { len, more }| {
        // SAFETY: the system is done with it, and who has the teller is the only one here.
        let mut data = std::mem::take(unsafe { &mut *memory.received.get() });
        let count = len;
        if data.capacity() > 0 {
            let len = len.min(data.capacity());
            // SAFETY: it is within the capacity, and the system has written so many bytes.
            unsafe { data.set_len(len) };
        }
        Ended {
            count,
            received: ReceivedData { data, more },
        }
    });
    // The teller may call a waker, which is foreign code, and this may be the only thread of its kind.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| teller(ended))) {
        // To drop it might panic again.
        std::mem::forget(panic);
    }
}

/// Has the pending operations of `handle` end here. To be done once for each end.
pub(super) fn bind(handle: BorrowedHandle<'_>) -> Result<()> {
    let port = port()?.handle.as_raw_handle();
    // SAFETY: both handles are open.
    let bound = unsafe { CreateIoCompletionPort(handle.as_raw_handle(), port, 0, 0) };
    match bound.is_null() {
        true => Err(last_error()),
        false => Ok(()),
    }
}

/// Starts an operation on a handle that is bound. `teller` hears of its end, perhaps before this returns.
///
/// # Errors
/// What keeps it from being started at all; `teller` is not called then.
pub(super) fn start(
    handle: BorrowedHandle<'_>,
    task: Task,
    teller: impl FnOnce(Result<Ended>) + Send + 'static,
) -> Result<Ticket> {
    let port = port()?;
    let Task { kind, sent, room } = task;
    let mut received = Vec::new();
    received
        .try_reserve_exact(room)
        .map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
    let memory = Arc::new(Memory {
        overlapped: UnsafeCell::new(transfer::fresh()),
        sent,
        received: UnsafeCell::new(received),
    });
    let source = Source::new(&memory.sent)?;
    // SAFETY: nobody else knows of it yet.
    let start = unsafe { &mut *memory.received.get() }.as_mut_ptr();
    let room = Room::new(start, room);
    let transfer = match kind {
        Kind::Connect => Transfer::Connect,
        Kind::Read => Transfer::Read(room),
        Kind::Write => Transfer::Write(source),
        Kind::Transact => Transfer::Transact(source, room),
    };
    let address = memory.overlapped.get().addr();
    let entry = Entry {
        memory: memory.clone(),
        stage: Stage::Starting,
    };
    port.lock().insert(address, entry);
    // SAFETY: as long as a packet may come, the entry keeps the memory, and only what happens after the end
    // touches it. There is no event.
    let started = unsafe { transfer::start(handle, transfer, memory.overlapped.get()) };
    if let Some((teller, result)) = port.started(address, started, Box::new(teller)) {
        tell(&memory, teller, result);
    }
    Ok(Ticket(memory))
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::Weak;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::exact::{self, End};
    use crate::name::PipeName;
    use crate::options::{CreateOptions, DesiredAccess, PipeMode};

    /// The ends of a pipe of messages with this quota.
    fn pair(quota: u32) -> (End, End) {
        static LAST: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("port {} {number}", std::process::id());
        let name = PipeName::local(&name).unwrap();
        let options = CreateOptions {
            pipe_type: PipeMode::Message,
            read_mode: PipeMode::Message,
            out_quota: quota,
            in_quota: quota,
            ..CreateOptions::default()
        };
        let server = exact::create(&name, &options).unwrap();
        let client = exact::open(&name, DesiredAccess::READ | DesiredAccess::WRITE).unwrap();
        (server, client)
    }

    /// The memory of what is under way at this moment, and was not before.
    fn new_memory(known: &mut Vec<Weak<Memory>>) {
        let under_way = port().unwrap().lock();
        known.extend(
            under_way
                .values()
                .map(|entry| Arc::downgrade(&entry.memory)),
        );
    }

    /// Whatever way an operation ends, its memory is given back, and only then.
    #[test]
    fn no_memory_is_kept_after_the_end() {
        let mut known = Vec::new();
        let (server, client) = pair(100);
        client.write(b"a long message").unwrap();
        let at_once = [server.start_read(6), server.start_read(100)];
        assert_eq!(at_once[0].result().unwrap().unwrap().data, b"a long");
        assert!(at_once[0].result().unwrap().unwrap().more);
        assert_eq!(at_once[1].result().unwrap().unwrap().data, b" message");
        let failed = server.start_connect();
        assert_eq!(failed.result(), Some(Err(Win32Error::PIPE_CONNECTED)));

        let (taken, cancelled) = (server.start_read(4), server.start_read(4));
        let forgotten = server.start_read(4);
        new_memory(&mut known);
        assert!(known.len() >= 3);
        drop(forgotten);
        client.write(b"here").unwrap();
        assert_eq!(taken.wait().unwrap().data, b"here");
        cancelled.cancel().unwrap();
        assert_eq!(cancelled.wait(), Err(Win32Error::OPERATION_ABORTED));
        let closed = client.start_read(4);
        new_memory(&mut known);
        drop(client);
        assert_eq!(closed.wait(), Err(Win32Error::OPERATION_ABORTED));

        drop((server, at_once, failed, taken, cancelled, closed));
        let patience = Instant::now() + Duration::from_secs(20);
        while known.iter().any(|memory| memory.strong_count() > 0) {
            assert!(Instant::now() < patience, "memory is kept");
            thread::yield_now();
        }
    }

    /// A waker that panics does not end the thread that calls it.
    #[test]
    fn a_teller_may_panic() {
        let (server, client) = pair(100);
        let end = server.start_read(1);
        struct Panics;
        impl std::task::Wake for Panics {
            fn wake(self: Arc<Self>) {
                std::panic::resume_unwind(Box::new("a waker's own fault"));
            }
        }
        let waker = std::task::Waker::from(Arc::new(Panics));
        let mut end = std::pin::pin!(end);
        let mut context = std::task::Context::from_waker(&waker);
        assert!(end.as_mut().poll(&mut context).is_pending());
        let next = server.start_read(1);
        client.write(b"x").unwrap();
        client.write(b"y").unwrap();
        assert_eq!(end.wait().unwrap().data, b"x");
        assert_eq!(next.wait().unwrap().data, b"y");
    }
}
