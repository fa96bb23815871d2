//! Pipes that are opened for clients on other machines, by a bridge of one's own user. Other users' bridges:
//! `tests/two_users`; what a bridge may say: `tests/hostile`.

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, OpenOptions};
use dotpipe::security::{RemoteClient, Sid, Token};
use dotpipe::win32::Win32Error;

use crate::support::{BOTH, unique_name};

fn sid(text: &str) -> Sid {
    text.parse().unwrap()
}

/// A user of some domain, who has said who it is, and is this and that besides.
fn ann(groups: &[&str]) -> RemoteClient {
    let groups = groups.iter().map(|text| sid(text));
    let proven = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS];
    let token = Token::of(
        sid("S-1-5-21-1-2-3-1105"),
        sid("S-1-5-21-1-2-3-513"),
        groups.chain(proven),
    );
    RemoteClient::new(token, "192.0.2.7")
}

fn open(name: &PipeName, access: DesiredAccess, client: RemoteClient) -> exact::Result<exact::End> {
    let options = OpenOptions {
        access,
        on_behalf_of: Some(client),
        ..OpenOptions::default()
    };
    exact::open_with(name, &options)
}

#[cfg(windows)]
#[test]
fn the_system_is_the_bridge() {
    let name = unique_name("bridge");
    let server = exact::create(&name, &CreateOptions::default()).unwrap();
    let unsupported = Win32Error::NOT_SUPPORTED;
    assert_eq!(open(&name, BOTH, ann(&[])).err(), Some(unsupported));
    let _client = exact::open(&name, BOTH).unwrap();
    assert_eq!(server.remote_client(), Err(unsupported));
}

#[cfg(target_os = "linux")]
mod here {
    use dotpipe::options::ImpersonationLevel;
    use dotpipe::security::{Protection, SecurityDescriptor};
    use dotpipe::sync::ClientOptions;

    use super::*;

    const DENIED: Win32Error = Win32Error::ACCESS_DENIED;

    /// A pipe for clients of other machines as well.
    fn serve(name: &PipeName, sddl: &str) -> exact::End {
        let options = CreateOptions {
            reject_remote_clients: false,
            security: (!sddl.is_empty()).then(|| sddl.parse().unwrap()),
            ..CreateOptions::default()
        };
        exact::create(name, &options).unwrap()
    }

    /// Whether a pipe with this descriptor lets a client in.
    fn lets_in(sddl: &str, access: DesiredAccess, client: &RemoteClient) -> bool {
        let name = unique_name("lets in");
        let _server = serve(&name, sddl);
        match open(&name, access, client.clone()) {
            Ok(_) => true,
            Err(code) => {
                assert_eq!(code, DENIED, "{sddl}");
                false
            }
        }
    }

    #[test]
    fn a_server_learns_who_it_is_and_nothing_of_the_bridge() {
        let name = unique_name("remote identity");
        let server = serve(&name, "D:(A;;GRGW;;;WD)");
        assert_eq!(server.remote_client(), Err(Win32Error::PIPE_LISTENING));
        let client = ann(&["S-1-5-32-545"])
            .user_name(r"EXAMPLE\ann")
            .unix_ids(4102, 4202, [4300])
            .protection(Protection::Encrypted);
        let end = open(&name, BOTH, client.clone()).unwrap();
        assert_eq!(server.remote_client(), Ok(Some(client.clone())));
        assert_eq!(server.peer_token().as_ref(), Ok(client.token()));
        assert!(server.peer_token().unwrap().is_remote());
        assert_eq!(server.peer_computer_name().as_deref(), Ok("192.0.2.7"));
        let unsupported = Win32Error::NOT_SUPPORTED;
        assert_eq!(server.peer_process_id(), Err(unsupported));
        assert_eq!(server.peer_session_id(), Err(unsupported));
        assert_eq!(server.peer_process().err(), Some(unsupported));
        // To the bridge the server is what any server is.
        assert_eq!(end.remote_client(), Ok(None));
        assert_eq!(end.peer_process_id(), Ok(std::process::id()));
        assert!(!end.peer_token().unwrap().is_remote());
        assert_eq!(end.write(b"hello"), Ok(5));
        assert_eq!(server.read(&mut [0; 9]).unwrap().len, 5);

        // The next client is another one.
        drop(end);
        server.disconnect().unwrap();
        drop(server.start_connect());
        let _own = exact::open(&name, BOTH).unwrap();
        assert_eq!(server.remote_client(), Ok(None));
        assert_eq!(server.peer_process_id(), Ok(std::process::id()));
    }

