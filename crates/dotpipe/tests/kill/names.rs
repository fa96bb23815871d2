//! Server processes die while they create and remove pipes: half-done changes of the namespace.

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, PipeMode};
use dotpipe::win32::Win32Error;

use crate::support::data::Random;
use crate::support::patience::start;
use crate::support::process::{Role, alone, namespace_files, say};
use crate::support::{BOTH, existing, is_wine, options, unique_name};

const QUOTA: u32 = 100;

/// Creates and removes instances of a few names, each of which nobody else refuses.
pub(crate) fn namer(words: &[String]) {
    let names: Vec<PipeName> = words[1..]
        .iter()
        .map(|name| PipeName::local(name).unwrap())
        .collect();
    let mut random = Random::new(words[0].parse().unwrap());
    say("ready");
    create_and_remove(&mut random, &names, usize::MAX);
}

fn create_and_remove(random: &mut Random, names: &[PipeName], rounds: usize) {
    let mut ends = Vec::new();
    for _ in 0..rounds {
        let name = &names[random.within(0..names.len())];
        match random.within(0..8) {
            0..3 => ends.push(exact::create(name, &options(PipeMode::Byte, QUOTA)).unwrap()),
            3..6 if !ends.is_empty() => {
                ends.swap_remove(random.within(0..ends.len()));
            }
            6 => {
                match exact::exists(name) {
                    Ok(_) => {}
                    // "`WaitNamedPipe` while" in `conformance/DIVERGENCES.md`.
                    Err(Win32Error(676)) if is_wine() => {}
                    Err(code) => panic!("exists: {code:?}"),
                }
                // "Listing" in `conformance/DIVERGENCES.md`.
                assert!(is_wine() || exact::list().is_ok());
            }
            _ => match exact::open(name, BOTH) {
                Ok(_) | Err(Win32Error::FILE_NOT_FOUND | Win32Error::PIPE_BUSY) => {}
                Err(code) => panic!("open: {code:?}"),
            },
        }
        if ends.len() > 5 {
            ends.clear();
        }
    }
}

fn names() -> Vec<PipeName> {
    (0..2).map(|_| unique_name("names")).collect()
}

fn start_namer(random: &mut Random, names: &[PipeName]) -> Role {
    let mut words = vec![random.next().to_string()];
    words.extend(names.iter().map(|name| name.name().to_owned()));
    let mut namer = Role::start("namer", &words);
    namer.expect("ready");
    namer
}

fn kill_some_time(random: &mut Random, mut namer: Role) {
    let moment = random.any_magnitude(5000) as u64;
    std::thread::sleep(std::time::Duration::from_micros(moment));
    namer.kill();
    namer.bury();
}

#[test]
fn the_next_server_finds_the_name_free() {
    alone(the_next_server_finds_the_name_free, || {
        let random = &mut Random::of_test("next server");
        for _ in 0..30 {
            let names = names();
            let namer = start_namer(random, &names);
            kill_some_time(random, namer);
            let first = CreateOptions {
                first_instance: true,
                ..options(PipeMode::Message, QUOTA)
            };
            assert_eq!(existing(&names), []);
            for name in &names {
                let end = exact::create(name, &first).unwrap();
                // Windows does not tell it.
                #[cfg(target_os = "linux")]
                assert_eq!(
                    exact::status(name).unwrap().server_process_ids,
                    [std::process::id()]
                );
                assert_eq!(end.state().unwrap().instances, 1);
                drop(end);
            }
            assert_eq!(namespace_files().len(), 0);
        }
    });
}

/// Whoever works with the same names at the time never notices.
#[test]
fn other_servers_of_the_names_go_on() {
    alone(other_servers_of_the_names_go_on, || {
        let random = &mut Random::of_test("other servers");
        let names = names();
        let working = {
            let (mut random, names) = (Random::new(random.next()), names.clone());
            start("working", move || {
                create_and_remove(&mut random, &names, 3000);
            })
        };
        while working.goes_on() {
            let namer = start_namer(random, &names);
            kill_some_time(random, namer);
        }
        working.end();
        for name in &names {
            drop(exact::create(name, &options(PipeMode::Message, QUOTA)).unwrap());
        }
        assert_eq!(existing(&names), []);
        assert_eq!(namespace_files().len(), 0);
    });
}
