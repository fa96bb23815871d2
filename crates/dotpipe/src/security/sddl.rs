//! SDDL, the text form of security descriptors, both ways. Pure; it owns the grammar.
//!
//! ```text
//! O:owner G:group D:flags(type;flags;rights;;;who)(...)...
//! ```
//! without spaces. What a pipe here cannot honour is refused and never passed over, since a descriptor that
//! means less than it says would let somebody in: audit lists and labels (`S:`), inheritance (flags of an
//! entry), conditional and object entries.

use std::fmt;
use std::str::FromStr;

use super::{Ace, AceKind, PipeRights, SecurityDescriptor, Sid};
use crate::win32::Win32Error;

/// The longest text of a descriptor, in bytes: some hundred entries.
pub const LONGEST_SDDL: usize = 4096;

/// The letters for rights, those that stand for several first.
const LETTERS: [(&str, u32); 21] = [
    ("FA", 0x1f_01ff),
    ("FR", 0x12_0089),
    ("FW", 0x12_0116),
    ("FX", 0x12_00a0),
    ("GA", 0x1000_0000),
    ("GR", 0x8000_0000),
    ("GW", 0x4000_0000),
    ("GX", 0x2000_0000),
    ("RC", 0x2_0000),
    ("SD", 0x1_0000),
    ("WD", 0x4_0000),
    ("WO", 0x8_0000),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
];

const NO_LIST: &str = "NO_ACCESS_CONTROL";

/// Why a text is no security descriptor that a pipe can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SddlError {
    problem: &'static str,
    position: usize,
}

impl SddlError {
    /// `ERROR_INVALID_SECURITY_DESCR`.
    pub fn code(&self) -> Win32Error {
        Win32Error::INVALID_SECURITY_DESCR
    }

    /// Where in the text the trouble begins, in bytes.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for SddlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SDDL, position {}: {}", self.position, self.problem)
    }
}

impl std::error::Error for SddlError {}

/// As SDDL: `ConvertSecurityDescriptorToStringSecurityDescriptor`.
impl fmt::Display for SecurityDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, sid) in [("O", &self.owner), ("G", &self.group)] {
            if let Some(sid) = sid {
                write!(f, "{letter}:{}", Short(sid))?;
            }
        }
        f.write_str("D:")?;
        let Some(entries) = &self.dacl else {
            return f.write_str(NO_LIST);
        };
        for Ace { kind, rights, sid } in entries {
            let kind = match kind {
                AceKind::Allow => "A",
                AceKind::Deny => "D",
            };
            write!(f, "({kind};;{};;;{})", Letters(*rights), Short(sid))?;
        }
        Ok(())
    }
}

/// An identifier by its letters, if it has some.
struct Short<'a>(&'a Sid);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.letters() {
            Some(letters) => f.write_str(letters),
            None => self.0.fmt(f),
        }
    }
}

/// Rights by letters, if some few say it exactly; as a number otherwise.
struct Letters(PipeRights);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.bits();
        if let Some((letters, _)) = LETTERS.iter().find(|(_, known)| *known == bits) {
            return f.write_str(letters);
        }
        // The generic and the standard rights are told by their letters; a pipe's own have none that fit.
        let told = LETTERS[4..12].iter().filter(|(_, known)| bits & known != 0);
        if told.clone().fold(0, |sum, (_, known)| sum | known) == bits && bits != 0 {
            return told
                .map(|(letters, _)| *letters)
                .try_for_each(|letters| f.write_str(letters));
        }
        write!(f, "0x{bits:x}")
    }
}

/// From SDDL: `ConvertStringSecurityDescriptorToSecurityDescriptor`.
///
/// Of the flags of the list, those about inheritance (`P`, `AI`, `AR`) are read and mean nothing for a pipe.
impl FromStr for SecurityDescriptor {
    type Err = SddlError;

    fn from_str(text: &str) -> Result<SecurityDescriptor, SddlError> {
        Parser { text, position: 0 }.descriptor()
    }
}

