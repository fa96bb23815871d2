//! What a process holds: descriptors, threads, memory, processor time.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What a process holds at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holding {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    /// Resident memory in bytes, shared pages included.
    pub(crate) memory: usize,
}

impl Holding {
    /// Of this process.
    pub(crate) fn own() -> Holding {
        Holding::of(std::process::id())
    }

    /// Of a process of the same user.
    pub(crate) fn of(process: u32) -> Holding {
        let count = |folder: &str| {
            let files = std::fs::read_dir(format!("/proc/{process}/{folder}")).unwrap();
            files.count()
        };
        let maps = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
        let resident = maps.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kibibytes = resident.and_then(|line| line.trim_end_matches("kB").trim().parse().ok());
        // Reading one's own folder opens it.
        let own = usize::from(process == std::process::id());
        Holding {
            descriptors: count("fd") - own,
            threads: count("task"),
            memory: kibibytes.map(|count: usize| count * 1024).unwrap(),
        }
    }
}

/// Whether the memory that a process holds is what the tests made it hold. A sanitizer keeps what is freed, and a
/// shadow of the rest: `.ci/sanitizers` tells that there is one.
pub(crate) fn memory_tells() -> bool {
    option_env!("DOTPIPE_SANITIZED").is_none()
}

/// The most resident memory that this process ever had, in bytes.
pub(crate) fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|line| line.trim_end_matches("kB").trim().parse().ok());
    kibibytes.map(|count: usize| count * 1024).unwrap()
}

/// The processor time that this process has used.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Raises the limit of open descriptors as far as this process may. Says whether `wanted` are allowed.
pub(crate) fn allow_descriptors(wanted: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    limit.maximum.is_none_or(|maximum| maximum >= wanted)
}
