//! Who may do what, who is who, and acting as a client, as one user sees it. Two users: `tests/two_users`.

use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, ImpersonationLevel, OpenOptions};
use dotpipe::security::{PipeRights, SecurityDescriptor, Sid};
use dotpipe::sync::{ClientOptions, NamedPipeServer, ServerOptions};
use dotpipe::win32::Win32Error;

use super::options::listen_again;
use crate::support::{is_wine, unique_name};

/// Everything for whoever creates the pipe.
fn mine() -> SecurityDescriptor {
    SecurityDescriptor::new().allow(Sid::CREATOR_OWNER, PipeRights::GENERIC_ALL)
}

fn me() -> Sid {
    exact::own_token().unwrap().user()
}

fn serve(name: &PipeName, descriptor: SecurityDescriptor) -> NamedPipeServer {
    ServerOptions::new()
        .security(descriptor)
        .create(name)
        .unwrap()
}

#[test]
fn a_pipe_has_the_descriptor_that_its_creator_names() {
    let name = unique_name("descriptor");
    let me = exact::own_token().unwrap();
    let given = mine()
        .deny(Sid::ANONYMOUS, PipeRights::GENERIC_WRITE)
        .allow(Sid::CREATOR_GROUP, PipeRights::CLIENT);
    let server = serve(&name, given);
    // It belongs to the creator, and the placeholders and the generic rights are what they stand for.
    let expected = SecurityDescriptor::new()
        .allow(me.user(), PipeRights::ALL)
        .deny(Sid::ANONYMOUS, PipeRights::WRITE)
        .allow(me.group(), PipeRights::CLIENT)
        .with_owner(me.user())
        .with_group(me.group());
    assert_eq!(server.security().unwrap(), expected);

    // The same from the other end, and from outside.
    let client = ClientOptions::new().open(&name).unwrap();
    assert_eq!(client.security().unwrap(), expected);
    drop(client);
    server.disconnect().unwrap();
    listen_again(&server);
    assert_eq!(exact::security(&name), Ok(expected));
    assert_eq!(
        exact::security(&unique_name("none")),
        Err(Win32Error::FILE_NOT_FOUND)
    );
}

#[test]
fn a_pipe_without_a_word_has_the_default() {
    let server = ServerOptions::new().create(unique_name("default")).unwrap();
    let descriptor = server.security().unwrap();
    if is_wine() {
        // "The default descriptor of a pipe" in `conformance/DIVERGENCES.md`.
        assert_eq!(descriptor, SecurityDescriptor::without_list());
        return;
    }
    assert!(descriptor.owner().is_some() && descriptor.group().is_some());
    let everyone = descriptor
        .entries()
        .unwrap()
        .iter()
        .find(|entry| entry.sid == Sid::EVERYONE);
    assert_eq!(everyone.map(|entry| entry.rights), Some(PipeRights::READ));
}

#[test]
fn a_descriptor_can_be_changed_by_an_end_that_asked_for_it() {
    let name = unique_name("changed");
    let server = ServerOptions::new()
        .security(mine())
        .write_dac(true)
        .create(&name)
        .unwrap();
    let client = ClientOptions::new().open(&name).unwrap();
    let entries = |descriptor: &SecurityDescriptor| descriptor.entries().unwrap().to_vec();
    let now = || entries(&client.security().unwrap());

    let other = mine().allow(Sid::EVERYONE, PipeRights::READ);
    let refused = client.set_security(&other).unwrap_err();
    assert!(refused.is_access_denied(), "{refused}");
    assert_eq!(now().len(), 1);
    server.set_security(&other).unwrap();
    let resolved = SecurityDescriptor::new()
        .allow(me(), PipeRights::ALL)
        .allow(Sid::EVERYONE, PipeRights::READ);
    assert_eq!(now(), entries(&resolved));
    // The owner stays when none is named.
    assert_eq!(client.security().unwrap().owner(), Some(me()));

    // A client end can ask for the right as well.
    drop(client);
    server.disconnect().unwrap();
    listen_again(&server);
    let client = ClientOptions::new().write_dac(true).open(&name).unwrap();
    client.set_security(&mine()).unwrap();
    assert_eq!(server.security().unwrap().entries().unwrap().len(), 1);
}

#[test]
fn an_owner_can_be_named_by_an_end_that_asked_for_it() {
    let name = unique_name("owner");
    let server = ServerOptions::new()
        .security(mine())
        .write_dac(true)
        .write_owner(true)
        .create(&name)
        .unwrap();
    let named = mine().with_owner(me());
    server.set_security(&named).unwrap();
    assert_eq!(server.security().unwrap().owner(), Some(me()));

    let client = ClientOptions::new().write_dac(true).open(&name).unwrap();
    let group = mine().with_group(Sid::group(4_000_000));
    let refused = client.set_security(&group).unwrap_err();
    assert!(refused.is_access_denied(), "{refused}");
}

#[test]
fn what_is_too_long_is_refused() {
    let long = (0..400).fold(SecurityDescriptor::new(), |long, user| {
        long.allow(Sid::user(user), PipeRights::ALL)
    });
    let created = ServerOptions::new()
        .security(long.clone())
        .create(unique_name("long"));
    let code = Win32Error::INVALID_SECURITY_DESCR;
    assert_eq!(created.unwrap_err().code(), code);
    let server = ServerOptions::new()
        .write_dac(true)
        .create(unique_name("longer"))
        .unwrap();
    assert_eq!(server.set_security(&long).unwrap_err().code(), code);
}

