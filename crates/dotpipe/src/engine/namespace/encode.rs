//! The file name of a pipe: its folder in the namespace. Linux, below the seam; a pure function.
//!
//! The rule: spellings of one pipe have one file name, different pipes have different ones, and whatever
//! a pipe is called, the file name is short, printable, and no path of any kind.
//!
//! The folded PipeName is written byte by byte (UTF-8):
//!
//! - a letter of ASCII as a small letter (folded names have capitals only, so nothing is lost),
//! - a digit, `_`, `-`, and `.` as it is, but not a `.` at the beginning,
//! - everything else as `=` and two hex digits: `=2e` for that first dot, `=3d` for `=` itself.
//!
//! What is longer than [`MAX`] then is cut and ends with `=~` and a digest of the folded name. `~` is no
//! hex digit, so `=~` appears in no name that was not cut. Digests of different names are taken to be
//! different, but a stranger may choose names: the true name stored in the folder has the last word.

use sha2::{Digest, Sha256};

use crate::name::PipeName;

/// The longest file name, in bytes. Linux allows 255; half of it leaves room for names beside it that
/// are made from it.
pub(crate) const MAX: usize = 128;

/// How much of SHA-256 is kept, in bytes: two names with one digest are out of reach at 160 bits.
const DIGEST: usize = 20;

/// What stays readable of a name that is too long: what `=~` and the hex digits leave.
const PREFIX: usize = MAX - 2 - 2 * DIGEST;

/// The name of the folder of a pipe on this machine. The server part of the name has no influence.
pub(crate) fn file_name(name: &PipeName) -> String {
    let mut encoded = String::with_capacity(MAX);
    // Where a name that turns out too long is cut: never inside of an escape.
    let mut cut = 0;
    for byte in name.folded().bytes() {
        push_byte(&mut encoded, byte);
        if encoded.len() <= PREFIX {
            cut = encoded.len();
        }
    }
    if encoded.len() > MAX {
        encoded.truncate(cut);
        encoded.push_str("=~");
        for &byte in Sha256::digest(name.folded()).iter().take(DIGEST) {
            push_hex(&mut encoded, byte);
        }
    }
    encoded
}

fn push_byte(encoded: &mut String, byte: u8) {
    match byte {
        // A leading dot would hide the folder, and `.` and `..` are no names at all.
        b'.' if encoded.is_empty() => push_escape(encoded, byte),
        b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
            encoded.push(byte.to_ascii_lowercase().into());
        }
        _ => push_escape(encoded, byte),
    }
}

fn push_escape(encoded: &mut String, byte: u8) {
    encoded.push('=');
    push_hex(encoded, byte);
}

