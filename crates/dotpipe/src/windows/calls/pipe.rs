//! The calls about pipes: create, open, ask, set.
#![expect(unsafe_code, reason = "calls of Win32 take raw pointers and handles")]

use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};

use windows_sys::Wdk::Storage::FileSystem::{
    FILE_PIPE_LOCAL_INFORMATION, FilePipeLocalInformation, NtQueryInformationFile,
};
use windows_sys::Win32::Foundation::{INVALID_HANDLE_VALUE, RtlNtStatusToDosError};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{CreateFileW, FlushFileBuffers, OPEN_EXISTING};
#[cfg(feature = "tokio")]
use windows_sys::Win32::Storage::FileSystem::{FileNameInfo, GetFileInformationByHandleEx};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, CreatePipe, DisconnectNamedPipe, GetNamedPipeClientComputerNameW,
    GetNamedPipeClientProcessId, GetNamedPipeClientSessionId, GetNamedPipeHandleStateW,
    GetNamedPipeInfo, GetNamedPipeServerProcessId, GetNamedPipeServerSessionId, PeekNamedPipe,
    SetNamedPipeHandleState, WaitNamedPipeW,
};
use windows_sys::Win32::System::WindowsProgramming::GetComputerNameW;

use super::{checked, last_error, length};
use crate::exact::{Peeked, Result};
use crate::name::PipeName;
use crate::win32::Win32Error;
use crate::windows::descriptor::Encoded;

/// The longest name of a computer that is asked for, in UTF-16 units with the end: a full domain name.
const COMPUTER_NAME: usize = 256;

/// The arguments of `CreateNamedPipe` behind the name.
pub(in crate::windows) struct Creation {
    pub(in crate::windows) open_mode: u32,
    pub(in crate::windows) pipe_mode: u32,
    pub(in crate::windows) max_instances: u32,
    pub(in crate::windows) out_quota: u32,
    pub(in crate::windows) in_quota: u32,
    pub(in crate::windows) default_timeout: u32,
    /// `None`: the default of the system.
    pub(in crate::windows) security: Option<Encoded>,
}

/// A name as Win32 takes it: UTF-16 with a zero at its end, and none within, which a `PipeName` has not.
fn wide(name: &PipeName) -> Vec<u16> {
    name.to_string().encode_utf16().chain([0]).collect()
}

pub(in crate::windows) fn create(name: &PipeName, creation: &Creation) -> Result<OwnedHandle> {
    let name = wide(name);
    let attributes = creation
        .security
        .as_ref()
        .map(|descriptor| SECURITY_ATTRIBUTES {
            nLength: length(size_of::<SECURITY_ATTRIBUTES>()),
            lpSecurityDescriptor: descriptor.words().as_ptr().cast_mut().cast(),
            bInheritHandle: 0,
        });
    // SAFETY: the name ends with a zero and lives on; so do the attributes with a descriptor that is whole,
    // and none are the default ones.
    let handle = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            creation.open_mode,
            creation.pipe_mode,
            creation.max_instances,
            creation.out_quota,
            creation.in_quota,
            creation.default_timeout,
            attributes.as_ref().map_or(null(), |attributes| attributes),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(last_error());
    }
    // SAFETY: the handle is open, and nobody else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

pub(in crate::windows) fn open(name: &PipeName, access: u32, flags: u32) -> Result<OwnedHandle> {
    let name = wide(name);
    // SAFETY: the name ends with a zero and lives on; the other pointers may be null.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            access,
            0,
            null(),
            OPEN_EXISTING,
            flags,
            null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(last_error());
    }
    // SAFETY: the handle is open, and nobody else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

pub(in crate::windows) fn wait(name: &PipeName, milliseconds: u32) -> Result<()> {
    let name = wide(name);
    // SAFETY: the name ends with a zero and lives on.
    checked(unsafe { WaitNamedPipeW(name.as_ptr(), milliseconds) })
}

