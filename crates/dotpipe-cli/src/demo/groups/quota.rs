//! Buffer sizes are quotas on unread data: they decide when a write completes, never whether its data can
//! be read.

use crate::demo::script::{Step, also, check, run, start};

pub(super) const STEPS: &[Step] = &[
    run("server", "create h shelf in=10"),
    run("client", "open h shelf"),
    check(
        "client",
        "write h 0123456789",
        "ok 10",
        "a write that fits the quota completes at once",
    ),
    start("client", "start w write h abcde"),
    check(
        "client",
        "pending w",
        "ok it waits",
        "one that does not fit waits",
    ),
    check(
        "server",
        "peek h 64",
        "ok 0123456789abcde of 15, 4294967281 left",
        "its data can be seen nevertheless",
    ),
    also("server", "read h 4", "ok 0123"),
    also("client", "pending w", "ok it waits"),
    also("server", "read h 1", "ok 4"),
    check(
        "client",
        "await w",
        "ok 5",
        "it completes when so much has been read that the rest fits",
    ),
    also("server", "read h 64", "ok 56789abcde"),
    start("client", "start w write h fill:300000"),
    check(
        "client",
        "pending w",
        "ok it waits",
        "a write may be much larger than the quota",
    ),
    also("server", "read h 300000", "ok fill:300000"),
    check(
        "client",
        "await w",
        "ok 300000",
        "and is read in one piece by a reader with room for it",
    ),
    run("server", "create z desk in=0"),
    run("client", "open z desk"),
    start("client", "start w write z abc"),
    also("client", "pending w", "ok it waits"),
    also("server", "read z 2", "ok ab"),
    also("client", "pending w", "ok it waits"),
    also("server", "read z 2", "ok c"),
    check(
        "client",
        "await w",
        "ok 3",
        "with a quota of 0 a write completes when it has been read whole",
    ),
];
