//! Security descriptors and identifiers as Win32 has them in memory. Pure.
//!
//! The rule this file owns is their layout ("self-relative"): words of four bytes, with places counted in
//! bytes from the beginning. They are put together and taken apart here rather than by way of SDDL, since the
//! system writes letters into SDDL that mean somebody else in every domain.

use windows_sys::Win32::Security::{SE_DACL_PRESENT, SE_SELF_RELATIVE};

use crate::exact::Result;
use crate::security::{AceKind, LONGEST_SDDL, PipeRights, SecurityDescriptor, Sid};
use crate::win32::Win32Error;

/// The words of a descriptor before its parts: revision and control, then the places of owner, group, audit
/// list and list.
const HEADER: usize = 5;
const OWNER: usize = 1;
const GROUP: usize = 2;
const LIST: usize = 4;

/// Of descriptors and of identifiers.
const REVISION: u32 = 1;
/// Of lists.
const ACL_REVISION: u32 = 2;
/// The words of a list before its entries, and of an entry and of an identifier before what is as long as it is.
const FIXED: usize = 2;

const ACCESS_ALLOWED: u32 = 0;
const ACCESS_DENIED: u32 = 1;
/// The flag of an entry that is for what is inherited, and says nothing of the pipe itself.
const INHERIT_ONLY: u32 = 8;

/// A descriptor as the system takes it. Nobody but [`encode`] makes one, so it is whole.
pub(super) struct Encoded(Vec<u32>);

impl Encoded {
    pub(super) fn words(&self) -> &[u32] {
        &self.0
    }
}

/// The descriptor as the system takes it.
///
/// # Errors
/// `ERROR_INVALID_SECURITY_DESCR` for one that is too long.
pub(super) fn encode(descriptor: &SecurityDescriptor) -> Result<Encoded> {
    if descriptor.to_string().len() > LONGEST_SDDL {
        return Err(Win32Error::INVALID_SECURITY_DESCR);
    }
    let mut words = vec![0; HEADER];
    words[0] = REVISION | u32::from(SE_SELF_RELATIVE | SE_DACL_PRESENT) << 16;
    for (place, sid) in [(OWNER, descriptor.owner()), (GROUP, descriptor.group())] {
        if let Some(sid) = sid {
            words[place] = bytes(words.len())?;
            words.extend(sid_words(&sid));
        }
    }
    if let Some(entries) = descriptor.entries() {
        let list = words.len();
        words[LIST] = bytes(list)?;
        words.extend([0, bytes(entries.len())? / 4]);
        for entry in entries {
            let kind = match entry.kind {
                AceKind::Allow => ACCESS_ALLOWED,
                AceKind::Deny => ACCESS_DENIED,
            };
            let sid = sid_words(&entry.sid);
            let size = bytes(FIXED + sid.len())?;
            words.extend([kind | size << 16, entry.rights.bits()]);
            words.extend(sid);
        }
        words[list] = ACL_REVISION | bytes(words.len() - list)? << 16;
    }
    Ok(Encoded(words))
}

/// So many words in bytes, as far as the 16 bits go that a list and an entry have for it.
fn bytes(words: usize) -> Result<u32> {
    let bytes = u16::try_from(words * 4).map_err(|_| Win32Error::INVALID_SECURITY_DESCR)?;
    Ok(bytes.into())
}

fn sid_words(sid: &Sid) -> Vec<u32> {
    let numbers = sid.sub_authorities();
    // The authority has 48 bits, the high ones first, of which two bytes are in the first word.
    let [_, _, a, b, rest @ ..] = sid.authority().to_be_bytes();
    let first = [REVISION as u8, numbers.len() as u8, a, b];
    let mut words = vec![u32::from_le_bytes(first), u32::from_le_bytes(rest)];
    words.extend(numbers);
    words
}

/// What the system gave as a descriptor.
///
/// # Errors
/// `ERROR_INVALID_SECURITY_DESCR` when it is none, and when it has entries that [`SecurityDescriptor`] cannot
/// say.
pub(super) fn decode(words: &[u32]) -> Result<SecurityDescriptor> {
    parse(words).ok_or(Win32Error::INVALID_SECURITY_DESCR)
}

fn parse(words: &[u32]) -> Option<SecurityDescriptor> {
    let control = words.first()? >> 16;
    let part = |place: usize| match *words.get(place)? as usize {
        0 => Some(None),
        bytes if bytes.is_multiple_of(4) => words.get(bytes / 4..).map(Some),
        _ => None,
    };
    let list = match control & u32::from(SE_DACL_PRESENT) {
        0 => None,
        _ => part(LIST)?,
    };
    let mut descriptor = match list {
        None => SecurityDescriptor::without_list(),
        Some(list) => parse_list(list)?,
    };
    if let Some(owner) = part(OWNER)? {
        descriptor = descriptor.with_owner(sid(owner)?);
    }
    if let Some(group) = part(GROUP)? {
        descriptor = descriptor.with_group(sid(group)?);
    }
    Some(descriptor)
}

