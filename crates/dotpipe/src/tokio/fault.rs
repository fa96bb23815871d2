//! Errors as code written for Windows expects them.
//!
//! Layer: the tokio face. The rule it owns: what `kind()` and `raw_os_error()` of an [`io::Error`] say.

use std::io;

use crate::error::Error;
use crate::win32::Win32Error;

/// The codes that are handed out as bare system errors, so that
/// [`raw_os_error`](io::Error::raw_os_error) gives the Win32 code.
///
/// An [`io::Error`] has either a raw code or an error of ours inside, and decodes a raw code as one of
/// this system. On Windows that is right for all. On Linux, where it takes them for an `errno`, these are the codes for
/// which it does no harm: numbers that are no `errno`, to which
/// the standard library gives no kind on Windows either, and `ERROR_FILE_NOT_FOUND`, which is the same
/// number and kind as `ENOENT`.
const RAW: &[Win32Error] = &[
    Win32Error::FILE_NOT_FOUND,
    Win32Error::BAD_PIPE,
    Win32Error::PIPE_BUSY,
    Win32Error::PIPE_NOT_CONNECTED,
    Win32Error::MORE_DATA,
    Win32Error::PIPE_LISTENING,
];

/// Whether a raw code of this system stands for this one.
fn is_raw(code: Win32Error) -> bool {
    cfg!(windows) || RAW.contains(&code)
}

/// The error of a method that tokio has as well.
pub(super) fn io_error(error: Error) -> io::Error {
    match is_raw(error.code()) {
        true => io::Error::from_raw_os_error(error.code().0.cast_signed()),
        false => error.into(),
    }
}

/// The Win32 code of an error that a method of this module returned, whichever way it holds it.
///
/// The methods that tokio has as well return [`io::Error`], as they must. On Windows every code is its
/// [`raw_os_error`](io::Error::raw_os_error), as with tokio. `ERROR_FILE_NOT_FOUND`,
/// `ERROR_BAD_PIPE`, `ERROR_PIPE_BUSY`, `ERROR_PIPE_NOT_CONNECTED`, `ERROR_MORE_DATA` and
/// `ERROR_PIPE_LISTENING` are so on Linux too, so that comparisons
/// with constants of `windows-sys` hold; its text is then that of Linux for the number, and says
/// nothing. All others have the [kind](io::Error::kind) there that they have on Windows, a text that names
/// operation, pipe and code, and [`crate::Error`] inside; they have no raw code, since Linux would take
/// it for one of its own and give another kind to it (5, for one, is `EIO`).
///
/// # Examples
/// ```
/// use dotpipe::Win32Error;
/// use dotpipe::tokio::{ClientOptions, ServerOptions, win32_code};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let name = format!(r"\\.\pipe\doc-tokio-code-{}", std::process::id());
/// let error = ClientOptions::new().open(&name).unwrap_err();
/// assert_eq!(win32_code(&error), Some(Win32Error::FILE_NOT_FOUND));
///
/// let server = ServerOptions::new().access_inbound(false).create(&name)?;
/// let error = ClientOptions::new().open(&name).unwrap_err(); // asks to write as well
/// assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
/// assert_eq!(win32_code(&error), Some(Win32Error::ACCESS_DENIED));
/// # Ok(())
/// # }
/// ```
pub fn win32_code(error: &io::Error) -> Option<Win32Error> {
    match Error::from_io(error) {
        Some(inner) => Some(inner.code()),
        None => {
            let code = Win32Error(error.raw_os_error()?.cast_unsigned());
            is_raw(code).then_some(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_in_an_io_error() {
        for code in Win32Error::KNOWN {
            let error = io_error(Error::new("open", None, *code));
            assert_eq!(win32_code(&error), Some(*code));
        }
        let busy = io_error(Error::new("open", None, Win32Error::PIPE_BUSY));
        assert_eq!(busy.raw_os_error(), Some(231));
        let foreign = win32_code(&io::Error::from_raw_os_error(11));
        assert_eq!(foreign, cfg!(windows).then_some(Win32Error(11)));
    }

    #[test]
    fn a_kind_that_windows_gives_is_kept() {
        let kind = |code| io_error(Error::new("open", None, code)).kind();
        assert_eq!(kind(Win32Error::FILE_NOT_FOUND), io::ErrorKind::NotFound);
        assert_eq!(
            kind(Win32Error::ACCESS_DENIED),
            io::ErrorKind::PermissionDenied
        );
        assert_eq!(kind(Win32Error::NO_DATA), io::ErrorKind::BrokenPipe);
        assert_eq!(kind(Win32Error::SEM_TIMEOUT), io::ErrorKind::TimedOut);
    }
}
