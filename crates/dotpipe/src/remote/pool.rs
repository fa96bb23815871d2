//! Sessions, shared by the pipes that can share one.
//!
//! The rule it owns: pipes of one user on one server use one connection; whoever comes while it is being
//! made waits for it. A session that no pipe uses stays open for a while, so that a program that opens one
//! pipe after the other does not log on each time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync;
use tokio::time::{sleep, timeout_at};

use super::Failure;
use super::session::{Session, Target};
use crate::win32::Win32Error;

/// How long a session stays open that no pipe uses.
const LINGER: Duration = Duration::from_secs(10);

/// The session of one target, if there is one.
#[derive(Default)]
struct Slot {
    session: Option<Arc<Session>>,
    /// When it was last asked for.
    asked: Option<Instant>,
}

struct Entry {
    /// After a fork the child has none of the parent's sessions.
    process: u32,
    target: Target,
    slot: Arc<sync::Mutex<Slot>>,
}

static POOL: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The session for a target: the one that there is, or a new one.
pub(super) async fn session(target: Target, deadline: Instant) -> Result<Arc<Session>, Failure> {
    let slot = slot_of(&target);
    let Ok(mut slot_now) = timeout_at(deadline.into(), slot.lock()).await else {
        let text = "another pipe still waits for this server";
        return Err(Failure::new(Win32Error::BAD_NETPATH, text));
    };
    slot_now.asked = Some(Instant::now());
    if let Some(session) = slot_now
        .session
        .as_ref()
        .filter(|session| !session.is_lost())
    {
        return Ok(session.clone());
    }
    slot_now.session = None;
    match Session::connect(&target, deadline).await {
        Ok(session) => {
            slot_now.session = Some(session.clone());
            drop(slot_now);
            tokio::spawn(tidy(slot));
            Ok(session)
        }
        Err(failure) => {
            // Nor are the credentials kept that did not work.
            drop(slot_now);
            forget(&slot);
            Err(failure)
        }
    }
}

fn slot_of(target: &Target) -> Arc<sync::Mutex<Slot>> {
    let process = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let known = pool
        .iter()
        .find(|entry| entry.process == process && entry.target == *target);
    if let Some(entry) = known {
        return entry.slot.clone();
    }
    let slot = Arc::default();
    pool.push(Entry {
        process,
        target: target.clone(),
        slot: Arc::clone(&slot),
    });
    slot
}

/// Lets go of a session when nobody has used it for a while, or when it is lost.
async fn tidy(slot: Arc<sync::Mutex<Slot>>) {
    loop {
        sleep(LINGER / 2).await;
        let mut slot_now = slot.lock().await;
        let Some(session) = &slot_now.session else {
            break;
        };
        // This slot has one reference, every open pipe another.
        let used = Arc::strong_count(session) > 1;
        let recent = slot_now.asked.is_some_and(|asked| asked.elapsed() < LINGER);
        if session.is_lost() || !used && !recent {
            slot_now.session = None;
            break;
        }
    }
    forget(&slot);
}

/// Takes a slot out of the pool. Whoever has got hold of it meanwhile makes a session that it has for
/// itself, no worse.
fn forget(slot: &Arc<sync::Mutex<Slot>>) {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.retain(|entry| !Arc::ptr_eq(&entry.slot, slot));
}
