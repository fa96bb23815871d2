//! Halves of an end: one that reads and one that writes.
//!
//! Layer: the sync face. They add nothing to the end, which several threads can use as it is; they say
//! in their types who reads and who writes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::methods;
use super::shared::{PipeInfo, Shared};
use crate::error::Result;
use crate::exact::{self, HandleState, Peeked, Received};
use crate::name::PipeName;
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};

/// The half of an end that reads, borrowed: see [`NamedPipeServer::split`](crate::sync::NamedPipeServer::split).
pub struct ReadHalf<'a> {
    shared: &'a Shared,
}

/// The half of an end that writes, borrowed: see [`NamedPipeServer::split`](crate::sync::NamedPipeServer::split).
pub struct WriteHalf<'a> {
    shared: &'a Shared,
}

/// The half of an end that reads: see [`NamedPipeServer::into_split`](crate::sync::NamedPipeServer::into_split).
///
/// The end closes when both halves have been dropped.
pub struct OwnedReadHalf {
    shared: Arc<Shared>,
}

/// The half of an end that writes: see [`NamedPipeServer::into_split`](crate::sync::NamedPipeServer::into_split).
///
/// The end closes when both halves have been dropped.
pub struct OwnedWriteHalf {
    shared: Arc<Shared>,
}

impl ReadHalf<'_> {
    methods::common!();
    methods::identity!();
    methods::reading!();
}

impl WriteHalf<'_> {
    methods::common!();
    methods::identity!();
    methods::writing!();
}

impl OwnedReadHalf {
    methods::common!();
    methods::identity!();
    methods::reading!();
}

impl OwnedWriteHalf {
    methods::common!();
    methods::identity!();
    methods::writing!();
}

methods::impl_read!(ReadHalf<'_>);
methods::impl_write!(WriteHalf<'_>);
methods::impl_read!(OwnedReadHalf);
methods::impl_write!(OwnedWriteHalf);
methods::impl_debug!(ReadHalf<'_>, "ReadHalf");
methods::impl_debug!(WriteHalf<'_>, "WriteHalf");
methods::impl_debug!(OwnedReadHalf, "OwnedReadHalf");
methods::impl_debug!(OwnedWriteHalf, "OwnedWriteHalf");

/// The two halves that could not be put together, since they are not of one end or of the other kind
/// of end. They are given back as they were.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, write) = (&self.0.shared, &self.1.shared);
        match Arc::ptr_eq(read, write) {
            true => write!(
                f,
                "these are the halves of the {} end of {}, which is another type",
                match read.end.end() {
                    PipeEnd::Server => "server",
                    PipeEnd::Client => "client",
                },
                read.name
            ),
            false => write!(
                f,
                "the half that reads is of another end ({}) than the half that writes ({})",
                read.name, write.name
            ),
        }
    }
}

impl std::error::Error for ReuniteError {}

pub(super) fn borrowed(shared: &Shared) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf { shared }, WriteHalf { shared })
}

pub(super) fn owned(shared: Arc<Shared>) -> (OwnedReadHalf, OwnedWriteHalf) {
    let read = OwnedReadHalf {
        shared: shared.clone(),
    };
    (read, OwnedWriteHalf { shared })
}

/// The whole of two halves, if they are those of one end of this kind.
pub(super) fn reunite(
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    end: PipeEnd,
) -> std::result::Result<Arc<Shared>, ReuniteError> {
    if Arc::ptr_eq(&read.shared, &write.shared) && read.shared.end.end() == end {
        Ok(read.shared)
    } else {
        Err(ReuniteError(read, write))
    }
}