fn push_hex(encoded: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        encoded.extend(char::from_digit(digit.into(), 16));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn encode(name: &str) -> String {
        file_name(&PipeName::local(name).unwrap())
    }

    /// The bytes of a folded name, from a file name without its digest: the proof that nothing is lost.
    fn decode(encoded: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = encoded.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first == b'=' {
                let hex = std::str::from_utf8(&tail[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(first.to_ascii_uppercase());
                rest = tail;
            }
        }
        bytes
    }

    #[test]
    fn short_names_stay_readable() {
        assert_eq!(encode("My-Pipe_1.0"), "my-pipe_1.0");
        assert_eq!(encode("a b/c"), "a=20b=2fc");
        assert_eq!(encode("=~x~"), "=3d=7ex=7e");
        assert_eq!(encode("é"), "=c3=89");
        assert_eq!(encode("🦀"), "=f0=9f=a6=80");
        assert_eq!(encode("\u{1}\n"), "=01=0a");
    }

    #[test]
    fn no_name_is_hidden_or_leads_elsewhere() {
        assert_eq!(encode("."), "=2e");
        assert_eq!(encode(".."), "=2e.");
        assert_eq!(encode(".hidden."), "=2ehidden.");
        assert_eq!(encode("../../etc"), "=2e.=2f..=2fetc");
    }

    #[test]
    fn all_spellings_of_a_pipe_have_one_file_name() {
        assert_eq!(encode("Straße-ÉΩщ"), encode("sTRAßE-éωЩ"));
        assert_eq!(encode(&"Long-Ж".repeat(40)), encode(&"lONG-ж".repeat(40)));
        assert_ne!(encode("straße"), encode("strasse"));
    }

    #[test]
    fn the_limit_is_exact_and_a_cut_name_can_be_told() {
        assert_eq!(encode(&"a".repeat(128)), "a".repeat(128));
        let cut = encode(&"a".repeat(129));
        // The digest of 129 capitals A, as any other program computes it.
        let digest = "e7118c3a89bf814ded2ab232303565239253f59f";
        assert_eq!(cut, format!("{}=~{digest}", "a".repeat(86)));
        assert_eq!(cut.len(), MAX);
        // The very text of a cut name, taken as a PipeName, is another file.
        assert_ne!(encode(&cut), cut);
    }

    #[test]
    fn a_cut_goes_between_escapes() {
        // With two letters in front the 14th `é` ends where the prefix ends; with three, only its first
        // byte fits.
        let encoded = encode(&format!("ab{}", "é".repeat(127)));
        let (prefix, digest) = encoded.split_once("=~").unwrap();
        assert_eq!(prefix, format!("ab{}", "=c3=89".repeat(14)));
        assert_eq!(digest.len(), 2 * DIGEST);
        let encoded = encode(&format!("abc{}", "é".repeat(127)));
        assert_eq!(
            encoded.split_once("=~").unwrap().0,
            format!("abc{}=c3", "=c3=89".repeat(13))
        );
    }

    #[test]
    fn names_that_differ_behind_the_cut_differ() {
        let mut seen = HashMap::new();
        for last in 0..100 {
            let name = format!("{}{last}", "x".repeat(250));
            assert_eq!(seen.insert(encode(&name), last), None);
        }
    }

    fn any_name() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            any::<char>(),
            proptest::char::range(' ', '~'),
            proptest::sample::select(vec!['=', '~', '.', '2', 'e', 'E', '/']),
        ];
        proptest::collection::vec(character, 1..=128).prop_map(|characters| {
            characters
                .into_iter()
                .filter(|c| !matches!(c, '\\' | '\0'))
                .chain(['x'])
                .take(128)
                .collect()
        })
    }

    proptest! {
        #[test]
        fn every_file_name_is_short_and_safe(name in any_name()) {
            let encoded = encode(&name);
            prop_assert!((1..=MAX).contains(&encoded.len()));
            prop_assert!(!encoded.starts_with('.'));
            prop_assert!(encoded.bytes().all(
                |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'=' | b'~')
            ));
        }

        #[test]
        fn what_is_not_cut_can_be_decoded_and_the_rest_has_the_digest(name in any_name()) {
            let name = PipeName::local(&name).unwrap();
            let encoded = file_name(&name);
            match encoded.split_once("=~") {
                None => prop_assert_eq!(decode(&encoded), name.folded().as_bytes()),
                Some((prefix, digest)) => {
                    prop_assert_eq!(digest.len(), 2 * DIGEST);
                    prop_assert!(prefix.len() > PREFIX - 3 && prefix.len() <= PREFIX);
                    prop_assert!(name.folded().as_bytes().starts_with(&decode(prefix)));
                }
            }
        }

        #[test]
        fn file_names_are_equal_exactly_when_names_are(left in any_name(), right in any_name()) {
            let folded = PipeName::local(&left).unwrap().folded().to_owned();
            prop_assert_eq!(encode(&left), encode(&folded));
            let (left, right) = (PipeName::local(&left).unwrap(), PipeName::local(&right).unwrap());
            prop_assert_eq!(left == right, file_name(&left) == file_name(&right));
        }

        #[test]
        fn one_changed_character_changes_the_file_name(
            name in any_name(), at in any::<prop::sample::Index>(), character in "[^\\\\\0]"
        ) {
            let mut changed: Vec<char> = name.chars().collect();
            let at = at.index(changed.len());
            changed[at] = character.chars().next().unwrap();
            let changed: String = changed.into_iter().collect();
            let (left, right) = (PipeName::local(&name).unwrap(), PipeName::local(&changed).unwrap());
            prop_assert_eq!(left == right, file_name(&left) == file_name(&right));
        }
    }
}