    #[test]
    fn a_client_need_not_be_known() {
        let name = unique_name("remote anonymous level");
        let server = serve(&name, "D:(A;;GRGW;;;WD)");
        let options = OpenOptions {
            level: ImpersonationLevel::Anonymous,
            on_behalf_of: Some(ann(&[]).unix_ids(1, 1, [])),
            ..OpenOptions::default()
        };
        let _end = exact::open_with(&name, &options).unwrap();
        let hidden = Win32Error::CANT_OPEN_ANONYMOUS;
        assert_eq!(server.remote_client(), Err(hidden));
        assert_eq!(server.peer_token(), Err(hidden));
        let refused = Win32Error::BAD_IMPERSONATION_LEVEL;
        assert_eq!(server.impersonate().err(), Some(refused));
        // Where it is, is no secret to Windows either.
        assert_eq!(server.peer_computer_name().as_deref(), Ok("192.0.2.7"));
    }

    #[test]
    fn pipes_are_for_this_machine_unless_they_say_otherwise() {
        let name = unique_name("reject remote");
        let security = Some(SecurityDescriptor::without_list());
        let options = CreateOptions {
            security,
            ..CreateOptions::default()
        };
        assert!(options.reject_remote_clients);
        let _server = exact::create(&name, &options).unwrap();
        assert_eq!(open(&name, BOTH, ann(&[])).err(), Some(DENIED));
        let error = ClientOptions::new()
            .on_behalf_of(ann(&[]))
            .open(&name)
            .unwrap_err();
        assert!(error.is_access_denied());
        assert!(error.to_string().contains("remote clients"), "{error}");
        assert!(exact::open(&name, BOTH).is_ok());
    }

    #[test]
    fn the_descriptor_decides_by_the_claim_alone() {
        let ann = &ann(&["S-1-5-21-1-2-3-513", "S-1-22-1-77", "S-1-22-2-88"]);
        let table = [
            ("D:(A;;GRGW;;;WD)", true),
            ("D:(A;;GRGW;;;AU)", true),
            ("D:(A;;GRGW;;;S-1-5-21-1-2-3-1105)", true),
            ("D:(A;;GRGW;;;S-1-5-21-1-2-3-513)", true),
            ("D:(A;;GRGW;;;S-1-22-1-77)", true),
            ("D:(A;;GRGW;;;S-1-22-2-88)", true),
            ("D:(A;;GRGW;;;NU)", true),
            ("D:NO_ACCESS_CONTROL", true),
            ("D:(D;;GA;;;NU)(A;;GA;;;WD)", false),
            ("D:(D;;GA;;;S-1-5-21-1-2-3-1105)(A;;GA;;;WD)", false),
            ("D:(D;;GW;;;S-1-5-21-1-2-3-513)(A;;GA;;;WD)", false),
            ("D:(A;;GR;;;WD)", false),
            ("D:(A;;GA;;;BU)", false),
            ("D:(A;;GA;;;AN)", false),
            ("D:", false),
            // What the bridge may itself is nothing to the client.
            ("D:(A;;GA;;;CO)(A;;GA;;;SY)(A;;GA;;;BA)", false),
        ];
        for (sddl, expected) in table {
            assert_eq!(lets_in(sddl, BOTH, ann), expected, "{sddl}");
        }
    }

    #[test]
    fn the_default_is_for_the_owner_and_who_is_mapped_to_it() {
        let own = exact::own_token().unwrap().user();
        let other = if own == Sid::user(1) {
            "S-1-22-1-2"
        } else {
            "S-1-22-1-1"
        };
        let owner = &ann(&[&own.to_string()]);
        assert!(lets_in("", DesiredAccess::all(), owner));
        let stranger = &ann(&[other]);
        assert!(lets_in("", DesiredAccess::READ, stranger));
        assert!(!lets_in("", DesiredAccess::WRITE, stranger));
        // Root of this machine may do everything, and nobody is that on another one.
        let roots = Token::of(Sid::LOCAL_SYSTEM, Sid::group(0), [Sid::AUTHENTICATED_USERS]);
        let system = &RemoteClient::new(roots, "192.0.2.7");
        assert!(!lets_in("", DesiredAccess::READ, system));
        assert!(!lets_in(
            "D:(A;;GA;;;SY)(A;;GA;;;BA)",
            DesiredAccess::READ,
            system
        ));
    }

