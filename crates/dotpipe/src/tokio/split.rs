//! Halves of an end: one that reads and one that writes, borrowed or owned.
//!
//! Layer: the tokio face.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use bytes::BufMut;

use super::inner::Inner;
use super::methods;
use super::transfer::joined;
use crate::error::Result;
use crate::exact::{HandleState, Peeked, Received, Want};
use crate::name::PipeName;
use crate::options::{PipeEnd, PipeMode, WaitMode};
use crate::security::{RemoteClient, SecurityDescriptor, Token};
use crate::sync::PipeInfo;

/// The half of an end that reads, borrowed: see
/// [`NamedPipeServer::split`](crate::tokio::NamedPipeServer::split).
pub struct ReadHalf<'a> {
    inner: &'a Arc<Inner>,
}

/// The half of an end that writes, borrowed: see
/// [`NamedPipeServer::split`](crate::tokio::NamedPipeServer::split).
pub struct WriteHalf<'a> {
    inner: &'a Arc<Inner>,
}

/// The half of an end that reads: see
/// [`NamedPipeServer::into_split`](crate::tokio::NamedPipeServer::into_split).
///
/// The end closes when both halves have been dropped.
pub struct OwnedReadHalf {
    inner: Arc<Inner>,
}

/// The half of an end that writes: see
/// [`NamedPipeServer::into_split`](crate::tokio::NamedPipeServer::into_split).
///
/// The end closes when both halves have been dropped.
pub struct OwnedWriteHalf {
    inner: Arc<Inner>,
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
        let (read, write) = (&self.0.inner, &self.1.inner);
        match Arc::ptr_eq(read, write) {
            true => write!(
                f,
                "these are the halves of another type of end of {}",
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

pub(super) fn borrowed(inner: &Arc<Inner>) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf { inner }, WriteHalf { inner })
}

pub(super) fn owned(inner: Arc<Inner>) -> (OwnedReadHalf, OwnedWriteHalf) {
    let read = OwnedReadHalf {
        inner: inner.clone(),
    };
    (read, OwnedWriteHalf { inner })
}

/// The whole of two halves, if they are those of one end of this kind.
pub(super) fn reunite(
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    end: PipeEnd,
) -> std::result::Result<Arc<Inner>, ReuniteError> {
    if Arc::ptr_eq(&read.inner, &write.inner) && read.inner.end.end() == end {
        Ok(read.inner)
    } else {
        Err(ReuniteError(read, write))
    }
}
