//! The contents of a message: its number, whether it is the last one, and one more number.

use std::io;

use crate::transport::Channel;

/// The last message of a task.
const LAST: u64 = 1 << 63;
/// The first message that counts.
const FIRST: u64 = 1 << 62;

/// A buffer for messages of one length.
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(len: usize) -> Message {
        // Touched, so that its pages are there.
        Message {
            bytes: vec![0x5a; len],
        }
    }

    pub(super) fn set(&mut self, number: u64, last: bool) {
        let word = if last { number | LAST } else { number };
        self.bytes[..8].copy_from_slice(&word.to_le_bytes());
    }

    pub(super) fn number(&self) -> u64 {
        self.word(0) & !(LAST | FIRST)
    }

    pub(super) fn is_last(&self) -> bool {
        self.word(0) & LAST != 0
    }

    /// Marks the message as the first that counts.
    pub(super) fn set_first(&mut self) {
        let word = self.word(0) | FIRST;
        self.bytes[..8].copy_from_slice(&word.to_le_bytes());
    }

    pub(super) fn is_first(&self) -> bool {
        self.word(0) & FIRST != 0
    }

    /// The number that a last message carries besides.
    pub(super) fn extra(&self) -> u64 {
        self.word(8)
    }

    pub(super) fn set_extra(&mut self, extra: u64) {
        self.bytes[8..16].copy_from_slice(&extra.to_le_bytes());
    }

    fn word(&self, offset: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes[offset..offset + 8]);
        u64::from_le_bytes(word)
    }

    /// Receives the message of that number.
    pub(super) fn receive(&mut self, channel: &mut dyn Channel, number: u64) -> io::Result<()> {
        channel.receive(&mut self.bytes)?;
        self.check(number)
    }

    /// Whether what was received is the message of that number.
    pub(super) fn check(&self, number: u64) -> io::Result<()> {
        if self.number() == number {
            return Ok(());
        }
        let complaint = format!("message {} came instead of {number}", self.number());
        Err(io::Error::new(io::ErrorKind::InvalidData, complaint))
    }

    /// Sends the message of that number and receives the answer to it.
    pub(super) fn call(
        &mut self,
        channel: &mut dyn Channel,
        number: u64,
        last: bool,
    ) -> io::Result<()> {
        self.set(number, last);
        channel.send(&self.bytes)?;
        self.receive(channel, number)
    }

    /// Receives a message and sends it back; says whether it was the last one.
    pub(super) fn answer(&mut self, channel: &mut dyn Channel, number: u64) -> io::Result<bool> {
        self.receive(channel, number)?;
        channel.send(&self.bytes)?;
        Ok(self.is_last())
    }
}
