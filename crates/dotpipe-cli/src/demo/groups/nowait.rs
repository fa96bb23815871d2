//! The non-blocking wait mode (PIPE_NOWAIT): what an end says instead of waiting.

use crate::demo::script::{Step, also, check, run};

pub(super) const STEPS: &[Step] = &[
    run("server", "create h desk wait=nowait in=8 out=8"),
    check(
        "server",
        "connect h",
        "ERROR_PIPE_LISTENING",
        "a connect without a client is ERROR_PIPE_LISTENING",
    ),
    run("client", "open h desk"),
    check(
        "server",
        "connect h",
        "ERROR_PIPE_CONNECTED",
        "with a client it is ERROR_PIPE_CONNECTED",
    ),
    check(
        "server",
        "read h 64",
        "ERROR_NO_DATA",
        "a read of an empty pipe is ERROR_NO_DATA",
    ),
    also("server", "write h 12345678", "ok 8"),
    check(
        "server",
        "write h 9",
        "ok 0",
        "a write for which there is no room succeeds with 0 bytes written",
    ),
    also("client", "read h 64", "ok 12345678"),
    check(
        "server",
        "write h 9",
        "ok 1",
        "and goes in once there is room",
    ),
    also("client", "read h 64", "ok 9"),
    run("client", "close h"),
    check(
        "server",
        "connect h",
        "ERROR_NO_DATA",
        "when the client has come and gone, a connect is ERROR_NO_DATA",
    ),
    run("server", "disconnect h"),
    check(
        "server",
        "connect h",
        "ERROR_PIPE_LISTENING",
        "after a disconnect it listens again",
    ),
];
