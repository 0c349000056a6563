//! Sessions in a JSON Web Token, which its client **can read**.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`JwtStore`] |
//! | `claims` | what a record becomes in a payload, and which record a payload becomes |
//! | `payload` | the form of a payload |
//! | `registered` | the claims that RFC 7519 defines |
//! | `jws` | signed texts in compact form: which key, is the signature good |
//! | `key` | [`VerifyingKey`] and [`SigningKey`] |
//! | `json` | strict JSON |
//!
//! # Order of checks
//! First the length of a token is checked. Then its header is read, which can only name one of our keys, and the signature
//! is verified. Only then is the payload decoded. All refusals look the same to a client; a log names the [`Absence`].

mod claims;
mod json;
mod jws;
mod key;
#[cfg(feature = "config")]
mod options;
mod payload;
mod registered;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::key::{InvalidJwtKey, SigningKey, VerifyingKey};
#[cfg(feature = "config")]
pub(crate) use self::options::JwtOptions;
use self::{
    claims::{Claims, Format},
    jws::Jws,
};
use super::{Seal, TokenStore, Unopened};
use crate::{
    error::{StoreError, StoreErrorKind},
    hex,
    id::KeyId,
    keyring::{KeyRing, SecretKey},
    record::Record,
    sealing::{DEFAULT_MAX_TOKEN, base64url, too_large},
    store::{Absence, Token, TokenForm},
    time::Timestamp,
};

/// Sessions in a JSON Web Token: **the client can read everything in its session**, but cannot change it.
///
/// Choose it if other programs need to read sessions. Otherwise the encrypted cookie is as simple and hides the values.
/// It has the [limits of all such stores](TokenStore#what-such-a-store-cannot-do).
///
/// ```
/// use cloakroom::{SessionManager, keyring::{KeyRing, SecretKey}, store::JwtStore};
///
/// let keys = KeyRing::new(SecretKey::generate()?); // in production: KeyRing::from_env("SESSION_KEYS")?
/// let sessions = SessionManager::new(JwtStore::from_ring(&keys).issuer("https://shop.example"));
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
///
/// # Services that only read sessions
/// They need no secret: give an asymmetric key to the login server, and its public half to the others. A store that only has
/// public keys answers every write with [`Unsupported`](StoreErrorKind::Unsupported).
///
/// ```
/// use cloakroom::store::{JwtStore, SessionStore as _, SigningKey, VerifyingKey};
///
/// let key = SigningKey::generate_ed25519()?; // in production: SigningKey::from_pem(…)?
/// let issuing = JwtStore::new(key.clone()).audience("shop");
/// let published = issuing.jwks(); // at /.well-known/jwks.json
///
/// let reading = JwtStore::verify_only([VerifyingKey::from(key)]).audience("shop");
/// assert!(!reading.guarantees().writable);
/// # Ok::<(), cloakroom::random::NoRandomness>(())
/// ```
///
/// # Tokens of other issuers
/// A token that any JWT library makes with a key of the store is a session, too. Its header has to say
/// `"typ": "session+jwt"`, or another type that the store [accepts](Self::accepting_type). It needs `exp`, and `jti` or `sub`:
///
/// | of the session | comes from |
/// | --- | --- |
/// | ID | `jti` if it is 32 lowercase hex digits; otherwise derived from `iss` and `jti`, or from the token |
/// | subject, login | `sub`, `auth_time` |
/// | beginning and last use | `iat`, or `nbf`, or the current time |
/// | end | `exp` plus the leeway |
/// | values | the claims named by [`top_level`](Self::top_level) |
///
/// The idle timeout begins at the last use. When the session is written, its token becomes one of the store's own.
///
/// # Clocks
/// The [leeway](Self::leeway) applies to `exp`, `nbf` and `iat`, which may come from other clocks. It does not extend the
/// store's own sessions: they end at their exact times, as in every store.
///
/// # Keys
/// A token is verified with the key that its `kid` names, or, without a `kid`, with the only key of its algorithm. Change
/// keys as [described](KeyRing#changing-the-key): first accept the next one on all servers. A token that was signed with
/// another key than the active one is reissued when it is used.
pub type JwtStore = TokenStore<Jwt>;

/// The name under which the ring's keys are derived for tokens.
const PURPOSE: &[u8] = b"jwt HS256";

