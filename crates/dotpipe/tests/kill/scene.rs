//! A conversation between this process, the survivor, and a child, the victim.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tempfile::NamedTempFile;

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, PipeEnd, PipeMode};
use dotpipe::win32::Win32Error;

use crate::support::data::{Listener, Random, Story};
use crate::support::patience::{start, until};
use crate::support::process::{Ledger, Role, namespace_files, say};
use crate::support::{existing, open, options, unique_name};

pub(crate) const SIDES: [PipeEnd; 2] = [PipeEnd::Server, PipeEnd::Client];
pub(crate) const TYPES: [PipeMode; 2] = [PipeMode::Byte, PipeMode::Message];

/// What the victim does until it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing.
    Idle,
    /// Writes its story, and writes down how many writes have completed.
    Write,
    /// Reads a story, checks it, and writes down how many messages it has read whole.
    Read,
    /// Sends back whatever comes.
    Echo,
    /// Says "asked" once something has come, and leaves it there.
    Wonder,
}

/// Everything that both sides must know.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Which end the victim is.
    pub(crate) victim: PipeEnd,
    pub(crate) pipe_type: PipeMode,
    pub(crate) quota: u32,
    pub(crate) act: Act,
    pub(crate) story: (u64, usize, usize),
}

impl Plan {
    /// One for a victim that does nothing.
    pub(crate) fn idle(victim: PipeEnd, pipe_type: PipeMode, quota: u32) -> Plan {
        Plan {
            victim,
            pipe_type,
            quota,
            act: Act::Idle,
            story: (0, 0, 0),
        }
    }

    pub(crate) fn story(&self) -> Story {
        let (seed, shortest, longest) = self.story;
        Story {
            seed,
            shortest,
            longest,
        }
    }

    pub(crate) fn options(&self) -> CreateOptions {
        CreateOptions {
            first_instance: true,
            ..options(self.pipe_type, self.quota)
        }
    }

    fn to_words(&self) -> Vec<String> {
        let (seed, shortest, longest) = self.story;
        let mut words = vec![
            format!("{:?}", self.victim),
            format!("{:?}", self.pipe_type),
            format!("{:?}", self.act),
        ];
        let numbers = [self.quota.into(), seed, shortest as u64, longest as u64];
        words.extend(numbers.map(|number| number.to_string()));
        words
    }

    fn from_words(words: &[String]) -> Plan {
        let number = |place: usize| words[place].parse::<u64>().unwrap();
        let one_of = |place: usize, name: &dyn std::fmt::Debug| words[place] == format!("{name:?}");
        let acts = [Act::Idle, Act::Write, Act::Read, Act::Echo, Act::Wonder];
        Plan {
            victim: SIDES.into_iter().find(|side| one_of(0, side)).unwrap(),
            pipe_type: TYPES.into_iter().find(|each| one_of(1, each)).unwrap(),
            act: acts.into_iter().find(|act| one_of(2, act)).unwrap(),
            quota: number(3) as u32,
            story: (number(4), number(5) as usize, number(6) as usize),
        }
    }
}

/// The conversation, as the survivor has it.
pub(crate) struct Scene {
    pub(crate) plan: Plan,
    pub(crate) name: PipeName,
    pub(crate) end: Arc<End>,
    pub(crate) victim: Role,
    pub(crate) ledger: Ledger,
    _file: NamedTempFile,
}

impl Scene {
    /// Connects both; the victim has begun its act or is about to.
    pub(crate) fn begin(plan: Plan) -> Scene {
        let name = unique_name("kill");
        let file = NamedTempFile::new().unwrap();
        let start_victim = || start_victim(&plan, &name, file.path());
        let (victim, end) = match plan.victim {
            PipeEnd::Client => {
                let server = exact::create(&name, &plan.options()).unwrap();
                (start_victim(), server)
            }
            PipeEnd::Server => {
                let victim = start_victim();
                (victim, open(&name, plan.pipe_type))
            }
        };
        Scene {
            plan,
            name,
            end: Arc::new(end),
            victim,
            ledger: Ledger::new(file.path()),
            _file: file,
        }
    }

    /// Kills the victim at some moment: at once, or after up to some ten milliseconds.
    pub(crate) fn kill_some_time(&mut self, random: &mut Random) -> Instant {
        let moment = std::time::Duration::from_micros(random.any_magnitude(10_000) as u64);
        std::thread::sleep(moment);
        self.victim.kill()
    }

