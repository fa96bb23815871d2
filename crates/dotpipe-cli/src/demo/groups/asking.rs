//! Operations beside read and write: transact, call, peek, flush.

use crate::demo::script::{Step, also, check, run, start};

pub(super) const STEPS: &[Step] = &[
    run("server", "create h oracle type=message read=message"),
    run("client", "open h oracle"),
    // Transact.
    check(
        "client",
        "transact h question 64",
        "ERROR_BAD_PIPE",
        "a transaction needs message read mode (else ERROR_BAD_PIPE)",
    ),
    run("client", "setstate h message block"),
    start("client", "start t transact h question 64"),
    also("server", "read h 64", "ok question"),
    also("server", "write h answer", "ok 6"),
    check(
        "client",
        "await t",
        "ok answer",
        "a transaction is a write and a read of the reply in one",
    ),
    also("server", "write h unread", "ok 6"),
    check(
        "client",
        "transact h question 64",
        "ERROR_PIPE_BUSY",
        "data that nobody has read are in its way (ERROR_PIPE_BUSY)",
    ),
    also("client", "read h 64", "ok unread"),
    start("client", "start t transact h question 3"),
    also("server", "read h 64", "ok question"),
    also("server", "write h answer", "ok 6"),
    also("client", "await t", "more ans"),
    check(
        "client",
        "read h 64",
        "ok wer",
        "a reply larger than the buffer goes on in the next read",
    ),
    // Peek.
    also("client", "write h first", "ok 5"),
    also("client", "write h second", "ok 6"),
    check(
        "server",
        "peek h 2",
        "ok fi of 11, 3 left",
        "a peek tells what could be read and how much is left of the message",
    ),
    also("server", "read h 64", "ok first"),
    check("server", "read h 64", "ok second", "and takes nothing away"),
    check(
        "server",
        "peek h 2",
        "ok - of 0, 0 left",
        "on an empty pipe it does not wait",
    ),
    // Flush.
    also("client", "write h letter", "ok 6"),
    start("client", "start f flush h"),
    check(
        "client",
        "pending f",
        "ok it waits",
        "a flush waits for the reader",
    ),
    also("server", "read h 64", "ok letter"),
    check(
        "client",
        "await f",
        "ok",
        "and ends when everything has been read",
    ),
    run("client", "close h"),
    // Call.
    run("server", "disconnect h"),
    start("server", "start c connect h"),
    start("client", "start t call oracle hello 64"),
    also("server", "await c", "ok"),
    also("server", "read h 64", "ok hello"),
    also("server", "write h goodbye", "ok 7"),
    also("client", "await t", "ok goodbye"),
    check(
        "server",
        "read h 64",
        "ERROR_BROKEN_PIPE",
        "a call opens, asks, gets the reply and closes",
    ),
];
