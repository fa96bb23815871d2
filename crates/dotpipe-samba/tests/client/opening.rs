//! Who gets in, who does not, and what is waited for.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use dotpipe::exact::open_remote;
use dotpipe::options::WaitTimeout;
use dotpipe::remote::{Credentials, SmbOptions};
use dotpipe::win32::Win32Error;
use dotpipe::{ClientOptions, PipeName};
use dotpipe_samba::npa::{Reply, Request};

use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{BOTH, read};

#[test]
fn who_comes_is_told_to_the_server_of_the_pipe() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "who", Type::Message, echo);
    let _end = open_remote(&smbd.pipe("WHO"), BOTH, None, &smbd.options()).unwrap();
    let request = Request::decode(&served.requests()[0]).unwrap();
    let client = &request.client;
    assert!(client.is_authenticated() && !client.is_guest() && !client.is_anonymous());
    assert_eq!(client.account.as_deref(), Some(smbd.user()));
    assert_eq!(client.unix_name.as_deref(), Some(smbd.user()));
    assert_eq!(request.client_address, "127.0.0.1");
    assert_eq!((client.encrypted, client.probe), (None, false));
    let unix = client.unix.as_ref().unwrap();
    assert!(
        client
            .sids
            .contains(&dotpipe_samba::npa::Sid::new(22, &[1, unix.uid as u32]))
    );
    // The network.
    assert!(client.sids.contains(&dotpipe_samba::npa::Sid::new(5, &[2])));
    // Every place at which it could break off, and every byte that could be another one.
    let bytes = &served.requests()[0];
    for len in 0..bytes.len() {
        assert!(Request::decode(&bytes[..len]).is_err());
    }
    for place in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[place] ^= 0xff;
        let _ = Request::decode(&wrong);
    }
}

#[test]
fn there_is_no_such_pipe() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let result = ClientOptions::new()
        .smb(&smbd.options())
        .wait_timeout(Some(WaitTimeout::Forever))
        .open(smbd.pipe("nowhere"));
    let error = result.unwrap_err();
    // An smbd that is not root has another word for it.
    let other = !rustix::process::geteuid().is_root() && error.is_access_denied();
    assert!(error.is_not_found() || other, "{error}");
}

#[test]
fn a_wrong_password_is_not_told_to_anybody() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let error = ClientOptions::new()
        .smb(&smbd.options_with("swordfish"))
        .open(smbd.pipe("echo"))
        .unwrap_err();
    assert_eq!(error.code(), Win32Error::LOGON_FAILURE);
    assert!(error.is_access_denied() || error.kind() == std::io::ErrorKind::PermissionDenied);
    let shown = format!("{error} {error:?} {:?}", smbd.options_with("swordfish"));
    assert!(shown.contains(smbd.user()), "{shown}");
    assert!(!shown.contains("swordfish"), "{shown}");
    // It is not remembered, nor does it stand in the way of the right one.
    open_remote(&smbd.pipe("echo"), BOTH, None, &smbd.options()).unwrap();
}

#[test]
fn nobody_gets_in_unnamed_who_is_not_let_in() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    for credentials in [Credentials::anonymous(), Credentials::guest()] {
        let options = SmbOptions::new().port(smbd.port()).credentials(credentials);
        let result = open_remote(&smbd.pipe("echo"), BOTH, None, &options);
        let code = result.err().unwrap();
        let refused = [Win32Error::ACCESS_DENIED, Win32Error::LOGON_FAILURE];
        assert!(refused.contains(&code), "{options:?} {code:?}");
    }
    assert_eq!(served.requests().len(), 0);
}

