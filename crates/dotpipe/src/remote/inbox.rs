//! What has arrived from the other end, and the reads that wait for it.
//!
//! Pure: portions and reads go in, results come out. The rules it owns are those of reading, as they are
//! for a local pipe: which read gets what, where a message ends, what a read in byte mode takes.

use std::collections::VecDeque;

use crate::exact::{Peeked, ReceivedData, Result};
use crate::options::PipeMode;
use crate::win32::Win32Error;

/// A part of a message, or of a stream of bytes.
struct Piece {
    data: Vec<u8>,
    /// How much of it has been taken.
    taken: usize,
    /// The message ends with it.
    ends: bool,
}

impl Piece {
    fn left(&self) -> &[u8] {
        &self.data[self.taken..]
    }
}

/// A read that waits, with whatever stands for it outside (`T`).
struct Waiting<T> {
    id: u64,
    len: usize,
    /// What it has got of a message that goes on.
    data: Vec<u8>,
    ticket: T,
}

/// A read that is over.
#[derive(Debug)]
pub(super) struct Served<T> {
    pub(super) ticket: T,
    pub(super) result: Result<ReceivedData>,
}

/// All of it, for one end.
pub(super) struct Inbox<T> {
    pieces: VecDeque<Piece>,
    waiting: VecDeque<Waiting<T>>,
    ending: Option<Win32Error>,
}

impl<T> Inbox<T> {
    pub(super) fn new() -> Inbox<T> {
        Inbox {
            pieces: VecDeque::new(),
            waiting: VecDeque::new(),
            ending: None,
        }
    }

    /// Something has arrived.
    pub(super) fn push(&mut self, data: Vec<u8>, more: bool) {
        self.pieces.push_back(Piece {
            data,
            taken: 0,
            ends: !more,
        });
    }

    /// Nothing more will arrive. The first reason stays.
    pub(super) fn end(&mut self, code: Win32Error) {
        self.ending.get_or_insert(code);
    }

    /// Why nothing more will arrive, if so.
    pub(super) fn ending(&self) -> Option<Win32Error> {
        self.ending
    }

