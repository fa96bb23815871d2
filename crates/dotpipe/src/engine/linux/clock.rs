//! Clocks and processors, as cheap as they come: none of these enters the kernel on usual machines.

use rustix::time::{ClockId, Timespec, clock_gettime};

fn nanoseconds(time: Timespec) -> u64 {
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// Nanoseconds of the monotonic clock, the same in all processes.
pub(in crate::engine) fn now() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// The same, in steps of a few milliseconds, cheaper still.
pub(in crate::engine) fn coarse() -> u64 {
    nanoseconds(clock_gettime(ClockId::MonotonicCoarse))
}

/// The number of the processor on which this thread runs right now.
pub(in crate::engine) fn cpu() -> u64 {
    rustix::thread::sched_getcpu() as u64
}