#[test]
fn a_guest_gets_in_where_guests_are_let_in() {
    let Some(smbd) = Smbd::start(Settings(&[
        "map to guest = bad user",
        "restrict anonymous = 0",
    ])) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let options = SmbOptions::new()
        .port(smbd.port())
        .credentials(Credentials::guest());
    let end = open_remote(&smbd.pipe("echo"), BOTH, None, &options).unwrap();
    end.write(b"x").unwrap();
    let client = Request::decode(&served.requests()[0]).unwrap().client;
    assert!(client.is_guest() && !client.is_authenticated());

    let options = SmbOptions::new()
        .port(smbd.port())
        .credentials(Credentials::anonymous());
    let end = open_remote(&smbd.pipe("echo"), BOTH, None, &options).unwrap();
    end.write(b"x").unwrap();
    let client = Request::decode(&served.requests()[1]).unwrap().client;
    assert!(client.is_anonymous() && !client.is_authenticated());

    // Who has a name does not become a guest without knowing.
    let stranger = Credentials::password("stranger", "x");
    let options = SmbOptions::new().port(smbd.port()).credentials(stranger);
    let result = open_remote(&smbd.pipe("echo"), BOTH, None, &options);
    assert_eq!(result.err(), Some(Win32Error::LOGON_FAILURE));
}

#[test]
fn a_server_that_cannot_be_reached_is_a_bad_path() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let name = PipeName::parse(r"\\127.0.0.1\pipe\x").unwrap();
    let options = SmbOptions::new()
        .port(port)
        .credentials(Credentials::guest())
        .connect_timeout(Duration::from_millis(50));
    // Nobody answers.
    let open = || ClientOptions::new().smb(&options).open(&name);
    let error = open().unwrap_err();
    assert_eq!(error.code(), Win32Error::BAD_NETPATH);
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    // Something answers that is no SMB.
    let answering = thread::spawn(move || {
        // The first one is that of the attempt above.
        for _ in 0..2 {
            let (mut stream, _) = free.accept().unwrap();
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    assert_eq!(open().unwrap_err().code(), Win32Error::BAD_NETPATH);
    answering.join().unwrap();
    // Nobody is there.
    assert_eq!(open().unwrap_err().code(), Win32Error::BAD_NETPATH);
    // Nor has the name an address.
    let nowhere = PipeName::parse(r"\\no-such-host.invalid\pipe\x").unwrap();
    let error = ClientOptions::new().smb(&options).open(&nowhere);
    assert_eq!(error.unwrap_err().code(), Win32Error::BAD_NETPATH);
}

#[test]
fn a_client_that_is_turned_away_waits_for_its_turn() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    static TURNED_AWAY: AtomicUsize = AtomicUsize::new(0);
    let served = Served::answering(
        &smbd,
        "busy",
        |request| {
            let last = TURNED_AWAY.fetch_add(1, Ordering::SeqCst) >= 3;
            last.then_some(Reply {
                level: request.level,
                messages: true,
            })
        },
        echo,
    );
    let open = |wait| open_remote(&smbd.pipe("busy"), BOTH, wait, &smbd.options());
    assert_eq!(open(None).err(), Some(Win32Error::PIPE_BUSY));
    let end = open(Some(WaitTimeout::Forever)).unwrap();
    assert_eq!(served.requests().len(), 4);
    end.write(b"x").unwrap();
    assert_eq!(read(&end, 9), Ok((b"x".to_vec(), false)));
}

#[test]
fn waiting_for_an_instance_has_an_end() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::answering(&smbd, "busy", |_| None, echo);
    let open = |wait| open_remote(&smbd.pipe("busy"), BOTH, Some(wait), &smbd.options());
    for wait in [
        WaitTimeout::Default,
        WaitTimeout::For(Duration::from_millis(20)),
    ] {
        assert_eq!(open(wait).err(), Some(Win32Error::SEM_TIMEOUT), "{wait:?}");
    }
}

#[test]
fn without_credentials_it_says_what_is_missing() {
    // The environment of the tests names nobody.
    if std::env::vars().any(|(name, _)| name.starts_with("DOTPIPE_SMB_")) {
        return;
    }
    let error = ClientOptions::new()
        .open(r"\\127.0.0.1\pipe\x")
        .unwrap_err();
    assert_eq!(error.code(), Win32Error::LOGON_FAILURE);
    assert!(
        error.to_string().contains("DOTPIPE_SMB_CREDENTIALS"),
        "{error}"
    );
}
