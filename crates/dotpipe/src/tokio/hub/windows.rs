//! On Windows the runtime has nothing to poll: the ends of operations are told by a thread of this process,
//! which wakes all. What a runtime is watched for is its own end, after which it runs nobody: a task that is
//! never woken is dropped then.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::tokio::runtime::Handle;
use ::tokio::task::AbortHandle;

use crate::exact::sys::Conversation;

/// A conversation whose tasks are told when the runtime shuts down.
pub(in crate::tokio) struct Hub {
    shared: Arc<Shared>,
    sentinel: AbortHandle,
}

struct Shared {
    conversation: Conversation,
    /// The runtime has shut down.
    deaf: AtomicBool,
}

/// Tells of the end of the task that holds it.
struct Telling(Arc<Shared>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.deaf.store(true, Ordering::Release);
        self.0.conversation.wake_all();
    }
}

impl Hub {
    /// Has a conversation told of the end of `runtime`.
    pub(in crate::tokio) fn new(
        conversation: Conversation,
        runtime: &Handle,
    ) -> io::Result<Arc<Hub>> {
        let shared = Arc::new(Shared {
            conversation,
            deaf: AtomicBool::new(false),
        });
        let telling = Telling(shared.clone());
        let sentinel = runtime.spawn(async move {
            let _telling = telling;
            pending::<()>().await;
        });
        Ok(Arc::new(Hub {
            shared,
            sentinel: sentinel.abort_handle(),
        }))
    }

    pub(in crate::tokio) fn conversation(&self) -> &Conversation {
        &self.shared.conversation
    }

    /// Whether the runtime has shut down, so that nobody would be woken.
    pub(in crate::tokio) fn is_deaf(&self) -> bool {
        self.shared.deaf.load(Ordering::Acquire)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.sentinel.abort();
    }
}
