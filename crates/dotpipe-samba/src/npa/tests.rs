//! Requests as `smbd` 4.17.12 (level 7) and 4.22.6 (level 8) sent them, with the host's name, session keys
//! and session ids replaced, and everything that is none.

use proptest::prelude::*;

use super::*;

const USER: &[u8] = include_bytes!("captures/level7-user.bin");
const GUEST: &[u8] = include_bytes!("captures/level7-guest.bin");
const ANONYMOUS: &[u8] = include_bytes!("captures/level7-anonymous.bin");
const ENCRYPTED: &[u8] = include_bytes!("captures/level7-encrypted.bin");
/// The address of the server is longer, so that everything stands at another alignment.
const ADDRESS: &[u8] = include_bytes!("captures/level7-address.bin");
const USER_8: &[u8] = include_bytes!("captures/level8-user.bin");
const ANONYMOUS_8: &[u8] = include_bytes!("captures/level8-anonymous.bin");
const ENCRYPTED_8: &[u8] = include_bytes!("captures/level8-encrypted.bin");
const ADDRESS_8: &[u8] = include_bytes!("captures/level8-address.bin");
const ALL: [&[u8]; 9] = [
    USER,
    GUEST,
    ANONYMOUS,
    ENCRYPTED,
    ADDRESS,
    USER_8,
    ANONYMOUS_8,
    ENCRYPTED_8,
    ADDRESS_8,
];

fn client(message: &[u8]) -> Client {
    Request::decode(message).unwrap().client
}

#[test]
fn a_user_is_told_with_everything() {
    let request = Request::decode(USER).unwrap();
    assert_eq!(request.level, 7);
    assert_eq!(request.client_address, "127.0.0.1");
    assert_eq!(request.server_name, "pc");
    assert_eq!(request.server_address, "127.0.0.1");
    let client = request.client;
    let sids: Vec<String> = client.sids.iter().map(Sid::to_string).collect();
    assert_eq!(
        sids,
        [
            "S-1-5-21-2504310440-1276543701-266785172-1000",
            "S-1-5-21-2504310440-1276543701-266785172-513",
            "S-1-22-2-1",
            "S-1-1-0",
            "S-1-5-2",
            "S-1-5-11",
            "S-1-22-1-1",
        ]
    );
    let unix = UnixToken {
        uid: 1,
        gid: 1,
        groups: vec![1],
    };
    assert_eq!(client.unix, Some(unix));
    assert_eq!(client.account.as_deref(), Some("daemon"));
    assert_eq!(client.domain.as_deref(), Some("PRINTHOUSE"));
    assert_eq!(client.unix_name.as_deref(), Some("daemon"));
    assert!(client.is_authenticated());
    assert!(!client.is_guest() && !client.is_anonymous());
    assert!(client.encrypted.is_none() && !client.probe);
}

#[test]
fn alignment_counts_from_the_length_and_not_from_the_strings() {
    let request = Request::decode(ADDRESS).unwrap();
    assert_eq!(request.server_address, "127.100.100.100");
    assert_eq!(request.client, client(USER));
    assert_eq!(client(ADDRESS_8), client(USER_8));
}

#[test]
fn who_has_not_logged_on_is_told_apart() {
    let guest = client(GUEST);
    assert!(guest.is_guest() && !guest.is_anonymous() && !guest.is_authenticated());
    assert_eq!(guest.account.as_deref(), Some("nobody"));
    let nobody = client(ANONYMOUS);
    assert!(nobody.is_anonymous() && !nobody.is_guest() && !nobody.is_authenticated());
    assert_eq!(nobody.account.as_deref(), Some("ANONYMOUS LOGON"));
    assert!(client(ANONYMOUS_8).is_anonymous());
    for encrypted in [ENCRYPTED, ENCRYPTED_8] {
        assert_eq!(client(encrypted).encrypted, Some(0x311));
    }
}

#[test]
fn a_flag_makes_a_request_a_probe() {
    // The flags stand behind the number that disguises them as a SID.
    let disguise = 2_041_152_804u32.to_le_bytes();
    let place = USER.windows(4).position(|word| word == disguise).unwrap();
    for (flags, probe) in [(1, false), (4, true), (5, true)] {
        let mut message = USER.to_vec();
        message[place + 4] = flags;
        assert_eq!(client(&message).probe, probe);
        // It is nobody's SID.
        assert_eq!(client(&message).sids, client(USER).sids);
    }
}

