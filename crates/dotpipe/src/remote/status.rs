//! The one table from NTSTATUS, the codes of SMB, to Win32 codes.
//!
//! The rule it owns: what a program learns when a server says no. It follows `RtlNtStatusToDosError` but
//! where Samba uses one status for several things (see `docs/remote.md`).

use smb2::Error;
use smb2::types::status::NtStatus;

use crate::win32::Win32Error;

/// What was being done: some codes mean another thing in an open than later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Reaching the server and logging on.
    Connect,
    /// Opening the pipe.
    Open,
    /// Receiving.
    Read,
    /// Sending.
    Write,
    /// Anything else on an open pipe.
    Other,
}

/// The Win32 code for a status.
pub(super) fn code(status: NtStatus, step: Step) -> Win32Error {
    use Step::*;

    match (status.0, step) {
        (0x8000_0005, _) => Win32Error::MORE_DATA,
        (0xC000_0002 | 0xC000_0010 | 0xC000_00BB | 0xC000_019C, _) => Win32Error::NOT_SUPPORTED,
        (0xC000_0008 | 0xC000_0128, _) => Win32Error::INVALID_HANDLE,
        (0xC000_000D, _) => Win32Error::INVALID_PARAMETER,
        // Longer than this server carries messages.
        (0xC000_002F, Write) => Win32Error::INVALID_PARAMETER,
        (0xC000_0017 | 0xC000_009A, _) => Win32Error::NOT_ENOUGH_MEMORY,
        (0xC000_0022, _) => Win32Error::ACCESS_DENIED,
        (0xC000_0033, _) => Win32Error::INVALID_NAME,
        (0xC000_0034, _) => Win32Error::FILE_NOT_FOUND,
        (0xC000_003A, _) => Win32Error::PATH_NOT_FOUND,
        (0xC000_006D | 0xC000_006A | 0xC000_0064, _) => Win32Error::LOGON_FAILURE,
        (0xC000_006E..=0xC000_0070, _) => Win32Error::ACCOUNT_RESTRICTION,
        (0xC000_0071 | 0xC000_0224, _) => Win32Error::PASSWORD_EXPIRED,
        (0xC000_0072 | 0xC000_0193, _) => Win32Error::ACCOUNT_DISABLED,
        (0xC000_0234, _) => Win32Error::ACCOUNT_LOCKED_OUT,
        (0xC000_0203 | 0xC000_035C | 0xC000_00C9, _) => Win32Error::NETNAME_DELETED,
        (0xC000_00AB | 0xC000_00AC | 0xC000_00AE, Open) => Win32Error::PIPE_BUSY,
        // Samba's word for a pipe whose server has turned a client away. There are two, so that a server
        // can tell "no instance" from "not you": see `docs/remote.md`.
        (0xC000_020C | 0xC000_00BF, Open) => Win32Error::PIPE_BUSY,
        (0xC000_020D, Open) => Win32Error::ACCESS_DENIED,
        // A socket that nobody listens at: its server is dead.
        (0xC000_0236, Open) => Win32Error::FILE_NOT_FOUND,
        (0xC000_00AD, _) => Win32Error::BAD_PIPE,
        (0xC000_00AE, _) => Win32Error::PIPE_BUSY,
        (0xC000_00B5 | 0x0000_0102, _) => Win32Error::SEM_TIMEOUT,
        (0xC000_00D9, _) => Win32Error::NO_DATA,
        (0xC000_0120 | 0xC000_0121, _) => Win32Error::OPERATION_ABORTED,
        (status, Write) if is_end(status) => Win32Error::NO_DATA,
        (status, _) if is_end(status) => Win32Error::BROKEN_PIPE,
        (0xC000_0236 | 0xC000_00BE, _) => Win32Error::BAD_NETPATH,
        (_, Connect) => Win32Error::BAD_NETPATH,
        _ => Win32Error::GEN_FAILURE,
    }
}

/// Whether a status says that the other end has gone.
fn is_end(status: u32) -> bool {
    matches!(
        status,
        0xC000_00B0 | 0xC000_00B1 | 0xC000_014B | 0xC000_0011 | 0xC000_020C | 0xC000_020D
    )
}

/// Whether a status says that the server has forgotten who has logged on, or the share: every pipe of the
/// session is gone.
pub(super) fn ends_the_session(status: NtStatus) -> bool {
    code(status, Step::Other) == Win32Error::NETNAME_DELETED
}

/// Whether a code says that there is nothing more to receive, ever.
pub(super) fn ends_the_conversation(code: Win32Error) -> bool {
    matches!(
        code,
        Win32Error::BROKEN_PIPE
            | Win32Error::PIPE_NOT_CONNECTED
            | Win32Error::NETNAME_DELETED
            | Win32Error::INVALID_HANDLE
    )
}

/// The Win32 code for what the library that speaks SMB tells.
pub(super) fn code_of(error: &Error, step: Step) -> Win32Error {
    match error {
        Error::Protocol { status, .. } => code(*status, step),
        Error::Auth { .. } | Error::GuestSessionRefused { .. } => Win32Error::LOGON_FAILURE,
        // Somebody on the way has changed what was sent.
        Error::SignatureInvalid { .. } => Win32Error::ACCESS_DENIED,
        _ if step == Step::Connect => Win32Error::BAD_NETPATH,
        // The connection is lost, or what came over it was no SMB.
        _ => Win32Error::NETNAME_DELETED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_documentation_says() {
        let of = |status, step| code(NtStatus(status), step).0;
        let rows = [
            (0xC000_0034, Step::Open, 2),
            (0xC000_0022, Step::Open, 5),
            (0xC000_020D, Step::Open, 5),
            (0xC000_020C, Step::Open, 231),
            (0xC000_00BF, Step::Open, 231),
            (0xC000_00AC, Step::Open, 231),
            (0xC000_0236, Step::Open, 2),
            (0xC000_0033, Step::Open, 123),
            (0xC000_006D, Step::Connect, 1326),
            (0xC000_0234, Step::Connect, 1909),
            (0x8000_0005, Step::Read, 234),
            (0xC000_00B0, Step::Read, 109),
            (0xC000_014B, Step::Read, 109),
            (0xC000_0011, Step::Read, 109),
            (0xC000_020C, Step::Read, 109),
            (0xC000_020D, Step::Read, 109),
            (0xC000_00D9, Step::Read, 232),
            (0xC000_0120, Step::Read, 995),
            (0xC000_00B0, Step::Write, 232),
            (0xC000_014B, Step::Write, 232),
            (0xC000_00B1, Step::Write, 232),
            (0xC000_002F, Step::Write, 87),
            (0xC000_0203, Step::Read, 64),
            (0xC000_019C, Step::Other, 50),
            (0xC000_00BB, Step::Other, 50),
            (0xC000_0002, Step::Other, 50),
            (0xC000_00B5, Step::Other, 121),
            (0xC123_4567, Step::Connect, 53),
            (0xC123_4567, Step::Read, 31),
        ];
        for (status, step, expected) in rows {
            assert_eq!(of(status, step), expected, "{status:08X} {step:?}");
        }
    }

    #[test]
    fn a_lost_connection_is_not_the_end_of_a_file() {
        assert_eq!(
            code_of(&Error::Disconnected, Step::Read),
            Win32Error::NETNAME_DELETED
        );
        assert_eq!(
            code_of(&Error::Timeout, Step::Connect),
            Win32Error::BAD_NETPATH
        );
        assert!(ends_the_conversation(Win32Error::NETNAME_DELETED));
        assert!(!ends_the_conversation(Win32Error::MORE_DATA));
    }
}
