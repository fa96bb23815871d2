//! The public methods that several types have, written once.
//!
//! Layer: the sync face. A server end, a client end and their halves offer the same things; each
//! macro here is a group of them and is expanded in the `impl` block of every type that has it. All
//! of them only pass on to [`Shared`](super::shared::Shared), as the field `shared`.

mod identity;

pub(super) use identity::identity;

/// What every type has.
macro_rules! common {
    () => {
        /// The name of the pipe.
        pub fn name(&self) -> &PipeName {
            &self.shared.name
        }

        /// What the instance was made with.
        ///
        /// # Win32
        /// [`GetNamedPipeInfo`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-getnamedpipeinfo)
        ///
        /// # Errors
        /// `ERROR_ACCESS_DENIED` on the server end of an outbound pipe, `ERROR_PIPE_NOT_CONNECTED` on a
        /// client end whose server has disconnected it.
        #[doc(alias = "GetNamedPipeInfo")]
        pub fn info(&self) -> Result<PipeInfo> {
            self.shared.info()
        }

        /// The modes of this end, and how many instances the pipe has now.
        ///
        /// # Win32
        /// [`GetNamedPipeHandleState`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipehandlestatew)
        ///
        /// # Errors
        /// `ERROR_ACCESS_DENIED` on the server end of an outbound pipe, `ERROR_PIPE_NOT_CONNECTED` on a
        /// client end whose server has disconnected it.
        #[doc(alias = "GetNamedPipeHandleState")]
        pub fn state(&self) -> Result<HandleState> {
            self.shared.state()
        }

        /// Sets the wait mode of this end; the read mode stays.
        ///
        /// In non-blocking wait mode a read of an empty pipe fails with `ERROR_NO_DATA` and a write for
        /// which there is no room with `ERROR_IO_INCOMPLETE` (Win32 calls it a success with 0 bytes);
        /// both are [`WouldBlock`](std::io::ErrorKind::WouldBlock).
        ///
        /// # Win32
        /// [`SetNamedPipeHandleState`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-setnamedpipehandlestate)
        ///
        /// # Errors
        /// `ERROR_ACCESS_DENIED` on an end that may neither write nor change its attributes,
        /// `ERROR_PIPE_NOT_CONNECTED` on a client end whose server has disconnected it.
        #[doc(alias = "SetNamedPipeHandleState")]
        pub fn set_wait_mode(&self, wait_mode: WaitMode) -> Result<()> {
            self.shared.set_wait_mode(wait_mode)
        }

        /// Cancels every operation that waits on this end, whichever thread waits and through which
        /// half. They fail with `ERROR_OPERATION_ABORTED`.
        ///
        /// # Win32
        /// [`CancelIoEx`](https://learn.microsoft.com/windows/win32/fileio/cancelioex-func) without an
        /// `OVERLAPPED`
        ///
        /// # Errors
        /// `ERROR_NOT_FOUND` when nothing waits.
        #[doc(alias = "CancelIoEx")]
        pub fn cancel(&self) -> Result<()> {
            self.shared.cancel()
        }

        /// The process at the other end, as the kernel told it when the pipe was opened.
        ///
        /// # Win32
        /// [`GetNamedPipeClientProcessId`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeclientprocessid)
        /// on a server end,
        /// [`GetNamedPipeServerProcessId`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeserverprocessid)
        /// on a client end
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation,
        /// `ERROR_NOT_SUPPORTED` for a client on another machine.
        #[doc(alias = "GetNamedPipeClientProcessId")]
        #[doc(alias = "GetNamedPipeServerProcessId")]
        pub fn peer_process_id(&self) -> Result<u32> {
            self.shared.peer_process_id()
        }

        /// The name of the computer at the other end; of a client on another machine the name or the address that its
        /// bridge has for it.
        ///
        /// # Win32
        /// [`GetNamedPipeClientComputerName`](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeclientcomputernamew)
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation.
        #[doc(alias = "GetNamedPipeClientComputerName")]
        pub fn peer_computer_name(&self) -> Result<String> {
            self.shared.peer_computer_name()
        }

        /// A descriptor to wait on with `poll` or `epoll`, together with other things.
        ///
        /// # Readiness
        /// 1. Call [`arm`](Self::arm) with what you want to do. What it gives back can be done now.
        /// 2. When it gives nothing, wait until the descriptor is readable or hung up, and go to 1.
        ///
        /// Without `arm` the descriptor says nothing: between two ends that are awake, data pass
        /// without the kernel. Do not read from or write to it. It belongs to the present conversation;
        /// after a disconnect and a connect, ask for it anew. Do not wait on it while a thread blocks in
        /// an operation on the same end: the thread may take the wake-up that was meant for you.
        ///
        /// The example `poll_many` serves many clients in one thread this way.
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation.
        ///
        /// # Platforms
        /// Linux. On Windows a pipe has nothing like it; use pending operations there
        /// ([`exact::End::start_read`](crate::exact::End::start_read)).
        #[cfg(unix)]
        pub fn poll_descriptor(&self) -> Result<std::os::fd::OwnedFd> {
            self.shared.told("wait", self.shared.end.poll_descriptor())
        }

        /// Asks to be woken through [`poll_descriptor`](Self::poll_descriptor), and tells which of
        /// `interest` would not wait right now.
        ///
        /// # Errors
        /// `ERROR_PIPE_LISTENING` and `ERROR_PIPE_NOT_CONNECTED` when there is no conversation.
        ///
        /// # Platforms
        /// Linux, as is the descriptor.
        #[cfg(unix)]
        pub fn arm(&self, interest: exact::Interest) -> Result<exact::Interest> {
            self.shared.told("wait", self.shared.end.arm(interest))
        }

        /// The end below this face, for what the face does not offer: pending operations, deadlines for
        /// single operations, bare codes.
        ///
        /// Set the modes through this face and not there: receiving goes by what was set here.
        pub fn as_exact(&self) -> &exact::End {
            &self.shared.end
        }
    };
}

