//! [`Hub`]: a runtime's watch over a conversation, for all tasks that wait on the end.
//!
//! Layer: below the tokio face, and the one part of it that each system has its own of. The rule it owns:
//! whoever has news wakes all who wait, so that none of them can miss what another one was told, however many
//! of them wait, give up or move.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(super) use linux::Hub;
#[cfg(windows)]
pub(super) use windows::Hub;
