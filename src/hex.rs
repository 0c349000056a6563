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
    if pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    // Collected and checked once at the end, so that the loop has no branch.
    let mut seen = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        *byte = (high << 4) | (low & 15);
    }
    (seen < 16).then_some(bytes)
}

/// Whether all bytes are lowercase digits.
pub(crate) fn are_digits(text: &[u8]) -> bool {
    // Without an early exit, so that the compiler looks at many at once.
    text.iter().fold(true, |all, byte| all & (byte.is_ascii_digit() | matches!(byte, b'a'..=b'f')))
}

/// The value of a lowercase hex digit, [`INVALID`] for any other byte.
///
/// Computed, not looked up: the compiler does many at once, and no table's cache lines tell the digits of a secret.
const fn value(digit: u8) -> u8 {
    let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        INVALID
    }
}

/// Marks a byte that is no digit.
const INVALID: u8 = 0xff;

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