/// What the types that can read have.
macro_rules! reading {
    () => {
        /// Receives one whole message, however long, in place of what `message` held. Gives its length.
        ///
        /// Waits for a message, at the longest for the [read time-out](Self::set_read_timeout).
        /// Messages are never split and never joined, and several threads may receive at once: each
        /// message goes to one of them. `message` grows with what arrives and keeps its capacity for
        /// the next one. If you do not trust the other end with your memory, use
        /// [`recv_into`](Self::recv_into).
        ///
        /// A message that has begun to arrive when the time runs out is kept for the next `recv` or
        /// `recv_into`. Reads ([`std::io::Read`]) know nothing of messages: a read in another thread can
        /// take a part of one.
        ///
        /// # Win32
        /// [`ReadFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile)
        ///
        /// # Errors
        /// `ERROR_BAD_PIPE` unless this end is in message read mode, which needs a pipe of message type;
        /// `ERROR_BROKEN_PIPE` when the other end has closed and everything has been received;
        /// `ERROR_PIPE_NOT_CONNECTED` when the server has disconnected; `ERROR_PIPE_LISTENING` on a server
        /// end that no client has opened; `ERROR_SEM_TIMEOUT`, `ERROR_OPERATION_ABORTED` (cancelled),
        /// `ERROR_NO_DATA` (non-blocking wait mode), `ERROR_ACCESS_DENIED` (this end may not read).
        ///
        /// # Examples
        /// ```
        /// use dotpipe::{ClientOptions, PipeMode, ServerOptions};
        ///
        /// # let name = format!(r"\\.\pipe\doc-recv-{}-{:?}", std::process::id(), std::thread::current().id());
        /// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
        /// let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
        ///
        /// client.send(b"one")?;
        /// client.send(b"")?;
        /// client.send(&[7; 50_000])?;
        ///
        /// let mut message = Vec::new();
        /// assert_eq!(server.recv(&mut message)?, 3);
        /// assert_eq!(message, b"one");
        /// assert_eq!(server.recv(&mut message)?, 0);
        /// assert_eq!(server.recv(&mut message)?, 50_000);
        ///
        /// drop(client);
        /// assert!(server.recv(&mut message).unwrap_err().is_broken());
        /// # Ok::<(), dotpipe::Error>(())
        /// ```
        #[doc(alias = "ReadFile")]
        pub fn recv(&self, message: &mut Vec<u8>) -> Result<usize> {
            self.shared.recv(message)
        }

        /// Receives one message, or as much of it as there is room for in `buffer`.
        ///
        /// When [`more`](Received::more) is set the message goes on, and the next `recv_into` or
        /// [`recv`](Self::recv) goes on in it.
        ///
        /// # Win32
        /// [`ReadFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile);
        /// `more` is `ERROR_MORE_DATA`
        ///
        /// # Errors
        /// Those of [`recv`](Self::recv).
        #[doc(alias = "ReadFile")]
        pub fn recv_into(&self, buffer: &mut [u8]) -> Result<Received> {
            self.shared.recv_into(buffer)
        }

        /// Copies what could be read without taking it. Never waits. On a message pipe it copies from
        /// the first message only, whatever the read mode.
        ///
        /// # Win32
        /// [`PeekNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-peeknamedpipe)
        ///
        /// # Errors
        /// `ERROR_BAD_PIPE` when no client is connected, `ERROR_BROKEN_PIPE` when the other end has closed
        /// and everything has been read, `ERROR_PIPE_NOT_CONNECTED` on a client end whose server has
        /// disconnected it, `ERROR_ACCESS_DENIED` (this end may not read).
        #[doc(alias = "PeekNamedPipe")]
        pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
            self.shared.peek(buffer)
        }

        /// Sets the read mode of this end; the wait mode stays. It counts for data that arrive from now
        /// on.
        ///
        /// # Win32
        /// [`SetNamedPipeHandleState`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-setnamedpipehandlestate)
        ///
        /// # Errors
        /// `ERROR_INVALID_PARAMETER` for message read mode on a pipe of byte type; `ERROR_ACCESS_DENIED` on
        /// an end that may neither write nor change its attributes
        /// ([`ClientOptions::write_attributes`](crate::sync::ClientOptions::write_attributes));
        /// `ERROR_PIPE_NOT_CONNECTED` on a client end whose server has disconnected it.
        #[doc(alias = "SetNamedPipeHandleState")]
        pub fn set_read_mode(&self, read_mode: PipeMode) -> Result<()> {
            self.shared.set_read_mode(read_mode)
        }

        /// Limits how long a read, a receive or a transaction may wait; `None`, the default, is no
        /// limit. When the time is up it is cancelled and fails with `ERROR_SEM_TIMEOUT`, of kind
        /// [`TimedOut`](std::io::ErrorKind::TimedOut); what has not been read stays in the pipe.
        ///
        /// It holds for operations that begin after it was set, and for both halves of a split end.
        ///
        /// # Errors
        /// `ERROR_INVALID_PARAMETER` for a time-out of zero.
        pub fn set_read_timeout(&self, limit: Option<Duration>) -> Result<()> {
            self.shared.set_timeout(&self.shared.read_timeout, limit)
        }

        /// The limit that [`set_read_timeout`](Self::set_read_timeout) has set.
        pub fn read_timeout(&self) -> Option<Duration> {
            self.shared.read_timeout.get()
        }
    };
}

