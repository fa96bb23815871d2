//! Two users who serve one pipe together, by the right to create an instance.

use dotpipe::exact;
use dotpipe::options::{CreateOptions, DesiredAccess};
use dotpipe::win32::Win32Error;

use crate::users::*;

const BOTH: DesiredAccess = DesiredAccess::READ.union(DesiredAccess::WRITE);
/// Bob may serve, and others may be clients.
const SHARED: &str = "D:(A;;GA;;;CO)(A;;GA;;;S-1-22-1-4102)(A;;0x12019b;;;WD)";

const CAROL: User = User {
    user: 4103,
    group: 4203,
    other: None,
};

/// The user who serves each of so many clients, in the order of their users.
fn servers(count: usize) -> Vec<u32> {
    let clients: Vec<_> = (0..count)
        .map(|_| exact::open(&pipe("p"), BOTH).unwrap())
        .collect();
    let mut users: Vec<u32> = clients
        .iter()
        .map(|client| client.peer_token().unwrap().user_id().unwrap())
        .collect();
    users.sort_unstable();
    users
}

#[test]
fn whoever_may_serves_along() {
    shared(whoever_may_serves_along, || {
        let mut alice = ALICE.start(&[&format!("create p {SHARED} 4")]);
        alice.expect("ok");
        assert_eq!(CAROL.says("create p"), "ERROR_ACCESS_DENIED");
        let mut bob = BOB.start(&["create p D:", "create p", "write", "create p", "create p"]);
        for word in ["ok", "ok", "ERROR_PIPE_LISTENING", "ok", "ERROR_PIPE_BUSY"] {
            bob.expect(word);
        }
        let status = exact::status(&pipe("p")).unwrap();
        assert_eq!(
            (status.instances.listening, status.max_instances),
            (4, Some(4))
        );
        assert_eq!(status.server_process_ids, [alice.id(), bob.id()]);
        assert_eq!(servers(4), [4101, 4102, 4102, 4102]);

        // The pipe goes on without the one who made it, with what he had laid down.
        drop(alice);
        assert_eq!(
            exact::open(&pipe("p"), BOTH).err(),
            Some(Win32Error::PIPE_BUSY)
        );
        assert!(
            exact::security(&pipe("p"))
                .unwrap()
                .to_string()
                .starts_with("O:S-1-22-1-4101")
        );
        assert_eq!(exact::list().unwrap().len(), 1);
        drop(bob);
        assert_eq!(exact::list(), Ok(Vec::new()));
        assert!(!directory().join("p").exists(), "root has looked");
    });
}

#[test]
fn what_a_guest_leaves_the_owner_takes_away() {
    shared(what_a_guest_leaves_the_owner_takes_away, || {
        let mut alice = ALICE.start(&[&format!("create p {SHARED}"), "await .go", "close"]);
        alice.expect("ok");
        let said = BOB.does(&["create p", "create p", "close", "close", "create p"]);
        assert_eq!(said, ["ok"; 5]);
        // Bob's process has been killed with an instance open.
        std::fs::write(directory().join(".go"), "").unwrap();
        alice.expect("ok");
        alice.expect("ok");
        assert!(!directory().join("p").exists());
    });
}

#[test]
fn a_guest_keeps_to_the_rules_of_the_pipe() {
    shared(a_guest_keeps_to_the_rules_of_the_pipe, || {
        let options = CreateOptions {
            security: Some(SHARED.parse().unwrap()),
            write_dac: true,
            pipe_type: dotpipe::PipeMode::Message,
            ..CreateOptions::default()
        };
        let server = exact::create(&pipe("p"), &options).unwrap();
        assert_eq!(BOB.says("create p"), "ERROR_ACCESS_DENIED", "another type");
        drop(server);
        let options = CreateOptions {
            pipe_type: dotpipe::PipeMode::Byte,
            ..options
        };
        let server = exact::create(&pipe("p"), &options).unwrap();
        let mut bob = BOB.start(&["create p"]);
        bob.expect("ok");
        // A change reaches it as well, and it goes by it.
        server
            .set_security(&"D:(A;;GA;;;CO)(A;;GR;;;WD)".parse().unwrap())
            .unwrap();
        drop(server);
        let again = exact::create(&pipe("p"), &options).unwrap();
        let security = again.security().unwrap().to_string();
        assert!(
            security.ends_with("D:(A;;FA;;;S-1-22-1-0)(A;;FR;;;WD)"),
            "{security}"
        );
        drop(again);
        let denied = CAROL.does(&["open p rw", "open p r"]);
        assert_eq!(denied, ["ERROR_ACCESS_DENIED", "ok"]);
    });
}
