//! The token of a store that keeps the record itself: a session's name and its secret.
//!
//! ```text
//! token := ID (32 hex digits) | secret (32 hex digits) | [ "." node ]
//! ```
//!
//! The optional node is where the session lives, for a load balancer that routes by it. It is no part of the
//! credential: it is neither secret nor checked against anything.

use std::{fmt, sync::Arc};

use super::Token;
use crate::{hex, id::SessionId, record::Record, secret::Secret};

/// A presented or issued reference token, taken apart.
#[derive(Debug, Clone)]
pub struct ReferenceToken {
    id: SessionId,
    secret: Secret,
}

const HEX_ID: usize = 2 * SessionId::LEN;
const HEX_LEN: usize = HEX_ID + 2 * Secret::LEN;

impl ReferenceToken {
    /// The token of a session and a secret.
    #[must_use]
    pub const fn new(id: SessionId, secret: Secret) -> Self {
        Self { id, secret }
    }

    /// Takes a token apart; `None` unless it is exactly of this form.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (id, secret) = Self::digits(text)?.split_at(HEX_ID);
        Some(Self {
            id: SessionId::from_bytes(hex::parse(id)?),
            secret: Secret::from_bytes(hex::parse(secret)?),
        })
    }

    /// Whether a text has the form of a token. Takes less time than taking it apart.
    #[must_use]
    pub fn recognises(text: &[u8]) -> bool {
        Self::digits(text).is_some_and(|digits| hex::are_digits(digits))
    }

    /// What of a text is the credential: all but the node. `None` unless it has the form of a token.
    pub(crate) fn credential(text: &[u8]) -> Option<&[u8]> {
        Self::digits(text).filter(|digits| hex::are_digits(*digits)).map(|digits| &digits[..])
    }

    /// What should be digits.
    fn digits(text: &[u8]) -> Option<&[u8; HEX_LEN]> {
        let (digits, suffix) = text.split_first_chunk()?;
        match suffix {
            [] => Some(digits),
            [b'.', node @ ..] if NodeName::is_legal(node) => Some(digits),
            _ => None,
        }
    }

    /// The token that opens `record`, if the client has yet to be told of it: after creation and after a rotation.
    #[must_use]
    pub fn issue(record: &Record, node: Option<&NodeName>) -> Option<Token> {
        let secret = record.fresh_secret()?;
        Some(Token(Self::text(&record.id(), secret, node)))
    }

    /// The token as its client holds it, without a node.
    #[must_use]
    pub fn to_token(&self) -> Token {
        Token(Self::text(&self.id, &self.secret, None))
    }

    fn text(id: &SessionId, secret: &Secret, node: Option<&NodeName>) -> String {
        let mut text = String::with_capacity(HEX_LEN + node.map_or(0, |node| 1 + node.0.len()));
        hex::push(&mut text, id.as_bytes());
        hex::push(&mut text, secret.expose());
        if let Some(node) = node {
            text.push('.');
            text.push_str(&node.0);
        }
        text
    }

    /// The session that the token names.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The secret that the token presents.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// The name of a server in a reference token, for sticky routing: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Deserialize), serde(try_from = "String"))]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// A node name.
    ///
    /// # Errors
    /// [`InvalidNodeName`] if it is empty, longer than 32 bytes or has another character.
    pub fn new(name: &str) -> Result<Self, InvalidNodeName> {
        if Self::is_legal(name.as_bytes()) { Ok(Self(name.into())) } else { Err(InvalidNodeName(())) }
    }

    fn is_legal(name: &[u8]) -> bool {
        (1..=32).contains(&name.len()) && name.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }
}

#[cfg(feature = "config")]
impl TryFrom<String> for NodeName {
    type Error = InvalidNodeName;

    fn try_from(name: String) -> Result<Self, InvalidNodeName> {
        Self::new(&name)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeName({})", self.0)
    }
}

/// A node name has a character or a length that it must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a node name has 1 to 32 characters, each one of a-z, 0-9 and -")]
pub struct InvalidNodeName(());

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{id::WriteId, record::Lifetime, testing::random::check, time::Timestamp};

    fn record() -> Record {
        Record::new(
            SessionId::from_bytes([1; 16]),
            Secret::from_bytes([2; 16]),
            WriteId::from_u64(1),
            Lifetime { idle: Duration::MAX, absolute: Duration::MAX },
            Timestamp::from_millis(0),
        )
    }

    #[test]
    fn a_token_names_its_session_and_carries_its_secret() {
        let node = NodeName::new("web-1").unwrap();
        for node in [None, Some(&node)] {
            let token = ReferenceToken::issue(&record(), node).unwrap();
            let parsed = ReferenceToken::parse(token.expose().as_bytes()).unwrap();
            assert!(ReferenceToken::recognises(token.expose().as_bytes()));
            assert_eq!(parsed.id(), record().id());
            assert_eq!(parsed.secret().expose(), &[2; 16]);
            assert_eq!(parsed.to_token().expose(), &token.expose()[..HEX_LEN]);
        }
    }

    #[test]
    fn only_the_exact_form_is_read() {
        let token = ReferenceToken::issue(&record(), None).unwrap();
        let text = token.expose();
        for bad in [
            String::new(),
            text[1..].to_owned(),
            format!("{text}0"),
            format!("{text}."),
            format!("{text}.A"),
            format!("{text}.{}", "a".repeat(33)),
            format!(" {text}"),
            format!("{text} "),
            text.replace('0', "O"),
        ] {
            assert!(ReferenceToken::parse(bad.as_bytes()).is_none(), "{bad:?}");
            assert!(!ReferenceToken::recognises(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn hostile_bytes_never_panic() {
        fn holds(bytes: Vec<u8>) {
            assert!(ReferenceToken::parse(&bytes).is_none());
        }
        check(holds as fn(Vec<u8>));
    }
}
