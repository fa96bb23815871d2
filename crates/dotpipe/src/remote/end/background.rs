//! What goes on for an end in the background: receiving, sending, closing.

use std::future::Future;
use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::{Shared, State, Ticket};
use crate::engine::Outcome;
use crate::exact::{Interest, Result};
use crate::remote::runtime;
use crate::remote::status::ends_the_conversation;
use crate::win32::Win32Error;

impl Shared {
    /// Lets something go on until it ends or the pipe is closed.
    pub(super) fn spawn(
        &self,
        state: &mut State,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        if state.closed {
            return Err(Win32Error::INVALID_HANDLE);
        }
        let task = runtime::spawn(work)?.abort_handle();
        state.tasks.retain(|task| !task.is_finished());
        state.tasks.push(task);
        Ok(())
    }

    /// Gives what has arrived to whoever waits for it, and asks for more if somebody still waits.
    pub(super) fn settle(&self, state: &mut State) {
        let mode = state.read_mode;
        for read in state.inbox.serve(mode) {
            read.ticket.complete(read.result);
        }
        let wanted = state.inbox.has_waiting() || state.asked && !state.inbox.has_unread();
        if wanted && !state.fetching && state.inbox.ending().is_none() {
            self.fetch(state, None);
        }
        self.ring(state);
    }

    /// Wakes the tasks that wait, and whoever waits with `poll` for what can be done now.
    fn ring(&self, state: &mut State) {
        #[cfg(feature = "tokio")]
        self.tasks.wake_all();
        if state.ready().intersects(state.armed)
            && let Some(alarm) = &state.alarm
        {
            state.armed = Interest::empty();
            // It can only be full of rings that nobody has heard.
            let _ = rustix::io::write(alarm, &1u64.to_ne_bytes());
        }
    }

    /// Sends a request that receives; with a question, whose answer the read of this number waits for.
    pub(super) fn fetch(&self, state: &mut State, question: Option<(u64, Vec<u8>)>) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        state.fetching = true;
        if let Err(code) = self.spawn(state, me.receive(question)) {
            state.fetching = false;
            for outcome in state.inbox.withdraw_all() {
                outcome.complete(Err(code));
            }
        }
    }

    async fn receive(self: Arc<Shared>, question: Option<(u64, Vec<u8>)>) {
        let (asking, result) = match question {
            Some((id, question)) => (Some(id), self.handle.transceive(question).await),
            None => (None, self.handle.read().await),
        };
        let mut state = self.lock();
        state.fetching = false;
        match result {
            Ok(portion) => {
                state.asked = false;
                state.inbox.push(portion.data, portion.more);
            }
            Err(code) if ends_the_conversation(code) => state.inbox.end(code),
            Err(code) => {
                // The pipe goes on; the one for whom this was asked does not.
                let failed = match asking {
                    Some(id) => state.inbox.withdraw(id),
                    None => state.inbox.withdraw_first(),
                };
                let asked = std::mem::take(&mut state.asked);
                match failed {
                    Some(outcome) => outcome.complete(Err(code)),
                    None if asked => state.untold = Some(code),
                    None => {}
                }
            }
        }
        self.settle(&mut state);
    }

    /// Sends what was gathered.
    pub(super) fn send_gathered(&self, state: &mut State) {
        state.outbox.release();
        self.send(state);
    }

    /// Sends what was gathered after a while.
    pub(super) fn send_soon(&self, state: &mut State) {
        let Some(me) = self.me.upgrade().filter(|_| !state.timing) else {
            return;
        };
        let delay = state.collection.delay;
        let later = async move {
            sleep(delay).await;
            let mut state = me.lock();
            state.timing = false;
            me.send_gathered(&mut state);
        };
        state.timing = self.spawn(state, later).is_ok();
    }

    /// Sends what is queued, unless that is going on.
    pub(super) fn send(&self, state: &mut State) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        if let Some(data) = state.outbox.next()
            && let Err(code) = self.spawn(state, me.send_all(data))
        {
            let over = state.outbox.done(Err(code));
            self.sent(state, over);
        }
    }

    async fn send_all(self: Arc<Shared>, mut data: Vec<u8>) {
        loop {
            let result = self.handle.write(data).await;
            let mut state = self.lock();
            let over = state.outbox.done(result);
            self.sent(&mut state, over);
            match state.outbox.next() {
                Some(next) => data = next,
                None => return,
            }
        }
    }

    /// Tells whoever waited for it how it ended.
    fn sent(&self, state: &mut State, over: Option<(Ticket, Result<usize>)>) {
        match over {
            Some((Ticket::Write(outcome), result)) => outcome.complete(result),
            Some((Ticket::Question(id), Err(code))) => {
                if let Some(outcome) = state.inbox.withdraw(id) {
                    outcome.complete(Err(code));
                }
            }
            Some((Ticket::Question(_), Ok(_))) | None => {}
        }
        self.sent.notify_waiters();
        self.ring(state);
    }

    /// Waits until everything queued has been sent.
    async fn all_sent(&self) {
        loop {
            let sent = self.sent.notified();
            tokio::pin!(sent);
            // From here on no notice is missed.
            sent.as_mut().enable();
            if self.lock().outbox.is_idle() {
                return;
            }
            sent.await;
        }
    }

    /// Waits until everything has been sent and the other end has read it.
    pub(super) async fn flush(self: Arc<Shared>, id: u64) {
        self.all_sent().await;
        let failure = self.lock().outbox.take_failure();
        let result = match failure {
            Some(code) => Err(code),
            None => self.handle.flush().await,
        };
        if let Some(outcome) = self.take_flush(id) {
            outcome.complete(result);
            self.ring(&mut self.lock());
        }
    }

    /// Takes a flush out of those that wait.
    pub(super) fn take_flush(&self, id: u64) -> Option<Arc<Outcome<()>>> {
        let mut state = self.lock();
        let place = state.flushes.iter().position(|(own, _)| *own == id)?;
        Some(state.flushes.remove(place).1)
    }

    /// Sends what was gathered, closes the pipe, and forgets what is still on its way.
    pub(super) async fn close(self: Arc<Shared>) {
        let gathered = {
            let mut state = self.lock();
            self.send_gathered(&mut state);
            state.outbox.has_gathered()
        };
        if gathered {
            // A server that does not read keeps nobody from closing.
            let _ = timeout(self.limit / 2, self.all_sent()).await;
        }
        let tasks = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.tasks)
        };
        self.handle.close().await;
        for task in tasks {
            task.abort();
        }
    }
}
