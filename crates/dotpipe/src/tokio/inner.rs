//! [`Inner`]: one end with what its tasks need to wait on it. What the public types do is here.
//!
//! Layer: the core of the tokio face. The rule it owns is how a task waits: it tries; looks on for a while,
//! letting others run in between, where that has paid lately; notes its waker; arms; tries once more;
//! sleeps. No step blocks the thread.

use std::future::poll_fn;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use ::tokio::runtime::Handle;
use ::tokio::task::coop;

use super::burst::Burst;
use super::fault::io_error;
use super::hub::Hub;
use super::listener::Slot;
use crate::error::Error;
use crate::exact::sys::{Conversation, Operation, Waiter};
use crate::exact::{Attempted, End, Next, Result, Want};
use crate::name::PipeName;
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// How far an operation came that does not wait.
pub(super) enum Step<T> {
    /// It is over.
    Done(T),
    /// It has to wait for this.
    Wait(Want),
}

/// The longest piece of a byte stream that is taken over when the quota is 0, in bytes.
const MOST_TAKEN: usize = 64 << 10;
/// Empty messages that a read passes over before it lets others run.
const MOST_PASSED: u32 = 64;

/// One end, as the public types share it.
pub(super) struct Inner {
    pub(super) end: End,
    pub(super) name: PipeName,
    pub(super) pipe_type: PipeMode,
    runtime: Handle,
    hub: Mutex<Option<Arc<Hub>>>,
    /// Those who wait through `AsyncRead`, `AsyncWrite`, `poll_read_ready` and `poll_write_ready`: the last
    /// task of each.
    pub(super) reader: Waiter,
    pub(super) writer: Waiter,
    pub(super) read_looker: Waiter,
    pub(super) write_looker: Waiter,
    read_burst: Burst,
    write_burst: Burst,
    /// A write that was taken over and is not complete: see [`attempt_write`](Self::attempt_write).
    taken: Mutex<Option<Arc<Operation<usize>>>>,
    has_taken: AtomicBool,
    /// How long the last write was for which there was no room: what `writable` waits for.
    lacked: AtomicUsize,
    /// The beginning of a message whose receiver gave up.
    begun: Mutex<Vec<u8>>,
    has_begun: AtomicBool,
    /// The listener to tell when this end is gone. Behind `end`, since fields are dropped in their order.
    _slot: Option<Slot>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn new(
        end: End,
        name: PipeName,
        pipe_type: PipeMode,
        runtime: Handle,
        slot: Option<Slot>,
    ) -> Arc<Inner> {
        Arc::new(Inner {
            end,
            name,
            pipe_type,
            runtime,
            hub: Mutex::default(),
            reader: Waiter::new(),
            writer: Waiter::new(),
            read_looker: Waiter::new(),
            write_looker: Waiter::new(),
            read_burst: Burst::default(),
            write_burst: Burst::default(),
            taken: Mutex::default(),
            has_taken: AtomicBool::new(false),
            lacked: AtomicUsize::new(1),
            begun: Mutex::default(),
            has_begun: AtomicBool::new(false),
            _slot: slot,
        })
    }

    pub(super) fn error(&self, operation: &'static str, code: Win32Error) -> Error {
        Error::new(operation, Some(&self.name), code)
    }

    /// The error of a method that tokio has as well.
    pub(super) fn io_error(&self, operation: &'static str, code: Win32Error) -> io::Error {
        io_error(self.error(operation, code))
    }

    fn conversation(&self) -> Result<Conversation> {
        self.end.below().conversation()
    }

    /// The runtime's watch over the present conversation.
    fn watch(&self, conversation: Conversation) -> Result<Arc<Hub>> {
        let mut hub = lock(&self.hub);
        let old = match &*hub {
            Some(known) if known.conversation().is_of(&conversation) => return Ok(known.clone()),
            // With the hub locked: the conversation that comes next is not watched yet.
            _ if !self.end.below().is_in(&conversation) => {
                return Err(Win32Error::PIPE_NOT_CONNECTED);
            }
            _ => hub.take(),
        };
        // The runtime may be out of descriptors or of memory to watch with.
        let new =
            Hub::new(conversation, &self.runtime).map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
        *hub = Some(new.clone());
        drop(hub);
        drop(old);
        Ok(new)
    }

    /// The conversation is over: what belongs to it goes.
    pub(super) fn forget_conversation(&self) {
        let hub = lock(&self.hub).take();
        drop(hub);
        lock(&self.taken).take();
        self.has_taken.store(false, Ordering::Release);
        self.lacked.store(1, Ordering::Relaxed);
        self.keep_begun(Vec::new());
    }

