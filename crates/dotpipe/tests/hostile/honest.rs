//! The honest side: everything that an end can do, and what must be true of whatever that brings.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dotpipe::exact::{End, Interest};
use dotpipe::options::{PipeMode, WaitMode};
use dotpipe::win32::Win32Error;

/// Numbers that look like chance and are the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// The byte of which everything consists that is none of the liar's business: unused memory, buffers, other
/// conversations. No liar writes it, so it appears in what was read only if the library put it there.
pub(crate) const SECRET: u8 = 0xa5;

/// How many bytes of liars have been checked.
static CHECKED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn checked() -> u64 {
    CHECKED.load(Ordering::Relaxed)
}

/// Whether a secret is among these bytes. Sixteen of them in a row are found wherever they begin.
pub(crate) fn holds_a_secret(bytes: &[u8]) -> bool {
    bytes.chunks_exact(8).any(|chunk| chunk == [SECRET; 8])
}

/// What a read brought from a liar.
pub(crate) fn check(read: &[u8]) {
    assert!(!holds_a_secret(read), "a read brought data of others");
    CHECKED.fetch_add(read.len() as u64, Ordering::Relaxed);
}

/// Fills memory that nobody uses with secrets, in the sizes that are asked for next.
pub(crate) fn hide_secrets() {
    let hidden = [16, 100, 1_000, 5_000, 20_000, 70_000, 300_000].map(|len| vec![SECRET; len]);
    std::hint::black_box(hidden);
}

fn is_over(result: Option<Win32Error>) -> bool {
    matches!(
        result,
        Some(Win32Error::BROKEN_PIPE | Win32Error::PIPE_NOT_CONNECTED)
    )
}

/// Does one thing that an end can do. Whether that says that the conversation is over.
pub(crate) fn act(end: &End, dice: &mut Dice) -> bool {
    let mut buffer = vec![SECRET; dice.pick(&[0, 1, 100, 5_000, 300_000])];
    let soon = Some(Instant::now() + Duration::from_millis(1));
    let data = vec![7; dice.pick(&[0, 1, 100, 5_000, 70_000, 300_000])];
    match dice.below(16) {
        0 | 1 => {
            let read = end.read_until(&mut buffer, soon);
            check(&buffer[..read.map_or(0, |read| read.len)]);
            is_over(read.err())
        }
        2 | 3 => is_over(end.write_until(&data, soon).err()),
        4 => {
            let pending = end.start_read(buffer.len());
            let result = pending.wait_for(Duration::from_millis(1));
            let _ = pending.cancel();
            if let Some(Ok(read)) = pending.result() {
                check(&read.data);
            }
            is_over(result.and_then(Result::err))
        }
        5 => {
            let pending = end.start_write(data);
            let result = pending.wait_for(Duration::from_millis(1));
            if dice.below(2) == 0 {
                let _ = pending.cancel();
            }
            is_over(result.and_then(Result::err))
        }
        6 => {
            let peeked = end.peek(&mut buffer);
            check(&buffer[..peeked.map_or(0, |peeked| peeked.len)]);
            is_over(peeked.err())
        }
        7 => is_over(end.flush_until(soon).err()),
        8 => {
            let read = end.transact_until(&data, &mut buffer, soon);
            check(&buffer[..read.map_or(0, |read| read.len)]);
            is_over(read.err())
        }
        9 => {
            let pending = end.start_transact(data, buffer.len());
            let _ = pending.wait_for(Duration::from_millis(1));
            let _ = pending.cancel();
            false
        }
        10 => is_over(end.arm(Interest::all()).err()),
        11 => {
            let mode = dice.pick(&[PipeMode::Byte, PipeMode::Message]);
            let wait = dice.pick(&[
                WaitMode::Blocking,
                WaitMode::Blocking,
                WaitMode::NonBlocking,
            ]);
            is_over(end.set_state(mode, wait).err())
        }
        12 => is_over(end.state().err()),
        13 => {
            let mut message = Vec::new();
            let read = end.read_message_until(&mut message, soon);
            check(&message);
            is_over(read.err())
        }
        14 => {
            let _ = (end.info(), end.peer_process_id(), end.peer_token());
            false
        }
        _ => {
            let _ = end.cancel();
            false
        }
    }
}

/// Does everything that an end can do once, in both read modes, without ever sleeping.
pub(crate) fn everything(end: &End) {
    let at_once = || Some(Instant::now());
    let mut buffer = [SECRET; 200];
    let _ = (end.info(), end.state(), end.peer_process_id());
    for mode in [PipeMode::Byte, PipeMode::Message] {
        let _ = end.set_state(mode, WaitMode::Blocking);
        buffer.fill(SECRET);
        let peeked = end.peek(&mut buffer);
        check(&buffer[..peeked.map_or(0, |peeked| peeked.len)]);
        let _ = end.arm(Interest::all());
        for len in [0, 2, buffer.len()] {
            buffer.fill(SECRET);
            let read = end.read_until(&mut buffer[..len], at_once());
            check(&buffer[..read.map_or(0, |read| read.len)]);
        }
        let reading = end.start_read(50);
        let writing = end.start_write(vec![3; 9_000]);
        let _ = end.write_until(b"abc", at_once());
        let _ = end.flush_until(at_once());
        let _ = (reading.cancel(), writing.cancel());
        if let Some(Ok(read)) = reading.result() {
            check(&read.data);
        }
        buffer.fill(SECRET);
        let read = end.transact_until(b"question", &mut buffer, at_once());
        check(&buffer[..read.map_or(0, |read| read.len)]);
        let asking = end.start_transact(b"question".to_vec(), 50);
        let _ = (asking.cancel(), end.cancel());
    }
    let _ = end.set_state(PipeMode::Byte, WaitMode::NonBlocking);
    for len in [0, 1, 5_000] {
        let _ = end.write(&[4; 5_000][..len]);
    }
    buffer.fill(SECRET);
    let read = end.read(&mut buffer);
    check(&buffer[..read.map_or(0, |read| read.len)]);
    let _ = end.set_state(PipeMode::Byte, WaitMode::Blocking);
}
