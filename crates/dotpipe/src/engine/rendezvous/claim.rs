//! Who a client on another machine is, as bytes: what an *open* goes on with that a bridge sends. Pure.
//!
//! ```text
//!   0  protection    0 not known, 1 none, 2 signed, 3 encrypted
//!   1  1 when the client is mapped to a user of this machine, else 0
//!   2  length of the computer's name, 16 bits
//!   4  length of the user's name, 16 bits; 0 for none
//!   6  number of identifiers, 16 bits
//!   8  number of supplementary groups on this machine, 32 bits
//!  12  user on this machine
//!  16  group on this machine
//!  20  the identifiers as Windows has them in memory: the user, its group, its groups in ascending order
//!      the supplementary groups, 32 bits each, in ascending order
//!      the two names, UTF-8
//! ```
//! Numbers are little-endian, but for the authority of an identifier. What is not there is 0, and nothing comes
//! behind the names. There is one way to say a thing: what is decoded is encoded to the same bytes.

use crate::security::{Protection, RemoteClient, Sid, Token};
use crate::win32::Win32Error;

/// The longest claim. Windows lets nobody into more than 1,015 groups; with as many groups of this machine, each of them
/// an identifier as well, that is not 52 KB. It fits a packet of any socket.
pub(in crate::engine) const LONGEST_CLAIM: usize = 64 << 10;
/// The longest name of a computer: that of the domain name system.
const LONGEST_COMPUTER: usize = 255;
/// The longest name of a user: a domain and an account of 256 UTF-16 units each, and what is between them.
const LONGEST_USER: usize = 3 * (256 + 1 + 256);

/// By their numbers.
const PROTECTIONS: [Protection; 4] = [
    Protection::Unknown,
    Protection::None,
    Protection::Signed,
    Protection::Encrypted,
];

/// What is said of a client on another machine, as bytes.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` when it cannot be: too much, or a name that cannot be one.
pub(in crate::engine) fn encode(client: &RemoteClient) -> Result<Vec<u8>, Win32Error> {
    const TOO_MUCH: Win32Error = Win32Error::INVALID_PARAMETER;
    let short = |len: usize| u16::try_from(len).map_err(|_| TOO_MUCH);
    let token = client.token();
    let account = client.account().unwrap_or("");
    if !is_name(client.computer(), LONGEST_COMPUTER) || !is_text(account, LONGEST_USER) {
        return Err(TOO_MUCH);
    }
    let here = client.unix_token();
    let number = |id: Option<u32>| id.unwrap_or(0).to_le_bytes();
    let groups = here.into_iter().flat_map(Token::groups);
    let groups: Vec<u32> = groups.filter_map(|group| group.group_id()).collect();
    let group_count = u32::try_from(groups.len()).map_err(|_| TOO_MUCH)?;

    let mut bytes = vec![client.protected() as u8, here.is_some().into()];
    bytes.extend(short(client.computer().len())?.to_le_bytes());
    bytes.extend(short(account.len())?.to_le_bytes());
    bytes.extend(short(2 + token.groups().count())?.to_le_bytes());
    bytes.extend(group_count.to_le_bytes());
    bytes.extend(number(here.and_then(Token::user_id)));
    bytes.extend(number(here.and_then(Token::group_id)));
    let own = [token.user(), token.group()];
    for sid in own.into_iter().chain(token.groups()) {
        let parts = sid.sub_authorities();
        bytes.extend([1, parts.len() as u8]);
        bytes.extend(&sid.authority().to_be_bytes()[2..]);
        bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    }
    bytes.extend(groups.iter().flat_map(|group| group.to_le_bytes()));
    bytes.extend(client.computer().as_bytes());
    bytes.extend(account.as_bytes());
    if bytes.len() > LONGEST_CLAIM {
        return Err(TOO_MUCH);
    }
    Ok(bytes)
}

/// The same from bytes, which anybody may have written.
///
/// # Errors
/// `ERROR_INVALID_PARAMETER` for nonsense.
pub(in crate::engine) fn decode(bytes: &[u8]) -> Result<RemoteClient, Win32Error> {
    const NONSENSE: Win32Error = Win32Error::INVALID_PARAMETER;
    read(bytes).ok_or(NONSENSE)
}

