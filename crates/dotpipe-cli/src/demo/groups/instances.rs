//! One name, several instances: maximum, order, count, several server processes, the end of the name.

use crate::demo::script::{Step, also, check, run};

pub(super) const STEPS: &[Step] = &[
    check(
        "client 1",
        "open a desk",
        "ERROR_FILE_NOT_FOUND",
        "a name that nobody serves is ERROR_FILE_NOT_FOUND",
    ),
    run("server", "create one desk max=3"),
    run("server", "create two desk max=3"),
    check(
        "server",
        "state one",
        "ok byte block instances=2",
        "a pipe has several instances of one name",
    ),
    run("server 2", "create three desk max=3"),
    check(
        "server 2",
        "state three",
        "ok byte block instances=3",
        "several processes serve one name, and count each other's instances",
    ),
    check(
        "server",
        "create four desk max=3",
        "ERROR_PIPE_BUSY",
        "one instance more than the maximum is ERROR_PIPE_BUSY",
    ),
    run("server 2", "close three"),
    check(
        "server 2",
        "create three desk first",
        "ERROR_ACCESS_DENIED",
        "who wants the first instance of a name that exists is refused (ERROR_ACCESS_DENIED)",
    ),
    // Windows lets it pass, though its documentation says otherwise.
    #[cfg(not(windows))]
    check(
        "server 2",
        "create three desk type=message",
        "ERROR_ACCESS_DENIED",
        "all instances have the same type (else ERROR_ACCESS_DENIED)",
    ),
    check(
        "client 1",
        "open a desk",
        "ok",
        "a client can open before the server calls connect",
    ),
    also("server", "connect one", "ERROR_PIPE_CONNECTED"),
    run("client 2", "open b DESK"),
    also("client 1", "write a first", "ok 5"),
    also("client 2", "write b second", "ok 6"),
    also("server", "read one 64", "ok first"),
    check(
        "server",
        "read two 64",
        "ok second",
        "clients get the instance that has listened longest, and names compare without case",
    ),
    check(
        "client 3",
        "open c desk",
        "ERROR_PIPE_BUSY",
        "with a client at every instance the pipe is busy (ERROR_PIPE_BUSY)",
    ),
    run("server", "close two"),
    check(
        "server",
        "state one",
        "ok byte block instances=1",
        "an instance that is closed counts no more",
    ),
    run("server", "close one"),
    check(
        "client 3",
        "open c desk",
        "ERROR_FILE_NOT_FOUND",
        "the name goes away with its last instance",
    ),
];
