//! How dotpipe and Samba meet.
//!
//! When a client opens `\\Server\pipe\Name` on a Samba server, `smbd` connects to a unix socket of that
//! name, says who the client is, and then passes on what the client writes and reads.
//!
//! | module | what it has |
//! |---|---|
//! | [`npa`] | what is said there: pure, without input or output |
//! | [`export`] | [`Export`]: listens there, and serves the pipes of this machine |
//! | [`setup`] | whether Samba and this machine are set up for that, and what to do if not |
//!
//! # Platforms
//! [`export`] and [`setup`] are for Linux (and the feature `export`, which is on by default): Windows lets other
//! machines in by itself.

#[cfg(all(feature = "export", target_os = "linux"))]
pub mod export;
pub mod npa;
#[cfg(all(feature = "export", target_os = "linux"))]
pub mod setup;

#[cfg(all(feature = "export", target_os = "linux"))]
pub use export::Export;
