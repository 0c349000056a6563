//! Sessions that clients carry: what a token may reveal.

use super::{
    Harness, Verdict,
    trial::{Trial, holding},
    verdict::ensure,
};
use crate::record::Subject;

const MARK: &str = "conformance-mark";

/// An encrypted token shows nothing of its session, neither as text nor decoded.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_encrypted_token_hides_its_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let draft = trial.record()?.into_draft().logged_in(Subject::new(MARK), trial.now);
    let held = trial.keep(draft.data(holding(MARK, &format!("\"{MARK}\""))).finish()).await?;
    let text = held.token.expose();
    ensure(!shows(text.as_bytes()), || "the session is readable in its encrypted token".into())?;
    for part in text.split(|char: char| !is_digit(char)) {
        ensure(!shows(&from_base64(part)), || {
            "the session is readable in its encrypted token's base64".into()
        })?;
        ensure(!shows(&from_hex(part)), || "the session is readable in its encrypted token's hex".into())?;
    }
    Ok(())
}

fn shows(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes())
}

fn is_digit(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '+' | '/')
}

/// The bytes of a text in base64, of either alphabet.
fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' | b'+' => 62,
        _ => 63,
    };
    let group = |digits: &[u8]| {
        let bits = digits.iter().fold(0u32, |bits, digit| bits << 6 | u32::from(value(*digit)));
        let [_, bytes @ ..] = (bits << (6 * (4 - digits.len()))).to_be_bytes();
        bytes
    };
    text.as_bytes().chunks(4).flat_map(group).collect()
}

/// The bytes of a text in hex. Other characters count as zero.
fn from_hex(text: &str) -> Vec<u8> {
    let value = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |digits: &[u8]| digits.iter().fold(0, |byte, digit| byte << 4 | value(*digit).unwrap_or(0));
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_hex_are_seen_through() {
        assert_eq!(from_base64("Y29uZm9ybWFuY2U")[..11], *b"conformance");
        assert_eq!(from_base64("_-_-")[..], from_base64("/+/+")[..]);
        assert_eq!(from_hex("636f6e66"), b"conf");
    }
}