/// The read end and the write end of an anonymous pipe, which no child inherits.
pub(in crate::windows) fn anonymous(size: u32) -> Result<(OwnedHandle, OwnedHandle)> {
    let (mut reader, mut writer) = (null_mut(), null_mut());
    // SAFETY: both places can be written; no security attributes are the default ones.
    checked(unsafe { CreatePipe(&mut reader, &mut writer, null(), size) })?;
    // SAFETY: the handle is open, and nobody else knows it.
    let reader = unsafe { OwnedHandle::from_raw_handle(reader) };
    // SAFETY: as above.
    let writer = unsafe { OwnedHandle::from_raw_handle(writer) };
    Ok((reader, writer))
}

pub(in crate::windows) fn disconnect(handle: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    checked(unsafe { DisconnectNamedPipe(handle.as_raw_handle()) })
}

/// Waits until everything has been read, however long that takes.
pub(in crate::windows) fn flush(handle: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    checked(unsafe { FlushFileBuffers(handle.as_raw_handle()) })
}

pub(in crate::windows) fn peek(handle: BorrowedHandle<'_>, buffer: &mut [u8]) -> Result<Peeked> {
    let (mut copied, mut available, mut left) = (0, 0, 0);
    // Without a buffer the call only counts; an empty one some systems take for a wrong argument.
    let place = match buffer.is_empty() {
        true => null_mut(),
        false => buffer.as_mut_ptr().cast(),
    };
    // SAFETY: the handle is open; the buffer is as long as said and, like the counts, can be written.
    checked(unsafe {
        PeekNamedPipe(
            handle.as_raw_handle(),
            place,
            length(buffer.len()),
            &mut copied,
            &mut available,
            &mut left,
        )
    })?;
    Ok(Peeked {
        len: copied as usize,
        available,
        left_in_message: left,
    })
}

/// The modes of the handle and the number of instances.
pub(in crate::windows) fn state(handle: BorrowedHandle<'_>) -> Result<(u32, u32)> {
    let (mut modes, mut instances) = (0, 0);
    // SAFETY: the handle is open, both places can be written, and the other pointers may be null.
    checked(unsafe {
        GetNamedPipeHandleStateW(
            handle.as_raw_handle(),
            &mut modes,
            &mut instances,
            null_mut(),
            null_mut(),
            null_mut(),
            0,
        )
    })?;
    Ok((modes, instances))
}

pub(in crate::windows) fn set_state(handle: BorrowedHandle<'_>, modes: u32) -> Result<()> {
    // SAFETY: the handle is open, the modes can be read, and the other pointers may be null.
    checked(unsafe { SetNamedPipeHandleState(handle.as_raw_handle(), &modes, null(), null()) })
}

/// What `GetNamedPipeInfo` tells.
pub(in crate::windows) struct Info {
    pub(in crate::windows) flags: u32,
    pub(in crate::windows) out_quota: u32,
    pub(in crate::windows) in_quota: u32,
    pub(in crate::windows) max_instances: u32,
}

pub(in crate::windows) fn info(handle: BorrowedHandle<'_>) -> Result<Info> {
    let (mut flags, mut out_quota, mut in_quota, mut max_instances) = (0, 0, 0, 0);
    // SAFETY: the handle is open, and all places can be written.
    checked(unsafe {
        GetNamedPipeInfo(
            handle.as_raw_handle(),
            &mut flags,
            &mut out_quota,
            &mut in_quota,
            &mut max_instances,
        )
    })?;
    Ok(Info {
        flags,
        out_quota,
        in_quota,
        max_instances,
    })
}

