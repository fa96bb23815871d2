//! Who a process is, who is at the other end, and acting as a client.
//!
//! The rule it owns: a thread that acts as somebody acts afterwards as it did before, or the process ends, since
//! it would go on in a false identity.

use std::marker::PhantomData;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};

use windows_sys::Win32::Security::{SecurityImpersonation, TOKEN_IMPERSONATE, TOKEN_QUERY};
use windows_sys::Win32::System::SystemServices::{SE_GROUP_ENABLED, SE_GROUP_USE_FOR_DENY_ONLY};

use super::calls::token;
use super::descriptor::sid;
use crate::exact::Result;
use crate::security::{Sid, Token};
use crate::win32::Win32Error;

/// Who this process is.
pub(crate) fn own_token() -> Result<Token> {
    told(token::of_this_process()?.as_handle())
}

/// As whom this thread creates something: itself, or whom it acts as.
pub(super) fn creator() -> Result<Token> {
    match token::of_this_thread(TOKEN_QUERY)? {
        Some(token) => told(token.as_handle()),
        None => own_token(),
    }
}

/// Who the process with this number is.
///
/// # Errors
/// `ERROR_NOT_FOUND` when there is none, `ERROR_ACCESS_DENIED` when it does not let this one ask.
pub(super) fn of_process(id: u32) -> Result<Token> {
    match token::of_process(id) {
        // Of a number that is no process.
        Err(Win32Error::INVALID_PARAMETER) => Err(Win32Error::NOT_FOUND),
        token => told(token?.as_handle()),
    }
}

/// Who the client of a server end is.
pub(super) fn of_client(pipe: BorrowedHandle<'_>) -> Result<Token> {
    let acting = Impersonation::begin(pipe)?;
    let client = token::of_this_thread(TOKEN_QUERY);
    drop(acting);
    told(client?.ok_or(Win32Error::CANNOT_IMPERSONATE)?.as_handle())
}

/// What a token says.
fn told(token: BorrowedHandle<'_>) -> Result<Token> {
    let groups = token::groups(token)?.into_iter();
    // Those that are switched off, or there only to be denied something, give no access.
    let counts = |how: u32| {
        let flag = |flag: i32| how & flag.cast_unsigned() != 0;
        flag(SE_GROUP_ENABLED) && !flag(SE_GROUP_USE_FOR_DENY_ONLY)
    };
    let groups: Vec<Sid> = groups
        .filter(|(_, how)| counts(*how))
        .map(|(words, _)| known(&words))
        .collect::<Result<_>>()?;
    let user = known(&token::user(token)?)?;
    Ok(Token::of(
        user,
        known(&token::primary_group(token)?)?,
        groups,
    ))
}

fn known(words: &[u32]) -> Result<Sid> {
    sid(words).ok_or(Win32Error::INVALID_SID)
}

/// That this thread acts as a client, until this is dropped.
pub(crate) struct Impersonation {
    /// As whom it acted before.
    before: Option<OwnedHandle>,
    /// It is this thread's.
    _not_send: PhantomData<*const ()>,
}

impl Impersonation {
    /// Begins to act as the client of a server end, as far as the client lets it.
    fn begin(pipe: BorrowedHandle<'_>) -> Result<Impersonation> {
        let before = token::of_this_thread(TOKEN_IMPERSONATE)?;
        token::impersonate(pipe)?;
        Ok(Impersonation {
            before,
            _not_send: PhantomData,
        })
    }

    /// Begins to act as the client of a server end for everything.
    ///
    /// # Errors
    /// `ERROR_CANNOT_IMPERSONATE` when this thread acts as somebody already; `ERROR_BAD_IMPERSONATION_LEVEL` when
    /// the client does not allow it, or this process has not the privilege, which the system does not tell apart:
    /// it gives an identity then that opens nothing.
    pub(super) fn of_client(pipe: BorrowedHandle<'_>) -> Result<Impersonation> {
        let acting = Impersonation::begin(pipe)?;
        if acting.before.is_some() {
            return Err(Win32Error::CANNOT_IMPERSONATE);
        }
        let refused = Win32Error::BAD_IMPERSONATION_LEVEL;
        let client = match token::of_this_thread(TOKEN_QUERY) {
            Err(Win32Error::CANT_OPEN_ANONYMOUS) => return Err(refused),
            client => client?.ok_or(Win32Error::CANNOT_IMPERSONATE)?,
        };
        match token::level(client.as_handle())? {
            SecurityImpersonation.. => Ok(acting),
            _ => Err(refused),
        }
    }
}

impl Drop for Impersonation {
    fn drop(&mut self) {
        let before = self.before.as_ref().map(AsHandle::as_handle);
        if token::set_of_this_thread(before).is_err() {
            eprintln!("dotpipe: a thread cannot stop acting as its client; the process ends");
            std::process::abort();
        }
    }
}
