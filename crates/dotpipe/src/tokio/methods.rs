//! The public methods that several types have, written once.
//!
//! Layer: the tokio face. A server end, a client end and their halves offer the same things; each macro here
//! is a group of them and is expanded in the `impl` block of every type that has it. All of them only pass
//! on to [`Inner`](super::inner::Inner), as the field `inner`.

mod identity;

pub(super) use identity::identity;

/// What every type has.
macro_rules! common {
    () => {
        /// What the instance was made with: `GetNamedPipeInfo`.
        ///
        /// # Errors
        /// `ERROR_ACCESS_DENIED` on the server end of an outbound pipe, `ERROR_PIPE_NOT_CONNECTED` on a
        /// client end whose server has disconnected it.
        #[doc(alias = "GetNamedPipeInfo")]
        pub fn info(&self) -> io::Result<PipeInfo> {
            let info = self.inner.end.info();
            info.map(PipeInfo::from)
                .map_err(|code| self.inner.io_error("info", code))
        }

        /// The name of the pipe. Not in tokio.
        pub fn name(&self) -> &PipeName {
            &self.inner.name
        }

        /// The modes of this end, and how many instances the pipe has now: `GetNamedPipeHandleState`. Not in
        /// tokio.
        ///
        /// # Errors
        /// Those of [`info`](Self::info).
        #[doc(alias = "GetNamedPipeHandleState")]
        pub fn state(&self) -> Result<HandleState> {
            self.inner
                .end
                .state()
                .map_err(|code| self.inner.error("state", code))
        }

        /// The process at the other end, as the kernel told it when the pipe was opened:
        /// `GetNamedPipeClientProcessId` on a server end, `GetNamedPipeServerProcessId` on a client end. Not
        /// in tokio.
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
        /// `ERROR_NOT_SUPPORTED` for a client on another machine.
        #[doc(alias = "GetNamedPipeClientProcessId")]
        #[doc(alias = "GetNamedPipeServerProcessId")]
        pub fn peer_process_id(&self) -> Result<u32> {
            let process = self.inner.end.peer_process_id();
            process.map_err(|code| self.inner.error("info", code))
        }

        /// Who may do what with the pipe: `GetSecurityInfo`. Not in tokio.
        ///
        /// # Errors
        /// What [`exact::End::security`](crate::exact::End::security) answers.
        #[doc(alias = "GetSecurityInfo")]
        pub fn security(&self) -> Result<SecurityDescriptor> {
            self.inner
                .end
                .security()
                .map_err(|code| self.inner.error("security", code))
        }

        /// Changes who may do what with the pipe: `SetSecurityInfo`. Not in tokio.
        ///
        /// # Errors
        /// What [`exact::End::set_security`](crate::exact::End::set_security) answers.
        #[doc(alias = "SetSecurityInfo")]
        pub fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
            let set = self.inner.end.set_security(descriptor);
            set.map_err(|code| self.inner.error("set_security", code))
        }

        /// Waits until a read or a write, whichever of them is asked for, would not wait; tells which.
        ///
        /// # Cancel safety
        /// Dropping the future loses nothing.
        ///
        /// # Errors
        /// `InvalidInput` unless `interest` asks for reading or writing; `ERROR_PIPE_LISTENING` on a server
        /// end that no client has opened (with tokio's own types it would wait), `ERROR_PIPE_NOT_CONNECTED` when it is
        /// disconnected. That the other end has gone is no error but readiness.
        pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
            self.inner.ready(interest).await
        }

        /// Calls `operation` if the end is ready for `interest`, and otherwise fails with `WouldBlock`.
        ///
        /// Let `operation` use the `try_` methods of this end: there is no handle for it to work on but on
        /// Windows, and there nothing is heard of what it does with that.
        ///
        /// # Errors
        /// `WouldBlock`, those of [`ready`](Self::ready), and those of `operation`.
        pub fn try_io<R>(
            &self,
            interest: Interest,
            operation: impl FnOnce() -> io::Result<R>,
        ) -> io::Result<R> {
            if self.inner.ready_now(interest)?.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            operation()
        }

        /// Waits until the end is ready for `interest` and calls `operation`, until that does not fail with
        /// `WouldBlock`.
        ///
        /// Let `operation` use the `try_` methods of this end: there is no handle for it to work on but on
        /// Windows, and there nothing is heard of what it does with that.
        ///
        /// # Errors
        /// Those of [`ready`](Self::ready) and of `operation`.
        pub async fn async_io<R>(
            &self,
            interest: Interest,
            mut operation: impl FnMut() -> io::Result<R>,
        ) -> io::Result<R> {
            loop {
                self.inner.ready(interest).await?;
                match operation() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
            }
        }
    };
}