fn read(bytes: &[u8]) -> Option<RemoteClient> {
    let mut rest = (bytes.len() <= LONGEST_CLAIM).then_some(bytes)?;
    let [protection, mapped] = take(&mut rest)?;
    let protection = *PROTECTIONS.get(usize::from(protection))?;
    let [computer_len, user_len, sids] = [short(&mut rest)?, short(&mut rest)?, short(&mut rest)?];
    let [numbers, user, group] = [long(&mut rest)?, long(&mut rest)?, long(&mut rest)?];

    // The counts promise nothing: each item is there, or the bytes have come to their end.
    let (sid, primary) = (sid(&mut rest)?, self::sid(&mut rest)?);
    let others = ascending(sids.checked_sub(2)?.into(), || self::sid(&mut rest))?;
    let groups = ascending(numbers, || long(&mut rest))?;
    let computer = text(&mut rest, computer_len)?;
    let account = text(&mut rest, user_len)?;
    if !rest.is_empty() || !is_name(computer, LONGEST_COMPUTER) || !is_text(account, LONGEST_USER) {
        return None;
    }

    // What a token of the network has anyway must have been said.
    let has_network = others.contains(&Sid::NETWORK);
    let client = RemoteClient::new(Token::of(sid, primary, others), computer)
        .user_name(account)
        .protection(protection);
    match mapped {
        _ if !has_network => None,
        0 if (user, group) == (0, 0) && groups.is_empty() => Some(client),
        1 => Some(client.unix_ids(user, group, groups)),
        _ => None,
    }
}

/// So many items, each above the one before.
fn ascending<T: PartialOrd>(count: u32, mut next: impl FnMut() -> Option<T>) -> Option<Vec<T>> {
    let mut items = Vec::new();
    for _ in 0..count {
        let item = next()?;
        if items.last().is_some_and(|last| *last >= item) {
            return None;
        }
        items.push(item);
    }
    Some(items)
}

fn take<const LEN: usize>(rest: &mut &[u8]) -> Option<[u8; LEN]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn short(rest: &mut &[u8]) -> Option<u16> {
    take(rest).map(u16::from_le_bytes)
}

fn long(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_le_bytes)
}

fn sid(rest: &mut &[u8]) -> Option<Sid> {
    let [revision, count, a, b, c, d, e, f] = take(rest)?;
    if revision != 1 || count == 0 {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let mut parts = [0; Sid::MOST];
    let parts = parts.get_mut(..usize::from(count))?;
    for part in &mut *parts {
        *part = long(rest)?;
    }
    Sid::from_parts(authority, parts)
}

fn text<'a>(rest: &mut &'a [u8], len: u16) -> Option<&'a str> {
    let (text, left) = rest.split_at_checked(len.into())?;
    *rest = left;
    std::str::from_utf8(text).ok()
}

