//! Named pipes through the sync face.

mod bytes;
mod errors;
mod listener;
mod messages;
mod options;
mod questions;
#[cfg(unix)] // Windows has nothing to poll
mod readiness;
mod remote;
mod security;
mod split;
mod timeouts;
mod types;

#[path = "../support/mod.rs"]
mod support;
