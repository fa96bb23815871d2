//! Windows below the seam: the system's own pipes.
//!
//! Nothing here is a rule of pipes; the system has them all. What is added is what Win32 leaves to its
//! caller: deadlines, operations whose memory outlives the one who started them, one place where codes are
//! taken. From the bottom: [`calls`] are the functions of Win32, each behind a safe one; all unsafe code
//! is there. [`port`] is where pending operations end. [`end`] is a handle of a named pipe, `attempt` and
//! `tasks` how tasks wait on one (feature `tokio`), [`names`] what
//! is done by name, [`anonymous`] the pipes without one. [`identity`] is who is who, [`descriptor`] how a
//! security descriptor lies in memory.

pub(crate) mod anonymous;
#[cfg(feature = "tokio")]
mod attempt;
mod calls;
mod deadline;
mod descriptor;
mod end;
mod identity;
mod names;
mod operation;
mod port;
#[cfg(feature = "tokio")]
mod tasks;

#[cfg(feature = "tokio")]
pub(crate) use attempt::Asking;
pub(crate) use end::End;
pub(crate) use identity::{Impersonation, own_token};
pub(crate) use names::{
    call, create, create_another, exists, list, open, open_with, security, status, wait,
};
pub(crate) use operation::Operation;
#[cfg(feature = "tokio")]
pub(crate) use tasks::{Conversation, Tasks, Waiter};