fn parse_list(words: &[u32]) -> Option<SecurityDescriptor> {
    let [size, count, ..] = *words else {
        return None;
    };
    let mut rest = words.get(FIXED..(size >> 16) as usize / 4)?;
    let mut descriptor = SecurityDescriptor::new();
    for _ in 0..count & 0xffff {
        let [first, rights, ..] = *rest else {
            return None;
        };
        let entry = rest.get(..(first >> 16) as usize / 4)?;
        let sid = sid(entry.get(FIXED..)?)?;
        let rights = PipeRights::from_bits_retain(rights);
        rest = &rest[entry.len()..];
        descriptor = match first & 0xff {
            _ if first >> 8 & INHERIT_ONLY != 0 => descriptor,
            ACCESS_ALLOWED => descriptor.allow(sid, rights),
            ACCESS_DENIED => descriptor.deny(sid, rights),
            _ => return None,
        };
    }
    Some(descriptor)
}

/// The identifier that stands at the beginning of `words`.
pub(super) fn sid(words: &[u32]) -> Option<Sid> {
    let [first, second, ref numbers @ ..] = *words else {
        return None;
    };
    let ([revision, count, a, b], [c, d, e, f]) = (first.to_le_bytes(), second.to_le_bytes());
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let numbers = numbers.get(..usize::from(count))?;
    match u32::from(revision) {
        REVISION => Sid::from_parts(authority, numbers),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn descriptor(text: &str) -> SecurityDescriptor {
        text.parse().unwrap()
    }

    #[test]
    fn bytes_as_windows_has_them() {
        // What ConvertStringSecurityDescriptorToSecurityDescriptor makes of "O:SYD:(A;;FA;;;WD)", but for
        // the order of the parts.
        let encoded = encode(&descriptor("O:SYD:(A;;FA;;;WD)")).unwrap();
        let expected = [
            0x8004_0001,
            20,
            0,
            0,
            32, // header
            0x0000_0101,
            0x0500_0000,
            18, // S-1-5-18
            0x001c_0002,
            1, // the list
            0x0014_0000,
            0x1f_01ff,
            0x0000_0101,
            0x0100_0000,
            0, // Everyone: S-1-1-0
        ];
        assert_eq!(encoded.words(), expected);
    }

    #[test]
    fn descriptors_come_back_as_they_were() {
        for text in [
            "D:",
            "D:NO_ACCESS_CONTROL",
            "O:S-1-22-1-1000G:S-1-22-2-100D:(A;;0x12019b;;;S-1-5-21-1-2-3-1013)(D;;FA;;;AN)",
            "O:S-1-0x123456789abc-7D:(D;;FW;;;S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15)",
        ] {
            let descriptor = descriptor(text);
            assert_eq!(decode(encode(&descriptor).unwrap().words()), Ok(descriptor));
        }
        let long = (0..400).fold(SecurityDescriptor::new(), |long, user| {
            long.allow(Sid::user(user), PipeRights::ALL)
        });
        assert_eq!(
            encode(&long).err(),
            Some(Win32Error::INVALID_SECURITY_DESCR)
        );
    }

    #[test]
    fn entries_that_are_not_for_the_pipe_are_passed_over_and_strange_ones_refused() {
        let Encoded(mut words) = encode(&descriptor("D:(A;;FA;;;WD)(A;;FR;;;SY)")).unwrap();
        let entry = HEADER + FIXED;
        words[entry] |= INHERIT_ONLY << 8;
        assert_eq!(decode(&words).unwrap().to_string(), "D:(A;;FR;;;SY)");
        words[entry] = words[entry] & !0xff | 5;
        words[entry] &= !(INHERIT_ONLY << 8);
        assert_eq!(decode(&words), Err(Win32Error::INVALID_SECURITY_DESCR));
    }

    proptest! {
        #[test]
        fn no_words_make_it_panic(
            place in 0usize..20, word: u32, cut in 0usize..30
        ) {
            let Encoded(mut words) = encode(&descriptor("O:SYG:BAD:(A;;FA;;;WD)(D;;FW;;;AN)")).unwrap();
            let place = place % words.len();
            words[place] = word;
            let _ = decode(&words);
            words.truncate(cut);
            let _ = decode(&words);
        }
    }
}
