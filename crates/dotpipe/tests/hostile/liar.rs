//! The liar: a process of its own that plays a client or a server, and what it does then.
//!
//! It speaks the handshake properly, so that it gets what a peer gets: the shared memory, which it writes
//! through its own mapping and, byte by byte, through the descriptor; and the socket. What it does next, the
//! honest process tells it over a [`Wire`] of the test's own, so that it is known what came first.

mod ringer;

pub(crate) use ringer::{DESCRIPTORS, PAYLOADS, RINGS_ONLY, many, ringer};

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use dotpipe::options::PipeEnd;
use dotpipe_ring::{Direction, Layout, Producer, Segment, Side};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FallocateFlags;

use crate::honest::{Dice, SECRET, holds_a_secret};
use crate::scribble::{Lies, forge};
use crate::support::*;
use crate::tools::process::Role;

/// The rings that a liar hands over when it is the server.
const RINGS: (u64, u64) = (4096, 8192);
const PIPE_BUSY: u32 = 231;
/// Where the first ring begins.
pub(crate) const HEADER_LEN: usize = 0x400;

/// What the honest process tells the liar to do: begin a conversation, lie, end the conversation.
pub(crate) const MEET: u8 = b'm';
pub(crate) const LIE: u8 = b'l';
pub(crate) const PART: u8 = b'p';
/// For a ringer: to fill the socket, and to stop.
pub(crate) const FILL: u8 = b'f';
pub(crate) const STOP: u8 = b's';
/// What the liar answers: it is done, or it is at its end.
const DONE: u8 = b'.';
const END: u8 = b'-';

/// What the two processes of a test say to each other.
pub(crate) struct Wire(UnixStream);

impl Wire {
    fn tell(&self, word: u8) {
        (&self.0).write_all(&[word]).unwrap();
    }

    fn hear(&self) -> Option<u8> {
        let mut word = [0];
        (&self.0).read_exact(&mut word).ok().map(|()| word[0])
    }

    fn tell_number(&self, number: u64) {
        (&self.0).write_all(&number.to_le_bytes()).unwrap();
    }

    fn hear_number(&self) -> u64 {
        let mut number = [0; 8];
        (&self.0).read_exact(&mut number).expect("the liar lives");
        u64::from_le_bytes(number)
    }
}

/// The liar, as the honest process has it. It is killed when this is dropped.
pub(crate) struct Liar {
    wire: Wire,
    _process: Role,
}

impl Liar {
    /// Starts one in this role, to be at the end `end` of the pipe `p`.
    pub(crate) fn start(role: &str, end: PipeEnd, choices: u64) -> Liar {
        let path = directory().with_file_name(format!("wire {role} {end:?} {choices}"));
        let listener = UnixListener::bind(&path).unwrap();
        let words = [
            path.display().to_string(),
            format!("{end:?}"),
            choices.to_string(),
        ];
        let process = Role::start(role, &words);
        let wire = Wire(listener.accept().unwrap().0);
        Liar {
            wire,
            _process: process,
        }
    }

    /// Tells it what to do, and does not wait.
    pub(crate) fn tell(&self, word: u8) {
        self.wire.tell(word);
    }

    /// Waits until it has done that. False when it has come to its end.
    pub(crate) fn has_done(&self) -> bool {
        self.wire.hear().expect("the liar lives") == DONE
    }

    /// What it has counted.
    pub(crate) fn count(&self) -> u64 {
        self.wire.hear_number()
    }

    /// Has it do this.
    pub(crate) fn does(&self, word: u8) -> bool {
        self.tell(word);
        self.has_done()
    }
}

/// The liar's own side of that.
struct Stage {
    wire: Wire,
    side: Side,
    door: Option<Server>,
    choices: u64,
}

impl Stage {
    fn enter(words: &[String]) -> Stage {
        let side = match &*words[1] {
            "Server" => Side::Server,
            _ => Side::Client,
        };
        // Before it says anything: then a client finds it.
        let door = (side == Side::Server).then(|| Server::listen("p", "1-a"));
        Stage {
            wire: Wire(UnixStream::connect(&words[0]).unwrap()),
            side,
            door,
            choices: words[2].parse().unwrap(),
        }
    }

    /// Waits for a word; ends this process when the honest one is gone.
    fn hear(&self) -> u8 {
        self.wire.hear().unwrap_or_else(|| std::process::exit(0))
    }

    fn done(&self) {
        self.wire.tell(DONE);
    }

