//! Reads the request with which `smbd` begins, and answers it.
//!
//! Layer: the socket, under the protocol. The rules it owns: who may say who the client is; that the last byte of
//! a request stays unread until it is clear that the client is not to be told *denied*; and that the bytes,
//! in which there are keys, are overwritten.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::transfer;
use crate::npa::{Reply, Request, request_len};

/// Why a request was not taken.
pub(super) enum Strange {
    /// Whoever has connected left at once: somebody who looked whether anybody listens.
    Nothing,
    /// Whoever has connected is neither root nor this user.
    User(u32),
    /// What came is no request, or nothing came.
    Request(String),
}

/// Reads a request, all but its last byte, which is looked at only.
///
/// A socket that is closed with something unread tells the other side so, and `smbd` has another answer for its
/// client then: see [`accept`] and [`turn_away`].
pub(super) async fn receive(stream: &UnixStream) -> Result<Request, Strange> {
    let told = |error: io::Error| Strange::Request(error.to_string());
    let user = stream.peer_cred().map_err(told)?.uid();
    if user != 0 && user != rustix::process::geteuid().as_raw() {
        return Err(Strange::User(user));
    }
    let mut prefix = [0; 4];
    match transfer::fill(stream, &mut prefix).await.map_err(told)? {
        0 => return Err(Strange::Nothing),
        len if len < prefix.len() => return Err(broken_off()),
        _ => {}
    }
    let len = match request_len(prefix) {
        Some(len) if len > 0 => len,
        _ => return Err(Strange::Request("it cannot have this length".into())),
    };
    // At once, since growing would leave copies of what is secret.
    let mut bytes = Zeroizing::new(vec![0; 4 + len]);
    bytes[..4].copy_from_slice(&prefix);
    let (rest, last) = bytes[4..].split_at_mut(len - 1);
    whole(stream, rest).await?;
    let looked = stream
        .async_io(Interest::READABLE, || {
            Ok(recv(stream, &mut *last, RecvFlags::PEEK)?.1)
        })
        .await;
    if looked.map_err(told)? != 1 {
        return Err(broken_off());
    }
    Request::decode(&bytes).map_err(|error| Strange::Request(error.to_string()))
}

async fn whole(stream: &UnixStream, bytes: &mut [u8]) -> Result<(), Strange> {
    match transfer::fill(stream, bytes).await {
        Ok(len) if len == bytes.len() => Ok(()),
        Ok(_) => Err(broken_off()),
        Err(error) => Err(Strange::Request(error.to_string())),
    }
}

fn broken_off() -> Strange {
    Strange::Request("it broke off".into())
}

/// Lets the client in: its open succeeds, whatever a reply says.
pub(super) async fn accept(
    stream: &UnixStream,
    request: &Request,
    messages: bool,
) -> io::Result<()> {
    take_last(stream).await?;
    let level = request.level;
    let reply = Reply { level, messages };
    transfer::send(stream, &reply.encode()).await
}

/// How a client is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may not: `smbd` is reset, and says CONNECTION_RESET (C000020D).
    Denied,
    /// It cannot now: `smbd` sees the end, and says CONNECTION_DISCONNECTED (C000020C).
    Busy,
}

/// Closes without a reply. Samba has no way to pass a code on; these two endings it tells apart.
pub(super) async fn turn_away(stream: UnixStream, refusal: Refusal) {
    if refusal == Refusal::Busy {
        // If it has gone already, so much the better.
        let _ = take_last(&stream).await;
    }
}

async fn take_last(stream: &UnixStream) -> io::Result<()> {
    transfer::fill(stream, &mut [0]).await.map(drop)
}