/// How far a text has been read.
struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    fn descriptor(&mut self) -> Result<SecurityDescriptor, SddlError> {
        if self.text.len() > LONGEST_SDDL {
            return self.fail("the text is longer than 4096 bytes");
        }
        let (mut owner, mut group, mut dacl) = (None, None, None);
        while !self.rest().is_empty() {
            if self.take("O:") && owner.is_none() {
                owner = Some(self.sid(&["G:", "D:", "S:"])?);
            } else if self.take("G:") && group.is_none() {
                group = Some(self.sid(&["O:", "D:", "S:"])?);
            } else if self.take("D:") && dacl.is_none() {
                dacl = Some(self.list()?);
            } else if self.rest().starts_with("S:") {
                return self.fail("audit lists and labels (S:) are not supported");
            } else {
                return self.fail("expected O:, G: or D:, each at most once");
            }
        }
        match dacl {
            // Without a list everybody may do everything: that is to be said, not forgotten.
            None => self.fail("there is no list: write D:(...), or D:NO_ACCESS_CONTROL for none"),
            Some(dacl) => Ok(SecurityDescriptor { owner, group, dacl }),
        }
    }

    fn list(&mut self) -> Result<Option<Vec<Ace>>, SddlError> {
        if self.take(NO_LIST) {
            return Ok(None);
        }
        while ["AI", "AR", "P"].iter().any(|flag| self.take(flag)) {}
        let mut entries = Vec::new();
        while self.take("(") {
            entries.push(self.entry()?);
        }
        Ok(Some(entries))
    }

    fn entry(&mut self) -> Result<Ace, SddlError> {
        let kind = match self.until(';')? {
            "A" => AceKind::Allow,
            "D" => AceKind::Deny,
            _ => {
                return self.fail(
                    "an entry begins with A; (allow) or D; (deny), nothing else is supported",
                );
            }
        };
        if !self.until(';')?.is_empty() {
            return self
                .fail("flags of an entry are about inheritance, which a pipe does not have");
        }
        let rights = self.until(';')?;
        let Some(rights) = rights_from(rights) else {
            return self.fail(
                "the rights are letters such as FA, FR, FW, GRGW or a number such as 0x12019b",
            );
        };
        for _ in 0..2 {
            if !self.until(';')?.is_empty() {
                return self.fail("entries for single objects are not supported");
            }
        }
        let who = self.until(')')?;
        match who.parse() {
            Ok(sid) => Ok(Ace { kind, rights, sid }),
            Err(_) => {
                self.fail("an entry ends with whom it is for: letters such as WD, or S-1-...")
            }
        }
    }

    /// An identifier that goes on until the next part.
    fn sid(&mut self, ends: &[&str]) -> Result<Sid, SddlError> {
        let rest = self.rest();
        let len = ends.iter().filter_map(|end| rest.find(end)).min();
        let text = &rest[..len.unwrap_or(rest.len())];
        match text.parse() {
            Ok(sid) => {
                self.position += text.len();
                Ok(sid)
            }
            Err(_) => self.fail("expected letters such as SY, or S-1-..."),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn take(&mut self, what: &str) -> bool {
        let taken = self.rest().starts_with(what);
        if taken {
            self.position += what.len();
        }
        taken
    }

    /// What stands before `end`, which is passed.
    fn until(&mut self, end: char) -> Result<&'a str, SddlError> {
        let Some((text, _)) = self.rest().split_once(end) else {
            return self.fail("an entry is (type;;rights;;;who)");
        };
        self.position += text.len() + end.len_utf8();
        Ok(text)
    }

    fn fail<T>(&self, problem: &'static str) -> Result<T, SddlError> {
        Err(SddlError {
            problem,
            position: self.position,
        })
    }
}

fn rights_from(text: &str) -> Option<PipeRights> {
    let digits = |text: &str, radix| {
        let only = text.bytes().all(|byte| char::from(byte).is_digit(radix));
        only.then(|| u32::from_str_radix(text, radix).ok())
            .flatten()
    };
    let bits = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(hex) => digits(hex, 16)?,
        None if text.starts_with(|first: char| first.is_ascii_digit()) => digits(text, 10)?,
        None => {
            let pairs = text.as_bytes().chunks(2);
            pairs
                .map(known_letters)
                .try_fold(0, |sum, bits| Some(sum | bits?))?
        }
    };
    Some(PipeRights::from_bits_retain(bits))
}

