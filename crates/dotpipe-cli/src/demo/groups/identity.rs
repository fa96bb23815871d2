//! Each side can ask who the other is; the kernel vouches for the answer.

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
];
