//! The calls that can go on after they have returned: connect, read, write, transact.
//!
//! They take an `OVERLAPPED`, which the system writes when the operation ends, as it writes the buffer until
//! then. Here is how such an operation is started, and how a thread waits for its own; `port` has those for
//! which nobody waits. On a handle that is not overlapped the start itself returns at the end only.
#![expect(unsafe_code, reason = "calls of Win32 take raw pointers and handles")]

use std::cell::Cell;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr::null_mut;
use std::time::Instant;

use windows_sys::Win32::Foundation::STATUS_PENDING;
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{ConnectNamedPipe, TransactNamedPipe};

use super::{checked, handle, length};
use crate::exact::{Received, Result};
use crate::win32::Win32Error;
use crate::windows::deadline::milliseconds_until;

/// Bytes that the system reads.
#[derive(Clone, Copy)]
pub(in crate::windows) struct Source {
    start: *const u8,
    len: u32,
}

impl Source {
    /// All of `data`, as long as that is no longer than Win32 can say.
    pub(in crate::windows) fn new(data: &[u8]) -> Result<Source> {
        let len = u32::try_from(data.len()).map_err(|_| Win32Error::INVALID_PARAMETER)?;
        Ok(Source {
            start: data.as_ptr(),
            len,
        })
    }
}

/// Room that the system fills.
#[derive(Clone, Copy)]
pub(in crate::windows) struct Room {
    start: *mut u8,
    len: u32,
}

impl Room {
    /// The room from `start` on, or as much of it as Win32 can say.
    pub(in crate::windows) fn new(start: *mut u8, len: usize) -> Room {
        Room {
            start,
            len: length(len),
        }
    }

    fn of(buffer: &mut [u8]) -> Room {
        Room::new(buffer.as_mut_ptr(), buffer.len())
    }
}

/// What is to be done.
#[derive(Clone, Copy)]
pub(in crate::windows) enum Transfer {
    /// `ConnectNamedPipe`
    Connect,
    /// `ReadFile`
    Read(Room),
    /// `WriteFile`
    Write(Source),
    /// `TransactNamedPipe`
    Transact(Source, Room),
}

/// How an operation is after its start.
pub(in crate::windows) enum Started {
    /// It has ended already.
    Ended(Result<Received>),
    /// It goes on, and the memory is the system's.
    GoesOn,
}

/// An `OVERLAPPED` of an operation that has not ended. The system says so itself as it starts one, but Wine
/// forgets it for transactions.
pub(in crate::windows) fn fresh() -> OVERLAPPED {
    OVERLAPPED {
        Internal: STATUS_PENDING as usize,
        ..Default::default()
    }
}

/// Starts an operation.
///
/// # Safety
/// - What `transfer` points at can be read or written in its whole length.
/// - `overlapped` can be written; its event, if it has one, is open.
/// - When the operation goes on, all of this holds until it has ended, and nobody else touches the room or
///   `overlapped` meanwhile.
pub(in crate::windows) unsafe fn start(
    handle: BorrowedHandle<'_>,
    transfer: Transfer,
    overlapped: *mut OVERLAPPED,
) -> Started {
    let raw = handle.as_raw_handle();
    let success = match transfer {
        // SAFETY: the handle is open; the rest is what the caller promises.
        Transfer::Connect => unsafe { ConnectNamedPipe(raw, overlapped) },
        // SAFETY: as above.
        Transfer::Read(room) => unsafe {
            ReadFile(raw, room.start, room.len, null_mut(), overlapped)
        },
        // SAFETY: as above.
        Transfer::Write(source) => unsafe {
            WriteFile(raw, source.start, source.len, null_mut(), overlapped)
        },
        // SAFETY: as above.
        Transfer::Transact(source, room) => unsafe {
            TransactNamedPipe(
                raw,
                source.start.cast(),
                source.len,
                room.start.cast(),
                room.len,
                null_mut(),
                overlapped,
            )
        },
    };
    match checked(success) {
        Err(Win32Error::IO_PENDING) => Started::GoesOn,
        // SAFETY: the caller's promise; the operation has ended.
        Ok(()) | Err(Win32Error::MORE_DATA) => Started::Ended(unsafe { result(raw, overlapped) }),
        Err(code) => Started::Ended(Err(code)),
    }
}

/// The result of an operation, or `ERROR_IO_INCOMPLETE` as long as it goes on.
///
/// # Safety
/// `overlapped` is that of an operation that was started, and can be read.
unsafe fn result(
    handle: std::os::windows::io::RawHandle,
    overlapped: *const OVERLAPPED,
) -> Result<Received> {
    let mut len = 0;
    // SAFETY: the caller's promise. Without waiting, the handle is not looked at.
    let success = unsafe { GetOverlappedResult(handle, overlapped, &mut len, 0) };
    received(checked(success), len)
}

/// What an operation that ended in this way has brought.
pub(in crate::windows) fn received(result: Result<()>, len: u32) -> Result<Received> {
    let more = match result {
        Ok(()) => false,
        Err(Win32Error::MORE_DATA) => true,
        Err(code) => return Err(code),
    };
    Ok(Received {
        len: len as usize,
        more,
    })
}

