//! Identifiers of sessions and of writes. Neither is a credential; both may appear in logs.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use crate::hex;

/// Names a session for its whole life: its key in the store, in logs, in a list of devices.
///
/// An ID is 128 random bits, written as 32 lowercase hex digits. It is **not** a credential: knowing it is enough to
/// name the session but not act as it, so it may be logged and shown.
///
/// ```
/// use cloakroom::SessionId;
///
/// let id: SessionId = "000102030405060708090a0b0c0d0e0f".parse()?;
/// assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
/// assert!("000102030405060708090A0B0C0D0E0F".parse::<SessionId>().is_err(), "one ID has one spelling");
/// # Ok::<(), cloakroom::InvalidSessionId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; Self::LEN]);

impl SessionId {
    /// The number of bytes in an ID.
    pub const LEN: usize = 16;

    /// An ID from its bytes, for stores that keep it in binary.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the ID.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.0));
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(2 * Self::LEN);
        hex::push(&mut text, &self.0);
        f.write_str(&text)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::parse(text.as_bytes()).map(Self).ok_or(InvalidSessionId(()))
    }
}

/// A text that is not 32 lowercase hex digits was read as a [`SessionId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session ID is 32 lowercase hex digits")]
pub struct InvalidSessionId(());

/// Names a key without revealing it: derived from the key, so every server that has the key knows the name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// The number of bytes in a key ID.
    pub const LEN: usize = 8;

    /// A key ID from its bytes, as a token names it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes of the ID.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(2 * Self::LEN);
        hex::push(&mut text, &self.0);
        f.write_str(&text)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Names one write of a record, so that a writer whose reply was lost can recognise its own work.
///
/// Unique across processes: each process counts on from a random 64-bit start.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriteId(u64);

impl WriteId {
    /// A write ID from its number, for stores that keep it in binary.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number of the write ID.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({:016x})", self.0)
    }
}
