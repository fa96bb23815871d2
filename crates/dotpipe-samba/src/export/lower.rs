//! [`lower`]: the small letters that Samba knows.
//!
//! Layer: data. The rule it owns: what `smbd` makes of a letter before it looks for a socket. Its table, of which
//! `tolower_m` is the function, is older than most of Unicode: letters beyond it stay as they are.

/// Where Samba (4.17) makes all letters small that have a small one of one letter.
#[rustfmt::skip] // A dense block; one entry a line would be four times as long and no clearer.
const RANGES: [(u32, u32); 28] = [
    (0x0041, 0x01a4), (0x01a7, 0x01c4), (0x01c7, 0x01c7), (0x01ca, 0x01ca), (0x01cd, 0x01f1),
    (0x01f4, 0x01f4), (0x01fa, 0x0216), (0x0386, 0x03ab), (0x03e2, 0x03ee), (0x0401, 0x040c),
    (0x040e, 0x0480), (0x0490, 0x04be), (0x04c1, 0x04c3), (0x04c7, 0x04c7), (0x04cb, 0x04cb),
    (0x04d0, 0x04ea), (0x04ee, 0x04f4), (0x04f8, 0x04f8), (0x0531, 0x0556), (0x1e00, 0x1e94),
    (0x1ea0, 0x1ef8), (0x1f08, 0x1f6f), (0x1fb8, 0x1fbb), (0x1fc8, 0x1fcb), (0x1fd8, 0x1ffb),
    (0x2160, 0x216f), (0x24b6, 0x24cf), (0xff21, 0xff3a),
];

/// The small letter, if Samba knows one.
pub(super) fn lower(letter: char) -> char {
    let number = u32::from(letter);
    let is_known = |range: &(u32, u32)| (range.0..=range.1).contains(&number);
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) if RANGES.iter().any(is_known) => only,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_made_small_one_by_one() {
        let made = |text: &str| text.chars().map(lower).collect::<String>();
        assert_eq!(made("Greeter ЖÉ $.x"), "greeter жé $.x");
        // At the end of a word there is another small sigma.
        assert_eq!(made("ΟΔΟΣ"), "οδοσ");
        // Two letters; a title letter; the unit; too new.
        for stays in ["İ", "ǅ", "\u{2126}", "Ⰰ", "ẞ", "\u{10400}"] {
            assert_eq!(made(stays), stays);
        }
    }

    #[test]
    fn samba_changes_so_many_letters() {
        let changed = (0..0x11_0000).filter_map(char::from_u32);
        assert_eq!(
            changed.filter(|&letter| lower(letter) != letter).count(),
            635
        );
    }
}
