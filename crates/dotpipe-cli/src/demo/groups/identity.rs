//! Each side can ask who the other is; the kernel vouches for the answer. A descriptor says who may.

use crate::demo::script::{Step, check, run};

pub(super) const STEPS: &[Step] = &[
    run("server", "create h desk type=message max=7"),
    run("client", "open h desk"),
    check(
        "server",
        "peer h",
        "ok pid(client)",
        "the server knows the process of its client",
    ),
    check(
        "client",
        "peer h",
        "ok pid(server)",
        "the client knows the process of its server",
    ),
    check(
        "server",
        "info h",
        "ok server message max=7",
        "an end knows which one it is, the type and the maximum of the pipe",
    ),
    check(
        "client",
        "info h",
        "ok client message max=7",
        "on both sides",
    ),
    check(
        "server",
        "user h",
        "ok me",
        "the server knows the user of its client",
    ),
    check(
        "server",
        "impersonate h",
        "ok",
        "and can act in the client's name",
    ),
    run("server", "create i vault who=D:(A;;RCWD;;;CO)"),
    check(
        "client",
        "open i vault",
        "ERROR_ACCESS_DENIED",
        "a security descriptor says who may open a pipe, its owner included",
    ),
    check(
        "server",
        "create j vault",
        "ERROR_ACCESS_DENIED",
        "and who may serve it",
    ),
    run("server", "allow i D:(A;;GA;;;CO)"),
    check(
        "client",
        "open i vault",
        "ok",
        "it can be changed while the pipe lives",
    ),
];
