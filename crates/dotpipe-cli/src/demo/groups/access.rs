//! Which way data may flow: what the server decides, and what a client may ask for.

use crate::demo::script::{Step, also, check, run, start};

pub(super) const STEPS: &[Step] = &[
    // Inbound.
    run("server", "create in inbox access=in"),
    check(
        "client",
        "open i inbox r",
        "ERROR_ACCESS_DENIED",
        "an inbound pipe cannot be opened for reading (ERROR_ACCESS_DENIED)",
    ),
    run("client", "open i inbox w"),
    also("client", "write i letter", "ok 6"),
    check(
        "server",
        "read in 64",
        "ok letter",
        "an inbound pipe carries data from client to server",
    ),
    also("server", "write in answer", "ERROR_ACCESS_DENIED"),
    check(
        "client",
        "read i 64",
        "ERROR_ACCESS_DENIED",
        "and not back: the server may not write, the client may not read (ERROR_ACCESS_DENIED)",
    ),
    // Outbound.
    run("server", "create out outbox access=out"),
    check(
        "client",
        "open o outbox w",
        "ERROR_ACCESS_DENIED",
        "an outbound pipe cannot be opened for writing (ERROR_ACCESS_DENIED)",
    ),
    run("client", "open o outbox r"),
    also("server", "write out news", "ok 4"),
    check(
        "client",
        "read o 64",
        "ok news",
        "an outbound pipe carries data from server to client",
    ),
    check(
        "client",
        "setstate o byte nowait",
        "ERROR_ACCESS_DENIED",
        "who may only read may not change modes (ERROR_ACCESS_DENIED)",
    ),
    run("client", "close o"),
    run("server", "disconnect out"),
    start("server", "start c connect out"),
    run("client", "open o outbox r+wa"),
    check(
        "client",
        "setstate o byte nowait",
        "ok",
        "unless it has asked for that right (FILE_WRITE_ATTRIBUTES)",
    ),
    // Duplex.
    run("server", "create both desk"),
    run("client", "open d desk"),
    also("client", "write d question", "ok 8"),
    also("server", "read both 64", "ok question"),
    also("server", "write both answer", "ok 6"),
    check(
        "client",
        "read d 64",
        "ok answer",
        "a duplex pipe carries data both ways",
    ),
    // No data at all.
    run("server", "create none window"),
    run("client", "open n window none"),
    also("client", "read n 64", "ERROR_ACCESS_DENIED"),
    also("client", "write n x", "ERROR_ACCESS_DENIED"),
    check(
        "client",
        "info n",
        "ok client byte max=255",
        "a client that asks for attributes only can ask what the pipe is, and touch no data",
    ),
    check(
        "server",
        "create in inbox access=duplex",
        "ERROR_ACCESS_DENIED",
        "all instances have the same access (else ERROR_ACCESS_DENIED)",
    ),
];