fn known_letters(pair: &[u8]) -> Option<u32> {
    let known = LETTERS
        .iter()
        .find(|(letters, _)| letters.as_bytes() == pair);
    known.map(|(_, bits)| *bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<SecurityDescriptor, SddlError> {
        text.parse()
    }

    #[test]
    fn texts_that_come_back_as_they_were() {
        for text in [
            "D:",
            "D:NO_ACCESS_CONTROL",
            "D:(A;;GRGW;;;WD)",
            "O:SYG:BAD:(A;;FA;;;SY)(D;;FW;;;AN)",
            "O:S-1-22-1-1000G:S-1-22-2-100D:(A;;0x12019b;;;S-1-5-21-1-2-3-1013)",
            "D:(A;;RCWDWO;;;OW)",
            "D:(A;;0x0;;;WD)",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings() {
        for (text, same) in [
            ("D:P(A;;FA;;;WD)", "D:(A;;FA;;;WD)"),
            ("D:PAIAR(A;;FA;;;wd)", "D:(A;;FA;;;WD)"),
            ("D:(A;;2032127;;;s-1-1-0)", "D:(A;;FA;;;WD)"),
            ("D:(A;;0X1F01FF;;;WD)", "D:(A;;FA;;;WD)"),
            ("D:(A;;CCDC;;;WD)", "D:(A;;0x3;;;WD)"),
            ("D:(A;;FA;;;WD)O:SY", "O:SYD:(A;;FA;;;WD)"),
            ("D:(A;;;;;WD)", "D:(A;;0x0;;;WD)"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), same, "{text}");
        }
    }

    #[test]
    fn what_is_refused_and_where() {
        let long = format!("D:{}", "(A;;FA;;;WD)".repeat(400));
        for (text, position) in [
            ("", 0),
            ("O:SY", 4),
            ("hello", 0),
            ("D:(A;;FA;;;WD)S:(ML;;NW;;;LW)", 14),
            ("D:D:", 4),
            ("O:XXD:", 2),
            ("D:(X;;FA;;;WD)", 5),
            ("D:(A;OI;FA;;;WD)", 8),
            ("D:(A;;FQ;;;WD)", 9),
            ("D:(A;;F;;;WD)", 8),
            ("D:(A;;0xg;;;WD)", 10),
            ("D:(A;;0x+1;;;WD)", 11),
            ("D:(A;;0x;;;WD)", 9),
            ("D:(A;;99999999999;;;WD)", 18),
            ("D:(A;;FA;x;;WD)", 11),
            ("D:(A;;FA;;;)", 12),
            ("D:(A;;FA;;;WD", 11),
            ("D:(A", 3),
            ("D: (A;;FA;;;WD)", 2),
            ("D:(A;;FA;;;WD)é", 14),
            (long.as_str(), 0),
        ] {
            assert_eq!(
                parse(text).map_err(|error| error.position()),
                Err(position),
                "{text}"
            );
        }
    }

    fn any_sid() -> impl Strategy<Value = Sid> {
        prop_oneof![
            any::<u32>().prop_map(Sid::user),
            any::<u32>().prop_map(Sid::group),
            proptest::sample::select(vec![Sid::EVERYONE, Sid::LOCAL_SYSTEM, Sid::CREATOR_OWNER]),
        ]
    }

    proptest! {
        #[test]
        fn every_descriptor_survives_its_text(
            owner in proptest::option::of(any_sid()),
            group in proptest::option::of(any_sid()),
            dacl in proptest::option::of(proptest::collection::vec(
                (any::<bool>(), any::<u32>(), any_sid()), 0..10
            )),
        ) {
            let dacl = dacl.map(|entries| entries.into_iter().map(|(allow, bits, sid)| Ace {
                kind: if allow { AceKind::Allow } else { AceKind::Deny },
                rights: PipeRights::from_bits_retain(bits),
                sid,
            }).collect());
            let descriptor = SecurityDescriptor { owner, group, dacl };
            prop_assert_eq!(parse(&descriptor.to_string()), Ok(descriptor));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[OGDSAW:();FRXx0-9]{0,40}|.{0,20}") {
            if let Ok(descriptor) = parse(&text) {
                prop_assert_eq!(parse(&descriptor.to_string()), Ok(descriptor));
            }
        }
    }
}
