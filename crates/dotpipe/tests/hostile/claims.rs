//! Who a client on another machine is, as a bridge that cannot be relied on says it. It is believed here, since it runs as
//! the server's user; that it is not otherwise, is in `tests/two_users`.

use dotpipe::exact;
use dotpipe::options::CreateOptions;
use dotpipe::win32::Win32Error;

use crate::support::*;

const ACCESS_DENIED: u32 = 5;
const INVALID_PARAMETER: u32 = 87;

/// User 7 of some domain, mapped to user 3 of this machine with the groups 4 and 5, as any other program writes it.
fn claim() -> Vec<u8> {
    let sid = |authority: u8, parts: &[u32]| {
        let mut bytes = vec![1, parts.len() as u8, 0, 0, 0, 0, 0, authority];
        bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    };
    [
        vec![3, 1],
        vec![9, 0, 5, 0, 5, 0],
        vec![1, 0, 0, 0],
        vec![3, 0, 0, 0],
        vec![4, 0, 0, 0],
        sid(5, &[21, 1, 2, 3, 7]),
        sid(5, &[21, 1, 2, 3, 513]),
        sid(1, &[0]),
        sid(5, &[2]),
        sid(5, &[11]),
        vec![5, 0, 0, 0],
        b"192.0.2.7".to_vec(),
        br"D\ann".to_vec(),
    ]
    .concat()
}

/// Opens the pipe `p` for whom these bytes say, with this token of memory.
fn open(claim: &[u8], token: u64) -> Answer {
    let mut request = request(OPEN, 3);
    // It lets the server know who it is.
    request[13] = 1;
    request[16..24].copy_from_slice(&token.to_le_bytes());
    let client = Client::connect("p");
    client.send(&[&request[..], claim].concat());
    let answer = client.receive().unwrap();
    // It stays, as the conversation does.
    std::mem::forget(client);
    answer
}

fn create_for_all() -> exact::End {
    let options = CreateOptions {
        reject_remote_clients: false,
        security: Some("D:(A;;GRGW;;;S-1-5-21-1-2-3-7)".parse().unwrap()),
        ..CreateOptions::default()
    };
    exact::create(&name("p"), &options).unwrap()
}

/// The pipe is as it was: the one instance listens, and goes to whom it may.
fn is_well(server: &exact::End) {
    assert_eq!(server.remote_client(), Err(Win32Error::PIPE_LISTENING));
    assert_eq!(open(&claim(), 0).code(), 0);
    let client = server.remote_client().unwrap().unwrap();
    assert_eq!(client.token().user().to_string(), "S-1-5-21-1-2-3-7");
    let groups: Vec<_> = client.token().groups().map(|sid| sid.to_string()).collect();
    assert_eq!(groups, ["S-1-1-0", "S-1-5-2", "S-1-5-11"]);
    assert_eq!(
        (client.computer(), client.account()),
        ("192.0.2.7", Some(r"D\ann"))
    );
    let here = client.unix_token().unwrap();
    assert_eq!((here.user_id(), here.group_id()), (Some(3), Some(4)));
    assert!(here.groups().eq([dotpipe::security::Sid::group(5)]));
}

#[test]
fn a_claim_that_ends_too_soon_is_refused_wherever() {
    alone(|| {
        let server = create_for_all();
        let good = claim();
        // From the first byte on: without any, it is nobody's claim, and the caller may not open this pipe.
        assert_eq!(open(&good[..0], 0).code(), ACCESS_DENIED);
        for len in 1..good.len() {
            assert_eq!(open(&good[..len], 0).code(), INVALID_PARAMETER, "{len}");
        }
        assert_eq!(
            open(&[&good[..], &[0]].concat(), 0).code(),
            INVALID_PARAMETER
        );
        is_well(&server);
    });
}

#[test]
fn a_claim_that_promises_too_much_is_refused() {
    alone(|| {
        let server = create_for_all();
        let good = claim();
        // The lengths of the names, and how many identifiers and groups there are.
        for field in [2..4, 4..6, 6..8, 8..12] {
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[field.clone()].fill(byte);
                assert_eq!(open(&bytes, 0).code(), INVALID_PARAMETER, "{field:?}");
            }
        }
        // As long as a claim may be, and longer than any request.
        for len in [64 << 10, (64 << 10) + 1, 100_000] {
            let mut bytes = good.clone();
            bytes.resize(len, 0xff);
            assert_eq!(open(&bytes, 0).code(), INVALID_PARAMETER, "{len}");
        }
        is_well(&server);
    });
}

#[test]
fn a_claim_is_for_opening_only() {
    alone(|| {
        let server = create_for_all();
        for operation in [WAIT, QUERY] {
            let client = Client::connect("p");
            client.send(&[&request(operation, 0)[..], &claim()].concat());
            assert_eq!(client.receive().unwrap().code(), INVALID_PARAMETER);
        }
        is_well(&server);
    });
}

/// A bridge speaks for many. What one of them had in memory, no other one gets, nor the bridge for itself.
#[test]
fn memory_is_not_used_again_for_others() {
    alone(|| {
        let options = CreateOptions {
            reject_remote_clients: false,
            security: Some("D:(A;;GA;;;WD)".parse().unwrap()),
            ..CreateOptions::default()
        };
        let server = exact::create(&name("p"), &options).unwrap();
        let is_new = |answer: &Answer| {
            assert_eq!(answer.code(), 0);
            answer.memory.is_some() && answer.u64_at(88) & 1 == 0
        };
        let listen_again = || {
            server.disconnect().unwrap();
            drop(server.start_connect());
        };
        let own = open(&[], 0);
        let token = own.u64_at(80);
        assert!(is_new(&own) && token != 0);
        listen_again();
        // What was the bridge's own stays its own,
        let first = open(&claim(), token);
        assert!(is_new(&first));
        assert_eq!(first.u64_at(80), 0, "and this is for once");
        listen_again();
        assert!(is_new(&open(&claim(), first.u64_at(80))));
        listen_again();
        assert!(!is_new(&open(&[], token)), "and there it is again");
    });
}
