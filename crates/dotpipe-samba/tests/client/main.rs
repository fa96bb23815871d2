//! The client for pipes on other machines, through an `smbd` of the test's own.
//!
//! | file | subject |
//! |---|---|
//! | `opening` | who gets in, who does not, and what is waited for |
//! | `conversation` | messages, bytes, transactions |
//! | `refused` | what SMB or Samba does not carry |
//! | `waiting` | deadlines, cancelling, readiness |
//! | `ending` | the other end goes, the server dies, this end closes |
//! | `gathering` | small writes to a byte pipe |
//! | `protection` | signing, encryption, old dialects |
//! | `kerberos` | logging on with tickets |
//! | `crowd` | many at once |
//! | `foreign` | a pipe of Samba's own |
//! | `tasks` | the face for tasks |

#[path = "../support/mod.rs"]
mod support;

mod conversation;
mod crowd;
mod ending;
mod foreign;
mod gathering;
mod kerberos;
mod opening;
mod protection;
mod refused;
mod tasks;
mod waiting;

use dotpipe::exact::{self, End};
use dotpipe::options::{DesiredAccess, PipeMode, WaitMode};

use support::Smbd;

/// Both rights to the data.
const BOTH: DesiredAccess = DesiredAccess::READ.union(DesiredAccess::WRITE);

/// Opens a pipe in byte read mode.
fn open(smbd: &Smbd, name: &str) -> End {
    exact::open_remote(&smbd.pipe(name), BOTH, None, &smbd.options()).unwrap()
}

/// Opens a pipe in message read mode.
fn open_messages(smbd: &Smbd, name: &str) -> End {
    let end = open(smbd, name);
    end.set_state(PipeMode::Message, WaitMode::Blocking)
        .unwrap();
    end
}

/// Reads once, into a buffer of so many bytes.
fn read(end: &End, len: usize) -> exact::Result<(Vec<u8>, bool)> {
    let mut buffer = vec![0; len];
    let received = end.read(&mut buffer)?;
    buffer.truncate(received.len);
    Ok((buffer, received.more))
}
