//! The survivor sleeps in an operation when the other process is killed.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dotpipe::exact::{self, End, Result};
use dotpipe::options::{PipeEnd, PipeMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::scene::{Act, Plan, SIDES, Scene, TYPES, check_free, start_victim};
use crate::support::data::Random;
use crate::support::patience::start;
use crate::support::process::alone;
use crate::support::{BOTH, is_wine, open, options, unique_name};

/// "At once", on a machine that may be busy with anything: far less than any time-out of the engine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// How long after the kill the sleepers had their results.
#[derive(Default)]
struct Latencies(Mutex<Vec<Duration>>);

impl Latencies {
    fn add(&self, killed: Instant, ended: Instant) {
        let latency = ended.saturating_duration_since(killed);
        assert!(latency < AT_ONCE, "noticed only after {latency:?}");
        self.0.lock().unwrap().push(latency);
    }

    fn print(self, what: &str) {
        let mut all = self.0.into_inner().unwrap();
        all.sort();
        let at = |percent: usize| all[(all.len() - 1) * percent / 100];
        println!(
            "{what}: noticed {} kills after {:?} (median), {:?} (90 %), {:?} (longest)",
            all.len(),
            at(50),
            at(90),
            at(100)
        );
    }
}

/// The end of an operation of the survivor.
type Outcome = Result<usize>;

/// An operation that sleeps when the other side does nothing.
type Sleeper = fn(&End) -> Outcome;

/// In every type of pipe. The quota is 10.
const IN_ALL: &[(&str, Sleeper)] = &[
    ("read", |end| end.read(&mut [0; 100]).map(|read| read.len)),
    ("read with a deadline", |end| {
        let deadline = Instant::now() + Duration::from_secs(1000);
        let read = end.read_until(&mut [0; 100], Some(deadline));
        read.map(|read| read.len)
    }),
    ("read of nothing", |end| {
        end.read(&mut []).map(|read| read.len)
    }),
    ("write", |end| end.write(&[7; 11])),
    ("write larger than the ring", |end| {
        end.write(&vec![7; 16 << 20])
    }),
    ("flush", |end| {
        end.write(&[7; 10])?;
        end.flush().map(|()| 0)
    }),
    ("pending read", |end| {
        end.start_read(100).wait().map(|read| read.data.len())
    }),
    ("pending write", |end| end.start_write(vec![7; 11]).wait()),
    ("pending write larger than the ring", |end| {
        end.start_write(vec![7; 16 << 20]).wait()
    }),
];

/// In message pipes only.
const IN_MESSAGES: &[(&str, Sleeper)] = &[
    ("transact", |end| {
        end.transact(b"?", &mut [0; 100]).map(|reply| reply.len)
    }),
    ("pending transact", |end| {
        let asked = end.start_transact(vec![7; 1000], 100).wait();
        asked.map(|reply| reply.data.len())
    }),
];

fn kill_the_other(sleepers: &[(&str, Sleeper)], pipe_type: PipeMode) -> Latencies {
    let mut random = Random::of_test("asleep");
    let latencies = Latencies::default();
    for victim in SIDES {
        for (what, sleeper) in sleepers {
            let mut scene = Scene::begin(Plan::idle(victim, pipe_type, 10));
            let (end, sleeper) = (scene.end.clone(), *sleeper);
            let sleeping = start(what, move || sleeper(&end));
            sleeping.until_asleep();
            let killed = scene.victim.kill();
            let (result, ended) = sleeping.end_and_when();
            assert_eq!(result, Err(Win32Error::BROKEN_PIPE), "{what}");
            latencies.add(killed, ended);
            scene.check_aftermath(&mut random);
        }
    }
    latencies
}

#[test]
fn every_operation_on_a_byte_pipe_ends() {
    alone(every_operation_on_a_byte_pipe_ends, || {
        kill_the_other(IN_ALL, PipeMode::Byte).print("byte pipe");
    });
}

#[test]
fn every_operation_on_a_message_pipe_ends() {
    alone(every_operation_on_a_message_pipe_ends, || {
        kill_the_other(IN_ALL, PipeMode::Message).print("message pipe");
        kill_the_other(IN_MESSAGES, PipeMode::Message).print("transactions");
    });
}

/// All kinds at once on one end, several of each.
#[test]
fn all_operations_of_one_end_end() {
    alone(all_operations_of_one_end_end, || {
        let mut random = Random::of_test("all at once");
        for (victim, pipe_type) in SIDES.into_iter().zip(TYPES) {
            let mut scene = Scene::begin(Plan::idle(victim, pipe_type, 10));
            let reads: Vec<_> = (0..20).map(|_| scene.end.start_read(9)).collect();
            let writes: Vec<_> = (0..20)
                .map(|len| scene.end.start_write(vec![7; 11 + len * 50_000]))
                .collect();
            let threads: Vec<_> = [IN_ALL[0], IN_ALL[0], IN_ALL[3], IN_ALL[4], IN_ALL[5]]
                .into_iter()
                // "close-pending" in `conformance/DIVERGENCES.md`: its write would succeed.
                .filter(|(what, _)| !is_wine() || *what != "flush")
                .map(|(what, sleeper)| {
                    let end = scene.end.clone();
                    (what, start(what, move || sleeper(&end)))
                })
                .collect();
            for (_, thread) in &threads {
                thread.until_asleep();
            }
            scene.victim.kill();
            let broken = Win32Error::BROKEN_PIPE;
            assert!(reads.iter().all(|read| read.wait() == Err(broken)));
            assert!(writes.iter().all(|write| write.wait() == Err(broken)));
            for (what, thread) in threads {
                assert_eq!(thread.end(), Err(broken), "{what}");
            }
            scene.check_aftermath(&mut random);
        }
    });
}

/// Those who wait for an instance of a server that dies learn that there is no such pipe.
#[test]
fn waiting_for_an_instance_ends_with_its_server() {
    if is_wine() {
        println!(
            "skipped: there the wait goes on (\"waitpipe-wake\" in conformance/DIVERGENCES.md)"
        );
        return;
    }
    alone(waiting_for_an_instance_ends_with_its_server, || {
        let mut random = Random::of_test("waiting for an instance");
        let latencies = Latencies::default();
        for _ in 0..5 {
            let plan = Plan::idle(PipeEnd::Server, PipeMode::Message, 10);
            let mut scene = Scene::begin(plan);
            let busy = exact::open(&scene.name, BOTH).err();
            assert_eq!(busy, Some(Win32Error::PIPE_BUSY));
            let (name, other_name) = (scene.name.clone(), scene.name.clone());
            let waiting = start("wait", move || exact::wait(&name, WaitTimeout::Forever));
            let calling = start("call", move || {
                let mut reply = [0; 9];
                exact::call(&other_name, b"?", &mut reply, WaitTimeout::Forever, None)
            });
            waiting.until_asleep();
            calling.until_asleep();
            let killed = scene.victim.kill();
            let (result, ended) = waiting.end_and_when();
            assert_eq!(result, Err(Win32Error::FILE_NOT_FOUND));
            latencies.add(killed, ended);
            let (result, ended) = calling.end_and_when();
            assert_eq!(result, Err(Win32Error::FILE_NOT_FOUND));
            latencies.add(killed, ended);
            scene.check_aftermath(&mut random);
        }
        latencies.print("waiting for an instance");
    });
}

/// A call whose question a server has, or could have read, that dies.
#[test]
fn a_call_without_an_answer_ends_with_its_server() {
    alone(a_call_without_an_answer_ends_with_its_server, || {
        let mut random = Random::of_test("call");
        let nowhere = Path::new(if cfg!(windows) { "NUL" } else { "/dev/null" });
        let latencies = Latencies::default();
        for _ in 0..5 {
            let plan = Plan {
                act: Act::Wonder,
                ..Plan::idle(PipeEnd::Server, PipeMode::Message, 10)
            };
            let name = unique_name("call");
            let mut victim = start_victim(&plan, &name, nowhere);
            let called = name.clone();
            let calling = start("call", move || {
                let mut reply = [0; 9];
                exact::call(&called, &[7; 100], &mut reply, WaitTimeout::Forever, None)
            });
            victim.expect("asked");
            calling.until_asleep();
            let killed = victim.kill();
            let (result, ended) = calling.end_and_when();
            assert_eq!(result, Err(Win32Error::BROKEN_PIPE));
            latencies.add(killed, ended);
            victim.bury();
            check_free(&name, &plan.options(), &mut random);
        }
        latencies.print("calls");
    });
}

/// Of two server processes of one name, the death of one is nothing to the clients of the other.
#[test]
fn another_server_of_the_name_goes_on() {
    alone(another_server_of_the_name_goes_on, || {
        let plan = Plan::idle(PipeEnd::Server, PipeMode::Message, 10);
        let mut scene = Scene::begin(plan);
        let server = exact::create(&scene.name, &options(PipeMode::Message, 10)).unwrap();
        let client = open(&scene.name, PipeMode::Message);
        let reading = start("read", move || {
            client.read(&mut [0; 9]).map(|read| read.len)
        });
        reading.until_asleep();
        assert_eq!(server.state().unwrap().instances, 2);
        scene.victim.kill();
        scene.victim.bury();
        assert_eq!(scene.end.read(&mut [0; 9]), Err(Win32Error::BROKEN_PIPE));
        assert_eq!(server.state().unwrap().instances, 1);
        assert!(reading.goes_on());
        server.write(b"well").unwrap();
        assert_eq!(reading.end(), Ok(4));
    });
}