/// What a server end is doing, as the system keeps it: `FILE_PIPE_LISTENING_STATE` and its like.
pub(in crate::windows) fn life(handle: BorrowedHandle<'_>) -> Result<u32> {
    let mut status = IO_STATUS_BLOCK::default();
    let mut told = FILE_PIPE_LOCAL_INFORMATION::default();
    // SAFETY: the handle is open, and both places can be written and are as long as said. It never waits.
    let code = unsafe {
        NtQueryInformationFile(
            handle.as_raw_handle(),
            &mut status,
            (&raw mut told).cast(),
            length(size_of_val(&told)),
            FilePipeLocalInformation,
        )
    };
    match code {
        0.. => Ok(told.NamedPipeState),
        // SAFETY: it takes any number.
        error => Err(Win32Error(unsafe { RtlNtStatusToDosError(error) })),
    }
}

/// The name of the pipe, with a backslash before it.
#[cfg(feature = "tokio")]
pub(in crate::windows) fn name(handle: BorrowedHandle<'_>) -> Result<String> {
    /// `FILE_NAME_INFO`, with room for the longest name.
    #[repr(C)]
    struct Name {
        bytes: u32,
        units: [u16; 512],
    }
    let mut name = Name {
        bytes: 0,
        units: [0; 512],
    };
    let len = length(size_of_val(&name));
    // SAFETY: the handle is open; the place is as long as said and can be written.
    checked(unsafe {
        GetFileInformationByHandleEx(
            handle.as_raw_handle(),
            FileNameInfo,
            (&raw mut name).cast(),
            len,
        )
    })?;
    let units = name.units.get(..name.bytes as usize / 2);
    let name = units.and_then(|units| String::from_utf16(units).ok());
    name.ok_or(Win32Error::INVALID_NAME)
}

/// The process at the client end.
pub(in crate::windows) fn client_process(handle: BorrowedHandle<'_>) -> Result<u32> {
    let mut process = 0;
    // SAFETY: the handle is open, and the place can be written.
    checked(unsafe { GetNamedPipeClientProcessId(handle.as_raw_handle(), &mut process) })?;
    Ok(process)
}

/// The process at the server end.
pub(in crate::windows) fn server_process(handle: BorrowedHandle<'_>) -> Result<u32> {
    let mut process = 0;
    // SAFETY: the handle is open, and the place can be written.
    checked(unsafe { GetNamedPipeServerProcessId(handle.as_raw_handle(), &mut process) })?;
    Ok(process)
}

/// The login session of the process at the client end.
pub(in crate::windows) fn client_session(handle: BorrowedHandle<'_>) -> Result<u32> {
    let mut session = 0;
    // SAFETY: the handle is open, and the place can be written.
    checked(unsafe { GetNamedPipeClientSessionId(handle.as_raw_handle(), &mut session) })?;
    Ok(session)
}

/// The login session of the process at the server end.
pub(in crate::windows) fn server_session(handle: BorrowedHandle<'_>) -> Result<u32> {
    let mut session = 0;
    // SAFETY: the handle is open, and the place can be written.
    checked(unsafe { GetNamedPipeServerSessionId(handle.as_raw_handle(), &mut session) })?;
    Ok(session)
}

/// The computer of the client, `ERROR_PIPE_LOCAL` when it is this one.
pub(in crate::windows) fn client_computer(handle: BorrowedHandle<'_>) -> Result<String> {
    let mut name = [0_u16; COMPUTER_NAME];
    let bytes = length(size_of_val(&name));
    // SAFETY: the handle is open; the place is as long as said and can be written.
    checked(unsafe {
        GetNamedPipeClientComputerNameW(handle.as_raw_handle(), name.as_mut_ptr(), bytes)
    })?;
    Ok(text(&name))
}

/// This computer.
pub(in crate::windows) fn this_computer() -> Result<String> {
    let mut name = [0_u16; COMPUTER_NAME];
    let mut units = length(name.len());
    // SAFETY: the place is as long as said and can be written, and so can its length.
    checked(unsafe { GetComputerNameW(name.as_mut_ptr(), &mut units) })?;
    Ok(text(&name))
}

/// What stands in `units` before the first zero.
fn text(units: &[u16]) -> String {
    let end = units.iter().position(|unit| *unit == 0);
    String::from_utf16_lossy(&units[..end.unwrap_or(units.len())])
}
