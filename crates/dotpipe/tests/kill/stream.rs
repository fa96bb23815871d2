//! Data are on their way when one side is killed.

use std::sync::mpsc;

use dotpipe::options::PipeMode;
use dotpipe::win32::Win32Error;

use crate::scene::{Act, Plan, SIDES, Scene, TYPES, listen};
use crate::support::data::{Listener, Random};
use crate::support::patience::start;
use crate::support::process::alone;

const QUOTAS: &[u32] = &[0, 1, 100, 4096, 65536, 1 << 20];
const SMALL: (usize, usize) = (0, 300);
const LARGE: (usize, usize) = (1 << 20, 16 << 20);

/// A plan for each side and type, so many times; the rest at random.
fn plans(
    random: &mut Random,
    act: Act,
    (shortest, longest): (usize, usize),
    count: usize,
) -> Vec<Plan> {
    let mut plans = Vec::new();
    for victim in SIDES {
        for pipe_type in TYPES {
            plans.extend((0..count).map(|_| Plan {
                victim,
                pipe_type,
                quota: random.choose(QUOTAS),
                act,
                story: (random.next(), shortest, longest),
            }));
        }
    }
    plans
}

/// What the dead had written completely is all there; of what it was writing, there may be a beginning.
fn kill_a_writer(random: &mut Random, plan: Plan) {
    let mut scene = Scene::begin(plan.clone());
    let end = scene.end.clone();
    // Messages can be read in both modes.
    let read_mode = match plan.pipe_type {
        PipeMode::Byte => PipeMode::Byte,
        PipeMode::Message => random.choose(&TYPES),
    };
    end.set_state(read_mode, dotpipe::options::WaitMode::Blocking)
        .unwrap();
    let story = plan.story();
    let len = 1 + random.any_magnitude(2 * story.longest);
    let (tell_begun, begun) = mpsc::channel();
    let reading = start("reading", move || {
        let mut listener = Listener::new(story);
        let mut buffer = vec![0; len];
        loop {
            if let Err(code) = listen(&end, read_mode, &mut buffer, &mut listener) {
                return (code, listener.heard(), listener.begun());
            }
            let _ = tell_begun.send(());
        }
    });
    if random.choose(&[true, true, false]) {
        // Right in the middle. (When nothing comes, the reader has already failed.)
        let _ = begun.recv();
    }
    scene.kill_some_time(random);
    let (code, heard, begun) = reading.end();
    assert_eq!(code, Win32Error::BROKEN_PIPE);
    scene.victim.bury();
    let completed = scene.ledger.read(0);
    // The next write may just have completed as well. (What follows it without a byte cannot be told
    // from nothing by a reader of bytes.)
    let mut most = completed + 1;
    while read_mode == PipeMode::Byte && story.len(most) == 0 {
        most += 1;
    }
    let is_whole = (completed..=most).contains(&heard) && begun == 0;
    let is_begun = heard == completed && begun < story.len(heard);
    assert!(
        is_whole || is_begun,
        "{plan:?} {read_mode:?} {len}: {completed}, {heard} and {begun} bytes"
    );
    scene.check_aftermath(random);
}

/// Whatever the dead had read was right; the writer learns of its death in whichever way it writes.
fn kill_a_reader(random: &mut Random, plan: Plan) {
    let mut scene = Scene::begin(plan.clone());
    let (end, story) = (scene.end.clone(), plan.story());
    let pending = random.choose(&[true, false]);
    let writing = start("writing", move || {
        for number in 0.. {
            let message = story.message(number);
            let written = if pending {
                end.start_write(message).wait()
            } else {
                end.write(&message)
            };
            match written {
                Ok(len) => assert_eq!(len, story.len(number)),
                Err(code) => return (code, number),
            }
        }
        unreachable!("the numbers do not end");
    });
    scene.kill_some_time(random);
    let (code, written) = writing.end();
    assert!(
        code == Win32Error::BROKEN_PIPE || code == Win32Error::NO_DATA,
        "{code:?}"
    );
    scene.victim.bury();
    let heard = scene.ledger.read(0);
    assert!(heard <= written + 1, "{plan:?}: {heard} of {written}");
    scene.check_aftermath(random);
}

