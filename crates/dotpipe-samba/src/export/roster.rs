//! [`Roster`]: which pipes are exported, kept true to which pipes there are.
//!
//! Layer: over `door`. The rule it owns: which pipe gets a socket, and when it loses it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::win32::Win32Error;
use tokio::sync::watch;

use super::Pipes;
use super::door::{Door, House};
use super::event::Event;
use super::place::Place;
use super::threads::{MOST_PIPES, Threads, ThreadsOfAPipe};

/// The pipes that are exported now, by the names that the system compares.
pub(super) struct Roster {
    threads: Threads,
    place: Place,
    house: Arc<House>,
    stopped: watch::Receiver<bool>,
    doors: BTreeMap<PipeName, Door>,
    /// What could not be exported, and why: told once.
    skipped: BTreeMap<PipeName, String>,
    /// Why the pipes could not be looked at: told once.
    trouble: Option<Win32Error>,
    /// Some pipes have no place: told once.
    is_full: bool,
}

impl Roster {
    pub(super) fn new(
        threads: Threads,
        place: Place,
        house: Arc<House>,
        stopped: watch::Receiver<bool>,
    ) -> Roster {
        Roster {
            threads,
            place,
            house,
            stopped,
            doors: BTreeMap::new(),
            skipped: BTreeMap::new(),
            trouble: None,
            is_full: false,
        }
    }

    /// Looks which pipes there are that shall be exported, and makes it true to them.
    pub(super) async fn look(&mut self, pipes: &Pipes) -> io::Result<()> {
        let pipes = pipes.clone();
        let wanted = self.threads.look(move || wanted(&pipes)).await?;
        self.update(wanted);
        Ok(())
    }

    /// Makes it true to the pipes that there are, as [`wanted`] has found them.
    fn update(&mut self, wanted: exact::Result<BTreeSet<PipeName>>) {
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(code) => {
                if self.trouble.replace(code) != Some(code) {
                    let reason = format!("the pipes of this machine cannot be listed: {code}");
                    self.house.tell(Event::Trouble { reason });
                }
                return;
            }
        };
        self.trouble = None;
        self.doors.retain(|pipe, _| {
            let stays = wanted.contains(pipe);
            if !stays {
                self.house.tell(Event::Withdrawn { pipe: pipe.clone() });
            }
            stays
        });
        self.skipped.retain(|pipe, _| wanted.contains(pipe));
        let mut left_out = None;
        for pipe in wanted {
            if self.doors.get(&pipe).is_some_and(Door::stands) {
                continue;
            }
            // Somebody has removed it, as a restart of Samba may.
            let gone = self.doors.remove(&pipe);
            let threads = match gone {
                Some(door) => Some(door.threads()),
                None => self.threads.of_a_pipe(),
            };
            let Some(threads) = threads else {
                left_out.get_or_insert(pipe);
                continue;
            };
            match self.open(&pipe, threads) {
                Ok(door) => {
                    self.skipped.remove(&pipe);
                    self.house.tell(Event::Exported {
                        pipe: pipe.clone(),
                        socket: door.socket().into(),
                    });
                    self.doors.insert(pipe, door);
                }
                Err(reason) => {
                    let known = self.skipped.insert(pipe.clone(), reason.clone());
                    if known.as_ref() != Some(&reason) {
                        self.house.tell(Event::Skipped { pipe, reason });
                    }
                }
            }
        }
        self.tell_left_out(left_out);
    }

    /// One pipe in the name of all that have no place: there may be very many.
    fn tell_left_out(&mut self, first: Option<PipeName>) {
        let was_full = std::mem::replace(&mut self.is_full, first.is_some());
        if let Some(pipe) = first
            && !was_full
        {
            let reason = format!(
                "{MOST_PIPES} pipes are exported, and no more are: this one and any further ones wait until others have \
                 gone; name the pipes to export, instead of all"
            );
            self.house.tell(Event::Skipped { pipe, reason });
        }
    }

    fn open(&self, pipe: &PipeName, threads: ThreadsOfAPipe) -> Result<Door, String> {
        let socket = self.place.socket(pipe).map_err(|unfit| unfit.to_string())?;
        let door = Door::open(
            pipe.clone(),
            &socket,
            threads,
            self.house.clone(),
            self.stopped.clone(),
        );
        door.map_err(|error| format!("its socket {}: {error}", socket.display()))
    }
}

/// The pipes that are there and shall be exported. It asks servers and may take its time.
fn wanted(pipes: &Pipes) -> exact::Result<BTreeSet<PipeName>> {
    match pipes {
        Pipes::All => {
            let there = exact::list()?;
            let accepting = there
                .into_iter()
                .filter(|status| status.reject_remote_clients == Some(false));
            Ok(accepting.map(|status| status.name).collect())
        }
        // One that cannot be looked at is there: whoever opens it is told why.
        Pipes::Named(names) => {
            let there = |name: &&PipeName| exact::exists(name) != Ok(false);
            Ok(names.iter().filter(there).cloned().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn more_pipes_than_there_is_room_for_are_told_once_and_come_later() {
        let folder = tempfile::Builder::new().prefix("np").tempdir().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let log = lines.clone();
        let house = House {
            log: Box::new(move |event| log.lock().unwrap().push(event.to_string())),
            patience: Duration::ZERO,
            most_clients: 1,
            look: Notify::new(),
        };
        let threads = Threads::new().unwrap();
        // Room for two is left.
        let mut others: Vec<_> = std::iter::from_fn(|| threads.of_a_pipe()).collect();
        others.truncate(MOST_PIPES - 2);
        let place = Place::open(folder.path()).unwrap();
        let (_stopping, stopped) = watch::channel(false);
        let mut roster = Roster::new(threads, place, Arc::new(house), stopped);
        let wanted = |names: &[&str]| {
            let pipes = names.iter().map(|name| PipeName::local(name).unwrap());
            Ok(pipes.collect())
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let exported = |roster: &Roster| -> Vec<String> {
            let names = roster.doors.keys().map(|pipe| pipe.name().to_owned());
            names.collect()
        };
        for _ in 0..3 {
            roster.update(wanted(&["one", "three", "four", "two"]));
            assert_eq!(exported(&roster), ["four", "one"]);
        }
        let told = lines.lock().unwrap().join("\n");
        assert_eq!(told.matches("not exported").count(), 1, "{told}");
        assert!(
            told.contains("three: not exported: 1024 pipes are"),
            "{told}"
        );

        // A socket that has been removed comes again although there is no room for more.
        std::fs::remove_file(folder.path().join("one")).unwrap();
        roster.update(wanted(&["one", "three", "four", "two"]));
        assert_eq!(exported(&roster), ["four", "one"]);
        others.truncate(MOST_PIPES - 4);
        roster.update(wanted(&["one", "three", "four", "two"]));
        assert_eq!(exported(&roster), ["four", "one", "three", "two"]);
    }
}