    /// Everything that must be so after the victim's death: on this end, and for the name.
    pub(crate) fn check_aftermath(mut self, random: &mut Random) {
        self.victim.bury();
        let (end, mut buffer) = (&self.end, [0; 100]);
        for _ in 0..2 {
            assert_eq!(end.read(&mut buffer), Err(Win32Error::BROKEN_PIPE));
            assert_eq!(end.peek(&mut buffer), Err(Win32Error::BROKEN_PIPE));
            assert_eq!(end.write(b"new"), Err(Win32Error::NO_DATA));
            assert_eq!(end.flush(), Ok(()));
            let asked = end.transact(b"new", &mut buffer);
            assert_eq!(asked, Err(Win32Error::BAD_PIPE));
            let read = end.start_read(1).wait();
            assert_eq!(read, Err(Win32Error::BROKEN_PIPE));
            let written = end.start_write(vec![1]).wait();
            assert_eq!(written, Err(Win32Error::NO_DATA));
        }
        match self.plan.victim {
            PipeEnd::Server => check_free(&self.name, &self.plan.options(), random),
            PipeEnd::Client => self.check_instance(),
        }
        drop(self.end);
        assert_eq!(namespace_files(), [] as [PathBuf; 0]);
    }

    /// The instance of a dead client is lost until it is disconnected, and then as good as new.
    fn check_instance(&self) {
        let busy = exact::open(&self.name, crate::support::BOTH).err();
        assert_eq!(busy, Some(Win32Error::PIPE_BUSY));
        assert_eq!(self.end.connect(), Err(Win32Error::NO_DATA));
        self.end.disconnect().unwrap();
        let end = self.end.clone();
        let connecting = start("connect", move || end.connect());
        exact::wait(&self.name, dotpipe::options::WaitTimeout::Forever).unwrap();
        let client = open(&self.name, self.plan.pipe_type);
        connecting.end().unwrap();
        let (end, mut buffer) = (self.end.clone(), [0; 9]);
        let reading = start("read", move || end.read(&mut buffer).map(|read| read.len));
        client.write(b"good").unwrap();
        assert_eq!(reading.end(), Ok(4));
    }
}

/// A victim that is ready: to be opened, if it is a server.
pub(crate) fn start_victim(plan: &Plan, name: &PipeName, ledger: &Path) -> Role {
    let mut words = vec![name.name().to_owned(), ledger.display().to_string()];
    words.extend(plan.to_words());
    let mut victim = Role::start("victim", &words);
    victim.expect("ready");
    victim
}

/// The name of a dead server does not exist any more, whoever asks first, and can be taken.
pub(crate) fn check_free(name: &PipeName, options: &CreateOptions, random: &mut Random) {
    match random.within(0..4) {
        0 => {
            let opened = exact::open(name, crate::support::BOTH).err();
            assert_eq!(opened, Some(Win32Error::FILE_NOT_FOUND));
        }
        1 => assert_eq!(existing(std::slice::from_ref(name)), []),
        2 => {
            let status = exact::status(name);
            assert_eq!(status, Err(Win32Error::FILE_NOT_FOUND));
        }
        _ => {}
    }
    let next = exact::create(name, options).unwrap();
    assert_eq!(next.state().unwrap().instances, 1);
    let alone = [name.clone()];
    assert_eq!(existing(&alone), alone);
    drop(next);
    assert_eq!(existing(&alone), []);
}

/// The role of a victim.
pub(crate) fn victim(words: &[String]) {
    let name = PipeName::local(&words[0]).unwrap();
    let ledger = Ledger::new(Path::new(&words[1]));
    let plan = Plan::from_words(&words[2..]);
    let end = match plan.victim {
        PipeEnd::Server => {
            let server = exact::create(&name, &plan.options()).unwrap();
            say("ready");
            let connected = server.connect();
            assert!(matches!(
                connected,
                Ok(()) | Err(Win32Error::PIPE_CONNECTED)
            ));
            server
        }
        PipeEnd::Client => {
            let client = open(&name, plan.pipe_type);
            say("ready");
            client
        }
    };
    match plan.act {
        Act::Idle => sleep_for_ever(),
        Act::Wonder => {
            until("a question", || {
                end.peek(&mut []).is_ok_and(|peeked| peeked.available > 0)
            });
            say("asked");
            sleep_for_ever();
        }
        Act::Write => {
            for number in 0.. {
                end.write(&plan.story().message(number)).unwrap();
                ledger.write(0, number + 1);
            }
        }
        Act::Read => {
            let mut listener = Listener::new(plan.story());
            let mut buffer = vec![0; plan.story().longest / 2 + 10];
            loop {
                listen(&end, plan.pipe_type, &mut buffer, &mut listener).unwrap();
                ledger.write(0, listener.heard());
            }
        }
        Act::Echo => {
            let mut buffer = [0; 1000];
            loop {
                let len = end.read(&mut buffer).unwrap().len;
                end.write(&buffer[..len]).unwrap();
            }
        }
    }
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

/// One read, checked.
pub(crate) fn listen(
    end: &End,
    read_mode: PipeMode,
    buffer: &mut [u8],
    listener: &mut Listener,
) -> exact::Result<()> {
    let received = end.read(buffer)?;
    let data = &buffer[..received.len];
    match read_mode {
        PipeMode::Byte => listener.hear_bytes(data),
        PipeMode::Message => listener.hear_message(data, received.more),
    }
    Ok(())
}