impl JwtStore {
    /// A store whose tokens are signed with this key.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self::of(Jws::new(Some(key)))
    }

    /// A store whose tokens are signed with HS256 under a key derived from the ring's active one, and accepted under any.
    #[must_use]
    pub fn from_ring(keys: &KeyRing) -> Self {
        keys.keys().skip(1).map(derived).fold(Self::new(derived(keys.active())), Self::accepting)
    }

    /// A store that only reads tokens that others issue.
    #[must_use]
    pub fn verify_only(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        keys.into_iter().fold(Self::of(Jws::new(None)), Self::accepting)
    }

    fn of(jws: Jws) -> Self {
        let jwt = Jwt { jws, claims: Claims::default(), max_token: DEFAULT_MAX_TOKEN };
        Self { seal: jwt }
    }

    /// Also accepts tokens that were signed with this key, an older one or the next.
    ///
    /// # Panics
    /// If another key of the store has the same name.
    #[must_use]
    pub fn accepting(mut self, key: impl Into<VerifyingKey>) -> Self {
        self.seal.jws.accept(key.into());
        self
    }

    /// Also accepts tokens whose header has this `typ`. `JWT` includes those that have none.
    ///
    /// Most libraries write `JWT`. Accept that only if the key signs nothing but sessions, or if the store has an
    /// [`audience`](Self::audience). Otherwise a token that was made to confirm an e-mail address would be a login.
    /// Case is ignored, and so is a leading `application/`.
    #[must_use]
    pub fn accepting_type(mut self, typ: &str) -> Self {
        self.seal.jws.accept_type(typ);
        self
    }

    /// Who issues the tokens, `iss`. Tokens of other issuers are refused. Default: not written and not checked.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.seal.claims.issuer = Some(issuer.into());
        self
    }

    /// Whom the tokens are for, `aud`. Tokens without this audience are refused. Default: not written, and tokens that have
    /// an audience are refused.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.seal.claims.audience = Some(audience.into());
        self
    }

    /// How far the clocks of issuers may differ from this server's. Default: 60 seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.seal.claims.leeway = leeway;
        self
    }

    /// The name of the claim that holds the session. All servers have to use the same. Default: `cloakroom`.
    ///
    /// # Panics
    /// If the name is empty, registered, or one of [`top_level`](Self::top_level).
    #[must_use]
    pub fn claim(mut self, name: &str) -> Self {
        self.seal.claims.set_name(name);
        self
    }

    /// The values of the session that are written as claims of their own, where other programs find them. Default: none.
    ///
    /// # Panics
    /// If a key is empty, the name of the [`claim`](Self::claim) that holds the session, or registered: `iss`, `sub`,
    /// `aud`, `exp`, `nbf`, `iat`, `jti` and `auth_time` are filled in by the store.
    #[must_use]
    pub fn top_level(mut self, keys: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.seal.claims.set_top_level(keys);
        self
    }

    /// What the tokens are for. A token of one context is refused in every other. Default: empty.
    ///
    /// Tokens of other issuers have no context, so a store that has one refuses them.
    #[must_use]
    pub fn context(mut self, context: impl Into<Box<str>>) -> Self {
        self.seal.claims.context = context.into();
        self
    }

    /// The longest token, in bytes. Default: 2800, which one cookie holds and every common proxy lets pass.
    ///
    /// A session that does not fit is refused with [`TooLarge`](crate::SessionErrorKind::TooLarge). A longer token comes in
    /// several cookies, of which browsers hold up to nine with about 3.9 KB each; proxies and clients that are no browsers hold less
    /// (see the page on deployment).
    ///
    /// Keys and subjects count as JSON writes them, which takes more bytes for quotes, backslashes and control characters.
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.max_token = bytes;
        self
    }

    /// The public keys as a JSON Web Key Set (RFC 7517), with which others can verify tokens. Secrets are left out.
    #[must_use]
    pub fn jwks(&self) -> String {
        key::jwks(self.seal.jws.keys())
    }
}

/// The key that the ring's key gives for tokens.
fn derived(key: &SecretKey) -> SigningKey {
    let derived = key.derivation().derive(&[PURPOSE]).expect("32 bytes are far below what HKDF can give");
    SigningKey::of_secret(&key.id().to_string(), &*derived)
}

/// How a [`JwtStore`] signs.
#[derive(Debug, Clone)]
pub struct Jwt {
    jws: Jws,
    claims: Claims,
    max_token: usize,
}

impl Seal for Jwt {
    const NAME: &'static str = "jwt";
    const FORM: TokenForm = TokenForm::Readable;

    fn recognises(&self, token: &[u8]) -> bool {
        token.len() <= self.max_token && jws::is_compact(token)
    }

    fn key_of(&self, token: &[u8]) -> Option<KeyId> {
        if token.len() > self.max_token {
            return None;
        }
        self.jws.key_of(token).and_then(|kid| hex::parse(kid.as_bytes())).map(KeyId::from_bytes)
    }

    fn seal(&self, record: &Record) -> Result<Token, StoreError> {
        if !self.can_seal() {
            return Err(StoreError::unsupported(
                "issue tokens, for it has no signing key; change sessions at the server that issues them",
            ));
        }
        let payload = self.claims.write(record).ok_or_else(cannot_write)?;
        let token = self.jws.sign(&payload).ok_or_else(cannot_sign)?;
        if token.len() > self.max_token {
            return Err(too_large(token.len(), self.max_token));
        }
        Token::new(token).ok_or_else(cannot_sign)
    }

    fn open(&self, token: &[u8], now: Timestamp) -> Result<(Record, bool), Unopened> {
        if token.len() > self.max_token {
            return Err(Absence::Malformed.into());
        }
        let verified = self.jws.verify(token)?;
        let payload = std::str::from_utf8(&verified.payload).map_err(|_| Absence::Malformed)?;
        let (record, format) = self.claims.read(payload, verified.signed, now)?;
        let reissue = self.can_seal() && format == Format::Own && !verified.by_active;
        Ok((record, reissue))
    }

    fn max_data(&self) -> usize {
        let payload = self.max_token.saturating_sub(self.jws.overhead()) * 3 / 4;
        payload.saturating_sub(self.claims.overhead())
    }

    fn can_seal(&self) -> bool {
        self.jws.can_sign()
    }
}

fn cannot_write() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "a value of the session is no JSON, or nested deeper than a token may be",
    )
}

fn cannot_sign() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "a token cannot be signed without randomness")
}
