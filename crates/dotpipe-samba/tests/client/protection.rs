//! Signing, encryption, old dialects.

use dotpipe::exact::open_remote;
use dotpipe::remote::Encryption;
use dotpipe::win32::Win32Error;
use dotpipe_samba::npa::Request;

use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{BOTH, open_messages};

/// Talks through a server with such settings; gives the dialect if the client came encrypted.
fn dialect(smbd: &Smbd) -> Option<u32> {
    let served = Served::start(smbd, "echo", Type::Message, echo);
    let end = open_messages(smbd, "echo");
    let question = vec![3; 60_000];
    let mut reply = vec![0; 70_000];
    for _ in 0..3 {
        let received = end.transact(&question, &mut reply).unwrap();
        assert!(reply[..received.len] == question);
    }
    Request::decode(&served.requests()[0])
        .unwrap()
        .client
        .encrypted
}

#[test]
fn a_server_may_demand_signatures() {
    let Some(smbd) = Smbd::start(Settings(&["server signing = mandatory"])) else {
        return;
    };
    assert_eq!(dialect(&smbd), None);
}

#[test]
fn a_server_may_demand_encryption() {
    let Some(smbd) = Smbd::start(Settings(&["server smb encrypt = required"])) else {
        return;
    };
    assert_eq!(dialect(&smbd), Some(0x311));
}

#[test]
fn a_client_may_demand_encryption() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let options = smbd.options().encryption(Encryption::Required);
    let end = open_remote(&smbd.pipe("echo"), BOTH, None, &options).unwrap();
    end.write(b"x").unwrap();
    let client = Request::decode(&served.requests()[0]).unwrap().client;
    assert_eq!(client.encrypted, Some(0x311));
}

#[test]
fn a_server_may_wish_for_encryption() {
    let Some(smbd) = Smbd::start(Settings(&["server smb encrypt = desired"])) else {
        return;
    };
    assert_eq!(dialect(&smbd), Some(0x311));
}

#[test]
fn a_client_may_demand_encryption_by_an_old_dialect() {
    let Some(smbd) = Smbd::start(Settings(&["server max protocol = SMB3_02"])) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let options = smbd.options().encryption(Encryption::Required);
    let end = open_remote(&smbd.pipe("echo"), BOTH, None, &options).unwrap();
    end.write(b"x").unwrap();
    let client = Request::decode(&served.requests()[0]).unwrap().client;
    assert_eq!(client.encrypted, Some(0x302));
}

#[test]
fn old_dialects_are_spoken() {
    for settings in [
        &[
            "server max protocol = SMB2_10",
            "server signing = mandatory",
        ][..],
        &[
            "server max protocol = SMB3_02",
            "server signing = mandatory",
        ],
        &[
            "server max protocol = SMB3_02",
            "server smb encrypt = required",
        ],
    ] {
        let Some(smbd) = Smbd::start(Settings(settings)) else {
            return;
        };
        let encrypted = settings[1].contains("encrypt");
        assert_eq!(dialect(&smbd).is_some(), encrypted, "{settings:?}");
    }
}

#[test]
fn what_must_be_encrypted_is_not_sent_otherwise() {
    let Some(smbd) = Smbd::start(Settings(&["server max protocol = SMB2_10"])) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let options = smbd.options().encryption(Encryption::Required);
    let result = open_remote(&smbd.pipe("echo"), BOTH, None, &options);
    assert_eq!(result.err(), Some(Win32Error::ACCESS_DENIED));
}
