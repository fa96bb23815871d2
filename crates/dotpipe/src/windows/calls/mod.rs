//! The functions of Win32 that pipes need, each behind a safe one.
//!
//! The rule this folder owns: whatever is passed to the system is valid for as long as the system uses it.
//! It decides nothing and translates nothing: a code comes back as the system gave it. [`pipe`] are the
//! calls about pipes, [`handle`] those about handles of any kind and threads, [`transfer`] those that can
//! go on after they have returned, [`descriptor`] those about who may, [`token`] those about who is who.

pub(super) mod descriptor;
pub(super) mod handle;
pub(super) mod pipe;
pub(super) mod token;
pub(super) mod transfer;

use windows_sys::core::BOOL;

use crate::exact::Result;
use crate::win32::Win32Error;

/// The code of the call that has just failed in this thread.
pub(super) fn last_error() -> Win32Error {
    code_of(&std::io::Error::last_os_error())
}

/// The code with which a call of the standard library failed.
pub(super) fn code_of(error: &std::io::Error) -> Win32Error {
    // Codes are unsigned; the standard library keeps them in a signed number.
    let code = error.raw_os_error().map(i32::cast_unsigned);
    code.map_or(Win32Error::GEN_FAILURE, Win32Error)
}

/// The result of a call that says whether it succeeded.
pub(super) fn checked(success: BOOL) -> Result<()> {
    match success {
        0 => Err(last_error()),
        _ => Ok(()),
    }
}

/// The length of a buffer as Win32 takes it. A longer one is used as far as that goes.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
