//! The encoding of tokens: base64url without padding (RFC 4648, section 5), in its canonical form only.
//!
//! `base64-simd` decodes many letters at once. One letter at a time, decoding a token of 1 KB takes longer than decrypting it.

#[cfg(feature = "jwt")]
use base64_simd::Out;
use base64_simd::URL_SAFE_NO_PAD;

/// Whether a text is canonical base64url: unused bits of its last letter are zero.
pub(crate) fn is_base64url(text: &[u8]) -> bool {
    URL_SAFE_NO_PAD.check(text).is_ok()
}

/// The bytes of a text; `None` unless it is canonical base64url.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

/// Fills `bytes` with those of a text; `None` unless the text has exactly that many.
#[cfg(feature = "jwt")]
pub(crate) fn fill(bytes: &mut [u8], text: &[u8]) -> Option<()> {
    // The decoder panics where there is no room.
    if text.len() != (4 * bytes.len()).div_ceil(3) {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text, Out::from_slice(bytes)).ok().map(drop)
}

/// The first bytes of a longer text.
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
pub(crate) fn decode_start(text: &[u8]) -> Option<[u8; 12]> {
    let mut start = *text.first_chunk::<16>()?;
    URL_SAFE_NO_PAD.decode_inplace(&mut start).ok()?.first_chunk().copied()
}

/// The text of some bytes.
#[cfg(feature = "jwt")]
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends the text of some bytes.
pub(crate) fn push(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, text);
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};
    use quickcheck::{Arbitrary, Gen};

    use super::*;
    use crate::testing::random::{check, word};

    fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        push(bytes, &mut text);
        text
    }

    /// A text that is nearly base64url.
    #[derive(Debug, Clone)]
    struct Nearly(String);

    impl Arbitrary for Nearly {
        fn arbitrary(g: &mut Gen) -> Self {
            Self(word("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/= -", 70, g))
        }
    }

    #[test]
    fn texts_are_read_and_written_as_another_crate_does() {
        fn holds(bytes: Vec<u8>, nearly: Nearly, hostile: Vec<u8>) {
            assert_eq!(encode(&bytes), general_purpose::URL_SAFE_NO_PAD.encode(&bytes));
            for text in [nearly.0.as_bytes(), encode(&bytes).as_bytes(), &hostile] {
                let theirs = general_purpose::URL_SAFE_NO_PAD.decode(text).ok();
                assert_eq!(is_base64url(text), theirs.is_some());
                assert_eq!(decode(text), theirs);
                for len in 0..70 {
                    let mut filled = vec![0; len];
                    let ours = fill(&mut filled, text).map(|()| filled);
                    assert_eq!(ours, theirs.clone().filter(|bytes| bytes.len() == len));
                }
            }
        }
        check(holds as fn(Vec<u8>, Nearly, Vec<u8>));
    }

    #[test]
    fn one_other_letter_is_found_wherever_it_stands() {
        fn holds(len: u8, at: usize, letter: u8) {
            let len = 4 * (1 + usize::from(len));
            let mut text = vec![b'A'; len];
            text[at % len] = letter;
            let theirs = general_purpose::URL_SAFE_NO_PAD.decode(&text).ok();
            assert_eq!(decode(&text), theirs);
            assert_eq!(is_base64url(&text), theirs.is_some());
        }
        check(holds as fn(u8, usize, u8));
    }
}