/// What the types that can read have.
macro_rules! reading {
    () => {
        /// Waits until a read would not wait: there are data, or the other end has gone.
        ///
        /// # Cancel safety
        /// Dropping the future loses nothing.
        ///
        /// # Errors
        /// Those of [`ready`](Self::ready).
        pub async fn readable(&self) -> io::Result<()> {
            self.inner.ready(Interest::READABLE).await.map(drop)
        }

        /// [`readable`](Self::readable) for those who write a `poll` function: the last task that called it
        /// is woken.
        ///
        /// # Errors
        /// Those of [`ready`](Self::ready).
        pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.inner
                .poll_ready(context, &self.inner.read_looker, || Want::Data)
        }

        /// Reads what is there: 0 bytes when the other end has closed and everything has been read.
        ///
        /// In message read mode it reads from one message only; the next read goes on in it when `buffer`
        /// is too small (`ERROR_MORE_DATA` is a success). Empty messages are passed over, where with tokio's
        /// own types one looks like the end; [`recv`](Self::recv) keeps messages apart.
        ///
        /// # Errors
        /// `WouldBlock` when there is nothing; `ERROR_PIPE_NOT_CONNECTED` when the server has disconnected,
        /// `ERROR_PIPE_LISTENING` on a server end that no client has opened, `ERROR_ACCESS_DENIED` (this end
        /// may not read).
        #[doc(alias = "ReadFile")]
        pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
            self.inner.try_read(buffer)
        }

        /// [`try_read`](Self::try_read) into several buffers, as if they were one.
        ///
        /// # Errors
        /// Those of [`try_read`](Self::try_read).
        pub fn try_read_vectored(&self, buffers: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
            self.inner.try_read_vectored(buffers)
        }

        /// [`try_read`](Self::try_read) into the room that `buffer` has, which it advances; at most 8 KiB at a
        /// time.
        ///
        /// # Errors
        /// Those of [`try_read`](Self::try_read).
        pub fn try_read_buf<B: BufMut>(&self, buffer: &mut B) -> io::Result<usize> {
            self.inner.try_read_buf(buffer)
        }

        /// Receives one message, which may be empty, in place of what `message` held, and gives its length.
        /// Not in tokio.
        ///
        /// Several tasks may receive at once: each message goes whole to one of them. Do not mix it with other
        /// ways of reading while a message is on its way.
        ///
        /// # Cancel safety
        /// Dropping the future loses nothing: what has come of a message is kept for the next `recv`.
        ///
        /// # Errors
        /// `ERROR_BAD_PIPE` unless this end is in message read mode, which needs a pipe of message type;
        /// `ERROR_BROKEN_PIPE` when the other end has closed and everything has been received;
        /// `ERROR_PIPE_NOT_CONNECTED` when the server has disconnected; `ERROR_PIPE_LISTENING` on a server
        /// end that no client has opened; `ERROR_ACCESS_DENIED` (this end may not read).
        ///
        /// # Examples
        /// ```
        /// use dotpipe::tokio::{ClientOptions, PipeMode, ServerOptions};
        ///
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> std::io::Result<()> {
        /// # let name = format!(r"\\.\pipe\doc-tokio-recv-{}-{:?}", std::process::id(), std::thread::current().id());
        /// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
        /// let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
        ///
        /// client.send(b"one").await?;
        /// client.send(b"").await?;
        ///
        /// let mut message = Vec::new();
        /// assert_eq!(server.recv(&mut message).await?, 3);
        /// assert_eq!(message, b"one");
        /// assert_eq!(server.recv(&mut message).await?, 0);
        ///
        /// drop(client);
        /// assert!(server.recv(&mut message).await.unwrap_err().is_broken());
        /// # Ok(())
        /// # }
        /// ```
        #[doc(alias = "ReadFile")]
        pub async fn recv(&self, message: &mut Vec<u8>) -> Result<usize> {
            self.inner.recv(message).await
        }

        /// Receives one message, or as much of it as there is room for in `buffer`. When
        /// [`more`](Received::more) is set the message goes on, and the next receive goes on in it. Not in
        /// tokio.
        ///
        /// # Cancel safety
        /// Dropping the future loses nothing.
        ///
        /// # Errors
        /// Those of [`recv`](Self::recv).
        #[doc(alias = "ReadFile")]
        pub async fn recv_into(&self, buffer: &mut [u8]) -> Result<Received> {
            self.inner.recv_into(buffer).await
        }

        /// Copies what could be read without taking it: `PeekNamedPipe`. Never waits;
        /// [`readable`](Self::readable) does. On a message pipe it copies from the first message only,
        /// whatever the read mode. Not in tokio.
        ///
        /// What has come of a message whose `recv` was dropped is not in the pipe any more, and not seen.
        ///
        /// # Errors
        /// `ERROR_BAD_PIPE` when no client is connected, `ERROR_BROKEN_PIPE` when the other end has closed
        /// and everything has been read, `ERROR_PIPE_NOT_CONNECTED` on a client end whose server has
        /// disconnected it, `ERROR_ACCESS_DENIED` (this end may not read).
        #[doc(alias = "PeekNamedPipe")]
        pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
            self.inner
                .end
                .peek(buffer)
                .map_err(|code| self.inner.error("peek", code))
        }

        /// Sets the read mode of this end: `SetNamedPipeHandleState`. It counts for data that arrive from
        /// now on. Not in tokio.
        ///
        /// # Errors
        /// `ERROR_INVALID_PARAMETER` for message read mode on a pipe of byte type; `ERROR_ACCESS_DENIED` on
        /// an end that may neither write nor change its attributes; `ERROR_PIPE_NOT_CONNECTED` on a client
        /// end whose server has disconnected it.
        #[doc(alias = "SetNamedPipeHandleState")]
        pub fn set_read_mode(&self, mode: PipeMode) -> Result<()> {
            let set = self.inner.end.set_state(mode, WaitMode::Blocking);
            set.map_err(|code| self.inner.error("set_state", code))
        }
    };
}

