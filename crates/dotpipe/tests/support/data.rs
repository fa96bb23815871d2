//! Payloads that can be checked byte for byte, wherever a read cuts them, and a random source whose
//! choices can be repeated.

use std::ops::Range;

/// A small random source (splitmix64): the same seed gives the same choices.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The source of a test: its seed is printed, and can be given as `DOTPIPE_TEST_SEED`.
    pub(crate) fn of_test(what: &str) -> Random {
        let seed = match std::env::var("DOTPIPE_TEST_SEED") {
            Ok(text) => text.parse().expect("DOTPIPE_TEST_SEED is a number"),
            Err(_) => 20_260_101,
        };
        println!("{what}: DOTPIPE_TEST_SEED={seed}");
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in a range that is not empty.
    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        range.start + (self.next() % (range.end - range.start) as u64) as usize
    }

    /// One of several.
    pub(crate) fn choose<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.within(0..of.len())]
    }

    /// A number below `limit`, small ones as likely as large ones by their length in bits.
    pub(crate) fn any_magnitude(&mut self, limit: usize) -> usize {
        let bits = self.within(1..limit.ilog2() as usize + 2);
        self.within(0..(1 << bits).min(limit))
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// `len` bytes that tell from `seed` and from their place what they must be.
pub(crate) fn payload(seed: u64, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    for (place, chunk) in data.chunks_mut(8).enumerate() {
        let word = seed
            .wrapping_add(place as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        chunk.copy_from_slice(&word.rotate_left(29).to_le_bytes()[..chunk.len()]);
    }
    data
}

/// An endless sequence of messages, known to both sides.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) seed: u64,
    pub(crate) shortest: usize,
    pub(crate) longest: usize,
}

impl Story {
    pub(crate) fn len(&self, number: u64) -> usize {
        let span = (self.longest - self.shortest + 1) as u64;
        self.shortest + (mix(self.seed ^ number.wrapping_mul(0x1_0001)) % span) as usize
    }

    pub(crate) fn message(&self, number: u64) -> Vec<u8> {
        payload(mix(self.seed).wrapping_add(number << 40), self.len(number))
    }
}

/// Follows a [`Story`] as it comes out of a pipe, and panics at the first wrong byte or border.
pub(crate) struct Listener {
    story: Story,
    /// The message that is being heard, and how much of it has been.
    number: u64,
    message: Vec<u8>,
    at: usize,
}

impl Listener {
    pub(crate) fn new(story: Story) -> Listener {
        Listener {
            story,
            number: 0,
            message: story.message(0),
            at: 0,
        }
    }

    /// What one read in message mode brought.
    pub(crate) fn hear_message(&mut self, data: &[u8], more: bool) {
        self.compare(data);
        assert_eq!(
            self.at == self.message.len(),
            !more,
            "message {}: a border at byte {} of {}",
            self.number,
            self.at,
            self.message.len()
        );
        if !more {
            self.turn_over();
        }
    }

    /// What one read in byte mode brought.
    pub(crate) fn hear_bytes(&mut self, mut data: &[u8]) {
        loop {
            let here = data.len().min(self.message.len() - self.at);
            self.compare(&data[..here]);
            data = &data[here..];
            if self.at < self.message.len() {
                return;
            }
            self.turn_over();
        }
    }

    fn compare(&mut self, data: &[u8]) {
        let until = self.at + data.len();
        assert!(
            self.message.get(self.at..until) == Some(data),
            "message {} of {} bytes is wrong between {} and {until}",
            self.number,
            self.message.len(),
            self.at
        );
        self.at = until;
    }

    fn turn_over(&mut self) {
        self.number += 1;
        self.message = self.story.message(self.number);
        self.at = 0;
    }

    /// How many messages have been heard whole.
    pub(crate) fn heard(&self) -> u64 {
        self.number
    }

    /// How much of the next one has been heard.
    pub(crate) fn begun(&self) -> usize {
        self.at
    }
}