/// What the types that can write have.
macro_rules! writing {
    () => {
        /// Sends one message, which may be empty.
        ///
        /// Waits until the unread data up to and including the message fit the quota, at the longest for
        /// the [write time-out](Self::set_write_timeout). The other end can read it from the start, and
        /// must when it is longer than the quota.
        ///
        /// # Win32
        /// [`WriteFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefile)
        ///
        /// # Errors
        /// `ERROR_BAD_PIPE` on a pipe of byte type; `ERROR_NO_DATA` when the other end has closed;
        /// `ERROR_BROKEN_PIPE` when it closes meanwhile; `ERROR_PIPE_NOT_CONNECTED` when the server has
        /// disconnected; `ERROR_PIPE_LISTENING` on a server end that no client has opened;
        /// `ERROR_SEM_TIMEOUT`, `ERROR_OPERATION_ABORTED` (cancelled); `ERROR_IO_INCOMPLETE` (non-blocking
        /// wait mode, and there is no room: nothing was sent); `ERROR_ACCESS_DENIED` (this end may not
        /// write).
        #[doc(alias = "WriteFile")]
        pub fn send(&self, message: &[u8]) -> Result<()> {
            self.shared.send(message)
        }

        /// Waits until the other end has read everything, at the longest for the
        /// [write time-out](Self::set_write_timeout).
        ///
        /// [`std::io::Write::flush`] does not do this: nothing is kept back here that it could pass on,
        /// and much code calls it without meaning to wait for a reader.
        ///
        /// # Win32
        /// [`FlushFileBuffers`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers)
        ///
        /// # Errors
        /// `ERROR_BROKEN_PIPE` when the other end closes meanwhile, `ERROR_PIPE_NOT_CONNECTED` when the
        /// server disconnects, `ERROR_SEM_TIMEOUT`, `ERROR_ACCESS_DENIED` (this end may not write). When
        /// there is no other end to begin with, it succeeds.
        #[doc(alias = "FlushFileBuffers")]
        pub fn flush_pipe(&self) -> Result<()> {
            self.shared.flush_pipe()
        }

        /// Limits how long a write, a send or a flush may wait; `None`, the default, is no limit. When
        /// the time is up it is cancelled and fails with `ERROR_SEM_TIMEOUT`, of kind
        /// [`TimedOut`](std::io::ErrorKind::TimedOut).
        ///
        /// Then what has not been read of a write is taken back, on a byte pipe too: how much of it was
        /// read is not known. A half-read message disappears, and the reader does not see its rest.
        ///
        /// It holds for operations that begin after it was set, and for both halves of a split end.
        ///
        /// # Errors
        /// `ERROR_INVALID_PARAMETER` for a time-out of zero.
        pub fn set_write_timeout(&self, limit: Option<Duration>) -> Result<()> {
            self.shared.set_timeout(&self.shared.write_timeout, limit)
        }

        /// The limit that [`set_write_timeout`](Self::set_write_timeout) has set.
        pub fn write_timeout(&self) -> Option<Duration> {
            self.shared.write_timeout.get()
        }
    };
}