/// Whether it can be shown to people without confusing them, and is no longer than this.
fn is_text(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

fn is_name(text: &str, longest: usize) -> bool {
    !text.is_empty() && is_text(text, longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sid(text: &str) -> Sid {
        text.parse().unwrap()
    }

    fn client() -> RemoteClient {
        let groups = [
            sid("S-1-5-21-1-2-3-513"),
            Sid::EVERYONE,
            Sid::AUTHENTICATED_USERS,
            Sid::user(1000),
            sid("S-1-0x123456789abc-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15"),
        ];
        let token = Token::of(sid("S-1-5-21-1-2-3-1105"), groups[0], groups);
        RemoteClient::new(token, "192.0.2.7")
            .user_name(r"예\안")
            .unix_ids(1000, 100, [27, 4])
            .protection(Protection::Encrypted)
    }

    #[test]
    fn it_survives_the_trip() {
        let bare = RemoteClient::new(Token::of(Sid::ANONYMOUS, Sid::ANONYMOUS, []), "a");
        for client in [
            client(),
            bare.clone(),
            bare.clone().unix_ids(0, 0, []),
            bare.clone().unix_ids(u32::MAX, 7, [0]),
            bare.clone().protection(Protection::None),
            bare.protection(Protection::Signed),
        ] {
            assert_eq!(decode(&encode(&client).unwrap()), Ok(client));
        }
    }

    #[test]
    fn the_bytes_are_those_that_are_written_down() {
        let token = Token::of(Sid::ANONYMOUS, Sid::group(258), []);
        let client = RemoteClient::new(token, "c")
            .user_name("u")
            .unix_ids(3, 4, [5])
            .protection(Protection::Signed);
        let expected = [
            &[2, 1, 1, 0, 1, 0, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0][..],
            &[1, 1, 0, 0, 0, 0, 0, 5, 7, 0, 0, 0],
            &[1, 2, 0, 0, 0, 0, 0, 22, 2, 0, 0, 0, 2, 1, 0, 0],
            &[1, 1, 0, 0, 0, 0, 0, 5, 2, 0, 0, 0],
            &[5, 0, 0, 0],
            b"cu",
        ]
        .concat();
        assert_eq!(encode(&client).unwrap(), expected);
    }

    #[test]
    fn no_part_of_it_will_do() {
        let good = encode(&client()).unwrap();
        for len in 0..good.len() {
            assert_eq!(
                decode(&good[..len]),
                Err(Win32Error::INVALID_PARAMETER),
                "{len}"
            );
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(decode(&longer), Err(Win32Error::INVALID_PARAMETER));
    }

    #[test]
    fn counts_that_promise_too_much() {
        let good = encode(&client()).unwrap();
        for (offset, len) in [(2, 2), (4, 2), (6, 2), (8, 4)] {
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[offset..offset + len].fill(byte);
                assert_eq!(decode(&bytes), Err(Win32Error::INVALID_PARAMETER));
            }
        }
        let with = |offset: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[offset] = byte;
            decode(&bytes).is_ok()
        };
        // The protection, whether it is mapped, and revision and length of the first identifier.
        for (offset, byte) in [
            (0, 4),
            (1, 0),
            (1, 2),
            (20, 2),
            (21, 0),
            (21, 16),
            (21, 255),
        ] {
            assert!(!with(offset, byte), "{offset} {byte}");
        }
        let last = good.len() - 1;
        assert!(!with(last, 7), "a control character");
        assert!(!with(last, 0xff), "no UTF-8");
    }

    #[test]
    fn too_much_is_not_sent() {
        let with = |computer: &str, account: &str, sids: u32, numbers: u32| {
            let groups = (0..sids).map(|number| sid(&format!("S-1-5-21-1-2-3-{number}")));
            let token = Token::of(Sid::user(1), Sid::group(1), groups);
            let client = RemoteClient::new(token, computer)
                .user_name(account)
                .unix_ids(1, 1, 0..numbers);
            encode(&client).map(|bytes| decode(&bytes) == Ok(client))
        };
        // As many groups as Windows has for anybody, and as many of this machine.
        assert_eq!(
            with(&"c".repeat(255), &"u".repeat(1539), 1015, 1015),
            Ok(true)
        );
        assert_eq!(with("c", "", 0, 0), Ok(true));
        for (computer, account, sids, numbers) in [
            ("", "u", 1, 1),
            ("c\n", "u", 1, 1),
            ("c", "u\0", 1, 1),
            (&"c".repeat(256), "u", 1, 1),
            ("c", &"u".repeat(1540), 1, 1),
            ("c", "u", 2400, 1),
            ("c", "u", 1, 16_400),
            ("c", "u", 65_536, 1),
        ] {
            let refused = Err(Win32Error::INVALID_PARAMETER);
            assert_eq!(with(computer, account, sids, numbers), refused);
        }
    }

    proptest! {
        #[test]
        fn what_is_understood_has_one_spelling(
            place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()
        ) {
            let mut bytes = encode(&client()).unwrap();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
                if let Ok(client) = decode(bytes) {
                    prop_assert_eq!(encode(&client).unwrap(), bytes);
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
