//! Win32 error codes as a type: the codes that pipes use, their names and texts.

use std::fmt;

/// A Win32 error code, as `GetLastError` returns it.
///
/// A number and not an enumeration, so that a code which dotpipe does not know survives.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Win32Error(pub u32);

macro_rules! codes {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl Win32Error {
            $(#[doc = concat!("`ERROR_", stringify!($name), "` (", $number, "): ", $text, ".")]
            pub const $name: Win32Error = Win32Error($number);)*

            /// Every code that has a name here, in ascending order.
            pub const KNOWN: &[Win32Error] = &[$(Win32Error::$name),*];

            /// The name that Windows gives to the code, such as `ERROR_PIPE_BUSY`.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(concat!("ERROR_", stringify!($name))),)*
                    _ => None,
                }
            }

            /// What the code means, in words for a person.
            pub fn text(self) -> &'static str {
                match self.0 {
                    $($number => $text,)*
                    _ => "an error without a text here",
                }
            }
        }
    };
}

codes! {
    INVALID_FUNCTION = 1, "the operation does not apply to this end of the pipe";
    FILE_NOT_FOUND = 2, "there is no pipe of that name";
    PATH_NOT_FOUND = 3, "the path does not lead to a pipe";
    TOO_MANY_OPEN_FILES = 4, "the process has too many open files";
    ACCESS_DENIED = 5, "access is denied";
    INVALID_HANDLE = 6, "the handle is not open";
    NOT_ENOUGH_MEMORY = 8, "there is not enough memory";
    WRITE_PROTECT = 19, "the place where the pipes live is write-protected";
    GEN_FAILURE = 31, "the system refused an operation that the pipe needs";
    NOT_SUPPORTED = 50, "the operation is not supported here";
    BAD_NETPATH = 53, "the server cannot be reached";
    NETNAME_DELETED = 64, "the connection to the server is lost";
    INVALID_PARAMETER = 87, "a parameter is not valid";
    BROKEN_PIPE = 109, "the other end of the pipe has been closed";
    DISK_FULL = 112, "the disk is full";
    SEM_TIMEOUT = 121, "the time is up";
    INSUFFICIENT_BUFFER = 122, "the buffer is too small";
    INVALID_NAME = 123, "the name is not a valid pipe name";
    BAD_PATHNAME = 161, "the path is not valid";
    FILENAME_EXCED_RANGE = 206, "the name is too long";
    BAD_PIPE = 230, "the pipe is not in a state or mode in which this can be done";
    PIPE_BUSY = 231, "all instances of the pipe are in use";
    NO_DATA = 232, "the pipe is empty, or is being closed";
    PIPE_NOT_CONNECTED = 233, "no process is on the other end of the pipe";
    MORE_DATA = 234, "the message is longer than the buffer; the next read goes on in it";
    PIPE_CONNECTED = 535, "a client is connected already";
    PIPE_LISTENING = 536, "the instance listens, and no client has opened it yet";
    HANDLES_CLOSED = 676, "the handles have been closed";
    OPERATION_ABORTED = 995, "the operation was cancelled";
    IO_INCOMPLETE = 996, "the operation has not ended yet";
    IO_PENDING = 997, "the operation goes on";
    NOT_FOUND = 1168, "there is nothing to cancel";
    INVALID_OWNER = 1307, "this user may not be made the owner";
    PRIVILEGE_NOT_HELD = 1314, "the process does not have a privilege that this takes";
    LOGON_FAILURE = 1326, "the server does not know this user with this password";
    ACCOUNT_RESTRICTION = 1327, "the server does not let this user log on now, from here or without a password";
    PASSWORD_EXPIRED = 1330, "the password has expired";
    ACCOUNT_DISABLED = 1331, "the account of this user is disabled";
    NONE_MAPPED = 1332, "the client is no user of this machine";
    INVALID_SID = 1337, "the security identifier is not valid";
    INVALID_SECURITY_DESCR = 1338, "the security descriptor is not valid";
    BAD_IMPERSONATION_LEVEL = 1346, "the client does not let the server act in its name";
    CANT_OPEN_ANONYMOUS = 1347, "the client does not let the server know who it is";
    CANNOT_IMPERSONATE = 1368, "there is no client in whose name the server could act";
    ACCOUNT_LOCKED_OUT = 1909, "the account of this user is locked";
}

impl fmt::Debug for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name}({})", self.0),
            None => write!(f, "Win32Error({})", self.0),
        }
    }
}

impl fmt::Display for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name} {})", self.text(), self.0),
            None => write!(f, "Win32 error {}", self.0),
        }
    }
}

impl std::error::Error for Win32Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_code_has_a_name_and_a_text_and_stands_in_order() {
        for code in Win32Error::KNOWN {
            assert!(code.name().is_some());
            assert_ne!(code.text(), Win32Error(0xdead).text());
        }
        assert!(
            Win32Error::KNOWN
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0)
        );
    }

    #[test]
    fn an_unknown_code_survives() {
        assert_eq!(Win32Error(4242).name(), None);
        assert_eq!(format!("{}", Win32Error(4242)), "Win32 error 4242");
        assert_eq!(format!("{:?}", Win32Error(4242)), "Win32Error(4242)");
    }
}
