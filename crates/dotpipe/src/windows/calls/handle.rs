//! The calls about handles of any kind, events and threads.
#![expect(unsafe_code, reason = "calls of Win32 take raw pointers and handles")]

use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE_FLAG_INHERIT, SetHandleInformation,
    WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, GetFileType};
use windows_sys::Win32::System::IO::{CancelIoEx, CancelSynchronousIo};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, GetCurrentThread, WaitForSingleObject,
};

use super::{checked, last_error};
use crate::exact::Result;

/// An event that stays set until it is taken back.
pub(super) fn event() -> Result<OwnedHandle> {
    // SAFETY: neither attributes nor a name are needed.
    let event = unsafe { CreateEventW(null(), 1, 0, null()) };
    if event.is_null() {
        return Err(last_error());
    }
    // SAFETY: the handle is open, and nobody else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

/// Waits until `object` is signalled (true), at the longest so many milliseconds, `u32::MAX` being for ever.
pub(super) fn wait(object: BorrowedHandle<'_>, milliseconds: u32) -> Result<bool> {
    // SAFETY: the handle is open.
    match unsafe { WaitForSingleObject(object.as_raw_handle(), milliseconds) } {
        WAIT_OBJECT_0 => Ok(true),
        WAIT_TIMEOUT => Ok(false),
        _ => Err(last_error()),
    }
}

/// Another handle to what `raw` is a handle to in this process, if it is one.
fn duplicate_raw(raw: RawHandle) -> Result<OwnedHandle> {
    // SAFETY: there is nothing to heed; it stands for this process and need not be closed.
    let process = unsafe { GetCurrentProcess() };
    let mut copy = null_mut();
    // SAFETY: the place can be written. That `raw` is open is not needed: the system looks, and says so.
    checked(unsafe {
        DuplicateHandle(
            process,
            raw,
            process,
            &mut copy,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    // SAFETY: the handle is open, and nobody else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(copy) })
}

/// Another handle to what is known by this number in this process.
pub(in crate::windows) fn duplicate_number(number: u32) -> Result<OwnedHandle> {
    duplicate_raw(std::ptr::without_provenance_mut(number as usize))
}

/// Another handle to the same; no child inherits it.
pub(in crate::windows) fn duplicate(handle: BorrowedHandle<'_>) -> Result<OwnedHandle> {
    duplicate_raw(handle.as_raw_handle())
}

/// A handle to the thread that calls, by which others know it.
pub(in crate::windows) fn this_thread() -> Result<OwnedHandle> {
    // SAFETY: there is nothing to heed; it stands for whichever thread uses it, hence the duplicate.
    duplicate_raw(unsafe { GetCurrentThread() })
}

/// Whether this is a pipe, or at least something that the system counts among them.
pub(in crate::windows) fn is_pipe(handle: BorrowedHandle<'_>) -> bool {
    // SAFETY: the handle is open.
    unsafe { GetFileType(handle.as_raw_handle()) == FILE_TYPE_PIPE }
}

pub(in crate::windows) fn set_inheritable(
    handle: BorrowedHandle<'_>,
    inheritable: bool,
) -> Result<()> {
    let flags = match inheritable {
        true => HANDLE_FLAG_INHERIT,
        false => 0,
    };
    // SAFETY: the handle is open.
    checked(unsafe { SetHandleInformation(handle.as_raw_handle(), HANDLE_FLAG_INHERIT, flags) })
}

/// Cancels everything that this process has under way on `handle`.
pub(in crate::windows) fn cancel_all(handle: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open; no `OVERLAPPED` stands for all of them.
    checked(unsafe { CancelIoEx(handle.as_raw_handle(), null()) })
}

/// Cancels the call in which `thread` sleeps, if it does.
pub(in crate::windows) fn cancel_call_of(thread: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    checked(unsafe { CancelSynchronousIo(thread.as_raw_handle()) })
}