/// What the types that can write have.
macro_rules! writing {
    () => {
        /// Waits until a write would not wait: there is room in the quota, or the other end has gone.
        ///
        /// Room for one byte is enough, but after a [`try_write`](Self::try_write) that found no room it
        /// waits for as much as that lacked.
        ///
        /// # Platforms
        /// On Windows it waits until a write that was [taken over](crate::tokio#platforms) is complete, if one was.
        ///
        /// # Cancel safety
        /// Dropping the future loses nothing.
        ///
        /// # Errors
        /// Those of [`ready`](Self::ready).
        pub async fn writable(&self) -> io::Result<()> {
            self.inner.ready(Interest::WRITABLE).await.map(drop)
        }

        /// [`writable`](Self::writable) for those who write a `poll` function: the last task that called it
        /// is woken.
        ///
        /// # Errors
        /// Those of [`ready`](Self::ready).
        pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            let inner = &self.inner;
            inner.poll_ready(context, &inner.write_looker, || inner.wanted_room())
        }

        /// Writes what there is room for: see [the module](crate::tokio#writing). Gives how many bytes those
        /// are; of a message all or none.
        ///
        /// # Platforms
        /// On Windows it takes the data over, up to 64 KiB of bytes or a whole message, unless an earlier write is
        /// under way still.
        ///
        /// # Errors
        /// `WouldBlock` when there is no room; `ERROR_NO_DATA` (of kind `BrokenPipe`) when the other end has
        /// closed, `ERROR_PIPE_NOT_CONNECTED` when the server has disconnected, `ERROR_PIPE_LISTENING` on a
        /// server end that no client has opened, `ERROR_ACCESS_DENIED` (this end may not write); and the
        /// error of an earlier write that was taken over.
        #[doc(alias = "WriteFile")]
        pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
            self.inner.try_write(data)
        }

        /// [`try_write`](Self::try_write) of several pieces, as if they were one: one message on a message
        /// pipe.
        ///
        /// # Errors
        /// Those of [`try_write`](Self::try_write).
        pub fn try_write_vectored(&self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
            self.inner.try_write(&joined(pieces))
        }

        /// Sends one message, which may be empty. Not in tokio.
        ///
        /// Waits until it fits the quota; one that is larger than the quota is
        /// [taken over](crate::tokio#writing). On Windows each is that does not fit at once.
        ///
        /// # Cancel safety
        /// Dropping the future before it has ended sends nothing.
        ///
        /// # Errors
        /// `ERROR_BAD_PIPE` on a pipe of byte type; `ERROR_NO_DATA` when the other end has closed;
        /// `ERROR_PIPE_NOT_CONNECTED` when the server has disconnected; `ERROR_PIPE_LISTENING` on a server
        /// end that no client has opened; `ERROR_ACCESS_DENIED` (this end may not write); and the error of
        /// an earlier write that was taken over.
        #[doc(alias = "WriteFile")]
        pub async fn send(&self, message: &[u8]) -> Result<()> {
            self.inner.send(message).await
        }

        /// Waits until the other end has read everything that was written: `FlushFileBuffers`. Not in tokio,
        /// whose `flush` does not wait for a reader; nor does
        /// [`AsyncWrite::poll_flush`] here.
        ///
        /// # Cancel safety
        /// Dropping the future loses nothing.
        ///
        /// # Platforms
        /// On Windows it sleeps in a thread of its own.
        ///
        /// # Errors
        /// `ERROR_BROKEN_PIPE` when the other end closes meanwhile, `ERROR_PIPE_NOT_CONNECTED` when the
        /// server disconnects, `ERROR_ACCESS_DENIED` (this end may not write). When there is no other end to
        /// begin with, it succeeds.
        #[doc(alias = "FlushFileBuffers")]
        pub async fn flush_pipe(&self) -> Result<()> {
            self.inner.flush_pipe().await
        }
    };
}

