//! Pipes that are opened for clients on other machines: whose bridge is believed, and what it comes to.

use std::fs;
use std::os::unix::fs::MetadataExt;

use dotpipe::exact::{self, End};
use dotpipe::options::{CreateOptions, ImpersonationLevel, OpenOptions};
use dotpipe::security::{RemoteClient, SecurityDescriptor, Sid, Token};
use dotpipe::win32::Win32Error;

use crate::users::*;

const DENIED: &str = "ERROR_ACCESS_DENIED";

/// A line of a script: a pipe for clients of other machines as well.
pub(crate) fn accept(ends: &mut Vec<End>, name: &str, security: &str) -> exact::Result<String> {
    let options = CreateOptions {
        security: (!security.is_empty()).then(|| security.parse().unwrap()),
        reject_remote_clients: false,
        ..CreateOptions::default()
    };
    ends.push(exact::create(&pipe(name), &options)?);
    Ok(String::new())
}

/// A line of a script: the pipe is opened for a client with these identifiers, which are separated by commas, and
/// these numbers, which are separated by slashes.
pub(crate) fn bridge(
    ends: &mut Vec<End>,
    name: &str,
    letters: &str,
    sids: &str,
    ids: &str,
) -> exact::Result<String> {
    let options = OpenOptions {
        access: access(letters),
        level: ImpersonationLevel::Impersonation,
        on_behalf_of: Some(client(sids, ids)),
        ..OpenOptions::default()
    };
    ends.push(exact::open_with(&pipe(name), &options)?);
    Ok(String::new())
}

/// A line of a script: who the client of the last end is.
pub(crate) fn who(end: &End) -> exact::Result<String> {
    Ok(match end.remote_client()? {
        Some(client) => format!("{} at {}", client.token().user(), client.computer()),
        None => "local".into(),
    })
}

/// The user comes first; everybody among them has said who it is.
fn client(sids: &str, ids: &str) -> RemoteClient {
    let mut sids = sids.split(',').map(|text| text.parse::<Sid>().unwrap());
    let user = sids.next().unwrap();
    let groups = sids.chain([Sid::EVERYONE, Sid::AUTHENTICATED_USERS]);
    let client = RemoteClient::new(Token::of(user, user, groups), "192.0.2.7");
    let mut ids = ids
        .split('/')
        .filter_map(|number| number.parse::<u32>().ok());
    match (ids.next(), ids.next()) {
        (Some(user), Some(group)) => client.unix_ids(user, group, ids),
        _ => client,
    }
}

/// The same in this process, which is root's.
fn open_for(letters: &str, sids: &str, ids: &str) -> exact::Result<End> {
    let mut ends = Vec::new();
    bridge(&mut ends, "p", letters, sids, ids)?;
    Ok(ends.remove(0))
}

const ANN: &str = "S-1-5-21-1-2-3-1105";

#[test]
fn roots_bridge_is_believed_by_everybody() {
    shared(roots_bridge_is_believed_by_everybody, || {
        let accept = format!("accept p D:(A;;GRGW;;;{ANN})");
        let mut alice = ALICE.start(&[&accept, "await opened", "who"]);
        alice.expect("ok");
        let refused = Some(Win32Error::ACCESS_DENIED);
        // Root may not, and Ann may, whoever opens it for them.
        assert_eq!(open_for("rw", "S-1-22-1-0", "").err(), refused);
        assert_eq!(open_for("rw", "S-1-5-21-1-2-3-1106", "").err(), refused);
        let end = open_for("rw", ANN, "").unwrap();
        assert_eq!(end.write(b"hello"), Ok(5));
        fs::write(directory().join("opened"), "").unwrap();
        alice.expect("ok");
        alice.expect(&format!("{ANN} at 192.0.2.7"));
    });
}

#[test]
fn ones_own_bridge_is_believed_and_a_strangers_is_not() {
    shared(ones_own_bridge_is_believed_and_a_strangers_is_not, || {
        let everyone = SecurityDescriptor::for_everyone();
        let accept = format!("accept p {everyone}");
        let _servers: Vec<_> = (0..2)
            .map(|_| {
                let mut alice = ALICE.start(&[&accept]);
                alice.expect("ok");
                alice
            })
            .collect();
        let for_ann = format!("bridge p rw {ANN}");
        let for_himself = "bridge p rw S-1-22-1-4102 4102/4202";
        // He may open it himself, and speak for nobody, not even for himself.
        let said = BOB.does(&[&for_ann, for_himself, "open p rw"]);
        assert_eq!(said, [DENIED, DENIED, "ok"]);
        assert_eq!(ALICE.says(&for_ann), "ok");
        // Nor to root.
        let _root = exact::create(
            &pipe("roots"),
            &CreateOptions {
                reject_remote_clients: false,
                security: Some(everyone.clone()),
                ..CreateOptions::default()
            },
        )
        .unwrap();
        let for_ann = format!("bridge roots rw {ANN}");
        assert_eq!(ALICE.does(&[&for_ann, "open roots rw"]), [DENIED, "ok"]);
    });
}

