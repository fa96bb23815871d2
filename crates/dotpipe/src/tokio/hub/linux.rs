//! On Linux the conversation's descriptor is in the runtime's own poll. What the runtime calls is not the waker
//! of a task but an *ear*, which takes the rings, settles the end and then wakes every task that waits.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;

use crate::exact::sys::Conversation;

/// A conversation that a runtime watches.
pub(in crate::tokio) struct Hub {
    conversation: Arc<Conversation>,
    /// `None` when the conversation calls the tasks by itself.
    socket: Option<AsyncFd<Socket>>,
    ear: Waker,
    /// The runtime has shut down and will tell of nothing any more.
    deaf: AtomicBool,
}

/// What the runtime polls: the conversation's descriptor, which stays open as long as this.
struct Socket {
    descriptor: RawFd,
    _open: Arc<Conversation>,
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor
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
        let conversation = Arc::new(conversation);
        let watched = conversation.descriptor().map(|descriptor| Socket {
            descriptor: descriptor.as_raw_fd(),
            _open: conversation.clone(),
        });
        let _entered = runtime.enter();
        let socket = watched
            .map(|socket| AsyncFd::with_interest(socket, Interest::READABLE))
            .transpose()?;
        let hub = Arc::new_cyclic(|this: &Weak<Hub>| Hub {
            conversation,
            socket,
            ear: Waker::from(Arc::new(Ear(this.clone()))),
            deaf: AtomicBool::new(false),
        });
        hub.listen();
        Ok(hub)
    }

    pub(in crate::tokio) fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Whether the runtime has shut down, so that nobody would be woken.
    pub(in crate::tokio) fn is_deaf(&self) -> bool {
        self.deaf.load(Ordering::Acquire)
    }

    /// Hears what there is, for all, until the runtime has promised to call the ear for more.
    fn listen(&self) {
        let Some(socket) = &self.socket else {
            return;
        };
        loop {
            match socket.poll_read_ready(&mut Context::from_waker(&self.ear)) {
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
