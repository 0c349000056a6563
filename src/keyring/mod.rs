//! Secret keys, and the ring of those that are in use: one active, any number accepted.
//!
//! No token is sealed under a secret key itself: each use derives a key of its own with HKDF-SHA256 (RFC 5869), so that
//! each key has one algorithm and one purpose.

// The modules:
// `mod`: `SecretKey` and `KeyRing`
// `derivation`: the keys that are derived from a secret key

#![cfg_attr(
    not(any(feature = "cookie-store", feature = "jwt")),
    allow(dead_code, reason = "keys are derived for the stores of these features")
)]

mod derivation;

use std::{env, fmt, fs, path::Path};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ring::digest;
use zeroize::Zeroizing;

pub(crate) use self::derivation::Derivation;
pub use crate::id::KeyId;
use crate::{
    hex,
    random::{NoRandomness, Random, SystemRandom},
};

/// At least 32 secret bytes. Redacted in `Debug`, wiped when dropped; there is no `Display` and no `Serialize`.
///
/// ```
/// use cloakroom::keyring::SecretKey;
///
/// let key = SecretKey::generate()?;
/// let again = SecretKey::from_base64(&key.expose_base64()).expect("it is a key");
/// assert_eq!(key.id(), again.id());
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
#[derive(Clone)]
pub struct SecretKey {
    bytes: Zeroizing<Vec<u8>>,
    id: KeyId,
}

/// Why bytes or a text are no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// It is too short to be secret.
    #[error("a secret key has at least 32 bytes, not {len}; `openssl rand -base64 32` makes one")]
    TooShort {
        /// The bytes that it has.
        len: usize,
    },
    /// It was not drawn at random.
    #[error(
        "the secret key repeats too few different bytes to be random; `openssl rand -base64 32` makes one"
    )]
    Weak,
    /// It is neither hex nor base64.
    #[error("the secret key is neither hex nor base64; `openssl rand -base64 32` makes one")]
    Encoding,
    /// There is no key.
    #[error("{place} names no secret key; `openssl rand -base64 32` makes one")]
    Missing {
        /// Where a key was looked for.
        place: String,
    },
    /// The place where it should be cannot be read.
    #[error("{place} cannot be read")]
    Unreadable {
        /// Where a key was looked for.
        place: String,
        /// Why.
        source: std::io::Error,
    },
}

/// How many different bytes a key of 32 random bytes has at the very least: fewer are less likely than 2⁻⁵⁴.
const FEWEST_DISTINCT: usize = 16;

impl SecretKey {
    /// The fewest bytes that a key has.
    pub const MIN_LEN: usize = 32;