    #[test]
    fn who_has_not_said_who_it_is_takes_an_entry_of_its_own() {
        let own = exact::own_token().unwrap().user();
        // As Samba says it: mapped to some user of this machine, who may well be the pipe's.
        let claim = |user, group, more: &[Sid]| {
            let groups = [Sid::EVERYONE, Sid::USERS, own].into_iter();
            RemoteClient::new(
                Token::of(user, group, groups.chain(more.iter().copied())),
                "192.0.2.7",
            )
        };
        let anonymous = &claim(Sid::ANONYMOUS, Sid::ANONYMOUS, &[]);
        let boasting = &claim(Sid::ANONYMOUS, own, &[Sid::AUTHENTICATED_USERS]);
        let guest = &claim(sid("S-1-5-21-1-2-3-501"), sid("BG"), &[sid("BG")]);
        let owners = format!("O:{own}D:(A;;GA;;;{own})(A;;GA;;;WD)(A;;GA;;;AU)(A;;GA;;;BU)");
        for client in [anonymous, boasting, guest] {
            assert!(!lets_in(&owners, DesiredAccess::READ, client));
            assert!(lets_in("D:(A;;GR;;;NU)", DesiredAccess::READ, client));
            assert!(lets_in("D:NO_ACCESS_CONTROL", BOTH, client));
        }
        for client in [anonymous, boasting] {
            assert!(lets_in("D:(A;;GRGW;;;AN)", BOTH, client));
            assert!(!lets_in("D:(D;;GW;;;AN)(A;;GA;;;NU)", BOTH, client));
            // The default lets anonymous clients read, as that of Windows does.
            assert!(lets_in("", DesiredAccess::READ, client));
            assert!(!lets_in("", DesiredAccess::WRITE, client));
        }
        assert!(lets_in("D:(A;;GRGW;;;BG)", BOTH, guest));
        assert!(!lets_in("D:(A;;GRGW;;;AN)", BOTH, guest));
        assert!(!lets_in("", DesiredAccess::READ, guest));
    }

    #[test]
    fn the_descriptor_is_not_the_bridges_to_touch() {
        let name = unique_name("remote descriptor");
        let own = exact::own_token().unwrap().user();
        let server = serve(&name, "D:(A;;GA;;;WD)");
        let before = server.security().unwrap();
        let end = open(&name, DesiredAccess::all(), ann(&[&own.to_string()])).unwrap();
        assert_eq!(end.security(), Err(DENIED));
        assert_eq!(
            end.set_security(&"D:(A;;GA;;;AN)".parse().unwrap()),
            Err(DENIED)
        );
        assert_eq!(server.security(), Ok(before));
    }

    #[test]
    fn acting_as_a_client_takes_somebody_to_act_as() {
        let name = unique_name("remote impersonation");
        let server = serve(&name, "D:(A;;GRGW;;;WD)");
        let end = open(&name, BOTH, ann(&[])).unwrap();
        assert_eq!(server.impersonate().err(), Some(Win32Error::NONE_MAPPED));
        drop(end);
        server.disconnect().unwrap();
        drop(server.start_connect());
        // It is mapped to the server's own user: nothing changes, and nothing is in the way.
        let own = exact::own_token().unwrap();
        let numbers = own.groups().filter_map(|group| group.group_id());
        let ids = (own.user_id().unwrap(), own.group_id().unwrap());
        let _end = open(&name, BOTH, ann(&[]).unix_ids(ids.0, ids.1, numbers)).unwrap();
        drop(server.impersonate().unwrap());
    }

    #[test]
    fn what_cannot_be_said_is_not_sent() {
        let name = unique_name("remote too much");
        let _server = serve(&name, "D:(A;;GRGW;;;WD)");
        let groups = |count: u32| {
            (0..count)
                .map(Sid::group)
                .chain([Sid::AUTHENTICATED_USERS, Sid::EVERYONE])
        };
        let many =
            |count| RemoteClient::new(Token::of(Sid::user(1), Sid::group(1), groups(count)), "c");
        let fault = Some(Win32Error::INVALID_PARAMETER);
        assert_eq!(open(&name, BOTH, many(5_000)).err(), fault);
        let nameless = RemoteClient::new(many(1).token().clone(), "");
        assert_eq!(open(&name, BOTH, nameless).err(), fault);
        let end = open(&name, BOTH, many(4_000)).unwrap();
        assert_eq!(end.write(b"hello"), Ok(5));
    }
}
