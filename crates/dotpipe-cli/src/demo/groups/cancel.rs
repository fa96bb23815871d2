//! Operations that wait can be cancelled, and can be given a limit.

use crate::demo::script::{Step, also, check, run, start};

pub(super) const STEPS: &[Step] = &[
    run("server", "create h desk in=4"),
    start("server", "start c connect h"),
    also("server", "pending c", "ok it waits"),
    also("server", "cancel c", "ok"),
    check(
        "server",
        "await c",
        "ERROR_OPERATION_ABORTED",
        "a connect that is cancelled ends with ERROR_OPERATION_ABORTED",
    ),
    run("client", "open h desk"),
    start("client", "start r read h 64"),
    also("client", "pending r", "ok it waits"),
    also("client", "cancel r", "ok"),
    check(
        "client",
        "await r",
        "ERROR_OPERATION_ABORTED",
        "so does a read",
    ),
    check(
        "client",
        "cancel r",
        "ERROR_NOT_FOUND",
        "what has ended cannot be cancelled (ERROR_NOT_FOUND)",
    ),
    also("server", "write h kept", "ok 4"),
    check(
        "client",
        "read h 64",
        "ok kept",
        "a cancelled read takes nothing with it",
    ),
    start("client", "start w write h abcdefgh"),
    also("server", "read h 3", "ok abc"),
    also("client", "pending w", "ok it waits"),
    also("client", "cancel w", "ok"),
    also("client", "await w", "ERROR_OPERATION_ABORTED"),
    check(
        "server",
        "peek h 64",
        "ok - of 0, 0 left",
        "of a write that is cancelled, what has not been read is gone",
    ),
    check(
        "client",
        "read h 64 30",
        "ERROR_SEM_TIMEOUT",
        "a read with a limit ends with ERROR_SEM_TIMEOUT",
    ),
    also("server", "write h still", "ok 5"),
    check(
        "client",
        "read h 64",
        "ok still",
        "and the conversation goes on after it",
    ),
];
