//! The encoding of tokens: base64url without padding (RFC 4648, section 5), in its canonical form only.
//!
//! `base64-simd` decodes many letters at once. One letter at a time, decoding a token of 1 KB takes longer than decrypting it.

#[cfg(feature = "jwt")]
use base64_simd::Out;
use base64_simd::URL_SAFE_NO_PAD;

/// Whether a text is canonical base64url: unused bits of its last letter are zero.
pub(super) fn is_base64url(text: &[u8]) -> bool {
    URL_SAFE_NO_PAD.check(text).is_ok()
}

/// The bytes of a text; `None` unless it is canonical base64url.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

/// Fills `bytes` with those of a text; `None` unless the text has exactly that many.
#[cfg(feature = "jwt")]
pub(super) fn fill(bytes: &mut [u8], text: &[u8]) -> Option<()> {
    // The decoder panics where there is no room.
    if text.len() != (4 * bytes.len()).div_ceil(3) {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text, Out::from_slice(bytes)).ok().map(drop)
}

/// The first bytes of a longer text.
#[cfg(feature = "cookie-store")]
pub(super) fn decode_start(text: &[u8]) -> Option<[u8; 12]> {
    let mut start = *text.first_chunk::<16>()?;
    URL_SAFE_NO_PAD.decode_inplace(&mut start).ok()?.first_chunk().copied()
}

/// The text of some bytes.
#[cfg(feature = "jwt")]
pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends the text of some bytes.
pub(super) fn push(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, text);
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};
    use proptest::prelude::*;

    use super::*;

    fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        push(bytes, &mut text);
        text
    }

    proptest! {
        #[test]
        fn texts_are_read_and_written_as_another_crate_does(
            bytes: Vec<u8>,
            text in "[A-Za-z0-9_+/= -]{0,70}",
            hostile: Vec<u8>,
        ) {
            prop_assert_eq!(encode(&bytes), general_purpose::URL_SAFE_NO_PAD.encode(&bytes));
            for text in [text.as_bytes(), encode(&bytes).as_bytes(), &hostile] {
                let theirs = general_purpose::URL_SAFE_NO_PAD.decode(text).ok();
                prop_assert_eq!(is_base64url(text), theirs.is_some());
                prop_assert_eq!(decode(text), theirs.clone());
                for len in 0..70 {
                    let mut filled = vec![0; len];
                    let ours = fill(&mut filled, text).map(|()| filled);
                    prop_assert_eq!(ours, theirs.clone().filter(|bytes| bytes.len() == len));
                }
            }
        }

        #[test]
        fn one_other_letter_is_found_wherever_it_stands(len in 1usize..100, at: usize, letter: u8) {
            let mut text = vec![b'A'; 4 * len];
            text[at % (4 * len)] = letter;
            let theirs = general_purpose::URL_SAFE_NO_PAD.decode(&text).ok();
            prop_assert_eq!(decode(&text), theirs.clone());
            prop_assert_eq!(is_base64url(&text), theirs.is_some());
        }
    }
}
