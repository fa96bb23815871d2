//! [`Exit`]: the status that `dotpipe` ends with, for scripts to act on.
//!
//! The rule it owns: which Win32 code is which status. Nothing else in the command line names a
//! number.

use std::process::ExitCode;

use dotpipe::win32::Win32Error;

/// A status of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Failure = 1,
    Usage = 2,
    NoSuchPipe = 3,
    Busy = 4,
    AccessDenied = 5,
    TimedOut = 6,
    PeerGone = 7,
}

/// What each status means, for `--help` and for manuals.
const MEANINGS: [(Exit, &str); 8] = [
    (Exit::Success, "all went well"),
    (
        Exit::Failure,
        "any failure that has no number of its own; `demo`: a check failed",
    ),
    (
        Exit::Usage,
        "wrong usage, or a name that is no valid name of a pipe",
    ),
    (
        Exit::NoSuchPipe,
        "there is no such pipe, or its server cannot be reached",
    ),
    (
        Exit::Busy,
        "all instances are in use, or no more may be created (ERROR_PIPE_BUSY)",
    ),
    (
        Exit::AccessDenied,
        "access is denied (ERROR_ACCESS_DENIED, ERROR_LOGON_FAILURE and the like)",
    ),
    (Exit::TimedOut, "the time is up (ERROR_SEM_TIMEOUT)"),
    (
        Exit::PeerGone,
        "the other end has gone before all was done (ERROR_BROKEN_PIPE and the like)",
    ),
];

impl Exit {
    /// The status for a Win32 code.
    pub(crate) fn of(code: Win32Error) -> Exit {
        match code {
            Win32Error::INVALID_NAME
            | Win32Error::BAD_PATHNAME
            | Win32Error::FILENAME_EXCED_RANGE => Exit::Usage,
            Win32Error::FILE_NOT_FOUND | Win32Error::PATH_NOT_FOUND | Win32Error::BAD_NETPATH => {
                Exit::NoSuchPipe
            }
            Win32Error::PIPE_BUSY => Exit::Busy,
            Win32Error::ACCESS_DENIED
            | Win32Error::LOGON_FAILURE
            | Win32Error::ACCOUNT_RESTRICTION
            | Win32Error::PASSWORD_EXPIRED
            | Win32Error::ACCOUNT_DISABLED
            | Win32Error::ACCOUNT_LOCKED_OUT => Exit::AccessDenied,
            Win32Error::SEM_TIMEOUT => Exit::TimedOut,
            Win32Error::BROKEN_PIPE
            | Win32Error::PIPE_NOT_CONNECTED
            | Win32Error::NO_DATA
            | Win32Error::NETNAME_DELETED
            | Win32Error::HANDLES_CLOSED => Exit::PeerGone,
            _ => Exit::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The table of all statuses, as `--help` shows it.
pub(crate) fn table() -> String {
    let mut table = String::from("Exit status:\n");
    for (exit, meaning) in MEANINGS {
        table += &format!("  {}  {meaning}\n", exit as u8);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_stands_in_the_table_at_its_own_number() {
        for (number, (exit, _)) in MEANINGS.into_iter().enumerate() {
            assert_eq!(exit as usize, number);
        }
        assert_eq!(table().lines().count(), 1 + MEANINGS.len());
    }

    #[test]
    fn the_codes_that_a_script_acts_on_are_told_apart() {
        let of = |code| Exit::of(code) as u8;
        assert_eq!(of(Win32Error::INVALID_NAME), 2);
        assert_eq!(of(Win32Error::FILE_NOT_FOUND), 3);
        assert_eq!(of(Win32Error::PIPE_BUSY), 4);
        assert_eq!(of(Win32Error::ACCESS_DENIED), 5);
        assert_eq!(of(Win32Error::SEM_TIMEOUT), 6);
        assert_eq!(of(Win32Error::BROKEN_PIPE), 7);
        assert_eq!(of(Win32Error::NO_DATA), 7);
        assert_eq!(of(Win32Error::INVALID_PARAMETER), 1);
    }

    #[test]
    fn no_code_of_a_failure_is_a_success() {
        for &code in Win32Error::KNOWN {
            assert_ne!(Exit::of(code), Exit::Success, "{code:?}");
        }
    }
}