    /// Begins a conversation as anybody would.
    fn meet(&self) -> Conversation {
        let Some(door) = &self.door else {
            return loop {
                let client = Client::connect("p");
                client.send(&request(OPEN, 3));
                let answer = client.receive().unwrap();
                if answer.code() == PIPE_BUSY {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                assert_eq!(answer.code(), 0);
                let segment = answer.segment();
                break Conversation {
                    memory: File::from(answer.memory.unwrap()),
                    segment,
                    socket: client.0,
                };
            };
        };
        let layout = Layout::new(RINGS.0 as usize, RINGS.1 as usize).unwrap();
        let (segment, memory) = Segment::create(layout).unwrap();
        let peer = door.receive();
        peer.send(&answer(0, RINGS), &[memory.as_fd()]);
        Conversation {
            memory: File::from(memory),
            segment: Arc::new(segment),
            socket: peer.0,
        }
    }
}

/// A conversation as the liar has it.
struct Conversation {
    socket: OwnedFd,
    memory: File,
    segment: Arc<Segment>,
}

impl Conversation {
    fn len(&self) -> usize {
        self.segment.layout().segment_len()
    }

    /// Where the rings begin.
    fn rings(&self) -> [usize; 2] {
        let layout = self.segment.layout();
        let second = HEADER_LEN + layout.ring_len(Direction::ServerToClient);
        [HEADER_LEN, second]
    }

    fn has_gone(&self) -> bool {
        let none = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        poll(&mut fds, Some(&none)).unwrap() > 0
    }

    /// Writes as a peer may that is not bound to whole words.
    fn write(&self, offset: usize, bytes: &[u8]) {
        self.memory.write_all_at(bytes, offset as u64).unwrap();
    }

    fn byte(&self, offset: usize) -> u8 {
        let mut byte = [0];
        self.memory.read_exact_at(&mut byte, offset as u64).unwrap();
        byte[0]
    }

    fn fill_rings(&self, word: u64) {
        let words = (self.len() - HEADER_LEN) / 8;
        self.write(HEADER_LEN, &word.to_le_bytes().repeat(words));
    }

    /// What the honest side has shown it is none of anybody else's.
    fn check_for_secrets(&self) {
        let mut all = vec![0; self.len()];
        self.memory.read_exact_at(&mut all, 0).unwrap();
        assert!(!holds_a_secret(&all), "a liar was shown data of others");
    }

