//! The seam of the command: what it asks of the operating system beside pipes.

#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(windows, path = "system/windows.rs")]
mod sys;

pub(crate) use sys::*;

/// A program that comes with the system and copies its input to its output, changed.
pub(crate) struct Filter {
    pub(crate) program: &'static str,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) input: &'static [u8],
    pub(crate) expected: &'static [u8],
}
