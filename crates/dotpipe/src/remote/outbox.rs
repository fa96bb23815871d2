//! What is to be sent, in order, and what is collected before it is sent.
//!
//! Pure: writes go in, portions for single requests come out. The rules it owns: one request that sends is
//! on its way at a time, so that nothing overtakes; small writes to a byte pipe may be gathered; a write
//! that is taken back is not sent any further.

use std::collections::VecDeque;

use crate::exact::Result;
use crate::win32::Win32Error;

/// A write, with whatever stands for it outside (`T`).
struct Write<T> {
    id: u64,
    data: Vec<u8>,
    sent: usize,
    /// How much of it one request may carry; all of it if it is a message.
    portion: usize,
    /// `None` when nobody waits for its end: it was gathered, or taken back.
    ticket: Option<T>,
    gathered: bool,
}

/// All of it, for one end.
pub(super) struct Outbox<T> {
    queue: VecDeque<Write<T>>,
    /// A request for the first of the queue is on its way.
    sending: bool,
    /// The first of the queue is not to be sent any further.
    given_up: bool,
    collected: Vec<u8>,
    /// Why something that was gathered could not be sent.
    failed: Option<Win32Error>,
}

impl<T> Outbox<T> {
    pub(super) fn new() -> Outbox<T> {
        Outbox {
            queue: VecDeque::new(),
            sending: false,
            given_up: false,
            collected: Vec::new(),
            failed: None,
        }
    }

    /// Queues a write. A request carries at most `portion` bytes of it.
    pub(super) fn queue(&mut self, id: u64, data: Vec<u8>, portion: usize, ticket: T) {
        self.queue.push_back(Write {
            id,
            data,
            sent: 0,
            portion: portion.max(1),
            ticket: Some(ticket),
            gathered: false,
        });
    }

    /// Gathers a small write, if that is possible now: what has been gathered is sent one portion after the
    /// other, and as long as one is on its way, at most as much again is kept.
    pub(super) fn collect(&mut self, data: &[u8], bytes: usize) -> bool {
        let fits = self.collected.len() + data.len() <= bytes;
        if !fits && self.queue.iter().any(|write| write.gathered) {
            return false;
        }
        if !fits {
            self.release();
        }
        self.collected.extend_from_slice(data);
        true
    }

    /// Queues what has been gathered.
    pub(super) fn release(&mut self) {
        if self.collected.is_empty() {
            return;
        }
        let data = std::mem::take(&mut self.collected);
        self.queue.push_back(Write {
            id: 0,
            portion: data.len(),
            data,
            sent: 0,
            ticket: None,
            gathered: true,
        });
    }

    /// Whether something has been gathered that was not sent.
    pub(super) fn has_gathered(&self) -> bool {
        !self.collected.is_empty() || self.queue.iter().any(|write| write.gathered)
    }

    /// Whether there is nothing on its way and nothing to send.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Why something that was gathered could not be sent: told once.
    pub(super) fn take_failure(&mut self) -> Option<Win32Error> {
        self.failed.take()
    }

