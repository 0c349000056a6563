//! Lowercase hexadecimal of fixed-size byte arrays.
//!
//! Hex is canonical by construction: sixteen bytes have exactly one spelling, so two different cookie values can
//! never name the same session. Uppercase is refused for that reason.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the hex digits of `bytes` to `text`.
pub(crate) fn push(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Reads exactly `N` bytes from `2 * N` lowercase digits; anything else is `None`.
pub(crate) fn parse<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != N || !are_digits(text) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = value(*pair);
    }
    Some(bytes)
}

/// Whether all bytes are lowercase digits.
pub(crate) fn are_digits(text: &[u8]) -> bool {
    // Without an early exit, so that the compiler looks at many at once.
    text.iter().fold(true, |all, byte| all & (byte.is_ascii_digit() | matches!(byte, b'a'..=b'f')))
}

/// The byte that two digits spell.
///
/// Computed, not looked up: the compiler does many at once, and no table's cache lines tell the digits of a secret. Both
/// are computed side by side in one word: the low half of a digit's code, and 9 more for a letter.
const fn value(digits: [u8; 2]) -> u8 {
    let codes = u16::from_le_bytes(digits);
    let letters = (codes >> 6) & 0x0101;
    let [high, low] = ((codes & 0x0f0f) + 9 * letters).to_le_bytes();
    (high << 4) | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=255u8 {
            let mut text = String::new();
            push(&mut text, &[byte]);
            assert_eq!(text, format!("{byte:02x}"));
            assert_eq!(parse::<1>(text.as_bytes()), Some([byte]));
            assert!(are_digits(text.as_bytes()));
        }
    }

    #[test]
    fn anything_but_two_lowercase_digits_is_refused() {
        for high in 0..=255u8 {
            for low in 0..=255u8 {
                let digits = [high, low].iter().all(|b| DIGITS.contains(b));
                assert_eq!(parse::<1>(&[high, low]).is_some(), digits, "{high:#x} {low:#x}");
                assert_eq!(are_digits(&[high, low]), digits, "{high:#x} {low:#x}");
            }
        }
        assert_eq!(parse::<1>(b"0"), None);
        assert_eq!(parse::<1>(b"000"), None);
        assert_eq!(parse::<1>(b"0000"), None);
    }
}