    /// Brings an operation to its end, as far as that goes without blocking the thread.
    pub(super) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        waiter: &Waiter,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Poll<Result<T>> {
        let budget = ready!(coop::poll_proceed(context));
        let mut rounds = 0;
        loop {
            let want = match attempt() {
                Ok(Step::Wait(want)) => want,
                Ok(Step::Done(done)) => {
                    budget.made_progress();
                    return Poll::Ready(Ok(done));
                }
                Err(code) => return Poll::Ready(Err(code)),
            };
            let conversation = match self.conversation() {
                Ok(conversation) => conversation,
                Err(code) => return Poll::Ready(Err(code)),
            };
            if conversation.next(want, waiter) == Next::Yield {
                if let Some(over) = self.look_on(&conversation, want, attempt) {
                    budget.made_progress();
                    conversation.served(want, waiter);
                    return Poll::Ready(over);
                }
                // Others run, and then this task looks again.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            conversation.note(waiter, context.waker());
            let hub = match self.watch(conversation) {
                Ok(hub) => hub,
                Err(code) => return Poll::Ready(Err(code)),
            };
            // Armed, and the waker noted: from here on nothing is missed. So this is the last look.
            match self.end.below().is_ready_or_arm(want, hub.conversation()) {
                _ if hub.is_deaf() => return Poll::Ready(Err(Win32Error::OPERATION_ABORTED)),
                Ok(true) if rounds == 0 => rounds += 1,
                Ok(true) => {
                    // Somebody else takes it away, again and again.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // Nothing arms for these, so the waker had to be noted before the last look.
                Ok(false)
                    if rounds == 0
                        && (matches!(want, Want::Turn | Want::Answer) || self.has_taken()) =>
                {
                    rounds += 1
                }
                Ok(false) => return Poll::Pending,
                Err(code) => return Poll::Ready(Err(code)),
            }
        }
    }

    /// Looks a few times in a row, for what another process is about to do.
    fn look_on<T>(
        &self,
        conversation: &Conversation,
        want: Want,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Option<Result<T>> {
        let burst = match want {
            Want::Data => &self.read_burst,
            _ => &self.write_burst,
        };
        if !conversation.is_with_another_process() || !burst.pays() {
            return None;
        }
        for _ in 0..Burst::LOOKS {
            for _ in 0..Burst::PAUSES {
                std::hint::spin_loop();
            }
            let over = match attempt() {
                Ok(Step::Wait(_)) => continue,
                Ok(Step::Done(done)) => Ok(done),
                Err(code) => Err(code),
            };
            burst.judge(true);
            return Some(over);
        }
        burst.judge(false);
        None
    }

    /// [`poll`](Self::poll) through one of the waiters of the end, with what it learns from the wait.
    pub(super) fn poll_as<T>(
        &self,
        context: &mut Context<'_>,
        waiter: &Waiter,
        want: Want,
        attempt: &mut dyn FnMut() -> Result<Step<T>>,
    ) -> Poll<Result<T>> {
        let poll = self.poll(context, waiter, attempt);
        if poll.is_ready()
            && waiter.has_waited()
            && let Ok(conversation) = self.conversation()
        {
            conversation.served(want, waiter);
        }
        poll
    }

    /// Waits for the end of an operation. Dropping the future gives it up.
    pub(super) async fn wait<T>(
        &self,
        want: Want,
        mut attempt: impl FnMut() -> Result<Step<T>>,
    ) -> Result<T> {
        let waiting = Waiting::on(self);
        poll_fn(|context| self.poll_as(context, &waiting.waiter, want, &mut attempt)).await
    }

    /// Reads what is there. Empty messages are passed over, since they would look like the end; the end
    /// is 0 bytes.
    pub(super) fn attempt_read(&self, buffer: &mut [u8]) -> Result<Step<usize>> {
        if buffer.is_empty() {
            return Ok(Step::Done(0));
        }
        if let Some(len) = self.take_begun(buffer) {
            return Ok(Step::Done(len));
        }
        for _ in 0..MOST_PASSED {
            match self.end.below().try_read(buffer) {
                Ok(Some(received)) if received.len == 0 => {}
                Ok(Some(received)) => return Ok(Step::Done(received.len)),
                Ok(None) => break,
                Err(Win32Error::BROKEN_PIPE) => return Ok(Step::Done(0)),
                Err(code) => return Err(code),
            }
        }
        Ok(Step::Wait(Want::Data))
    }

    /// Writes what there is room for. A write that never fits is taken over: it is copied, goes on by
    /// itself until it is complete, and the next one waits for it.
    pub(super) fn attempt_write(self: &Arc<Self>, data: &[u8]) -> Result<Step<usize>> {
        if self.has_taken() && !self.is_taken_complete()? {
            return Ok(Step::Wait(Want::Turn));
        }
        match self.end.below().try_write(data)? {
            Attempted::Written(len) => {
                self.lacked.store(1, Ordering::Relaxed);
                Ok(Step::Done(len))
            }
            Attempted::NoRoom => Ok(Step::Wait(Want::Room(data.len().max(1)))),
            Attempted::NeverFits => {
                let len = match self.pipe_type {
                    PipeMode::Byte => data.len().min(MOST_TAKEN),
                    PipeMode::Message => data.len(),
                };
                self.take(&data[..len])
            }
        }
    }

    fn take(self: &Arc<Self>, data: &[u8]) -> Result<Step<usize>> {
        let mut taken = lock(&self.taken);
        if taken.is_some() {
            // Another task was faster.
            return Ok(Step::Wait(Want::Turn));
        }
        // Those who hear for it must be there before it is.
        self.watch(self.conversation()?)?;
        let operation = Arc::new(self.end.below().take_write(data.to_vec())?);
        if let Some(result) = operation.result() {
            return result.map(|_| Step::Done(data.len()));
        }
        *taken = Some(operation.clone());
        self.has_taken.store(true, Ordering::Release);
        drop(taken);
        // Keeps the end open until then, though its owner may drop it.
        let this = self.clone();
        self.runtime.spawn(async move {
            let _ = poll_fn(|context| operation.poll(context)).await;
            drop(this);
        });
        Ok(Step::Done(data.len()))
    }

    /// Whether a write was taken over of which nobody has heard the end.
    fn has_taken(&self) -> bool {
        self.has_taken.load(Ordering::Acquire)
    }

    /// Whether the write that was taken over is complete. Its error is told once.
    fn is_taken_complete(&self) -> Result<bool> {
        let mut taken = lock(&self.taken);
        let Some(operation) = &*taken else {
            return Ok(true);
        };
        let Some(result) = operation.result() else {
            return Ok(false);
        };
        *taken = None;
        self.has_taken.store(false, Ordering::Release);
        drop(taken);
        match result {
            Ok(_) => Ok(true),
            Err(code) => Err(code),
        }
    }

    /// Whether nothing that was written is kept in this process.
    pub(super) fn attempt_flush(&self) -> Result<Step<()>> {
        // First this: what is placed has its result, which is then told here.
        let all_placed = self.end.below().is_all_placed()?;
        if self.has_taken() {
            self.is_taken_complete()?;
        }
        Ok(match all_placed {
            true => Step::Done(()),
            false => Step::Wait(Want::Turn),
        })
    }

    /// What `writable` waits for: room for a byte, or for the last write that found none.
    pub(super) fn wanted_room(&self) -> Want {
        Want::Room(self.lacked.load(Ordering::Relaxed))
    }

    /// A write that may not wait found no room for so many bytes.
    pub(super) fn lacks_room(&self, len: usize) {
        self.lacked.store(len.max(1), Ordering::Relaxed);
    }

    /// Whether a read, or a write, would not wait.
    pub(super) fn attempt_ready(&self, want: Want) -> Result<Step<()>> {
        let ready = match want {
            Want::Data if self.has_begun.load(Ordering::Acquire) => true,
            Want::Room(_) if self.has_taken() => {
                let goes_on = |taken: &Arc<Operation<usize>>| taken.result().is_none();
                if lock(&self.taken).as_ref().is_some_and(goes_on) {
                    return Ok(Step::Wait(Want::Turn));
                }
                self.end.below().is_ready(want)?
            }
            _ => self.end.below().is_ready(want)?,
        };
        Ok(match ready {
            true => Step::Done(()),
            false => Step::Wait(want),
        })
    }

    /// Keeps the beginning of a message for the next receiver.
    pub(super) fn keep_begun(&self, message: Vec<u8>) {
        *self.lock_begun() = message;
    }

    /// The place for the beginning of a message, for a receiver.
    pub(super) fn lock_begun(&self) -> Begun<'_> {
        Begun {
            guard: lock(&self.begun),
            has_begun: &self.has_begun,
        }
    }

    /// Hands out the beginning of a message that was kept.
    pub(super) fn take_begun(&self, buffer: &mut [u8]) -> Option<usize> {
        if !self.has_begun.load(Ordering::Acquire) {
            return None;
        }
        let mut begun = self.lock_begun();
        let len = begun.len().min(buffer.len());
        buffer[..len].copy_from_slice(&begun[..len]);
        begun.drain(..len);
        (len > 0).then_some(len)
    }
}

/// The beginning of a message, in the hands of a receiver.
pub(super) struct Begun<'a> {
    guard: MutexGuard<'a, Vec<u8>>,
    has_begun: &'a AtomicBool,
}

impl Deref for Begun<'_> {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.guard
    }
}

impl DerefMut for Begun<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.guard
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let has_begun = !self.guard.is_empty();
        if has_begun != self.has_begun.load(Ordering::Relaxed) {
            self.has_begun.store(has_begun, Ordering::Release);
        }
    }
}

/// A future that waits on an end: takes its waker out of the list when it is dropped.
pub(super) struct Waiting<'a> {
    inner: &'a Inner,
    pub(super) waiter: Waiter,
}

impl<'a> Waiting<'a> {
    pub(super) fn on(inner: &'a Inner) -> Waiting<'a> {
        let waiter = Waiter::new();
        Waiting { inner, waiter }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // A conversation that is over has called its wakers.
        if self.waiter.was_noted()
            && let Ok(conversation) = self.inner.conversation()
        {
            conversation.forget(&self.waiter);
        }
    }
}