/// Short questions and answers, so that both sides spin and hardly ever sleep.
fn kill_an_echo(random: &mut Random, plan: Plan) {
    let mut scene = Scene::begin(plan.clone());
    let end = scene.end.clone();
    let transacts = plan.pipe_type == PipeMode::Message && random.choose(&[true, false]);
    let asking = start("asking", move || {
        for number in 0u64.. {
            let (question, mut reply) = (number.to_le_bytes(), [0; 100]);
            let received = if transacts {
                match end.transact(&question, &mut reply) {
                    // Gone before the question, or after it.
                    Err(Win32Error::BAD_PIPE | Win32Error::BROKEN_PIPE) => return number,
                    received => received,
                }
            } else {
                match end.write(&question) {
                    Err(Win32Error::NO_DATA) => return number,
                    written => assert_eq!(written, Ok(8)),
                }
                match end.read(&mut reply) {
                    Err(Win32Error::BROKEN_PIPE) => return number,
                    received => received,
                }
            };
            assert_eq!(received.map(|received| received.len), Ok(8));
            assert_eq!(reply[..8], question);
        }
        unreachable!("the numbers do not end");
    });
    scene.kill_some_time(random);
    asking.end();
    scene.check_aftermath(random);
}

#[test]
fn a_writer_of_small_messages_is_killed() {
    alone(a_writer_of_small_messages_is_killed, || {
        let random = &mut Random::of_test("small from the dead");
        for plan in plans(random, Act::Write, SMALL, 8) {
            kill_a_writer(random, plan);
        }
    });
}

#[test]
fn a_writer_of_large_messages_is_killed() {
    alone(a_writer_of_large_messages_is_killed, || {
        let random = &mut Random::of_test("large from the dead");
        for plan in plans(random, Act::Write, LARGE, 3) {
            kill_a_writer(random, plan);
        }
    });
}

#[test]
fn a_reader_of_small_messages_is_killed() {
    alone(a_reader_of_small_messages_is_killed, || {
        let random = &mut Random::of_test("small to the dead");
        for plan in plans(random, Act::Read, SMALL, 6) {
            kill_a_reader(random, plan);
        }
    });
}

#[test]
fn a_reader_of_large_messages_is_killed() {
    alone(a_reader_of_large_messages_is_killed, || {
        let random = &mut Random::of_test("large to the dead");
        for plan in plans(random, Act::Read, LARGE, 3) {
            kill_a_reader(random, plan);
        }
    });
}

#[test]
fn a_partner_of_a_conversation_is_killed() {
    alone(a_partner_of_a_conversation_is_killed, || {
        let random = &mut Random::of_test("conversation");
        for plan in plans(random, Act::Echo, SMALL, 6) {
            // Room enough for a question: no write waits.
            kill_an_echo(random, Plan { quota: 100, ..plan });
        }
    });
}

/// A message that was begun and taken in part is never taken for a whole one, at any buffer size.
#[test]
fn a_half_read_message_stays_half() {
    alone(a_half_read_message_stays_half, || {
        let random = &mut Random::of_test("half a message");
        for victim in SIDES {
            let mut scene = Scene::begin(Plan {
                victim,
                pipe_type: PipeMode::Message,
                quota: 10,
                act: Act::Write,
                story: (random.next(), 3 << 20, 3 << 20),
            });
            // Some of it, as a read of that size gets it.
            let mut buffer = vec![0; 1 << 20];
            let received = scene.end.read(&mut buffer).unwrap();
            assert_eq!((received.len, received.more), (buffer.len(), true));
            assert!(buffer == scene.plan.story().message(0)[..buffer.len()]);
            // The rest cannot all be in the pipe.
            scene.victim.kill();
            scene.victim.bury();
            let mut rest = vec![0; 3 << 20];
            let read = scene.end.read(&mut rest);
            assert_eq!(read, Err(Win32Error::BROKEN_PIPE));
            scene.check_aftermath(random);
        }
    });
}
