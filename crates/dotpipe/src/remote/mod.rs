//! Pipes on other machines: `\\Server\pipe\Name`, on Windows or Samba, over SMB (feature `smb`).
//!
//! Nothing has to be installed: SMB is the protocol by which Windows itself reaches the pipes of another
//! machine. [`ClientOptions::open`](crate::ClientOptions::open) and everything else that takes the name
//! of a pipe take that of a remote one; what such a pipe can do, and what not, stands in `docs/remote.md`.
//!
//! # Who you are
//! [`SmbOptions`] holds the [`Credentials`] and whatever else there is to say about the way to the
//! server. Without them the environment is asked, see [`Credentials::from_environment`]. Nobody is
//! logged on as a guest or anonymously without having asked for it.
//!
//! ```no_run
//! use dotpipe::remote::{Credentials, SmbOptions};
//! use dotpipe::{ClientOptions, PipeMode};
//!
//! let smb = SmbOptions::new().credentials(Credentials::password("anna", "correct horse"));
//! let client = ClientOptions::new()
//!     .pipe_mode(PipeMode::Message)
//!     .smb(&smb)
//!     .open(r"\\printhouse\pipe\spooler")?;
//! # Ok::<(), dotpipe::Error>(())
//! ```
//!
//! # Layer
//! Below the seam of [`exact`](crate::exact), beside the engine: `seam` sends an operation to the one or
//! the other. The parts, bottom up, of which only `status`, `negotiate`, `anonymous`, `session` and `handle` know
//! the crate `smb2`:
//!
//! | file | what it has |
//! |---|---|
//! | `credentials`, `options` | who and how, as data |
//! | `status` | the one table from NTSTATUS to Win32 codes |
//! | `runtime` | the one thread in the background, on which all of this waits |
//! | `negotiate` | the first exchange, repaired on its way |
//! | `anonymous` | logging on as nobody |
//! | `session` | one connection to one server |
//! | `handle` | one open pipe: single requests and their answers |
//! | `information` | what a Windows server tells of a pipe, decoded |
//! | `pool` | sessions, shared by the pipes that can share one |
//! | `inbox` | what has arrived, and the reads that wait for it: the rules of reading |
//! | `outbox` | what is to be sent, in order; what is collected before it is sent |
//! | `end` | an end: the operations of the exact layer |
//! | `open` | how ends come to be: open, wait, call |
//!
//! # Invariants
//! The thread in the background never waits for a user's code but the wakers of pending operations. At
//! most one request that receives is on its way for each pipe, and it is never given up before the pipe
//! is closed: a server may answer it at any time, and the answer is data. Nothing that the server sends
//! is kept in an unbounded amount: an end asks only when somebody reads. Every wait has an end: a
//! deadline, a cancel, or the death of the connection, which is probed while anything waits.

mod anonymous;
mod credentials;
mod end;
mod handle;
mod inbox;
mod information;
mod negotiate;
mod open;
mod options;
mod outbox;
mod pool;
mod runtime;
pub(crate) mod seam;
mod session;
mod status;

pub use credentials::{Credentials, CredentialsError};
pub(crate) use open::{open_explained, wait_explained};
pub use options::{Collection, Encryption, SmbOptions};

use crate::error::Error;
use crate::name::{PipeName, printable};
use crate::win32::Win32Error;

/// Why a pipe could not be opened: the code, and what is known beyond it. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Win32Error,
    pub(crate) detail: Option<String>,
}

impl Failure {
    fn new(code: Win32Error, detail: impl Into<String>) -> Failure {
        Failure {
            code,
            detail: Some(detail.into()),
        }
    }

    /// The error of a face: what is known stands before the advice.
    pub(crate) fn into_error(self, operation: &'static str, pipe: &PipeName) -> Error {
        let error = Error::new(operation, Some(pipe), self.code);
        let Some(detail) = self.detail else {
            return error;
        };
        let hint = match error.hint() {
            Some(advice) => format!("{}; {advice}", printable(&detail)),
            None => printable(&detail).to_string(),
        };
        error.with_hint(hint)
    }
}

impl From<Win32Error> for Failure {
    fn from(code: Win32Error) -> Failure {
        Failure { code, detail: None }
    }
}
