//! The Windows pipe system on Linux.

pub mod anonymous;
pub mod error;
pub mod exact;
pub mod name;
pub mod options;
pub mod win32;

mod engine;