/// Cancels one operation.
///
/// # Safety
/// `overlapped` is that of an operation that was started on this handle, and no other operation has been
/// started with it since.
pub(in crate::windows) unsafe fn cancel(
    handle: BorrowedHandle<'_>,
    overlapped: *const OVERLAPPED,
) -> Result<()> {
    // SAFETY: the handle is open; the rest is the caller's promise.
    checked(unsafe { CancelIoEx(handle.as_raw_handle(), overlapped) })
}

/// Waits for a client.
pub(in crate::windows) fn connect(
    handle: BorrowedHandle<'_>,
    deadline: Option<Instant>,
) -> Result<()> {
    // SAFETY: nothing is pointed at.
    unsafe { blocking(handle, Transfer::Connect, deadline) }.map(drop)
}

/// Reads into `buffer`.
pub(in crate::windows) fn read(
    handle: BorrowedHandle<'_>,
    buffer: &mut [u8],
    deadline: Option<Instant>,
) -> Result<Received> {
    let transfer = Transfer::Read(Room::of(buffer));
    // SAFETY: the buffer is borrowed until the operation has ended.
    unsafe { blocking(handle, transfer, deadline) }
}

/// Writes `data`.
pub(in crate::windows) fn write(
    handle: BorrowedHandle<'_>,
    data: &[u8],
    deadline: Option<Instant>,
) -> Result<usize> {
    let transfer = Transfer::Write(Source::new(data)?);
    // SAFETY: the data are borrowed until the operation has ended.
    unsafe { blocking(handle, transfer, deadline) }.map(|written| written.len)
}

/// Writes a question and reads the reply.
pub(in crate::windows) fn transact(
    handle: BorrowedHandle<'_>,
    question: &[u8],
    reply: &mut [u8],
    deadline: Option<Instant>,
) -> Result<Received> {
    let transfer = Transfer::Transact(Source::new(question)?, Room::of(reply));
    // SAFETY: the question and the reply are borrowed until the operation has ended.
    unsafe { blocking(handle, transfer, deadline) }
}

/// Does it, and returns when it has ended. When the deadline passes, it is cancelled.
///
/// # Safety
/// What `transfer` points at can be read or written in its whole length until this returns, and nobody
/// else touches the room.
unsafe fn blocking(
    handle: BorrowedHandle<'_>,
    transfer: Transfer,
    deadline: Option<Instant>,
) -> Result<Received> {
    let event = take_event()?;
    let mut overlapped = OVERLAPPED {
        // With its lowest bit set, an event stands for itself and keeps a completion port out of it.
        hEvent: event.as_raw_handle().map_addr(|address| address | 1),
        ..fresh()
    };
    let overlapped = &raw mut overlapped;
    // SAFETY: the caller's promise, and `overlapped` lives until the end of this function, as does the event.
    // If the operation goes on, its end is waited for below, come what may.
    let result = match unsafe { start(handle, transfer, overlapped) } {
        Started::Ended(result) => result,
        // SAFETY: it was started just so.
        Started::GoesOn => unsafe { finish(handle, &event, overlapped, deadline) },
    };
    put_event_back(event);
    result
}

/// Waits for the end of an operation.
///
/// # Safety
/// The operation was started with `overlapped` on `handle` and sets `event` when it ends.
unsafe fn finish(
    handle: BorrowedHandle<'_>,
    event: &OwnedHandle,
    overlapped: *mut OVERLAPPED,
    mut deadline: Option<Instant>,
) -> Result<Received> {
    let mut late = false;
    loop {
        if handle::wait(event.as_handle(), milliseconds_until(deadline)).is_err() {
            // The system refuses to wait: look now and then. There is no way back before the end.
            std::thread::yield_now();
        }
        // SAFETY: the caller's promise.
        match unsafe { result(handle.as_raw_handle(), overlapped) } {
            Err(Win32Error::IO_INCOMPLETE) => {}
            Err(Win32Error::OPERATION_ABORTED) if late => return Err(Win32Error::SEM_TIMEOUT),
            result => return result,
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            late = true;
            deadline = None;
            // SAFETY: the caller's promise. It may be ending just now: there is nothing to cancel then.
            let _ = unsafe { cancel(handle, overlapped) };
        }
    }
}

thread_local! {
    #[allow(
        clippy::missing_const_for_thread_local,
        reason = "it is const; on some targets the lint does not see it"
    )]
    /// The event on which this thread waits: it does so for one operation at a time.
    static EVENT: Cell<Option<OwnedHandle>> = const { Cell::new(None) };
}

fn take_event() -> Result<OwnedHandle> {
    // A thread that ends may have lost it already, and makes another one then.
    match EVENT.try_with(Cell::take).ok().flatten() {
        Some(event) => Ok(event),
        None => handle::event(),
    }
}

fn put_event_back(event: OwnedHandle) {
    let _ = EVENT.try_with(|place| place.set(Some(event)));
}
