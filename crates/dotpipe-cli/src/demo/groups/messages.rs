//! Type and read mode: what becomes of the borders between writes.

use crate::demo::script::{Step, also, check, run};

pub(super) const STEPS: &[Step] = &[
    // Byte type.
    run("server", "create b bytes"),
    run("client", "open b bytes"),
    also("client", "write b one", "ok 3"),
    also("client", "write b two", "ok 3"),
    check(
        "server",
        "read b 64",
        "ok onetwo",
        "a byte pipe is a stream: two writes, one read",
    ),
    also("client", "write b -", "ok 0"),
    check(
        "server",
        "peek b 64",
        "ok - of 0, 0 left",
        "an empty write to it leaves nothing",
    ),
    check(
        "server",
        "setstate b message block",
        "ERROR_INVALID_PARAMETER",
        "and it cannot be read in message mode (ERROR_INVALID_PARAMETER)",
    ),
    // Message type.
    run("server", "create m messages type=message read=message"),
    run("client", "open m messages"),
    also("client", "write m one", "ok 3"),
    also("client", "write m two", "ok 3"),
    also("server", "read m 64", "ok one"),
    check(
        "server",
        "read m 64",
        "ok two",
        "on a message pipe every write is a message: two writes, two reads",
    ),
    also("client", "write m abcdefgh", "ok 8"),
    also("client", "write m next", "ok 4"),
    also("server", "read m 3", "more abc"),
    also("server", "read m 3", "more def"),
    also("server", "read m 64", "ok gh"),
    check(
        "server",
        "read m 64",
        "ok next",
        "a message larger than the buffer comes in parts, all but the last with ERROR_MORE_DATA",
    ),
    also("client", "write m -", "ok 0"),
    also("client", "write m x", "ok 1"),
    also("server", "read m 64", "ok -"),
    check(
        "server",
        "read m 64",
        "ok x",
        "an empty message is a message",
    ),
    also("client", "write m one", "ok 3"),
    also("client", "write m two", "ok 3"),
    run("server", "setstate m byte block"),
    check(
        "server",
        "read m 64",
        "ok onetwo",
        "in byte read mode a read runs across messages",
    ),
    run("server", "setstate m message block"),
    also("client", "write m fill:60000", "ok 60000"),
    check(
        "server",
        "read m 60000",
        "ok fill:60000",
        "a long message arrives whole and unchanged",
    ),
    // The client's read mode.
    also("server", "write m one", "ok 3"),
    also("server", "write m two", "ok 3"),
    check(
        "client",
        "state m",
        "ok byte block instances=1",
        "a client begins in byte read mode, blocking",
    ),
    run("client", "setstate m message block"),
    also("client", "read m 64", "ok one"),
    check(
        "client",
        "read m 64",
        "ok two",
        "and reads messages once it asks for that",
    ),
];
