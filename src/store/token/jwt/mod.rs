//! Sessions in a JSON Web Token, which its client **can read**.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`JwtStore`] |
//! | `jws` | signed texts in compact form: which key, is the signature good |
//! | `claims` | what a payload says, and the record that it makes |
//! | `registered` | the claims that everybody knows |
//! | `keys`, `signing` | [`VerifyingKey`] and [`SigningKey`] |
//! | `jwk`, `pem` | keys as texts |
//! | `json`, `scan` | strict JSON, and the walk over its texts |
//!
//! # The order of things
//! A token's length is bounded before anything else; then its header is read, which may only name one of our keys; then the
//! signature is checked; only then is the payload decoded. A client sees one refusal, a log the [`Absence`].

mod claims;
mod json;
mod jwk;
mod jws;
mod keys;
#[cfg(feature = "config")]
mod options;
mod pem;
mod registered;
mod scan;
mod signing;
#[cfg(test)]
mod tests;

use std::time::Duration;

#[cfg(feature = "config")]
pub(crate) use self::options::JwtOptions;
use self::{
    claims::{Claims, Format},
    jws::Jws,
};
pub use self::{
    keys::{InvalidJwtKey, VerifyingKey},
    signing::SigningKey,
};
use super::{Seal, TokenStore, Unopened, base64url, too_large};
use crate::{
    error::{StoreError, StoreErrorKind},
    keyring::{KeyRing, SecretKey},
    record::Record,
    store::{Absence, Token, TokenForm},
    time::Timestamp,
};

/// Sessions in a JSON Web Token: **the client can read everything in its session**, though it can change nothing.
///
/// Choose it when other programs are meant to read sessions too; otherwise the encrypted cookie is as simple and keeps
/// secrets. It shares what [such a store cannot do](TokenStore#what-such-a-store-cannot-do).
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
/// need no secret: give the login server an asymmetric key, and the others its public half. A store of them answers every
/// write with [`Unsupported`](StoreErrorKind::Unsupported).
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
/// With a key of yours, a token made by any JWT library is a session too. Its header says `"typ": "session+jwt"`, or another
/// type that the store [accepts](Self::accepting_type). It needs `exp`, and `jti` or `sub`:
///
/// | of the session | comes from |
/// | --- | --- |
/// | ID | `jti` if it is 32 lowercase hex digits; else derived from `iss` and `jti`, or from the token |
/// | subject, login | `sub`, `auth_time` |
/// | beginning and last use | `iat`, else `nbf`, else now |
/// | end | `exp` and the leeway |
/// | values | the claims named by [`top_level`](Self::top_level) |
///
/// The idle timeout counts from there. As soon as the session is written, its token is one of ours.
///
/// # Clocks
/// The [leeway](Self::leeway) is for `exp`, `nbf` and `iat`, which other clocks may have written. It makes none of our own
/// sessions live longer: those end at their own exact times, as in every store.
///
/// # Keys
/// A token is verified with the key that its `kid` names, or without a `kid` with the only key of its algorithm. Change
/// keys as [described](KeyRing#changing-the-key): accept the next one everywhere first. Tokens under another key
/// than the active one are issued anew when they are used.
pub type JwtStore = TokenStore<Jwt>;

/// The `typ` of our tokens: no token for another purpose is a session (RFC 8725, section 3.11).
const OWN_TYPE: &str = "session+jwt";

/// The name under which the ring's keys are derived for tokens.
const PURPOSE: &[u8] = b"jwt HS256";

/// The longest token, unless chosen otherwise: the longest header that common servers accept.
const DEFAULT_MAX_TOKEN: usize = 8 * 1024;

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

    /// A store that only reads tokens which others issue.
    #[must_use]
    pub fn verify_only(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        keys.into_iter().fold(Self::of(Jws::new(None)), Self::accepting)
    }

    fn of(jws: Jws) -> Self {
        let jwt = Jwt { jws, claims: Claims::default(), max_token: DEFAULT_MAX_TOKEN };
        Self { seal: jwt }
    }

    /// Accepts tokens under this key too: an older one, or the next.
    ///
    /// # Panics
    /// If another key of the store has the same name.
    #[must_use]
    pub fn accepting(mut self, key: impl Into<VerifyingKey>) -> Self {
        self.seal.jws.accept(key.into());
        self
    }

    /// Accepts tokens whose header has this `typ` too; `JWT` stands for those that have none as well.
    ///
    /// Most libraries write `JWT`. Accept that only if the key signs nothing but sessions, or the store has an
    /// [`audience`](Self::audience): a token that was made to confirm an e-mail address would be a login.
    /// Case does not count, and neither does a leading `application/`.
    #[must_use]
    pub fn accepting_type(mut self, typ: &str) -> Self {
        self.seal.jws.accept_type(typ);
        self
    }

    /// Who issues the tokens, `iss`; tokens of anyone else are refused. Default: not written, and not looked at.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.seal.claims.issuer = Some(issuer.into());
        self
    }

    /// Whom the tokens are for, `aud`; tokens for nobody or others only are refused. Default: not written, and tokens for
    /// anybody in particular are refused.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<Box<str>>) -> Self {
        self.seal.claims.audience = Some(audience.into());
        self
    }

    /// How far the clocks of issuers may differ from ours. Default: 60 seconds.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.seal.claims.leeway = leeway;
        self
    }

    /// The name of the claim that holds the session. Default: `cloakroom`. All servers have to agree on it.
    ///
    /// # Panics
    /// If the name is empty, registered, or one of [`top_level`](Self::top_level).
    #[must_use]
    pub fn claim(mut self, name: &str) -> Self {
        self.seal.claims.set_name(name);
        self
    }

    /// The session's values that are written as claims of their own, for other programs to find. Default: none.
    ///
    /// # Panics
    /// If a key is empty, the name of the [`claim`](Self::claim) that holds the session, or registered: `iss`, `sub`,
    /// `aud`, `exp`, `nbf`, `iat`, `jti` and `auth_time` are the store's to fill in.
    #[must_use]
    pub fn top_level(mut self, keys: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.seal.claims.set_top_level(keys);
        self
    }

    /// What the tokens are for: a token of one context is refused in every other. Default: empty.
    ///
    /// Tokens of other issuers have no context: a store with one refuses them.
    #[must_use]
    pub fn context(mut self, context: impl Into<Box<str>>) -> Self {
        self.seal.claims.context = context.into();
        self
    }

    /// The longest token, in bytes. Default: 8 KiB.
    ///
    /// Keys of values and subjects count as JSON spells them, which takes more bytes for quotes, backslashes and control
    /// characters.
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.seal.max_token = bytes;
        self
    }

    /// The public keys as a JSON Web Key Set (RFC 7517), for others to verify tokens with. Secrets are left out.
    #[must_use]
    pub fn jwks(&self) -> String {
        jwk::set(self.seal.jws.keys().iter())
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
