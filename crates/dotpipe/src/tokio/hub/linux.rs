//! On Linux the conversation's descriptor is in the runtime's own poll. What the runtime calls is not the waker
//! of a task but an *ear*, which takes the rings, settles the end and then wakes every task that waits.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;

use crate::exact::sys::Conversation;

/// A conversation that a runtime watches.
pub(in crate::tokio) struct Hub {
    socket: AsyncFd<Socket>,
    ear: Waker,
    /// The runtime has shut down and will tell of nothing any more.
    deaf: AtomicBool,
}

/// What the runtime polls: the conversation's descriptor, which stays open as long as this.
struct Socket(Conversation);

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// What the runtime calls. It does not keep the hub, which keeps it.
struct Ear(Weak<Hub>);

impl Wake for Ear {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(hub) = self.0.upgrade() {
            hub.listen();
        }
    }
}

impl Hub {
    /// Has `runtime` watch a conversation.
    #[allow(
        deprecated,
        reason = "its successor is unsafe: the descriptor must stay open and the same, as `Socket` sees to"
    )]
    pub(in crate::tokio) fn new(
        conversation: Conversation,
        runtime: &Handle,
    ) -> io::Result<Arc<Hub>> {
        let _entered = runtime.enter();
        let socket = AsyncFd::with_interest(Socket(conversation), Interest::READABLE)?;
        let hub = Arc::new_cyclic(|this: &Weak<Hub>| Hub {
            socket,
            ear: Waker::from(Arc::new(Ear(this.clone()))),
            deaf: AtomicBool::new(false),
        });
        hub.listen();
        Ok(hub)
    }

    pub(in crate::tokio) fn conversation(&self) -> &Conversation {
        &self.socket.get_ref().0
    }

    /// Whether the runtime has shut down, so that nobody would be woken.
    pub(in crate::tokio) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Acquire)
    }

    /// Hears what there is, for all, until the runtime has promised to call the ear for more.
    fn listen(&self) {
        loop {
            match self
                .socket
                .poll_read_ready(&mut Context::from_waker(&self.ear))
            {
                Poll::Pending => return,
                Poll::Ready(Ok(mut guard)) => {
                    let hung_up = guard.ready().is_read_closed();
                    self.conversation().heard(hung_up);
                    if hung_up {
                        // The last news there is.
                        return;
                    }
                    // Keeps what has come since the guard was made.
                    guard.clear_ready();
                }
                Poll::Ready(Err(_)) => {
                    self.deaf.store(true, Ordering::Release);
                    self.conversation().wake_all();
                    return;
                }
            }
        }
    }
}
