//! What a client does when no instance listens.

use crate::demo::script::{Step, check, run, start};

pub(super) const STEPS: &[Step] = &[
    check(
        "client 2",
        "wait desk 5000",
        "ERROR_FILE_NOT_FOUND",
        "nobody waits for a pipe that does not exist (ERROR_FILE_NOT_FOUND)",
    ),
    run("server", "create h desk max=1"),
    check(
        "client 2",
        "wait desk 5000",
        "ok",
        "a wait for a pipe that listens ends at once",
    ),
    run("client 1", "open h desk"),
    check(
        "client 2",
        "open h desk",
        "ERROR_PIPE_BUSY",
        "the only instance is taken: ERROR_PIPE_BUSY",
    ),
    check(
        "client 2",
        "wait desk 30",
        "ERROR_SEM_TIMEOUT",
        "a wait that runs out of time is ERROR_SEM_TIMEOUT",
    ),
    start("client 2", "start w wait desk 5000"),
    check(
        "client 2",
        "pending w",
        "ok it waits",
        "a wait with more time goes on",
    ),
    run("client 1", "close h"),
    check(
        "client 2",
        "pending w",
        "ok it waits",
        "that the client leaves is not enough: the server has to disconnect and connect",
    ),
    run("server", "disconnect h"),
    start("server", "start c connect h"),
    check("client 2", "await w", "ok", "then the wait ends"),
    run("client 2", "open h desk"),
    check(
        "server",
        "await c",
        "ok",
        "and the client gets in; the server's connect ends with it",
    ),
];
