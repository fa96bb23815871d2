//! The words in which the face for tasks and what lies below the seam talk about waiting.
//!
//! Layer: the seam, for feature `tokio`. A task tries; if it has to wait, it says for what; then it is told
//! whether to look on or to sleep.

use crate::name::PipeName;

/// Whether tasks can wait on a pipe of this name. On Windows it must be of this machine: elsewhere a read cannot be
/// cancelled without losing what is on its way, nor an answer be had at once.
pub(crate) fn is_for_tasks(name: &PipeName) -> bool {
    cfg!(not(windows)) || name.is_local()
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Something to read, or the end.
    Data,
    /// Room to write so many bytes, or the end.
    Room(usize),
    /// One of both.
    Either(usize),
    /// The answer of a transaction.
    Answer,
    /// Whatever others wait for who have armed already.
    Turn,
}

/// How a write ended that may not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    windows,
    expect(dead_code, reason = "the system does not tell how much room there is")
)]
pub(crate) enum Attempted {
    /// So many bytes were written.
    Written(usize),
    /// There is no room for it now.
    NoRoom,
    /// It is not written but to be taken over: there will never be room for it, or nobody can tell.
    NeverFits,
}

/// What one who has looked in vain does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It lets others run and looks again.
    Yield,
    /// It arms, looks for the last time and sleeps.
    Sleep,
}