/// What the types that can both read and write have.
macro_rules! duplex {
    () => {
        /// Sends a question and receives the whole reply, however long, in place of what `reply` held.
        /// Gives its length.
        ///
        /// The question does not wait for the quota. The [read time-out](Self::set_read_timeout) limits
        /// the whole; when it passes, the question stays in the pipe, and a reply that comes later is
        /// the next message to receive.
        ///
        /// # Win32
        /// [`TransactNamedPipe`](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-transactnamedpipe)
        ///
        /// # Errors
        /// `ERROR_PIPE_BUSY` when unread data wait at this end, an empty or half-read message included;
        /// `ERROR_BAD_PIPE` unless this end is in message read mode, and when the other end has gone;
        /// `ERROR_BROKEN_PIPE` and `ERROR_PIPE_NOT_CONNECTED` when it goes meanwhile; `ERROR_SEM_TIMEOUT`,
        /// `ERROR_OPERATION_ABORTED` (cancelled); `ERROR_ACCESS_DENIED` (this end may not do both).
        ///
        /// # Examples
        /// ```
        /// use dotpipe::{ClientOptions, PipeMode, ServerOptions};
        ///
        /// # let name = format!(r"\\.\pipe\doc-transact-{}-{:?}", std::process::id(), std::thread::current().id());
        /// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
        /// let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
        /// let serving = std::thread::spawn(move || {
        ///     let mut question = Vec::new();
        ///     server.recv(&mut question)?;
        ///     server.send(&[&question[..], b" is 42"].concat())
        /// });
        ///
        /// let mut reply = Vec::new();
        /// client.transact(b"6 * 7", &mut reply)?;
        /// assert_eq!(reply, b"6 * 7 is 42");
        /// # serving.join().unwrap()?;
        /// # Ok::<(), dotpipe::Error>(())
        /// ```
        #[doc(alias = "TransactNamedPipe")]
        pub fn transact(&self, question: &[u8], reply: &mut Vec<u8>) -> Result<usize> {
            self.shared.transact(question, reply)
        }

        /// Splits the end into a half that reads and one that writes, for two scoped threads.
        ///
        /// For halves that can go where they want, see [`into_split`](Self::into_split).
        pub fn split(&self) -> (ReadHalf<'_>, WriteHalf<'_>) {
            split::borrowed(&self.shared)
        }

        /// Splits the end into a half that reads and one that writes, for two threads.
        ///
        /// A pipe cannot be closed for one direction: it closes with the second half. Put together again
        /// they are the end as it was: see [`reunite`](Self::reunite).
        ///
        /// # Examples
        /// ```
        /// use dotpipe::{ClientOptions, NamedPipeClient, PipeMode, ServerOptions};
        ///
        /// # let name = format!(r"\\.\pipe\doc-split-{}-{:?}", std::process::id(), std::thread::current().id());
        /// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
        /// let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
        /// let echo = std::thread::spawn(move || -> dotpipe::Result<()> {
        ///     let mut message = Vec::new();
        ///     server.recv(&mut message)?;
        ///     server.send(&message)
        /// });
        ///
        /// let (read, write) = client.into_split();
        /// let writing = std::thread::spawn(move || write.send(b"hello").map(|()| write));
        /// let mut message = Vec::new();
        /// read.recv(&mut message)?;
        /// assert_eq!(message, b"hello");
        ///
        /// let client = NamedPipeClient::reunite(read, writing.join().unwrap()?).unwrap();
        /// # drop(client);
        /// # echo.join().unwrap()?;
        /// # Ok::<(), dotpipe::Error>(())
        /// ```
        pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
            split::owned(self.shared)
        }
    };
}

