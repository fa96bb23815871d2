//! Who is at the other end.

use std::time::Duration;

use dotpipe::exact;
use dotpipe::options::{CreateOptions, OpenOptions};
use dotpipe::security::{SecurityDescriptor, Sid, Token};
use dotpipe::sync::ClientOptions;
use dotpipe::win32::Win32Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::users::*;

fn create() -> exact::End {
    let options = CreateOptions {
        security: Some(SecurityDescriptor::for_everyone()),
        ..CreateOptions::default()
    };
    exact::create(&pipe("p"), &options).unwrap()
}

#[test]
fn a_server_knows_its_client() {
    shared(a_server_knows_its_client, || {
        let server = create();
        assert_eq!(server.peer_token(), Err(Win32Error::PIPE_LISTENING));
        let mut bob = BOB.start(&["open p rw"]);
        bob.expect("ok");
        assert_eq!(server.peer_token(), Ok(Token::new(4102, 4202, [TEAM])));
        assert_eq!(server.peer_process_id(), Ok(bob.id()));
        let session = std::fs::read_to_string(format!("/proc/{}/sessionid", bob.id()));
        let session = session.map(|text| text.trim().parse().unwrap());
        assert_eq!(server.peer_session_id().ok(), session.ok());

        let process = server.peer_process().unwrap();
        let has_ended = |limit| {
            let mut fds = [PollFd::new(&process, PollFlags::IN)];
            poll(&mut fds, Some(&Timespec::try_from(limit).unwrap())).unwrap() > 0
        };
        assert!(!has_ended(Duration::ZERO));
        bob.kill();
        assert!(has_ended(Duration::from_secs(20)));
        bob.bury();
        assert_eq!(server.peer_session_id(), Err(Win32Error::NOT_FOUND));
        // The kernel does not forget who it was.
        assert_eq!(server.peer_token().unwrap().user_id(), Some(4102));
    });
}

#[test]
fn a_client_need_not_be_known() {
    shared(a_client_need_not_be_known, || {
        let server = create();
        let mut bob = BOB.start(&["open p rw anonymous"]);
        bob.expect("ok");
        assert_eq!(server.peer_token(), Err(Win32Error::CANT_OPEN_ANONYMOUS));
        assert_eq!(server.peer_process_id(), Ok(bob.id()));
        assert_eq!(
            server.impersonate().err(),
            Some(Win32Error::BAD_IMPERSONATION_LEVEL)
        );
    });
}

#[test]
fn a_client_knows_its_server_and_can_insist() {
    shared(a_client_knows_its_server_and_can_insist, || {
        let mut alice = ALICE.start(&["create p"]);
        alice.expect("ok");
        let open = |server| {
            let options = OpenOptions {
                server: Some(server),
                ..OpenOptions::default()
            };
            exact::open_with(&pipe("p"), &options)
        };
        for sid in [
            Sid::LOCAL_SYSTEM,
            Sid::user(4102),
            Sid::group(TEAM),
            Sid::NETWORK,
        ] {
            assert_eq!(open(sid).err(), Some(Win32Error::ACCESS_DENIED), "{sid}");
        }
        let error = ClientOptions::new()
            .require_server(Sid::LOCAL_SYSTEM)
            .open(r"\\.\pipe\p")
            .unwrap_err();
        assert!(error.to_string().contains("require_server"), "{error}");
        // The one instance still listens: nobody has opened it.
        let client = open(Sid::user(4101)).unwrap();
        assert_eq!(client.peer_token(), Ok(Token::new(4101, 4201, [])));
        assert_eq!(client.peer_process_id(), Ok(alice.id()));
        assert!(client.peer_process().is_ok());

        // Whom it knows from the last time it asks again as well.
        let mut second = ALICE.start(&["create p"]);
        second.expect("ok");
        assert!(open(Sid::user(4101)).is_ok());
        let refused = open(Sid::LOCAL_SYSTEM).err();
        assert_eq!(refused, Some(Win32Error::ACCESS_DENIED));
    });
}
