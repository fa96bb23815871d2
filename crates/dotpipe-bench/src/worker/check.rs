//! Whether a transport brings every byte: messages of many lengths there and back, and a stream with a
//! checksum. Nothing is timed.

use std::io;

use super::{Order, announce, wait_for_the_end};
use crate::transport::{Channel, Kind, Peer, Setup};

/// The lengths to check with.
pub(crate) const LENGTHS: [usize; 8] = [16, 64, 100, 4096, 4099, 65_536, 200_001, 1 << 20];

/// How many messages of a length are streamed: enough to fill every transport's buffer.
fn streamed(len: usize) -> u64 {
    ((2 << 20) / len).clamp(3, 2000) as u64
}

/// Does one side of the check.
pub(super) fn run(peer: &Peer, order: &Order, kind: Kind, len: usize) -> io::Result<()> {
    let setup = Setup {
        directory: order.directory.clone(),
        len,
        kind,
    };
    let streams = peer.abilities.streams;
    let kept = match &order.address {
        None => {
            let (mut listener, address) = (peer.listen)(&setup)?;
            announce(&address)?;
            let mut channel = listener.accept()?;
            echo(&mut *channel, len)?;
            if streams {
                receive_stream(&mut *channel, len)?;
            }
            channel
        }
        Some(address) => {
            let mut channel = (peer.connect)(&setup, address)?.open()?;
            ask(&mut *channel, len)?;
            if streams {
                send_stream(&mut *channel, len)?;
            }
            channel
        }
    };
    println!("done");
    wait_for_the_end()?;
    drop(kept);
    Ok(())
}

/// How many messages of a length go there and back.
fn trips(len: usize) -> u64 {
    ((512 << 10) / len).clamp(2, 20) as u64
}

fn ask(channel: &mut dyn Channel, len: usize) -> io::Result<()> {
    let mut answer = vec![0; len];
    for number in 0..trips(len) {
        let question = pattern(number, len);
        channel.send(&question)?;
        channel.receive(&mut answer)?;
        if answer != question {
            return Err(changed(format!("answer {number} of {len} bytes")));
        }
    }
    Ok(())
}

fn echo(channel: &mut dyn Channel, len: usize) -> io::Result<()> {
    let mut message = vec![0; len];
    for _ in 0..trips(len) {
        channel.receive(&mut message)?;
        channel.send(&message)?;
    }
    Ok(())
}

fn send_stream(channel: &mut dyn Channel, len: usize) -> io::Result<()> {
    let mut sum = Checksum::default();
    for number in 0..streamed(len) {
        let message = pattern(number, len);
        sum.add(&message);
        channel.send(&message)?;
    }
    let mut answer = vec![0; len];
    channel.receive(&mut answer)?;
    if answer[..8] != sum.0.to_le_bytes() {
        return Err(changed(format!("a stream of {len} bytes each")));
    }
    Ok(())
}

fn receive_stream(channel: &mut dyn Channel, len: usize) -> io::Result<()> {
    let mut sum = Checksum::default();
    let mut message = vec![0; len];
    for _ in 0..streamed(len) {
        channel.receive(&mut message)?;
        sum.add(&message);
    }
    message[..8].copy_from_slice(&sum.0.to_le_bytes());
    channel.send(&message)
}

fn changed(what: String) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what}: changed on its way"),
    )
}

/// Bytes that differ from message to message and from place to place.
fn pattern(number: u64, len: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // Xorshift: Marsaglia, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend(next());
    }
    bytes.truncate(len);
    bytes
}

/// FNV-1a over all bytes in their order, but eight at a time.
struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Checksum(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            // The rotation brings the high bits down, which a product alone never does.
            self.0 = (self.0 ^ u64::from_le_bytes(word))
                .wrapping_mul(0x0100_0000_01b3)
                .rotate_left(29);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_and_a_changed_order_change_the_checksum() {
        let sum = |messages: &[&[u8]]| {
            let mut sum = Checksum::default();
            messages.iter().for_each(|message| sum.add(message));
            sum.0
        };
        assert_eq!(sum(&[b"abcdefgh", b"i"]), sum(&[b"abcdefghi"]));
        assert_ne!(sum(&[b"abc", b"def"]), sum(&[b"def", b"abc"]));
        assert_ne!(sum(&[b"abc"]), sum(&[b"abd"]));
    }

    /// A transport that changes one byte of every message.
    struct Liar(Vec<Vec<u8>>);

    impl Channel for Liar {
        fn send(&mut self, message: &[u8]) -> io::Result<()> {
            self.0.push(message.to_vec());
            Ok(())
        }

        fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
            buffer.copy_from_slice(&self.0.remove(0));
            buffer[3] ^= 1;
            Ok(())
        }
    }

    #[test]
    fn a_transport_that_changes_a_byte_is_found_out() {
        assert!(ask(&mut Liar(Vec::new()), 64).is_err());
    }
}