/// What the types that can both read and write have.
macro_rules! duplex {
    () => {
        /// Sends a question and receives the whole reply, in place of what `reply` held: `TransactNamedPipe`.
        /// Gives its length. Not in tokio.
        ///
        /// # Cancel safety
        /// Dropping the future leaves the question in the pipe. A reply that comes later is the next message to
        /// receive; what has come of it is kept.
        ///
        /// # Errors
        /// `ERROR_PIPE_BUSY` when unread data wait at this end, an empty or half-read message included;
        /// `ERROR_BAD_PIPE` unless this end is in message read mode, and when the other end has gone;
        /// `ERROR_BROKEN_PIPE` and `ERROR_PIPE_NOT_CONNECTED` when it goes meanwhile; `ERROR_ACCESS_DENIED`
        /// (this end may not do both).
        ///
        /// # Platforms
        /// On Windows it is `ERROR_PIPE_BUSY`, too, while another transaction goes on at this end.
        #[doc(alias = "TransactNamedPipe")]
        pub async fn transact(&self, question: &[u8], reply: &mut Vec<u8>) -> Result<usize> {
            self.inner.transact(question, reply).await
        }

        /// Splits the end into a half that reads and one that writes, borrowed, for one task.
        pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
            split::borrowed(&self.inner)
        }

        /// Splits the end into a half that reads and one that writes, for two tasks.
        ///
        /// A pipe cannot be closed for one direction: it closes with the second half. Put together again
        /// they are the end as it was: see [`reunite`](Self::reunite).
        pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
            split::owned(self.inner)
        }
    };
}

/// [`AsyncRead`](::tokio::io::AsyncRead) for a type.
macro_rules! impl_read {
    ($type:ty) => {
        /// Reads as [`try_read`](Self::try_read) does, and waits where that would have to. When the other end
        /// has closed it is the end of the stream; when the server has *disconnected* it is an error.
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.inner.poll_read(context, buffer)
            }
        }
    };
}

/// [`AsyncWrite`](::tokio::io::AsyncWrite) for a type.
macro_rules! impl_write {
    ($type:ty) => {
        /// Writes as [`try_write`](Self::try_write) does, and waits where that would have to: every write is
        /// one message on a message pipe. `flush` and `shutdown` wait until everything that was taken over
        /// stands in the pipe, where the other end can read it; they do not close anything and do not wait for
        /// a reader, which [`flush_pipe`](Self::flush_pipe) does.
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.inner.poll_write(context, data)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                pieces: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.inner.poll_write(context, &joined(pieces))
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.inner.poll_flush(context)
            }

            fn poll_shutdown(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                self.inner.poll_flush(context)
            }
        }
    };
}

/// [`std::fmt::Debug`]: the name of the pipe.
macro_rules! impl_debug {
    ($type:ty, $text:literal) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple($text).field(&self.inner.name).finish()
            }
        }
    };
}

pub(super) use {common, duplex, impl_debug, impl_read, impl_write, reading, writing};
