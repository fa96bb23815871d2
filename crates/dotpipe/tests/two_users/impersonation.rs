//! Acting as the client: files are its, and nothing else changes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc;

use dotpipe::exact;
use dotpipe::options::{CreateOptions, DesiredAccess};
use dotpipe::security::SecurityDescriptor;
use dotpipe::win32::Win32Error;

use crate::users::*;

fn create() -> exact::End {
    let options = CreateOptions {
        security: Some(SecurityDescriptor::for_everyone()),
        ..CreateOptions::default()
    };
    exact::create(&pipe("p"), &options).unwrap()
}

/// Whether a file can be read.
fn reads(path: &std::path::Path) -> bool {
    fs::read(path).is_ok()
}

#[test]
fn a_server_gets_at_files_as_its_client_in_one_thread() {
    shared(a_server_gets_at_files_as_its_client_in_one_thread, || {
        let place = tempfile::tempdir().unwrap();
        set_mode(place.path(), 0o777);
        let file = |name: &str, mode, owner: (u32, u32)| {
            let path = place.path().join(name);
            fs::write(&path, name).unwrap();
            set_mode(&path, mode);
            std::os::unix::fs::chown(&path, Some(owner.0), Some(owner.1)).unwrap();
            path
        };
        let roots = file("roots", 0o600, (0, 0));
        let bobs = file("bobs", 0o400, (4102, 1));
        let bobs_group = file("group", 0o040, (0, 4202));
        let teams = file("team", 0o040, (0, TEAM));
        let others = file("others", 0o040, (0, 4201));

        let server = create();
        assert_eq!(
            server.impersonate().err(),
            Some(Win32Error::CANNOT_IMPERSONATE)
        );
        let mut bob = BOB.start(&["open p rw"]);
        bob.expect("ok");

        // A thread that was there before, and asks while the other one acts.
        let (ask, asked) = mpsc::channel::<()>();
        let (answer, answered) = mpsc::channel();
        let watched = roots.clone();
        let other = std::thread::spawn(move || {
            for () in asked {
                answer.send(reads(&watched)).unwrap();
            }
        });

        let acting = server.impersonate().unwrap();
        let seen = [&roots, &bobs, &bobs_group, &teams, &others].map(|path| reads(path));
        assert_eq!(seen, [false, true, true, true, false]);
        let made = place.path().join("made");
        fs::write(&made, "").unwrap();
        ask.send(()).unwrap();
        assert!(answered.recv().unwrap(), "another thread is root as ever");
        assert_eq!(
            server.impersonate().err(),
            Some(Win32Error::CANNOT_IMPERSONATE)
        );
        // Reading and writing go on, but pipes are opened and created in no false name.
        assert_eq!(server.write(b"hello"), Ok(5));
        let refused = Some(Win32Error::NOT_SUPPORTED);
        assert_eq!(exact::open(&pipe("p"), DesiredAccess::READ).err(), refused);
        assert_eq!(
            exact::create(&pipe("q"), &CreateOptions::default()).err(),
            refused
        );
        drop(acting);

        assert!(reads(&roots) && reads(&others));
        let made = fs::metadata(made).unwrap();
        assert_eq!((made.uid(), made.gid()), (4102, 4202));
        let mine = place.path().join("mine");
        fs::write(&mine, "").unwrap();
        assert_eq!(fs::metadata(mine).unwrap().uid(), 0);
        drop(ask);
        other.join().unwrap();
    });
}

#[test]
fn a_panic_gives_the_identity_back() {
    shared(a_panic_gives_the_identity_back, || {
        let server = create();
        let mut bob = BOB.start(&["open p rw"]);
        bob.expect("ok");
        let secret = tempfile::NamedTempFile::new().unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _acting = server.impersonate().unwrap();
            assert!(!reads(secret.path()));
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        assert!(reads(secret.path()));
    });
}

#[test]
fn a_client_that_does_not_allow_it() {
    shared(a_client_that_does_not_allow_it, || {
        let server = create();
        let mut bob = BOB.start(&["open p rw identification"]);
        bob.expect("ok");
        let refused = Some(Win32Error::BAD_IMPERSONATION_LEVEL);
        assert_eq!(server.impersonate().err(), refused);
        assert_eq!(server.peer_token().unwrap().user_id(), Some(4102));
        drop(server);
    });
}

/// One process is server and client, so that its script can wait for nobody.
#[test]
fn without_privilege_only_ones_own_identity() {
    shared(without_privilege_only_ones_own_identity, || {
        let said = BOB.does(&["create p", "open p rw", "impersonate"]);
        assert_eq!(said, ["ok", "ok", "ERROR_INVALID_FUNCTION"]);
        // The server end comes last in this one, after a client of another user.
        let everyone = SecurityDescriptor::for_everyone();
        let create = format!("create q {everyone}");
        let mut alice = ALICE.start(&[&create, "impersonate-when-connected"]);
        alice.expect("ok");
        let mut bob = BOB.start(&["open q rw"]);
        bob.expect("ok");
        alice.expect("ERROR_PRIVILEGE_NOT_HELD");
        // The same with a client of its own user.
        drop((alice, bob));
        let mut alice = ALICE.start(&[&create, "impersonate-when-connected"]);
        alice.expect("ok");
        let mut again = ALICE.start(&["open q rw"]);
        again.expect("ok");
        alice.expect("ok");
    });
}