/// [`std::io::Read`] for a type and for references to it.
macro_rules! impl_read {
    ($type:ty) => {
        /// Reads what is there, or waits for it.
        ///
        /// - When the other end has closed and everything has been read, the result is `Ok(0)`, the end
        ///   of the file. When the server has *disconnected* it is an error, since unread data are lost.
        /// - In message read mode a read stops at the end of a message, and when the buffer is too small
        ///   the next read goes on (`ERROR_MORE_DATA` is a success). Empty messages are passed over,
        ///   since they would look like the end of the file. [`recv`](Self::recv) keeps messages apart.
        impl std::io::Read for $type {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.shared.read(buffer)
            }
        }

        /// As for the type itself: reading needs no exclusive access.
        impl std::io::Read for &$type {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.shared.read(buffer)
            }
        }
    };
}

/// [`std::io::Write`] for a type and for references to it.
macro_rules! impl_write {
    ($type:ty) => {
        /// Writes all of the data, as one message on a pipe of message type, and waits until the unread
        /// data fit the quota.
        ///
        /// `flush` does nothing: nothing is kept back here. To wait until the other end has read
        /// everything there is [`flush_pipe`](Self::flush_pipe).
        impl std::io::Write for $type {
            fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
                self.shared.write(data)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        /// As for the type itself: writing needs no exclusive access.
        impl std::io::Write for &$type {
            fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
                self.shared.write(data)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

/// [`std::fmt::Debug`]: the name of the pipe.
macro_rules! impl_debug {
    ($type:ty, $text:literal) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple($text).field(&self.shared.name).finish()
            }
        }
    };
}

pub(super) use {common, duplex, impl_debug, impl_read, impl_write, reading, writing};