#[test]
fn whom_the_bridge_maps_to_the_owner_is_the_owner() {
    shared(whom_the_bridge_maps_to_the_owner_is_the_owner, || {
        let mut alice = ALICE.start(&["accept p", "accept p", "accept p"]);
        (0..3).for_each(|_| alice.expect("ok"));
        let refused = Some(Win32Error::ACCESS_DENIED);
        let as_alice = format!("{ANN},S-1-22-1-4101");
        let as_bob = format!("{ANN},S-1-22-1-4102");
        // Root is a user like others, from elsewhere, and which ids it has besides does not matter.
        assert_eq!(open_for("rw", "S-1-22-1-0", "0/0").err(), refused);
        assert_eq!(open_for("rw", &as_bob, "4101/4201").err(), refused);
        let _read = open_for("r", &as_bob, "").unwrap();
        let _all = open_for("rwd", &as_alice, "").unwrap();
        let _same = open_for("rw", "S-1-22-1-4101", "").unwrap();
    });
}

fn create() -> End {
    let mut ends = Vec::new();
    accept(
        &mut ends,
        "p",
        &SecurityDescriptor::for_everyone().to_string(),
    )
    .unwrap();
    ends.remove(0)
}

fn listen_again(server: &End) {
    server.disconnect().unwrap();
    drop(server.start_connect());
}

#[test]
fn a_server_acts_as_whom_the_client_is_mapped_to() {
    shared(a_server_acts_as_whom_the_client_is_mapped_to, || {
        let place = tempfile::tempdir().unwrap();
        set_mode(place.path(), 0o777);
        let teams = place.path().join("team");
        fs::write(&teams, "").unwrap();
        set_mode(&teams, 0o040);
        std::os::unix::fs::chown(&teams, Some(0), Some(TEAM)).unwrap();

        let server = create();
        let nobody = open_for("rw", ANN, "").unwrap();
        let refused = Some(Win32Error::NONE_MAPPED);
        assert_eq!(server.impersonate().err(), refused);
        drop(nobody);

        listen_again(&server);
        let _bob = open_for("rw", ANN, "4102/4202/4300").unwrap();
        let acting = server.impersonate().unwrap();
        let made = place.path().join("made");
        fs::write(&made, "").unwrap();
        assert!(fs::read(&teams).is_ok());
        assert!(fs::read("/etc/shadow").is_err());
        drop(acting);
        let made = fs::metadata(made).unwrap();
        assert_eq!((made.uid(), made.gid()), (4102, 4202));
    });
}

/// How it goes when a server of Alice's acts as a client that a bridge of hers, or of root's, has mapped to these numbers.
fn alice_acts(capable: bool, by_root: bool, ids: &str) -> String {
    let accept = format!("accept p {}", SecurityDescriptor::for_everyone());
    let lines = [&accept, "await opened", "impersonate"];
    let mut alice = match capable {
        true => ALICE.start_capable(&lines),
        false => ALICE.start(&lines),
    };
    alice.expect("ok");
    let opened = directory().join("opened");
    let bridge = match by_root {
        true => (Some(open_for("rw", ANN, ids).unwrap()), None),
        false => {
            let mut bridge = ALICE.start(&[&format!("bridge p rw {ANN} {ids}")]);
            bridge.expect("ok");
            (None, Some(bridge))
        }
    };
    fs::write(&opened, "").unwrap();
    alice.expect("ok");
    let said = alice.hear().unwrap();
    fs::remove_file(&opened).unwrap();
    drop(bridge);
    said
}

#[test]
fn acting_as_others_takes_the_privilege_and_roots_word() {
    const REFUSED: &str = "ERROR_PRIVILEGE_NOT_HELD";
    shared(acting_as_others_takes_the_privilege_and_roots_word, || {
        for (capable, by_root, ids, expected) in [
            (false, true, "4102/4202", REFUSED),
            (true, true, "4102/4202", "ok"),
            // A process of hers that has no privileges gets none through one that has.
            (true, false, "4102/4202", REFUSED),
            (true, false, "0/0", REFUSED),
            (false, true, "4101/4201", "ok"),
            (false, false, "4101/4201", "ok"),
        ] {
            let said = alice_acts(capable, by_root, ids);
            assert_eq!(said, expected, "{capable} {by_root} {ids}");
        }
    });
}
