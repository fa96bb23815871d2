//! How a conversation ends: what each side is told when the other disconnects, closes or dies.

use crate::demo::script::{Step, also, check, kill, run, start};

pub(super) const STEPS: &[Step] = &[
    // The client closes.
    run("server", "create h desk max=1"),
    run("client", "open h desk"),
    also("client", "write h goodbye", "ok 7"),
    run("client", "close h"),
    check(
        "server",
        "read h 64",
        "ok goodbye",
        "what a client has written before it closed can be read",
    ),
    check(
        "server",
        "read h 64",
        "ERROR_BROKEN_PIPE",
        "then a read is ERROR_BROKEN_PIPE",
    ),
    check(
        "server",
        "write h x",
        "ERROR_NO_DATA",
        "and a write is ERROR_NO_DATA",
    ),
    check(
        "client",
        "open h desk",
        "ERROR_PIPE_BUSY",
        "the instance takes no other client before the server disconnects the old one",
    ),
    // The server disconnects.
    run("server", "disconnect h"),
    start("server", "start c connect h"),
    run("client", "open h desk"),
    also("server", "await c", "ok"),
    also("server", "write h unread", "ok 6"),
    run("server", "disconnect h"),
    also("client", "write h x", "ERROR_PIPE_NOT_CONNECTED"),
    check(
        "client",
        "read h 64",
        "ERROR_PIPE_NOT_CONNECTED",
        "a client that was disconnected gets ERROR_PIPE_NOT_CONNECTED; unread data are lost",
    ),
    also("server", "read h 64", "ERROR_PIPE_NOT_CONNECTED"),
    check(
        "server",
        "disconnect h",
        "ERROR_PIPE_NOT_CONNECTED",
        "so does the server, from a second disconnect as well",
    ),
    // A client is killed.
    start("server", "start c connect h"),
    run("victim", "open v desk"),
    also("server", "await c", "ok"),
    start("server", "start r read h 64"),
    also("server", "pending r", "ok it waits"),
    kill("victim"),
    check(
        "server",
        "await r",
        "ERROR_BROKEN_PIPE",
        "when the client is killed, the server's read ends with ERROR_BROKEN_PIPE at once",
    ),
    run("server", "disconnect h"),
    start("server", "start c connect h"),
    run("client 2", "open h desk"),
    check(
        "server",
        "await c",
        "ok",
        "and the instance can serve the next one",
    ),
    // The server is killed.
    start("client 2", "start r read h 64"),
    also("client 2", "pending r", "ok it waits"),
    kill("server"),
    check(
        "client 2",
        "await r",
        "ERROR_BROKEN_PIPE",
        "when the server is killed, the client's read ends with ERROR_BROKEN_PIPE at once",
    ),
    check(
        "client 2",
        "write h x",
        "ERROR_NO_DATA",
        "and its writes fail with ERROR_NO_DATA",
    ),
    also("client 3", "open h desk", "ERROR_FILE_NOT_FOUND"),
    check(
        "server 2",
        "create h desk first max=1",
        "ok",
        "the name is free again: another server is the first to create it",
    ),
    run("client 3", "open h desk"),
    also("client 3", "write h hello", "ok 5"),
    check("server 2", "read h 64", "ok hello", "and serves it"),
];