    /// What the next request carries; `None` when there is nothing or one is on its way.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        if self.sending {
            return None;
        }
        let first = self.queue.front()?;
        let end = first
            .data
            .len()
            .min(first.sent.saturating_add(first.portion));
        let data = first.data[first.sent..end].to_vec();
        self.sending = true;
        Some(data)
    }

    /// The request is over. Gives the write that is over with it, if somebody waits for that.
    pub(super) fn done(&mut self, result: Result<usize>) -> Option<(T, Result<usize>)> {
        self.sending = false;
        let given_up = std::mem::take(&mut self.given_up);
        let mut first = self.queue.pop_front()?;
        let result = match result {
            Ok(len) => {
                first.sent += len;
                if len > 0 && first.sent < first.data.len() && !given_up {
                    self.queue.push_front(first);
                    return None;
                }
                Ok(first.sent)
            }
            Err(code) => {
                if first.gathered {
                    self.failed.get_or_insert(code);
                }
                Err(code)
            }
        };
        first.ticket.map(|ticket| (ticket, result))
    }

    /// Takes a write back. What is on its way arrives, the rest does not. Gives its ticket, or `None` when
    /// it is over.
    pub(super) fn withdraw(&mut self, id: u64) -> Option<T> {
        let place = self
            .queue
            .iter()
            .position(|write| write.id == id && write.ticket.is_some())?;
        if place == 0 && self.sending {
            self.given_up = true;
            return self.queue.front_mut()?.ticket.take();
        }
        self.queue.remove(place)?.ticket
    }

    /// Takes back all that somebody waits for.
    pub(super) fn withdraw_all(&mut self) -> Vec<T> {
        let waited_for = self.queue.iter().filter(|write| write.ticket.is_some());
        let ids: Vec<u64> = waited_for.map(|write| write.id).collect();
        ids.into_iter().filter_map(|id| self.withdraw(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_after_the_other_in_portions() {
        let mut outbox = Outbox::new();
        outbox.queue(1, b"hello".to_vec(), 2, "a");
        outbox.queue(2, b"you".to_vec(), usize::MAX, "b");
        assert_eq!(outbox.next().unwrap(), b"he");
        assert_eq!(outbox.next(), None);
        assert_eq!(outbox.done(Ok(2)), None);
        assert_eq!(outbox.next().unwrap(), b"ll");
        // The server took less than it was given.
        assert_eq!(outbox.done(Ok(1)), None);
        assert_eq!(outbox.next().unwrap(), b"lo");
        assert_eq!(outbox.done(Ok(2)), Some(("a", Ok(5))));
        assert_eq!(outbox.next().unwrap(), b"you");
        let refused = Err(Win32Error::NO_DATA);
        assert_eq!(outbox.done(refused), Some(("b", refused)));
        assert!(outbox.is_idle());
    }

    #[test]
    fn a_server_that_takes_nothing_does_not_keep_us_busy() {
        let mut outbox = Outbox::new();
        outbox.queue(1, b"hello".to_vec(), 2, "a");
        outbox.next().unwrap();
        assert_eq!(outbox.done(Ok(0)), Some(("a", Ok(0))));
    }

    #[test]
    fn an_empty_message_is_one_request() {
        let mut outbox = Outbox::new();
        outbox.queue(1, Vec::new(), usize::MAX, "a");
        assert_eq!(outbox.next().unwrap(), b"");
        assert_eq!(outbox.done(Ok(0)), Some(("a", Ok(0))));
    }

    #[test]
    fn what_is_taken_back_is_not_sent_any_further() {
        let mut outbox = Outbox::new();
        outbox.queue(1, b"hello".to_vec(), 2, "a");
        outbox.queue(2, b"you".to_vec(), usize::MAX, "b");
        outbox.next().unwrap();
        assert_eq!(outbox.withdraw(1), Some("a"));
        assert_eq!(outbox.withdraw(1), None);
        assert_eq!(outbox.withdraw(2), Some("b"));
        assert_eq!(outbox.done(Ok(2)), None);
        assert!(outbox.is_idle());
    }

    #[test]
    fn small_writes_are_gathered_within_a_bound() {
        let mut outbox = Outbox::<()>::new();
        assert!(outbox.collect(b"ab", 4));
        assert!(outbox.collect(b"cd", 4));
        assert_eq!(outbox.next(), None);
        // It does not fit any more: what was gathered goes first.
        assert!(outbox.collect(b"ef", 4));
        assert_eq!(outbox.next().unwrap(), b"abcd");
        assert!(outbox.collect(b"gh", 4));
        assert!(!outbox.collect(b"i", 4));
        assert_eq!(outbox.done(Ok(4)), None);
        assert!(outbox.collect(b"i", 4));
        assert_eq!(outbox.next().unwrap(), b"efgh");
        assert!(outbox.has_gathered());
        assert_eq!(outbox.done(Err(Win32Error::NO_DATA)), None);
        assert_eq!(outbox.take_failure(), Some(Win32Error::NO_DATA));
        assert_eq!(outbox.take_failure(), None);
        outbox.release();
        assert_eq!(outbox.next().unwrap(), b"i");
    }
}
