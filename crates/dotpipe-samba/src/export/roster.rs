//! [`Roster`]: which pipes are exported, kept true to which pipes there are.
//!
//! Layer: over `door`. The rule it owns: which pipe gets a socket, and when it loses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::win32::Win32Error;
use tokio::sync::watch;

use super::Pipes;
use super::door::{Door, House};
use super::event::Event;
use super::place::Place;

/// The pipes that are exported now, by the names that the system compares.
pub(super) struct Roster {
    place: Place,
    house: Arc<House>,
    stopped: watch::Receiver<bool>,
    doors: BTreeMap<PipeName, Door>,
    /// What could not be exported, and why: told once.
    skipped: BTreeMap<PipeName, String>,
    /// Why the pipes could not be looked at: told once.
    trouble: Option<Win32Error>,
}

impl Roster {
    pub(super) fn new(place: Place, house: Arc<House>, stopped: watch::Receiver<bool>) -> Roster {
        Roster {
            place,
            house,
            stopped,
            doors: BTreeMap::new(),
            skipped: BTreeMap::new(),
            trouble: None,
        }
    }

    /// Makes it true to the pipes that there are, as [`wanted`] has found them.
    pub(super) fn update(&mut self, wanted: exact::Result<Vec<PipeName>>) {
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
        for pipe in wanted {
            if self.doors.get(&pipe).is_some_and(Door::stands) {
                continue;
            }
            // Somebody has removed it, as a restart of Samba may.
            self.doors.remove(&pipe);
            match self.open(&pipe) {
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
    }

    fn open(&self, pipe: &PipeName) -> Result<Door, String> {
        let socket = self.place.socket(pipe).map_err(|unfit| unfit.to_string())?;
        let door = Door::open(
            pipe.clone(),
            &socket,
            self.house.clone(),
            self.stopped.clone(),
        );
        door.map_err(|error| format!("its socket {}: {error}", socket.display()))
    }
}

/// The pipes that are there and shall be exported. It asks servers and may take its time.
pub(super) fn wanted(pipes: &Pipes) -> exact::Result<Vec<PipeName>> {
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