#[test]
fn a_request_that_breaks_off_is_none() {
    for message in ALL {
        for len in 0..message.len() {
            assert!(Request::decode(&message[..len]).is_err());
            // With a length that fits what is left, too. The last bytes may be padding.
            let mut short = message[..len].to_vec();
            if len >= 4 {
                short[..4].copy_from_slice(&(len as u32 - 4).to_be_bytes());
                assert!(
                    Request::decode(&short).is_err(),
                    "{len} of {}",
                    message.len()
                );
            }
        }
        let longer = [message, &[0]].concat();
        assert!(Request::decode(&longer).is_err());
    }
}

#[test]
fn no_byte_that_is_another_one_makes_it_panic() {
    for message in ALL {
        let mut message = message.to_vec();
        for place in 0..message.len() {
            let right = message[place];
            for wrong in [0, 1, 0x7f, 0x80, 0xff, right ^ 1] {
                message[place] = wrong;
                let _ = Request::decode(&message);
            }
            message[place] = right;
        }
    }
}

#[test]
fn other_levels_are_not_understood() {
    for level in [0, 4, 5, 6, 9, u32::MAX] {
        let mut message = USER.to_vec();
        message[8..12].copy_from_slice(&level.to_le_bytes());
        message[12..16].copy_from_slice(&level.to_le_bytes());
        assert!(Request::decode(&message).is_err(), "{level}");
    }
    let mut message = USER.to_vec();
    message[12] = 8;
    assert!(Request::decode(&message).is_err());
}

#[test]
fn level_8_says_the_same() {
    let request = Request::decode(USER_8).unwrap();
    assert_eq!(request.level, 8);
    let user = client(USER);
    let mut same = request.client;
    assert_eq!(same.sids[2..], user.sids[2..]);
    same.sids.clone_from(&user.sids);
    assert_eq!(same, user);
}

#[test]
fn claims_are_not_read_and_the_sids_say_enough() {
    // Their counts stand behind the privileges and rights, which stand behind the last SID.
    let disguise = 2_041_152_804u32.to_le_bytes();
    let last = USER_8.windows(4).position(|word| word == disguise).unwrap();
    let counts = (last + 8).next_multiple_of(8) + 12;
    let mut message = USER_8.to_vec();
    assert_eq!(message[counts..counts + 32], [0; 32]);
    message[counts] = 1;
    let (with_claims, user) = (client(&message), client(USER_8));
    assert_eq!(with_claims.sids, user.sids);
    assert_eq!(with_claims.unix, user.unix);
    assert!(with_claims.is_authenticated());
    assert_eq!(with_claims.account, None);
}

#[test]
fn a_reply_is_36_bytes() {
    let reply = Reply {
        level: 7,
        messages: true,
    };
    let expected = [
        &[0, 0, 0, 0x20][..],
        b"NPAM",
        &[7, 0, 0, 0, 7, 0, 0, 0],
        &[2, 0, 0xff, 5, 0, 0, 0, 0],
        &[0, 0x10, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(reply.encode()[..], expected);
    let bytes = Reply {
        level: 8,
        messages: false,
    };
    assert_eq!(
        bytes.encode()[8..20],
        [8, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0xff, 0]
    );
}

#[test]
fn a_frame_has_a_length_that_samba_carries() {
    assert_eq!(frame(1), Ok([1, 0]));
    assert_eq!(frame(LONGEST_FRAME), Ok([0xff, 0xff]));
    assert_eq!(frame(0), Err(FrameError::Empty));
    assert_eq!(frame(LONGEST_FRAME + 1), Err(FrameError::TooLong));
    assert_eq!(request_len([0, 0, 2, 0xd7]), Some(0x2d7));
    assert_eq!(request_len([1, 0, 0, 0]), None);
}

proptest! {
    #[test]
    fn anything_can_be_decoded_without_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Request::decode(&bytes);
        // The same with a beginning that is right, so that the rest is looked at.
        if bytes.len() >= 16 {
            let len = bytes.len() as u32 - 4;
            bytes[..4].copy_from_slice(&len.to_be_bytes());
            bytes[4..16].copy_from_slice(b"NPAM\x07\0\0\0\x07\0\0\0");
            let _ = Request::decode(&bytes);
        }
    }

    #[test]
    fn what_is_overwritten_does_no_harm(
        which in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        level in 7..=8u8,
    ) {
        let mut message = ALL[which].to_vec();
        for (place, byte) in changes {
            let place = place.index(message.len());
            message[place] = byte;
        }
        (message[8], message[12]) = (level, level);
        let _ = Request::decode(&message);
    }
}
