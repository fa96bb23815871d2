//! [`own_token`]: who this process is itself.

use super::{Result, sys};
use crate::security::Token;

/// Who this process is: `OpenProcessToken` and `GetTokenInformation`. A server that runs as the same user
/// is [required](crate::options::OpenOptions::server) by the user of this.
///
/// A thread that [acts as a client](super::End::impersonate) changes nothing in it.
///
/// # Errors
/// `ERROR_NOT_ENOUGH_MEMORY`, and what else keeps the system from telling.
///
/// # Examples
/// ```
/// use dotpipe::exact;
/// use dotpipe::security::PipeRights;
/// use dotpipe::security::{SecurityDescriptor, access_check};
///
/// let me = exact::own_token()?;
/// let for_me = SecurityDescriptor::new().allow(me.user(), PipeRights::CLIENT);
/// assert!(access_check(&for_me, &me, PipeRights::CLIENT));
/// # Ok::<(), dotpipe::win32::Win32Error>(())
/// ```
#[doc(alias = "OpenProcessToken")]
pub fn own_token() -> Result<Token> {
    sys::own_token()
}
