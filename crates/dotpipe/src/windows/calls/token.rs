//! The calls about tokens: who a process or a thread is, and acting as a client.
#![expect(unsafe_code, reason = "calls of Win32 take raw pointers and handles")]

use std::mem::offset_of;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::slice;

use windows_sys::Win32::Foundation::{ERROR_NO_TOKEN, HANDLE};
use windows_sys::Win32::Security::{
    GetLengthSid, GetTokenInformation, PSID, SECURITY_IMPERSONATION_LEVEL, SID_AND_ATTRIBUTES,
    TOKEN_ACCESS_MASK, TOKEN_GROUPS, TOKEN_INFORMATION_CLASS, TOKEN_PRIMARY_GROUP, TOKEN_QUERY,
    TOKEN_USER, TokenGroups, TokenImpersonationLevel, TokenPrimaryGroup, TokenUser,
};
use windows_sys::Win32::System::Pipes::ImpersonateNamedPipeClient;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcess, OpenProcessToken, OpenThreadToken,
    PROCESS_QUERY_LIMITED_INFORMATION, SetThreadToken,
};

use super::{checked, last_error, length};
use crate::exact::Result;
use crate::win32::Win32Error;

/// How many words are tried first; most answers are shorter.
const ANSWER: usize = 64;

/// The token of this process, to be asked.
pub(in crate::windows) fn of_this_process() -> Result<OwnedHandle> {
    // SAFETY: there is nothing to heed; it stands for this process and need not be closed.
    of_open_process(unsafe { GetCurrentProcess() })
}

/// The token of the process with this number, to be asked.
pub(in crate::windows) fn of_process(id: u32) -> Result<OwnedHandle> {
    // SAFETY: there is nothing to heed.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, id) };
    if process.is_null() {
        return Err(last_error());
    }
    // SAFETY: the handle is open, and nobody else knows it.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    of_open_process(process.as_handle().as_raw_handle())
}

/// The token of a process. That the handle is open is not needed: the system looks, and says so.
fn of_open_process(process: HANDLE) -> Result<OwnedHandle> {
    let mut token = null_mut();
    // SAFETY: the place can be written.
    checked(unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) })?;
    // SAFETY: the handle is open, and nobody else knows it.
    Ok(unsafe { OwnedHandle::from_raw_handle(token) })
}

/// The token with which this thread acts, if it does not act as its process. The process is the one who asks.
pub(in crate::windows) fn of_this_thread(access: TOKEN_ACCESS_MASK) -> Result<Option<OwnedHandle>> {
    // SAFETY: there is nothing to heed; it stands for this thread and need not be closed.
    let thread = unsafe { GetCurrentThread() };
    let mut token = null_mut();
    // SAFETY: the handle counts as open, and the place can be written.
    match checked(unsafe { OpenThreadToken(thread, access, 1, &mut token) }) {
        Err(Win32Error(ERROR_NO_TOKEN)) => Ok(None),
        Err(code) => Err(code),
        // SAFETY: the handle is open, and nobody else knows it.
        Ok(()) => Ok(Some(unsafe { OwnedHandle::from_raw_handle(token) })),
    }
}

/// Has this thread act with a token, or as its process.
pub(in crate::windows) fn set_of_this_thread(token: Option<BorrowedHandle<'_>>) -> Result<()> {
    let token = token.map_or(null_mut(), |token| token.as_raw_handle());
    // SAFETY: no place of a thread stands for this one; the token is open, or none.
    checked(unsafe { SetThreadToken(null(), token) })
}

/// Has this thread act as the client of a server end.
pub(in crate::windows) fn impersonate(pipe: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    checked(unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) })
}

/// The identifier of the user, in words of four bytes.
pub(in crate::windows) fn user(token: BorrowedHandle<'_>) -> Result<Vec<u32>> {
    let answer = ask(token, TokenUser)?;
    // SAFETY: the answer begins with one, and is longer.
    let user = unsafe { answer.as_ptr().cast::<TOKEN_USER>().read() };
    // SAFETY: it points into the answer, which lives.
    Ok(unsafe { words_of(user.User.Sid) })
}

/// The identifier of the primary group.
pub(in crate::windows) fn primary_group(token: BorrowedHandle<'_>) -> Result<Vec<u32>> {
    let answer = ask(token, TokenPrimaryGroup)?;
    // SAFETY: the answer begins with one, and is longer.
    let group = unsafe { answer.as_ptr().cast::<TOKEN_PRIMARY_GROUP>().read() };
    // SAFETY: it points into the answer, which lives.
    Ok(unsafe { words_of(group.PrimaryGroup) })
}

/// The identifiers of all groups, each with what it is good for (`SE_GROUP_ENABLED` and its like).
pub(in crate::windows) fn groups(token: BorrowedHandle<'_>) -> Result<Vec<(Vec<u32>, u32)>> {
    let answer = ask(token, TokenGroups)?;
    // SAFETY: the answer begins with the number of groups, and is longer.
    let count = unsafe { answer.as_ptr().cast::<u32>().read() };
    let first = answer
        .as_ptr()
        .wrapping_byte_add(offset_of!(TOKEN_GROUPS, Groups))
        .cast::<SID_AND_ATTRIBUTES>();
    // SAFETY: there are as many as the system said; the answer is aligned for 8 bytes, and lives.
    let groups = unsafe { slice::from_raw_parts(first, count as usize) };
    let told = groups.iter().map(|group| {
        // SAFETY: it points into the answer, which lives.
        (unsafe { words_of(group.Sid) }, group.Attributes)
    });
    Ok(told.collect())
}

/// What the owner of an impersonation token lets whoever has it do.
pub(in crate::windows) fn level(token: BorrowedHandle<'_>) -> Result<SECURITY_IMPERSONATION_LEVEL> {
    let answer = ask(token, TokenImpersonationLevel)?;
    // SAFETY: the answer begins with one, and is longer.
    Ok(unsafe {
        answer
            .as_ptr()
            .cast::<SECURITY_IMPERSONATION_LEVEL>()
            .read()
    })
}

/// What there is to know of a token. The answer begins in the first word, and there are at least [`ANSWER`].
fn ask(token: BorrowedHandle<'_>, what: TOKEN_INFORMATION_CLASS) -> Result<Vec<u64>> {
    let mut answer = vec![0; ANSWER];
    loop {
        let mut needed = 0;
        // SAFETY: the token is open; the answer is as long as said and can be written, and so can the length.
        let asked = checked(unsafe {
            GetTokenInformation(
                token.as_raw_handle(),
                what,
                answer.as_mut_ptr().cast(),
                length(size_of_val(&*answer)),
                &mut needed,
            )
        });
        let words = (needed as usize).div_ceil(size_of::<u64>());
        match asked {
            Ok(()) => return Ok(answer),
            Err(Win32Error::INSUFFICIENT_BUFFER) if words > answer.len() => answer.resize(words, 0),
            Err(code) => return Err(code),
        }
    }
}

/// An identifier in words of four bytes.
///
/// # Safety
/// `sid` points at one.
unsafe fn words_of(sid: PSID) -> Vec<u32> {
    // SAFETY: the caller's promise.
    let len = unsafe { GetLengthSid(sid) };
    // SAFETY: it is as long as the system says.
    let bytes = unsafe { slice::from_raw_parts(sid.cast::<u8>(), len as usize) };
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
