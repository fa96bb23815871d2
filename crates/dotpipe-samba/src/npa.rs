//! NPA, "named pipe authentication": what `smbd` and the server of a pipe say to each other.
//!
//! Layer: a wire format, pure: bytes in, values out, and the other way round. Its theory is Samba's
//! `librpc/idl/named_pipe_auth.idl` and `auth.idl`, in the transfer syntax NDR32.
//!
//! `smbd` connects to the unix socket of the pipe and sends one [`Request`]; the server answers with one
//! [`Reply`]; from then on both send data: frames with a length of two bytes on a message pipe
//! ([`frame`]), bare bytes on a byte pipe. Both messages begin with their length in four bytes, big-endian,
//! not counted themselves; all other numbers are little-endian, and alignment counts from the first byte
//! of that length.
//!
//! *What this module does not know*: sockets, who is at the other end of one, and who may do what. A
//! request may be believed only when the kernel says that root, or the own user, has sent it: see
//! `SO_PEERCRED`. It holds secrets (the session key, perhaps delegated tickets), which are skipped and not
//! kept; whoever owns the bytes should overwrite them.
//!
//! | file | what it has |
//! |---|---|
//! | `cursor` | NDR32: alignment, numbers, strings, with bounds |
//! | `sid` | [`Sid`]: whoever has rights, as Windows names them |
//! | `request` | [`Request`], [`Client`]: who has come |
//! | `reply` | [`Reply`], and the frames of the data that follow |

mod cursor;
mod reply;
mod request;
mod sid;

pub use cursor::Malformed;
pub use reply::{FrameError, LONGEST_FRAME, Reply, frame};
pub use request::{Client, LEVELS, MAX_REQUEST, Request, UnixToken, request_len};
pub use sid::Sid;

#[cfg(test)]
mod tests;
