//! System calls through rustix, typed for what the engine needs. No rule of pipes is in here.

pub(in crate::engine) mod alarm;
pub(in crate::engine) mod clock;
pub(in crate::engine) mod identity;
pub(in crate::engine) mod impersonation;
pub(in crate::engine) mod origin;
mod peer_groups;
pub(in crate::engine) mod socket;

use rustix::io::Errno;

use crate::win32::Win32Error;

/// The Win32 code for a failure of the system that no rule of pipes foresees.
pub(in crate::engine) fn code(error: Errno) -> Win32Error {
    match error {
        Errno::MFILE | Errno::NFILE => Win32Error::TOO_MANY_OPEN_FILES,
        Errno::NOMEM | Errno::NOBUFS => Win32Error::NOT_ENOUGH_MEMORY,
        Errno::ACCESS | Errno::PERM => Win32Error::ACCESS_DENIED,
        Errno::ROFS => Win32Error::WRITE_PROTECT,
        Errno::NOSPC | Errno::DQUOT => Win32Error::DISK_FULL,
        Errno::NOENT | Errno::NOTDIR => Win32Error::PATH_NOT_FOUND,
        Errno::TIMEDOUT => Win32Error::SEM_TIMEOUT,
        _ => Win32Error::GEN_FAILURE,
    }
}

/// The same for an error that the standard library brought.
pub(in crate::engine) fn io_code(error: &std::io::Error) -> Win32Error {
    match Errno::from_io_error(error) {
        Some(errno) => code(errno),
        None => Win32Error::GEN_FAILURE,
    }
}

/// Whether a failure says that this process, or the machine, lacks the means: nothing then about what it was to look at,
/// and nothing that another user's files could bring about.
pub(in crate::engine) fn is_shortage(code: Win32Error) -> bool {
    matches!(
        code,
        Win32Error::TOO_MANY_OPEN_FILES | Win32Error::NOT_ENOUGH_MEMORY
    )
}
