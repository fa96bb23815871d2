//! Clients of others, against pipes of dotpipe: `smbprotocol` and `impacket`, which are written in Python, know
//! nothing of dotpipe and speak SMB in two ways of their own. What they see must be what Windows promises.
//!
//! `.ci/python-clients` installs them; without them every test here is skipped, with one line in all.
//!
//! | file | subject |
//! |---|---|
//! | `conversation` | messages of every length, bytes, order, transactions |
//! | `opening` | who gets in, who does not, and who it is for the pipe's server |
//! | `ending` | one of the ends goes or is killed, and Samba starts anew |
//! | `crowd` | many at once |
//!
//! [`python`] starts a client; `driver.py` is what it does there. The export and the servers are those of the tests
//! of the export.
#![cfg(target_os = "linux")]

#[path = "../export/exporting.rs"]
#[allow(dead_code, reason = "the tests of the export use more of it")]
mod exporting;
#[path = "../support/mod.rs"]
mod support;

mod conversation;
mod crowd;
mod ending;
mod opening;
mod python;
