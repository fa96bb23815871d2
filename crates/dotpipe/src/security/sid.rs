//! [`Sid`]: who somebody is, to Windows. Pure; it owns the text form and the map of users and groups.

use std::fmt;
use std::str::FromStr;

use crate::win32::Win32Error;

/// A security identifier: a user, a group, or a well-known idea such as Everyone.
///
/// # Examples
/// ```
/// use dotpipe::security::Sid;
///
/// let user: Sid = "S-1-22-1-1000".parse()?;
/// assert_eq!(user, Sid::user(1000));
/// assert_eq!(user.user_id(), Some(1000));
/// assert_eq!(Sid::EVERYONE.to_string(), "S-1-1-0");
/// assert_eq!("WD".parse(), Ok(Sid::EVERYONE));
/// # Ok::<(), dotpipe::security::SidError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid {
    /// 48 bits.
    authority: u64,
    /// How many of the sub-authorities there are; the others are 0.
    count: u8,
    sub_authorities: [u32; Sid::MOST],
}

/// The letters that SDDL has for well-known identifiers.
const LETTERS: [(&str, Sid); 20] = [
    ("WD", Sid::EVERYONE),
    ("CO", Sid::CREATOR_OWNER),
    ("CG", Sid::CREATOR_GROUP),
    ("OW", Sid::OWNER_RIGHTS),
    ("NU", Sid::NETWORK),
    ("IU", Sid::known(5, &[4])),
    ("SU", Sid::known(5, &[6])),
    ("AN", Sid::ANONYMOUS),
    ("PS", Sid::known(5, &[10])),
    ("AU", Sid::AUTHENTICATED_USERS),
    ("RC", Sid::known(5, &[12])),
    ("SY", Sid::LOCAL_SYSTEM),
    ("LS", Sid::known(5, &[19])),
    ("NS", Sid::known(5, &[20])),
    ("BA", Sid::ADMINISTRATORS),
    ("BU", Sid::USERS),
    ("BG", Sid::known(5, &[32, 546])),
    ("PU", Sid::known(5, &[32, 547])),
    ("BO", Sid::known(5, &[32, 551])),
    ("AC", Sid::known(15, &[2, 1])),
];

impl Sid {
    /// `S-1-1-0`, `WD`: every client, but those of other machines that have not proven who they are.
    pub const EVERYONE: Sid = Sid::known(1, &[0]);
    /// `S-1-3-0`, `CO`: stands for whoever creates the pipe.
    pub const CREATOR_OWNER: Sid = Sid::known(3, &[0]);
    /// `S-1-3-1`, `CG`: stands for the group of whoever creates the pipe.
    pub const CREATOR_GROUP: Sid = Sid::known(3, &[1]);
    /// `S-1-3-4`, `OW`: the owner, in place of the rights that an owner has without being named.
    pub const OWNER_RIGHTS: Sid = Sid::known(3, &[4]);
    /// `S-1-5-2`, `NU`: clients of other machines.
    pub const NETWORK: Sid = Sid::known(5, &[2]);
    /// `S-1-5-7`, `AN`: clients that do not say who they are.
    pub const ANONYMOUS: Sid = Sid::known(5, &[7]);
    /// `S-1-5-11`, `AU`: every client that says who it is.
    pub const AUTHENTICATED_USERS: Sid = Sid::known(5, &[11]);
    /// `S-1-5-18`, `SY`: root of this machine.
    pub const LOCAL_SYSTEM: Sid = Sid::known(5, &[18]);
    /// `S-1-5-32-544`, `BA`: root and the members of its group.
    pub const ADMINISTRATORS: Sid = Sid::known(5, &[32, 544]);
    /// `S-1-5-32-545`, `BU`: every user of this machine.
    pub const USERS: Sid = Sid::known(5, &[32, 545]);

    /// The user of Linux with this number: `S-1-22-1-uid`.
    pub const fn user(uid: u32) -> Sid {
        Sid::known(22, &[1, uid])
    }

    /// The group of Linux with this number: `S-1-22-2-gid`.
    pub const fn group(gid: u32) -> Sid {
        Sid::known(22, &[2, gid])
    }

    /// The number of the user of Linux, if it is one.
    pub fn user_id(&self) -> Option<u32> {
        self.number_below(1)
    }

    /// The number of the group of Linux, if it is one.
    pub fn group_id(&self) -> Option<u32> {
        self.number_below(2)
    }

    fn number_below(&self, kind: u32) -> Option<u32> {
        match (self.authority, self.sub_authorities()) {
            (22, [first, number]) if *first == kind => Some(*number),
            _ => None,
        }
    }

    /// How many sub-authorities there may be: `SID_MAX_SUB_AUTHORITIES`.
    pub(crate) const MOST: usize = 15;

    /// From its parts; `None` when there are more than an identifier has.
    pub(crate) fn from_parts(authority: u64, sub_authorities: &[u32]) -> Option<Sid> {
        let fits = sub_authorities.len() <= Sid::MOST && authority < 1 << 48;
        fits.then(|| Sid::known(authority, sub_authorities))
    }

    /// Who gives the numbers out: 48 bits.
    pub(crate) fn authority(&self) -> u64 {
        self.authority
    }

