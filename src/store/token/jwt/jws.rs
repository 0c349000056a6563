//! Signed texts: the compact form of JSON Web Signatures (RFC 7515, section 7.1) and no other.
//!
//! ```text
//! token := base64url(header) "." base64url(payload) "." base64url(signature)
//! ```
//!
//! # What a header decides
//! Only which key is used; the key determines everything else. Keys that a header contains or points to (`jwk`, `jku`,
//! `x5c`, `x5u`) are ignored, and extensions (`crit`, `b64`) are refused. The payload is decoded only if the signature
//! is good.
//!
//! # Which key is used
//! The one that `kid` names, which is compared byte by byte and used for nothing else. Without a `kid` there has to be
//! exactly one key of the header's algorithm. In both cases the header's algorithm has to be that of the key.

use std::{fmt, sync::Arc};

use memchr::memchr;
use serde::Serialize;

use super::{
    base64url,
    json::{self, Malformed, Text},
    key::{Signature, SigningKey, VerifyingKey},
};
use crate::store::Absence;

/// The `typ` of our tokens: no token for another purpose is a session (RFC 8725, section 3.11).
const OWN_TYPE: &str = "session+jwt";

/// The type of a token whose header has none (RFC 7519, section 5.1).
const UNTYPED: &str = "JWT";

/// The keys of a store, and the types of tokens that it accepts.
#[derive(Debug, Clone)]
pub(super) struct Jws {
    signer: Option<SigningKey>,
    /// The signer's key comes first. No two keys have the same name.
    keys: Vec<KnownKey>,
    /// Without `application/`.
    types: Vec<Box<str>>,
}

/// A key, and the header of our tokens that are signed with it.
#[derive(Clone)]
struct KnownKey {
    key: VerifyingKey,
    header: Arc<str>,
}

impl KnownKey {
    fn new(key: VerifyingKey) -> Self {
        let header = OwnHeader { typ: OWN_TYPE, alg: key.algorithm().name(), kid: key.kid() };
        let header = serde_json::to_vec(&header).expect("strings can be written as JSON");
        Self { header: base64url::encode(&header).into(), key }
    }
}

impl fmt::Debug for KnownKey {
    /// Nothing printed is part of a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

#[derive(Serialize)]
struct OwnHeader<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

/// A payload whose signature is good.
#[derive(Debug)]
pub(super) struct Verified<'a> {
    pub(super) payload: Vec<u8>,
    /// What was signed. Unlike a signature, it cannot be replaced by an equivalent one.
    pub(super) signed: &'a [u8],
    /// Whether the key is the one that signs here.
    pub(super) by_active: bool,
}

impl Jws {
    pub(super) fn new(signer: Option<SigningKey>) -> Self {
        let keys = signer.iter().map(|key| KnownKey::new(key.verifying_key().clone())).collect();
        Self { signer, keys, types: vec![OWN_TYPE.into()] }
    }

    /// Also accepts tokens that were signed with this key.
    ///
    /// # Panics
    /// If another key has the same name.
    pub(super) fn accept(&mut self, key: VerifyingKey) {
        match self.keys.iter().find(|known| known.key.kid() == key.kid()) {
            Some(known) => {
                assert!(
                    known.key.is_same(&key),
                    "two keys for tokens have one name; call one of them another"
                );
            }
            None => self.keys.push(KnownKey::new(key)),
        }
    }

    pub(super) fn accept_type(&mut self, typ: &str) {
        self.types.push(bare_type(typ).into());
    }

    pub(super) const fn can_sign(&self) -> bool {
        self.signer.is_some()
    }

    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = &VerifyingKey> {
        self.keys.iter().map(|known| &known.key)
    }

    /// The number of letters that a token has in addition to those of its payload.
    pub(super) fn overhead(&self) -> usize {
        self.keys
            .first()
            .map_or(0, |KnownKey { key, header }| header.len() + 2 + encoded_len(key.signature_len()))
    }

    /// The token of a payload; `None` without a key that signs, or if the source of randomness failed.
    pub(super) fn sign(&self, payload: &[u8]) -> Option<String> {
        let (signer, own) = (self.signer.as_ref()?, self.keys.first()?);
        let mut token = String::with_capacity(self.overhead() + encoded_len(payload.len()));
        token.push_str(&own.header);
        token.push('.');
        base64url::push(payload, &mut token);
        let signature = signer.sign(token.as_bytes())?;
        token.push('.');
        base64url::push(signature.as_bytes(), &mut token);
        Some(token)
    }

