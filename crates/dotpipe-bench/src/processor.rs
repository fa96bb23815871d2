//! Processors: which there are, on which a process runs, how much of their time it has used.

use std::io;
use std::time::Duration;

use rustix::thread::CpuSet;
use rustix::time::ClockId;

use crate::task::Placement;

/// The processor time of this process, of all its threads.
pub(crate) fn time_used() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    // Neither is ever negative.
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processors that this process may use.
pub(crate) struct Processors {
    all: CpuSet,
    first: usize,
    /// Another one, if there is one.
    second: Option<usize>,
}

/// The two sides of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

impl Processors {
    pub(crate) fn find() -> io::Result<Processors> {
        let all = rustix::thread::sched_getaffinity(None)?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&cpu| all.is_set(cpu));
        let first = usable.next().unwrap_or(0);
        // The neighbour may be the other half of the same core; the last one is as far as it goes.
        let second = usable.next_back();
        Ok(Processors { all, first, second })
    }

    /// Whether two processes can be placed so.
    pub(crate) fn allow(&self, placement: Placement) -> bool {
        placement != Placement::Apart || self.second.is_some()
    }

    /// Runs `start` in such a way that a process started by it inherits its place.
    pub(crate) fn place<T>(
        &self,
        placement: Placement,
        role: Role,
        start: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let cpu = match (placement, role) {
            (Placement::Unpinned, _) => return start(),
            (Placement::Apart, Role::Client) => self.second.unwrap_or(self.first),
            (Placement::Apart, Role::Server) | (Placement::Together, _) => self.first,
        };
        let mut one = CpuSet::new();
        one.set(cpu);
        rustix::thread::sched_setaffinity(None, &one)?;
        let started = start();
        rustix::thread::sched_setaffinity(None, &self.all)?;
        started
    }
}