    /// Whether something has arrived that nobody has read.
    pub(super) fn has_unread(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Whether a read waits.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Queues a read.
    pub(super) fn queue(&mut self, id: u64, len: usize, ticket: T) {
        self.waiting.push_back(Waiting {
            id,
            len,
            data: Vec::new(),
            ticket,
        });
    }

    /// Gives what is there to the reads that wait, in order. Call it after every change.
    pub(super) fn serve(&mut self, mode: PipeMode) -> Vec<Served<T>> {
        let mut served = Vec::new();
        while let Some(mut first) = self.waiting.pop_front() {
            match self.fill(&mut first.data, first.len, mode) {
                Some(result) => served.push(Served {
                    ticket: first.ticket,
                    result,
                }),
                None => {
                    self.waiting.push_front(first);
                    break;
                }
            }
        }
        served
    }

    /// Takes what is there, of a message also when its end has not come. `None` when there is nothing, or when
    /// reads wait, which come first.
    #[cfg(feature = "tokio")]
    pub(super) fn take(&mut self, len: usize, mode: PipeMode) -> Option<Result<ReceivedData>> {
        if self.has_waiting() {
            return None;
        }
        let mut data = Vec::new();
        match self.fill(&mut data, len, mode) {
            None if !data.is_empty() => Some(Ok(ReceivedData { data, more: true })),
            taken => taken,
        }
    }

    fn fill(
        &mut self,
        read: &mut Vec<u8>,
        len: usize,
        mode: PipeMode,
    ) -> Option<Result<ReceivedData>> {
        let done = match mode {
            PipeMode::Message => self.fill_message(read, len),
            PipeMode::Byte => self.fill_bytes(read, len).then_some(false),
        };
        match (done, self.ending) {
            (Some(more), _) => Some(Ok(ReceivedData {
                data: std::mem::take(read),
                more,
            })),
            (None, Some(code)) if self.pieces.is_empty() => Some(Err(code)),
            (None, _) => None,
        }
    }

    /// At most one message. Tells whether it goes on, once the read is done.
    fn fill_message(&mut self, read: &mut Vec<u8>, most: usize) -> Option<bool> {
        while let Some(piece) = self.pieces.front_mut() {
            let room = most - read.len();
            let len = room.min(piece.left().len());
            read.extend_from_slice(&piece.left()[..len]);
            piece.taken += len;
            if !piece.left().is_empty() {
                return Some(true);
            }
            let ends = piece.ends;
            self.pieces.pop_front();
            if ends {
                return Some(false);
            }
            if read.len() == most {
                return Some(true);
            }
        }
        None
    }

    /// Whatever there is, across the borders of messages. Tells whether the read is done.
    fn fill_bytes(&mut self, read: &mut Vec<u8>, most: usize) -> bool {
        let mut empty_message = false;
        while let Some(piece) = self.pieces.front_mut() {
            let room = most - read.len();
            let len = room.min(piece.left().len());
            read.extend_from_slice(&piece.left()[..len]);
            piece.taken += len;
            if !piece.left().is_empty() {
                return true;
            }
            empty_message |= piece.data.is_empty() && piece.ends;
            self.pieces.pop_front();
        }
        // An empty message alone ends one read with nothing.
        !read.is_empty() || empty_message
    }

    /// Takes a read back that still waits. What it had got of a message is unread again. Gives its ticket,
    /// or `None` when it has been served.
    pub(super) fn withdraw(&mut self, id: u64) -> Option<T> {
        let place = self.waiting.iter().position(|read| read.id == id)?;
        let read = self.waiting.remove(place)?;
        self.give_back(read.data);
        Some(read.ticket)
    }

    /// Takes all reads back.
    pub(super) fn withdraw_all(&mut self) -> Vec<T> {
        let mut tickets = Vec::new();
        while let Some(read) = self.waiting.pop_back() {
            self.give_back(read.data);
            tickets.insert(0, read.ticket);
        }
        tickets
    }

    /// Takes the first read back: a request that was made for it has failed, and the pipe goes on.
    pub(super) fn withdraw_first(&mut self) -> Option<T> {
        let id = self.waiting.front()?.id;
        self.withdraw(id)
    }

    fn give_back(&mut self, data: Vec<u8>) {
        if !data.is_empty() {
            // Only a message that goes on is kept by a read that waits.
            self.pieces.push_front(Piece {
                data,
                taken: 0,
                ends: false,
            });
        }
    }

    /// What `PeekNamedPipe` sees of what has arrived. `pipe_type` as far as it is known.
    pub(super) fn peek(&self, buffer: &mut [u8], pipe_type: PipeMode) -> Result<Peeked> {
        if self.pieces.is_empty()
            && let Some(code) = self.ending
        {
            return Err(code);
        }
        let available: usize = self.pieces.iter().map(|piece| piece.left().len()).sum();
        let mut len = 0;
        let mut message = 0;
        for piece in &self.pieces {
            let part = piece.left();
            let copied = part.len().min(buffer.len() - len);
            buffer[len..len + copied].copy_from_slice(&part[..copied]);
            len += copied;
            message += part.len();
            if piece.ends && pipe_type == PipeMode::Message {
                break;
            }
        }
        let narrow = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Ok(Peeked {
            len,
            available: narrow(available),
            left_in_message: match pipe_type {
                PipeMode::Message => narrow(message - len),
                PipeMode::Byte => 0u32.wrapping_sub(narrow(len)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Results = Vec<(&'static str, Result<(Vec<u8>, bool)>)>;

    fn serve(inbox: &mut Inbox<&'static str>, mode: PipeMode) -> Results {
        let served = inbox.serve(mode);
        served
            .into_iter()
            .map(|read| (read.ticket, read.result.map(|got| (got.data, got.more))))
            .collect()
    }

    fn got(
        ticket: &'static str,
        data: &[u8],
        more: bool,
    ) -> (&'static str, Result<(Vec<u8>, bool)>) {
        (ticket, Ok((data.to_vec(), more)))
    }

    #[test]
    fn a_message_is_read_in_parts_and_a_new_read_gets_the_next_one() {
        let mut inbox = Inbox::new();
        inbox.push(b"hello".to_vec(), false);
        inbox.push(b"you".to_vec(), false);
        for (id, ticket) in ["a", "b", "c", "d"].into_iter().enumerate() {
            inbox.queue(id as u64, 3, ticket);
        }
        let expected = [
            got("a", b"hel", true),
            got("b", b"lo", false),
            got("c", b"you", false),
        ];
        assert_eq!(serve(&mut inbox, PipeMode::Message), expected);
        assert!(inbox.has_waiting() && !inbox.has_unread());
    }

    #[test]
    fn bytes_run_across_borders() {
        let mut inbox = Inbox::new();
        inbox.push(b"hello".to_vec(), false);
        inbox.push(b"".to_vec(), false);
        inbox.push(b"you".to_vec(), false);
        inbox.queue(1, 7, "a");
        inbox.queue(2, 7, "b");
        let expected = [got("a", b"helloyo", false), got("b", b"u", false)];
        assert_eq!(serve(&mut inbox, PipeMode::Byte), expected);
    }

    #[test]
    fn an_empty_message_ends_one_read() {
        for mode in [PipeMode::Byte, PipeMode::Message] {
            let mut inbox = Inbox::new();
            inbox.queue(1, 7, "a");
            inbox.queue(2, 7, "b");
            inbox.push(b"".to_vec(), false);
            assert_eq!(serve(&mut inbox, mode), [got("a", b"", false)]);
            assert!(inbox.has_waiting());
        }
    }

    #[test]
    fn a_read_of_nothing_waits_for_data() {
        let mut inbox = Inbox::new();
        inbox.queue(1, 0, "a");
        assert_eq!(serve(&mut inbox, PipeMode::Message), []);
        inbox.push(b"x".to_vec(), false);
        assert_eq!(serve(&mut inbox, PipeMode::Message), [got("a", b"", true)]);
        inbox.queue(2, 0, "b");
        assert_eq!(serve(&mut inbox, PipeMode::Byte), [got("b", b"", false)]);
        inbox.queue(3, 9, "c");
        assert_eq!(
            serve(&mut inbox, PipeMode::Message),
            [got("c", b"x", false)]
        );
    }

    #[test]
    fn a_message_that_comes_in_pieces_is_one() {
        let mut inbox = Inbox::new();
        inbox.queue(1, 100, "a");
        inbox.push(b"one ".to_vec(), true);
        assert_eq!(serve(&mut inbox, PipeMode::Message), []);
        inbox.push(b"two".to_vec(), false);
        assert_eq!(
            serve(&mut inbox, PipeMode::Message),
            [got("a", b"one two", false)]
        );
    }

    #[test]
    fn what_a_withdrawn_read_had_is_unread_again() {
        let mut inbox = Inbox::new();
        inbox.queue(1, 100, "a");
        inbox.push(b"one ".to_vec(), true);
        assert_eq!(serve(&mut inbox, PipeMode::Message), []);
        assert!(!inbox.has_unread());
        assert_eq!(inbox.withdraw(1), Some("a"));
        assert_eq!(inbox.withdraw(1), None);
        assert!(inbox.has_unread());
        inbox.push(b"two".to_vec(), false);
        inbox.queue(2, 100, "b");
        assert_eq!(
            serve(&mut inbox, PipeMode::Message),
            [got("b", b"one two", false)]
        );
    }

    #[test]
    fn what_has_arrived_is_read_before_the_end() {
        let mut inbox = Inbox::new();
        inbox.push(b"last".to_vec(), false);
        inbox.end(Win32Error::BROKEN_PIPE);
        inbox.end(Win32Error::NETNAME_DELETED);
        inbox.queue(1, 2, "a");
        inbox.queue(2, 2, "b");
        inbox.queue(3, 2, "c");
        let expected = [
            got("a", b"la", true),
            got("b", b"st", false),
            ("c", Err(Win32Error::BROKEN_PIPE)),
        ];
        assert_eq!(serve(&mut inbox, PipeMode::Message), expected);
        assert_eq!(
            inbox.peek(&mut [], PipeMode::Message),
            Err(Win32Error::BROKEN_PIPE)
        );
    }

    #[test]
    fn a_peek_takes_nothing() {
        let mut inbox = Inbox::<()>::new();
        inbox.push(b"hello".to_vec(), false);
        inbox.push(b"you".to_vec(), false);
        let mut buffer = [0; 4];
        let peeked = inbox.peek(&mut buffer, PipeMode::Message).unwrap();
        assert_eq!(
            (peeked.len, peeked.available, peeked.left_in_message),
            (4, 8, 1)
        );
        assert_eq!(&buffer, b"hell");
        let mut buffer = [0; 7];
        let peeked = inbox.peek(&mut buffer, PipeMode::Byte).unwrap();
        assert_eq!((peeked.len, peeked.available), (7, 8));
        assert_eq!(peeked.left_in_message, 7u32.wrapping_neg());
        assert_eq!(&buffer, b"helloyo");
        let peeked = inbox.peek(&mut [0; 9], PipeMode::Message).unwrap();
        assert_eq!((peeked.len, peeked.left_in_message), (5, 0));
    }
}
