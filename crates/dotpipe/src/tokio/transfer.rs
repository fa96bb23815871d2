//! Bytes in the shape of tokio: readiness, `try_` methods, `AsyncRead` and `AsyncWrite`.
//!
//! Layer: the core of the tokio face. It has no rule of its own; what an attempt does is in
//! [`inner`](super::inner), what room is in the engine.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::tokio::io::{Interest, ReadBuf, Ready};
use bytes::BufMut;

use super::inner::{Inner, Step};
use crate::error::Result;
use crate::exact::sys::Waiter;
use crate::exact::{self, Want};

/// The longest piece that `try_read_buf` reads.
const PIECE: usize = 8 << 10;

/// Several pieces as one.
pub(super) fn joined<'a>(pieces: &'a [io::IoSlice<'a>]) -> Cow<'a, [u8]> {
    let mut full = pieces.iter().filter(|piece| !piece.is_empty());
    match (full.next(), full.next()) {
        (None, _) => Cow::Borrowed(&[]),
        (Some(only), None) => Cow::Borrowed(only),
        _ => Cow::Owned(
            pieces
                .iter()
                .flat_map(|piece| piece.iter().copied())
                .collect(),
        ),
    }
}

/// The result of an operation that may not wait.
fn at_once<T>(step: Step<T>) -> io::Result<T> {
    match step {
        Step::Done(done) => Ok(done),
        Step::Wait(_) => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Inner {
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = self.attempt_read(buffer);
        at_once(step.map_err(|code| self.io_error("read", code))?)
    }

    pub(super) fn try_read_vectored(
        &self,
        buffers: &mut [io::IoSliceMut<'_>],
    ) -> io::Result<usize> {
        let mut full = buffers.iter_mut().filter(|buffer| !buffer.is_empty());
        match (full.next(), full.next()) {
            (None, _) => Ok(0),
            (Some(only), None) => self.try_read(only),
            _ => {
                let room = buffers.iter().map(|buffer| buffer.len()).sum();
                let mut data = vec![0; room];
                let len = self.try_read(&mut data)?;
                let mut rest = &data[..len];
                for buffer in buffers {
                    let (here, later) = rest.split_at(rest.len().min(buffer.len()));
                    buffer[..here.len()].copy_from_slice(here);
                    rest = later;
                }
                Ok(len)
            }
        }
    }

    pub(super) fn try_read_buf(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        let room = buffer.chunk_mut().len().min(PIECE);
        let mut piece = [0; PIECE];
        let len = self.try_read(&mut piece[..room])?;
        buffer.put_slice(&piece[..len]);
        Ok(len)
    }

    pub(super) fn try_write(self: &Arc<Self>, data: &[u8]) -> io::Result<usize> {
        let step = self.attempt_write(data);
        if let Ok(Step::Wait(_)) = step {
            self.lacks_room(data.len());
        }
        at_once(step.map_err(|code| self.io_error("write", code))?)
    }

    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.initialize_unfilled();
        let mut attempt = || self.attempt_read(room);
        let len = ready!(self.poll_as(context, &self.reader, Want::Data, &mut attempt))
            .map_err(|code| self.io_error("read", code))?;
        buffer.advance(len);
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(
        self: &Arc<Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut attempt = || self.attempt_write(data);
        self.poll_as(context, &self.writer, Want::Room(1), &mut attempt)
            .map_err(|code| self.io_error("write", code))
    }

    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut attempt = || self.attempt_flush();
        self.poll_as(context, &self.writer, Want::Turn, &mut attempt)
            .map_err(|code| self.io_error("write", code))
    }

    pub(super) async fn flush_pipe(&self) -> Result<()> {
        let told = |code| self.error("flush", code);
        let end = self.end.below();
        let Some(flushing) = end.begin_flush().map_err(told)? else {
            return Ok(());
        };
        let attempt = || {
            Ok(match flushing.result() {
                Some(result) => Step::Done(result?),
                None => Step::Wait(Want::Turn),
            })
        };
        self.wait(Want::Turn, attempt).await.map_err(told)
    }

    /// What the end is ready for, of what is asked for.
    pub(super) fn ready_now(&self, interest: Interest) -> io::Result<Ready> {
        let told = |code| self.io_error("wait", code);
        let found = match self.attempt_ready_for(interest).map_err(told)? {
            Step::Done(found) => found,
            Step::Wait(_) => Ready::EMPTY,
        };
        Ok(found)
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        if !interest.is_readable() && !interest.is_writable() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a pipe can be ready to be read or to be written",
            ));
        }
        let found = self
            .wait(Want::Data, || self.attempt_ready_for(interest))
            .await;
        found.map_err(|code| self.io_error("wait", code))
    }

    fn attempt_ready_for(&self, interest: Interest) -> exact::Result<Step<Ready>> {
        let mut found = Ready::EMPTY;
        let mut wants = [None, None];
        if interest.is_readable() {
            match self.attempt_ready(Want::Data)? {
                Step::Done(()) => found |= Ready::READABLE,
                Step::Wait(want) => wants[0] = Some(want),
            }
        }
        if interest.is_writable() {
            match self.attempt_ready(self.wanted_room())? {
                Step::Done(()) => found |= Ready::WRITABLE,
                Step::Wait(want) => wants[1] = Some(want),
            }
        }
        if !found.is_empty() {
            if self.end.below().has_ended()? {
                found |= match interest.is_readable() {
                    true => Ready::READ_CLOSED,
                    false => Ready::EMPTY,
                };
                found |= match interest.is_writable() {
                    true => Ready::WRITE_CLOSED,
                    false => Ready::EMPTY,
                };
            }
            return Ok(Step::Done(found));
        }
        Ok(Step::Wait(match wants {
            [Some(_), Some(Want::Room(len))] => Want::Either(len),
            [Some(want), _] | [None, Some(want)] => want,
            [None, None] => Want::Turn,
        }))
    }

    pub(super) fn poll_ready(
        &self,
        context: &mut Context<'_>,
        waiter: &Waiter,
        want: impl Fn() -> Want,
    ) -> Poll<io::Result<()>> {
        let mut attempt = || self.attempt_ready(want());
        self.poll_as(context, waiter, want(), &mut attempt)
            .map_err(|code| self.io_error("wait", code))
    }
}
