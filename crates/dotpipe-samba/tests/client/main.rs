//! The client for pipes on other machines, through an `smbd` of the test's own.

#[path = "../support/mod.rs"]
mod support;

mod conversation;

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
