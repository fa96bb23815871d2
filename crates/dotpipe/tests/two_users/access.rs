//! Who may open a pipe, and who may serve it.

use std::os::unix::fs::MetadataExt;

use dotpipe::exact;
use dotpipe::options::{CreateOptions, DesiredAccess};
use dotpipe::security::SecurityDescriptor;
use dotpipe::win32::Win32Error;

use crate::users::*;

const DENIED: &str = "ERROR_ACCESS_DENIED";

fn create(security: &str) -> exact::End {
    let options = CreateOptions {
        security: Some(security.parse().unwrap()),
        write_dac: true,
        ..CreateOptions::default()
    };
    exact::create(&pipe("p"), &options).unwrap()
}

/// The modes and the group of the folder, the socket and the record of the pipe `p`.
fn files() -> [(u32, u32); 3] {
    let folder = directory().join("p");
    let find = |ending| {
        let files = std::fs::read_dir(&folder).unwrap();
        let mut paths = files.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|found| found == ending))
            .unwrap()
    };
    [folder.clone(), find("socket"), find("record")].map(|path| {
        let file = std::fs::metadata(path).unwrap();
        (file.mode() & 0o7777, file.gid())
    })
}

#[test]
fn by_default_strangers_read_and_root_does_everything() {
    shared(by_default_strangers_read_and_root_does_everything, || {
        let mut alice = ALICE.start(&["create p"]);
        alice.expect("ok");
        let tries = [
            "open p r",
            "open p w",
            "open p rd",
            "create p",
            "list",
            "security p",
        ];
        let said = BOB.does(&tries);
        assert_eq!(said[..5], ["ok", DENIED, DENIED, DENIED, "1"]);
        let expected = "O:S-1-22-1-4101G:S-1-22-2-4201\
                        D:(A;;FA;;;SY)(A;;FA;;;S-1-22-1-4101)(A;;FR;;;WD)(A;;FR;;;AN)";
        assert_eq!(said[5], expected);
        // The one instance was taken by the reader, which has gone.
        drop(alice);
        let mut alice = ALICE.start(&["create p"]);
        alice.expect("ok");
        let all = DesiredAccess::all();
        exact::open(&pipe("p"), all).unwrap();
    });
}

#[test]
fn a_group_may_and_others_may_not() {
    shared(a_group_may_and_others_may_not, || {
        let security = SecurityDescriptor::for_group(TEAM).to_string();
        let server = create(&security);
        assert_eq!(files(), [(0o750, TEAM), (0o660, TEAM), (0o640, TEAM)]);
        assert_eq!(BOB.does(&["open p rw", "create p"]), ["ok", DENIED]);
        assert_eq!(ALICE.does(&["open p r", "list"]), [DENIED, "0"]);
        drop(server);

        // A server that is no member cannot give its files to the group: the check alone decides.
        let mut alice = ALICE.start(&[&format!("create p {security}")]);
        alice.expect("ok");
        assert_eq!(files().map(|(mode, _)| mode), [0o755, 0o666, 0o644]);
        let stranger = User { other: None, ..BOB };
        assert_eq!(stranger.says("open p r"), DENIED);
        assert_eq!(BOB.says("open p rw"), "ok");
    });
}

#[test]
fn one_may_not_though_all_may() {
    shared(one_may_not_though_all_may, || {
        let server = create("D:(D;;FA;;;S-1-22-1-4102)(A;;GRGW;;;WD)");
        assert_eq!(BOB.says("open p r"), DENIED);
        assert_eq!(ALICE.says("open p rw"), "ok");
        drop(server);
        let _server = create("D:(D;;DC;;;S-1-22-2-4300)(A;;GRGW;;;WD)");
        assert_eq!(BOB.does(&["open p w", "open p r"]), [DENIED, "ok"]);
    });
}

#[test]
fn what_is_the_owners_only_cannot_even_be_reached() {
    shared(what_is_the_owners_only_cannot_even_be_reached, || {
        let security = SecurityDescriptor::owner_only().to_string();
        let mut alice = ALICE.start(&[&format!("create p {security}")]);
        alice.expect("ok");
        assert_eq!(files().map(|(mode, _)| mode), [0o700, 0o600, 0o600]);
        assert_eq!(
            BOB.does(&["open p r", "list", "security p"]),
            [DENIED, "0", DENIED]
        );
        assert_eq!(ALICE.says("open p rw"), "ok");
        assert_eq!(exact::list().unwrap().len(), 1);
    });
}

#[test]
fn an_owner_changes_it_later_from_either_end() {
    shared(an_owner_changes_it_later_from_either_end, || {
        let server = create("D:(A;;GA;;;CO)");
        assert_eq!(BOB.says("open p rw"), DENIED);
        server
            .set_security(&"D:(A;;GA;;;CO)(A;;0x12019b;;;WD)".parse().unwrap())
            .unwrap();
        assert_eq!(files().map(|(mode, _)| mode), [0o755, 0o666, 0o644]);
        let mut bob = BOB.start(&["open p rw", "set D:(A;;GA;;;WD)", "get"]);
        bob.expect("ok");
        bob.expect(DENIED);
        let now = "O:S-1-22-1-0G:S-1-22-2-0D:(A;;FA;;;S-1-22-1-0)(A;;0x12019b;;;WD)";
        bob.expect(now);
        assert_eq!(server.security().unwrap().to_string(), now);

        // Whoever has the right can do it as a client, and what is open stays open.
        let second = exact::create(&pipe("p"), &CreateOptions::default()).unwrap();
        let client = exact::open(&pipe("p"), DesiredAccess::WRITE_DAC).unwrap();
        client
            .set_security(&"D:(A;;GA;;;CO)".parse().unwrap())
            .unwrap();
        assert_eq!(files().map(|(mode, _)| mode), [0o700, 0o600, 0o600]);
        assert_eq!(BOB.says("open p r"), DENIED);
        assert_eq!(server.write(b"still there"), Ok(11));
        let denied = second.set_security(&SecurityDescriptor::new());
        assert_eq!(
            denied,
            Err(Win32Error::ACCESS_DENIED),
            "opened without the right"
        );
        assert_eq!(client.security().err(), Some(Win32Error::ACCESS_DENIED));
    });
}

#[test]
fn a_client_with_the_right_hands_the_pipe_over() {
    shared(a_client_with_the_right_hands_the_pipe_over, || {
        let mut alice = ALICE.start(&["create p D:(A;;GA;;;WD)"]);
        alice.expect("ok");
        let mut bob = BOB.start(&[
            "open p rwdo",
            "set O:S-1-22-1-4101D:(A;;GA;;;WD)",
            "set O:S-1-22-1-7D:(A;;GA;;;WD)",
            "set O:S-1-22-1-4102D:(A;;GR;;;OW)",
            "get",
            "set D:(A;;GA;;;WD)",
        ]);
        for word in ["ok", "ok", "ERROR_INVALID_OWNER", "ok"] {
            bob.expect(word);
        }
        bob.expect("O:S-1-22-1-4102G:S-1-22-2-4201D:(A;;FR;;;OW)");
        // It has the right, and the pipe does not give it any more.
        bob.expect(DENIED);
    });
}