    /// A new random key.
    ///
    /// # Errors
    /// [`NoRandomness`] if the system's generator fails.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new(vec![0; Self::MIN_LEN]);
        SystemRandom::new().fill(&mut bytes)?;
        Ok(Self::checked(bytes))
    }

    /// A key from its bytes.
    ///
    /// # Errors
    /// [`InvalidKey`] if they are fewer than 32, or obviously not random.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        if bytes.len() < Self::MIN_LEN {
            return Err(InvalidKey::TooShort { len: bytes.len() });
        }
        let mut seen = [false; 256];
        bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        if seen.iter().filter(|seen| **seen).count() < FEWEST_DISTINCT {
            return Err(InvalidKey::Weak);
        }
        Ok(Self::checked(Zeroizing::new(bytes.to_vec())))
    }

    /// A key from its hex digits, of either case.
    ///
    /// # Errors
    /// [`InvalidKey`] if the text is no hex, or the key too short or weak.
    pub fn from_hex(text: &str) -> Result<Self, InvalidKey> {
        let digits = Zeroizing::new(text.trim().to_ascii_lowercase());
        let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return Err(InvalidKey::Encoding) };
        // It never grows, so that no copy is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for pair in pairs {
            bytes.extend(hex::parse::<1>(pair).ok_or(InvalidKey::Encoding)?);
        }
        Self::from_bytes(&bytes)
    }

    /// A key from its base64 text: standard or URL-safe, with padding or without.
    ///
    /// # Errors
    /// [`InvalidKey`] if the text is no base64, or the key too short or weak.
    pub fn from_base64(text: &str) -> Result<Self, InvalidKey> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let text = text.trim();
        let url_safe = text.contains(['-', '_']);
        let alphabet = if url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        // It never grows, so that no copy is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
        GeneralPurpose::new(alphabet, config)
            .decode_vec(text, &mut bytes)
            .map_err(|_| InvalidKey::Encoding)?;
        Self::from_bytes(&bytes)
    }

    /// A key from a text that is hex or base64: hex if it has hex digits only.
    ///
    /// # Errors
    /// [`InvalidKey`] if the text is neither, or the key too short or weak.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { Self::from_hex(text) } else { Self::from_base64(text) }
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key as base64, to be put where the application's secrets are kept and nowhere else.
    #[must_use]
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*self.bytes))
    }

    #[cfg(feature = "jwt")]
    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes
    }

    fn checked(bytes: Zeroizing<Vec<u8>>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"cloakroom key id v1\0");
        hash.update(&bytes);
        let mut id = [0; KeyId::LEN];
        id.copy_from_slice(&hash.finish().as_ref()[..KeyId::LEN]);
        Self { bytes, id: KeyId::from_bytes(id) }
    }

    /// What keys for a purpose are derived from.
    pub(crate) fn derivation(&self) -> Derivation {
        Derivation::of(&self.bytes)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys in use: tokens are issued under the active one and accepted under any.
///
/// # Changing the key
/// 1. Add the new key to every server as an accepted one.
/// 2. Make it the active one everywhere, with the old one accepted. Tokens under the old key are issued anew when they are
///    next used.
/// 3. When the longest session has ended, drop the old one.
///
/// Servers in neighbouring steps understand each other's tokens, in any order of rollout.
///
/// ```
/// use cloakroom::keyring::{KeyRing, SecretKey};
///
/// let (new, old) = (SecretKey::generate()?, SecretKey::generate()?);
/// let ring = KeyRing::new(new).accepting(old);
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyRing {
    active: SecretKey,
    accepted: Vec<SecretKey>,
}

impl KeyRing {
    /// A ring of one key.
    #[must_use]
    pub fn new(active: SecretKey) -> Self {
        Self { active, accepted: Vec::new() }
    }

    /// Accepts tokens under this key too: an older one, or the next.
    #[must_use]
    pub fn accepting(mut self, key: SecretKey) -> Self {
        if self.keys().all(|known| known.id != key.id) {
            self.accepted.push(key);
        }
        self
    }

    /// A ring from a text: keys in hex or base64, separated by commas or white space. The first is active.
    ///
    /// # Errors
    /// [`InvalidKey`] if there is no key, or one is malformed, too short or weak.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        Self::parse_from(text, || "the text".into())
    }

    /// A ring from an environment variable, in the form of [`parse`](Self::parse).
    ///
    /// # Errors
    /// Those of `parse`, and [`Missing`](InvalidKey::Missing) if the variable is not set.
    pub fn from_env(variable: &str) -> Result<Self, InvalidKey> {
        let place = || format!("the environment variable {variable}");
        match env::var(variable) {
            Ok(text) => Self::parse_from(&Zeroizing::new(text), place),
            Err(env::VarError::NotPresent) => Err(InvalidKey::Missing { place: place() }),
            Err(env::VarError::NotUnicode(_)) => Err(InvalidKey::Encoding),
        }
    }

    /// A ring from a file, in the form of [`parse`](Self::parse). Only its owner should be able to read it.
    ///
    /// # Errors
    /// Those of `parse`, and [`Unreadable`](InvalidKey::Unreadable) if the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, InvalidKey> {
        let place = || format!("the file {}", path.as_ref().display());
        match fs::read_to_string(path.as_ref()) {
            Ok(text) => Self::parse_from(&Zeroizing::new(text), place),
            Err(source) => Err(InvalidKey::Unreadable { place: place(), source }),
        }
    }

    fn parse_from(text: &str, place: impl FnOnce() -> String) -> Result<Self, InvalidKey> {
        let separates = |letter: char| letter == ',' || letter.is_whitespace();
        let mut keys = text.split(separates).filter(|key| !key.is_empty());
        let active = keys.next().ok_or_else(|| InvalidKey::Missing { place: place() })?;
        keys.try_fold(Self::new(SecretKey::parse(active)?), |ring, key| {
            Ok(ring.accepting(SecretKey::parse(key)?))
        })
    }

    /// The key under which tokens are issued.
    #[must_use]
    pub fn active(&self) -> &SecretKey {
        &self.active
    }

    /// Every key, the active one first.
    pub fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.active).chain(&self.accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        (0..32).collect()
    }

    fn hex_text() -> String {
        bytes().iter().map(|byte| format!("{byte:02X}")).collect()
    }

    #[test]
    fn one_key_in_every_spelling_is_the_same_key() {
        let key = SecretKey::from_bytes(&bytes()).unwrap();
        let base64 = key.expose_base64();
        for other in [
            SecretKey::from_hex(&hex_text()),
            SecretKey::from_base64(&base64),
            SecretKey::from_base64(base64.trim_end_matches('=')),
            SecretKey::from_base64(&base64.replace('+', "-").replace('/', "_")),
            SecretKey::parse(&format!(" {}\n", hex_text())),
            SecretKey::parse(&base64),
        ] {
            assert_eq!(other.unwrap().id(), key.id());
        }
    }

    #[test]
    fn short_weak_and_malformed_keys_are_refused_with_advice() {
        for (refused, message) in [
            (SecretKey::from_bytes(&bytes()[..31]), "a secret key has at least 32 bytes, not 31"),
            (SecretKey::from_bytes(&[0; 64]), "the secret key repeats too few different bytes"),
            (
                SecretKey::from_bytes(b"secretsecretsecretsecretsecretsecret"),
                "the secret key repeats too few",
            ),
            (SecretKey::parse("not a key!"), "the secret key is neither hex nor base64"),
            (SecretKey::from_hex("0"), "the secret key is neither hex nor base64"),
        ] {
            let text = refused.unwrap_err().to_string();
            assert!(text.starts_with(message), "{text}");
            assert!(text.ends_with("`openssl rand -base64 32` makes one"), "{text}");
        }
    }

    #[test]
    fn a_ring_has_one_active_key_and_accepts_the_others_once() {
        let (one, two) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let text = format!("{},\n {} {}", *one.expose_base64(), *two.expose_base64(), *one.expose_base64());
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(ring.active().id(), one.id());
        assert_eq!(ring.keys().map(SecretKey::id).collect::<Vec<_>>(), [one.id(), two.id()]);
    }

    #[test]
    fn a_missing_key_names_the_place() {
        assert_eq!(
            KeyRing::from_env("CLOAKROOM_NO_SUCH_VARIABLE").unwrap_err().to_string(),
            "the environment variable CLOAKROOM_NO_SUCH_VARIABLE names no secret key; `openssl rand -base64 32` makes one"
        );
        assert!(KeyRing::from_file("/no/such/file").unwrap_err().to_string().contains("/no/such/file"));
        assert!(matches!(KeyRing::parse(" , "), Err(InvalidKey::Missing { .. })));
    }

    #[test]
    fn debug_shows_the_name_and_no_key() {
        let key = SecretKey::from_bytes(&bytes()).unwrap();
        assert_eq!(format!("{key:?}"), format!("SecretKey {{ id: KeyId({}), .. }}", key.id()));
        assert_eq!(format!("{:?}", key.derivation()), "Derivation(redacted)");
    }
}
