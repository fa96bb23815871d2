//! How dotpipe and Samba meet.
//!
//! When a client opens `\\Server\pipe\Name` on a Samba server, `smbd` connects to a unix socket of that
//! name, says who the client is, and then passes on what the client writes and reads. [`npa`] is what is
//! said there: pure, without input or output. The tests of this crate start an `smbd` of their own, and
//! talk through it with the client that is built into `dotpipe` (its feature `smb`).

pub mod npa;