    /// The name of the key that a token names, if the store has it.
    pub(super) fn key_of(&self, token: &[u8]) -> Option<&str> {
        let compact = Compact::split(token)?;
        let own = self.keys.iter().position(|known| known.header.as_bytes() == compact.header);
        let at = own.or_else(|| self.find_key(compact.header).ok())?;
        Some(self.keys[at].key.kid())
    }

    /// The payload of a token.
    pub(super) fn verify<'a>(&self, token: &'a [u8]) -> Result<Verified<'a>, Absence> {
        let compact = Compact::split(token).ok_or(Absence::Malformed)?;
        let own = self.keys.iter().position(|known| known.header.as_bytes() == compact.header);
        let at = own.map_or_else(|| self.find_key(compact.header), Ok)?;
        let verifier = &self.keys[at].key;
        let signature =
            Signature::decode(compact.signature, verifier.signature_len()).ok_or(Absence::Malformed)?;
        if !verifier.verifies(compact.signed, signature.as_bytes()) {
            return Err(Absence::Forged);
        }
        let payload = base64url::decode(compact.payload).ok_or(Absence::Malformed)?;
        Ok(Verified { payload, signed: compact.signed, by_active: self.can_sign() && at == 0 })
    }

    /// The index of the key that a header names which a store like this one did not write.
    fn find_key(&self, encoded: &[u8]) -> Result<usize, Absence> {
        let text = base64url::decode(encoded).ok_or(Absence::Malformed)?;
        let header = Header::read(&text)?;
        if !self.takes(header.typ.as_deref().unwrap_or(UNTYPED)) {
            return Err(Absence::Malformed);
        }
        let at = match header.kid.as_deref() {
            Some(kid) => self.keys().position(|key| key.kid() == kid),
            None => self.only_key(&header.alg),
        };
        let at = at.ok_or(Absence::UnknownKey)?;
        if self.keys[at].key.algorithm().is_called(&header.alg) { Ok(at) } else { Err(Absence::Forged) }
    }

    /// The key of this algorithm, if there is exactly one.
    fn only_key(&self, algorithm: &str) -> Option<usize> {
        let mut found = self.keys().enumerate().filter(|(_, key)| key.algorithm().is_called(algorithm));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    fn takes(&self, typ: &str) -> bool {
        let typ = bare_type(typ);
        self.types.iter().any(|taken| taken.eq_ignore_ascii_case(typ))
    }
}

/// A media type without the `application/` that may be left out where no other slash follows (RFC 7515, section 4.1.9).
fn bare_type(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") && !rest.contains('/') => rest,
        _ => typ,
    }
}

/// Whether bytes have the form of a token: three base64url texts, the first of which begins like a JSON object.
pub(super) fn is_compact(token: &[u8]) -> bool {
    token.starts_with(b"e")
        && Compact::split(token)
            .is_some_and(|it| [it.header, it.payload, it.signature].into_iter().all(base64url::is_base64url))
}

/// The number of letters that encode this many bytes.
const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// The parts of a token, none of them empty.
struct Compact<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// The first two with the dot between them.
    signed: &'a [u8],
}

impl<'a> Compact<'a> {
    /// A third dot would be in the signature, which then is not base64url.
    fn split(token: &'a [u8]) -> Option<Self> {
        let first = memchr(b'.', token)?;
        let (header, rest) = (&token[..first], &token[first + 1..]);
        let second = memchr(b'.', rest)?;
        let (payload, signature) = (&rest[..second], &rest[second + 1..]);
        let is_whole = !header.is_empty() && !payload.is_empty() && !signature.is_empty();
        is_whole.then_some(Self { header, payload, signature, signed: &token[..first + 1 + second] })
    }
}

/// The members of a header that matter.
struct Header<'a> {
    alg: Text<'a>,
    kid: Option<Text<'a>>,
    typ: Option<Text<'a>>,
}

impl<'a> Header<'a> {
    fn read(text: &'a [u8]) -> Result<Self, Malformed> {
        let object = json::from_str(std::str::from_utf8(text).map_err(|_| Malformed)?)?;
        // No critical extension is implemented, and neither are unencoded payloads (RFC 7797).
        if object.get("crit").is_some() || object.get("b64").is_some() {
            return Err(Malformed);
        }
        Ok(Self { alg: object.required("alg")?, kid: object.optional("kid")?, typ: object.optional("typ")? })
    }
}
