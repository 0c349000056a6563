//! Tokens: what a client holds between requests.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Token`], opaque to everything but the store that issued it |
//! | `reference` | the token of a store that keeps the record itself: an ID and a secret |

mod reference;

use std::fmt;

use zeroize::Zeroize as _;

pub use self::reference::{InvalidNodeName, NodeName, ReferenceToken};

/// What a client holds: a credential. Redacted, zeroized, and never compared.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token from its text, which has to be legal in a cookie: printable ASCII without space, quote, comma,
    /// semicolon and backslash (RFC 6265, section 4.1.1). `None` if it is not, or empty.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let legal = |byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        (!text.is_empty() && text.bytes().all(legal)).then_some(Self(text))
    }

    /// The text. It is a credential: send it to its client and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_legal_in_a_cookie_or_none() {
        assert!(Token::new("abc.DEF-123_~".into()).is_some());
        for bad in ["", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nb", "ä"] {
            assert!(Token::new(bad.into()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert_eq!(format!("{:?}", Token::new("abc".into())), "Some(Token(redacted))");
    }
}
