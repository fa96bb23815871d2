//! The bytes and names within a line of a script: payloads, `%XX` in names, numbers (FORMAT.md §2).

/// The largest payload that a script may ask for, in bytes, so that a slip of the pen in a script does
/// not take all memory.
const MAX_PAYLOAD: u32 = 1 << 30;

/// A number as scripts write it: decimal digits only, 0 to 4294967295.
pub fn number(word: &str) -> Result<u32, String> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.parse() {
        Ok(value) if digits => Ok(value),
        _ => Err(format!("'{word}' is not a number from 0 to 4294967295")),
    }
}

/// The bytes that a payload stands for: `text:…`, `hex:…` or `fill:LEN:SEED`.
pub fn payload(word: &str) -> Result<Vec<u8>, String> {
    if let Some(text) = word.strip_prefix("text:") {
        return Ok(text.as_bytes().to_vec());
    }
    if let Some(digits) = word.strip_prefix("hex:") {
        return digits.as_bytes().chunks(2).map(hex_byte).collect();
    }
    if let Some((len, seed)) = word
        .strip_prefix("fill:")
        .and_then(|rest| rest.split_once(':'))
    {
        return fill(number(len)?, number(seed)?);
    }
    Err(format!(
        "'{word}' is not a payload (text:…, hex:… or fill:LEN:SEED)"
    ))
}

/// A pipe name with every `%XX` replaced by the byte that it stands for.
pub fn pipe_name(word: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = others;
            continue;
        }
        let digits = others
            .get(..2)
            .ok_or_else(|| format!("'{word}' ends within %XX"))?;
        bytes.push(hex_byte(digits)?);
        rest = &others[2..];
    }
    String::from_utf8(bytes).map_err(|_| format!("'{word}' is not UTF-8"))
}

/// Byte number i is (seed + 7·i + 13·⌊i/256⌋) mod 256: it repeats late, so that data which arrive in
/// the wrong place are noticed.
fn fill(len: u32, seed: u32) -> Result<Vec<u8>, String> {
    if len > MAX_PAYLOAD {
        return Err(format!(
            "a payload of {len} bytes; the limit is {MAX_PAYLOAD}"
        ));
    }
    let byte = |i: u32| {
        seed.wrapping_add(i.wrapping_mul(7))
            .wrapping_add(13 * (i / 256)) as u8
    };
    Ok((0..len).map(byte).collect())
}

fn hex_byte(digits: &[u8]) -> Result<u8, String> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    match digits {
        [high, low] => value(high)
            .zip(value(low))
            .map(|(high, low)| (high * 16 + low) as u8),
        _ => None,
    }
    .ok_or_else(|| {
        format!(
            "'{}' is not a pair of hex digits",
            String::from_utf8_lossy(digits)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_of_payload() {
        assert_eq!(payload("text:abc").unwrap(), b"abc");
        assert_eq!(payload("text:").unwrap(), b"");
        assert_eq!(payload("text:a:b").unwrap(), b"a:b");
        assert_eq!(payload("text:é").unwrap(), [0xc3, 0xa9]);
        assert_eq!(payload("hex:00fF").unwrap(), [0, 0xff]);
        assert_eq!(payload("hex:").unwrap(), b"");
        assert_eq!(
            payload("fill:6:250").unwrap(),
            [0xfa, 0x01, 0x08, 0x0f, 0x16, 0x1d]
        );
        assert_eq!(payload("fill:0:9").unwrap(), b"");
    }

    #[test]
    fn fill_shifts_by_13_after_256_bytes() {
        let bytes = payload("fill:600:1").unwrap();
        assert_eq!(bytes.len(), 600);
        assert_eq!(bytes[256], bytes[0].wrapping_add(13));
        assert_eq!(bytes[599], (1 + 7 * 599 + 13 * 2) as u8);
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        for word in [
            "abc",
            "hex:0",
            "hex:0g",
            "hex:0é",
            "fill:6",
            "fill:6:",
            "fill::6",
            "fill:6:1:2",
            "fill:-6:1",
        ] {
            assert!(payload(word).is_err(), "{word}");
        }
        assert!(payload("fill:4294967295:0").is_err());
    }

    #[test]
    fn names_may_hold_any_byte_of_utf8() {
        assert_eq!(pipe_name(r"\\.\pipe\a%20b%25").unwrap(), r"\\.\pipe\a b%");
        assert_eq!(pipe_name("%f0%9F%A6%80").unwrap(), "🦀");
        for word in ["a%", "a%2", "a%zz", "a%ff", "%é"] {
            assert!(pipe_name(word).is_err(), "{word}");
        }
    }

    #[test]
    fn numbers_are_decimal_and_fit_32_bits() {
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("4294967295"), Ok(u32::MAX));
        for word in ["", "+1", "-1", "0x10", "4294967296", "1 ", "1k"] {
            assert!(number(word).is_err(), "{word}");
        }
    }
}