    /// Says something true first, so that there is something to lie about: two writes that have completed
    /// and one that waits.
    fn speak(&self, side: Side) {
        let mut producer = Producer::new(self.segment.clone(), side);
        producer.publish(b"one").unwrap();
        producer.publish(&[2; 100]).unwrap();
        let mut stream = producer.begin(5_000).unwrap().unwrap();
        let data = [3; 5_000];
        producer.feed(&mut stream, &data, 1_000).unwrap();
    }
}

/// One thing to write, somewhere.
#[derive(Clone, Copy)]
enum Lie {
    /// Turns a byte round.
    Byte(usize),
    Half(usize, u32),
    Word(usize, u64),
    /// Both rings full of one word: there is no end to what it says.
    Rings(u64),
}

impl Lie {
    fn tell(self, conversation: &Conversation) {
        match self {
            Lie::Byte(offset) => conversation.write(offset, &[!conversation.byte(offset)]),
            Lie::Half(offset, value) => conversation.write(offset, &value.to_le_bytes()),
            Lie::Word(offset, value) => conversation.write(offset, &value.to_le_bytes()),
            Lie::Rings(value) => conversation.fill_rings(value),
        }
    }
}

const HALVES: [u32; 5] = [0, 1, u32::MAX, 1 << 31, 5_001];
/// Numbers at borders, positions, and headers of all kinds.
const WHOLES: [u64; 22] = [
    0,
    1,
    2,
    7,
    8,
    24,
    4096,
    4104,
    u64::MAX,
    u64::MAX - 7,
    1 << 63,
    1 << 32,
    1 << 32 | 3,
    1 << 32 | 0xffff_ffff,
    2 << 32,
    2 << 32 | 100,
    3 << 32 | 100,
    4 << 32,
    4 << 32 | 5_000,
    5 << 32,
    5 << 32 | 100,
    6 << 32,
];

/// Every byte of the places that anybody looks at, in all widths: the words by which the ends agree, and the
/// beginnings and ends of both rings, in which entries stand.
fn all_lies(conversation: &Conversation, every_value: bool) -> Vec<Lie> {
    let mut places: Vec<usize> = (0..HEADER_LEN).collect();
    let rings = conversation.rings();
    for (ring, end) in rings.into_iter().zip([rings[1], conversation.len()]) {
        places.extend((ring..ring + 192).chain(end - 32..end));
    }
    let mut lies = Vec::new();
    for place in places {
        lies.push(Lie::Byte(place));
        let turn = place / 4;
        let values = if every_value { HALVES.len() } else { 1 };
        for more in (0..values).filter(|_| place.is_multiple_of(4)) {
            lies.push(Lie::Half(place, HALVES[(turn + more) % HALVES.len()]));
        }
        let values = if every_value { WHOLES.len() } else { 3 };
        for more in (0..values).filter(|_| place.is_multiple_of(8)) {
            let value = WHOLES[(turn * 7 + more * 7) % WHOLES.len()];
            lies.push(Lie::Word(place, value));
        }
    }
    lies.extend(WHOLES.map(Lie::Rings));
    lies
}

/// How many lies are told in one conversation, unless it ends before.
const LIES_AT_ONCE: usize = 8;

/// The role that lies while nothing moves: one lie at each [`LIE`], until all have been told, and a new
/// conversation at each [`MEET`].
pub(crate) fn sweeper(words: &[String]) {
    let stage = Stage::enter(words);
    let mut lies = None;
    let mut conversation = None;
    let mut told = 0;
    loop {
        match stage.hear() {
            MEET => {
                let met = stage.meet();
                lies.get_or_insert_with(|| all_lies(&met, stage.choices > 0).into_iter());
                met.speak(stage.side);
                conversation = Some(met);
                told = 0;
                stage.done();
            }
            LIE => {
                let met = conversation.as_ref().unwrap();
                let lies = lies.as_mut().unwrap();
                told += 1;
                // The rest is for the next conversation.
                let next = match told > LIES_AT_ONCE || met.has_gone() {
                    true => None,
                    false => lies.next(),
                };
                if let Some(lie) = next {
                    lie.tell(met);
                }
                stage.wire.tell(if next.is_some() { DONE } else { END });
            }
            _ => {
                conversation.take().unwrap().check_for_secrets();
                let left = lies.as_ref().unwrap().len() > 0;
                stage.wire.tell(if left { DONE } else { END });
            }
        }
    }
}

/// The role that lies all the time: in each conversation from [`LIE`] on until the other side goes.
pub(crate) fn scribbler(words: &[String]) {
    let stage = Stage::enter(words);
    let mut seed = stage.choices;
    let mut conversation = None;
    let mut place = 0;
    loop {
        match stage.hear() {
            MEET => {
                let met = stage.meet();
                met.speak(stage.side);
                conversation = Some(met);
                stage.done();
            }
            LIE => {
                stage.done();
                seed += 1;
                scribble(conversation.as_ref().unwrap(), seed, &mut place);
            }
            _ => {
                conversation.take().unwrap().check_for_secrets();
                stage.done();
            }
        }
    }
}

/// Scribbles until the other side has gone.
fn scribble(met: &Conversation, seed: u64, place: &mut usize) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let lies = Lies::of(seed / 8);
    while !met.has_gone() {
        // Some leave the honest side more time than others, to come further.
        let rounds = dice.below(4 << (seed % 7));
        for _ in 0..rounds {
            match seed % 8 {
                // What is looked at, where it is looked at.
                0..4 => forge(&met.segment, &mut dice, lies),
                // Every byte, one after the other, from where the last conversation ended.
                4 => {
                    *place = (*place + 1) % met.len();
                    met.write(*place, &[!met.byte(*place)]);
                }
                // Anything anywhere, in any width, now and then everywhere.
                5 if dice.below(50) == 0 => met.fill_rings(dice.pick(&WHOLES)),
                5 => {
                    let word = dice.roll().to_le_bytes();
                    let len = dice.pick(&[1, 2, 4, 8]);
                    let offset = dice.below((met.len() - len) as u64 + 1) as usize;
                    met.write(offset, &word[..len]);
                }
                // What stood elsewhere.
                6 => {
                    let [from, to] = [(); 2].map(|()| dice.below(HEADER_LEN as u64 / 8 + 8) * 8);
                    let mut word = [0; 8];
                    met.memory.read_exact_at(&mut word, from).unwrap();
                    met.write(to as usize, &word);
                }
                // Takes the pages away, as far as the seals allow, or fills them.
                _ => {
                    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                    let offset = dice.below(met.len() as u64);
                    let _ = rustix::fs::fallocate(&met.memory, flags, offset & !4095, 4096);
                    assert!(rustix::fs::ftruncate(&met.memory, offset).is_err());
                    let ring = dice.pick(&met.rings());
                    met.write(ring, &[!SECRET; 4096]);
                }
            }
        }
        if rounds == 0 {
            std::thread::sleep(Duration::from_micros(dice.below(200)));
        }
    }
}
