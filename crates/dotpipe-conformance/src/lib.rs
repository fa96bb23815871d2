//! Runs the conformance scripts of `conformance/` against dotpipe.
//!
//! A script drives pipes one Win32 call at a time, and beside it stands what Windows answers, line by
//! line. `conformance/FORMAT.md` defines both; this crate is the second runner that it speaks of (the
//! first one, `oracle.c`, asks the functions of Windows or Wine). Its parts, in the order in which a
//! script passes through them:
//!
//! - [`parse`]: text in, commands out; everything that a script can get wrong in its text is found here
//!   ([`payload`]: the bytes and names within a line);
//! - [`run`]: carries the commands out, one after the other, and decides what is `pending`;
//! - [`face`]: what a way of using pipes must offer so that scripts can drive it; [`exact`] is the one for
//!   `dotpipe::exact`. No rule of pipes is in any of them: they ask and hand the answer on;
//! - [`mod@format`]: an answer in, its line of output out;
//! - [`compare`]: expected and actual output in, their differences out;
//! - `remote` and `carried` (Linux): the face whose clients are on another machine, by way of Samba, and which scripts
//!   that way can carry;
//! - [`suite`]: finds scripts, runs many of them at a time.

#[cfg(all(feature = "remote", target_os = "linux"))]
pub mod carried;
pub mod compare;
pub mod exact;
pub mod face;
pub mod format;
pub mod parse;
pub mod payload;
#[cfg(all(feature = "remote", target_os = "linux"))]
mod quiet;
#[cfg(all(feature = "remote", target_os = "linux"))]
pub mod remote;
pub mod run;
pub mod suite;