    /// The numbers, from the general to the special.
    pub(crate) fn sub_authorities(&self) -> &[u32] {
        &self.sub_authorities[..usize::from(self.count)]
    }

    /// The two letters of SDDL, if it has some.
    pub(super) fn letters(&self) -> Option<&'static str> {
        let known = LETTERS.iter().find(|(_, sid)| sid == self);
        known.map(|(letters, _)| *letters)
    }

    const fn known(authority: u64, sub_authorities: &[u32]) -> Sid {
        let mut sid = Sid {
            authority,
            count: sub_authorities.len() as u8,
            sub_authorities: [0; Sid::MOST],
        };
        let mut place = 0;
        while place < sub_authorities.len() {
            sid.sub_authorities[place] = sub_authorities[place];
            place += 1;
        }
        sid
    }
}

/// As Windows writes it: `S-1-` and numbers.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.authority) {
            Ok(authority) => write!(f, "S-1-{authority}")?,
            Err(_) => write!(f, "S-1-0x{:012x}", self.authority)?,
        }
        self.sub_authorities()
            .iter()
            .try_for_each(|number| write!(f, "-{number}"))
    }
}

/// That a text is no security identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SidError;

impl SidError {
    /// `ERROR_INVALID_SID`.
    pub fn code(&self) -> Win32Error {
        Win32Error::INVALID_SID
    }
}

impl fmt::Display for SidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a security identifier: write S-1-22-1-<uid>, S-1-22-2-<gid>, another S-1-..., or the two \
             letters of a well-known one",
        )
    }
}

impl std::error::Error for SidError {}

/// Reads `S-1-...` or the two letters that SDDL has for a well-known one, in capital or small letters.
/// Letters that mean something in a domain only are not known.
impl FromStr for Sid {
    type Err = SidError;

    fn from_str(text: &str) -> Result<Sid, SidError> {
        let known = LETTERS
            .iter()
            .find(|(letters, _)| letters.eq_ignore_ascii_case(text));
        if let Some((_, sid)) = known {
            return Ok(*sid);
        }
        let mut parts = text.split('-');
        let begins = parts
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case("S"))
            && parts.next() == Some("1");
        let authority = parts.next().filter(|_| begins).and_then(authority);
        let mut sub_authorities = Vec::with_capacity(Sid::MOST);
        for part in parts {
            sub_authorities.push(number(part).ok_or(SidError)?);
        }
        if sub_authorities.is_empty() || sub_authorities.len() > Sid::MOST {
            return Err(SidError);
        }
        Ok(Sid::known(authority.ok_or(SidError)?, &sub_authorities))
    }
}

fn authority(text: &str) -> Option<u64> {
    let authority = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16).ok()?
        }
        Some(_) => return None,
        None => number(text)?.into(),
    };
    (authority < 1 << 48).then_some(authority)
}

/// Digits only: Rust would also read a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_as_windows_writes_them() {
        for (text, sid) in [
            ("S-1-1-0", Sid::EVERYONE),
            ("S-1-5-32-544", Sid::ADMINISTRATORS),
            ("S-1-22-1-0", Sid::user(0)),
            ("S-1-22-2-4294967295", Sid::group(u32::MAX)),
        ] {
            assert_eq!(sid.to_string(), text);
            assert_eq!(text.parse(), Ok(sid));
            assert_eq!(text.to_lowercase().parse(), Ok(sid));
        }
        let large: Sid = "S-1-0x123456789abc-7".parse().unwrap();
        assert_eq!(large.to_string(), "S-1-0x123456789abc-7");
        for (letters, sid) in LETTERS {
            assert_eq!(letters.parse(), Ok(sid));
            assert_eq!(sid.letters(), Some(letters));
        }
    }

    #[test]
    fn users_and_groups_are_told_apart() {
        assert_eq!(Sid::user(5).user_id(), Some(5));
        assert_eq!(Sid::user(5).group_id(), None);
        assert_eq!(Sid::group(5).group_id(), Some(5));
        assert_eq!("S-1-22-1-5-5".parse::<Sid>().unwrap().user_id(), None);
        assert_eq!("S-1-21-1-5".parse::<Sid>().unwrap().user_id(), None);
    }

    #[test]
    fn what_is_none() {
        let sixteen = format!("S-1-5{}", "-1".repeat(16));
        for text in [
            "",
            "S",
            "S-1",
            "S-1-5",
            "S-2-5-1",
            "1-5-1",
            "S-1-5-",
            "S-1--1",
            "S-1-5-+1",
            "S-1-5- 1",
            "S-1-5-4294967296",
            "S-1-0x1000000000000-1",
            "S-1-0x-1",
            "S-1-0x+1-1",
            "XX",
            "W",
            sixteen.as_str(),
        ] {
            assert_eq!(text.parse::<Sid>(), Err(SidError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_sid_survives_its_text(
            authority in 0u64..1 << 48, subs in proptest::collection::vec(any::<u32>(), 1..=Sid::MOST)
        ) {
            let sid = Sid::known(authority, &subs);
            prop_assert_eq!(sid.to_string().parse(), Ok(sid));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[sS0-9x-]{0,40}|.{0,12}") {
            if let Ok(sid) = text.parse::<Sid>() {
                prop_assert_eq!(sid.to_string().parse(), Ok(sid));
            }
        }
    }
}