#[test]
fn nobody_gets_more_than_the_descriptor_gives() {
    if is_wine() {
        // "A descriptor of a pipe" in `conformance/DIVERGENCES.md`.
        println!("skipped: Wine keeps the descriptors of pipes and does not look at them");
        return;
    }
    let name = unique_name("no more");
    let reading = SecurityDescriptor::new().allow(Sid::EVERYONE, PipeRights::READ);
    let _server = serve(&name, reading);
    let refused = ClientOptions::new().open(&name).unwrap_err();
    assert!(refused.is_access_denied(), "{refused}");
    let refused = ServerOptions::new().create(&name).unwrap_err();
    assert!(refused.is_access_denied(), "{refused}");
    ClientOptions::new().write(false).open(&name).unwrap();
}

#[test]
fn a_client_can_ask_for_the_descriptor_and_nothing_else() {
    let name = unique_name("read control");
    let server = serve(&name, mine());
    let options = OpenOptions {
        access: DesiredAccess::READ_CONTROL,
        ..OpenOptions::default()
    };
    let client = exact::open_with(&name, &options).unwrap();
    assert_eq!(client.security(), Ok(server.security().unwrap()));
    assert_eq!(client.write(b"x"), Err(Win32Error::ACCESS_DENIED));
}

#[test]
fn both_ends_know_who_the_other_is() {
    let name = unique_name("who");
    let options = CreateOptions::default();
    let server = exact::create(&name, &options).unwrap();
    let nobody = Win32Error::PIPE_LISTENING;
    assert_eq!(server.peer_token(), Err(nobody));
    assert_eq!(server.peer_session_id(), Err(nobody));

    let client = exact::open(&name, DesiredAccess::READ | DesiredAccess::WRITE).unwrap();
    let me = exact::own_token().unwrap();
    assert!(me.is(&me.user()) && me.is(&Sid::EVERYONE) && !me.is(&Sid::ANONYMOUS));
    assert_eq!(server.peer_token().as_ref(), Ok(&me));
    assert_eq!(client.peer_token().as_ref(), Ok(&me));
    assert_eq!(server.peer_session_id(), client.peer_session_id());
    server.disconnect().unwrap();
    assert_eq!(server.peer_token(), Err(Win32Error::PIPE_NOT_CONNECTED));
}

#[test]
fn a_client_insists_on_who_serves() {
    let name = unique_name("insists");
    let server = ServerOptions::new().create(&name).unwrap();
    let stranger: Sid = "S-1-5-21-1-2-3-4".parse().unwrap();
    let refused = ClientOptions::new().require_server(stranger).open(&name);
    let refused = refused.unwrap_err();
    assert!(refused.is_access_denied(), "{refused}");
    if cfg!(windows) {
        // There the pipe has been open for a moment, which is over now.
        assert_eq!(server.connect().unwrap_err().code(), Win32Error::NO_DATA);
        server.disconnect().unwrap();
        listen_again(&server);
    }
    ClientOptions::new()
        .require_server(me())
        .open(&name)
        .unwrap();
}

#[test]
fn a_server_acts_as_its_client_and_stops() {
    let name = unique_name("acts");
    let server = exact::create(&name, &CreateOptions::default()).unwrap();
    let no_client = server.impersonate().map(drop);
    assert_eq!(no_client, Err(Win32Error::CANNOT_IMPERSONATE));
    let client = exact::open(&name, DesiredAccess::READ | DesiredAccess::WRITE).unwrap();
    assert_eq!(
        client.impersonate().map(drop),
        Err(Win32Error::INVALID_FUNCTION)
    );
    for _ in 0..2 {
        let acting = server.impersonate().unwrap();
        assert!(std::fs::read_dir("/").is_ok());
        let twice = server.impersonate().map(drop);
        assert_eq!(twice, Err(Win32Error::CANNOT_IMPERSONATE));
        // To ask who the client is does not end it.
        assert!(server.peer_token().is_ok());
        let twice = server.impersonate().map(drop);
        assert_eq!(twice, Err(Win32Error::CANNOT_IMPERSONATE));
        drop(acting);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _acting = server.impersonate().unwrap();
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
    }
}

#[test]
fn a_client_limits_what_its_server_may_do_with_its_identity() {
    if is_wine() {
        // "SECURITY_SQOS_PRESENT" in `conformance/DIVERGENCES.md`.
        println!("skipped: Wine lets every server act as its client");
        return;
    }
    for (level, token, acting) in [
        (
            ImpersonationLevel::Anonymous,
            Some(Win32Error::CANT_OPEN_ANONYMOUS),
            Some(Win32Error::BAD_IMPERSONATION_LEVEL),
        ),
        (
            ImpersonationLevel::Identification,
            None,
            Some(Win32Error::BAD_IMPERSONATION_LEVEL),
        ),
        (ImpersonationLevel::Impersonation, None, None),
    ] {
        let name = unique_name("level");
        let server = exact::create(&name, &CreateOptions::default()).unwrap();
        let options = OpenOptions {
            level,
            ..OpenOptions::default()
        };
        let _client = exact::open_with(&name, &options).unwrap();
        assert_eq!(server.peer_token().err(), token, "{level:?}");
        assert_eq!(server.impersonate().map(drop).err(), acting, "{level:?}");
    }
}
