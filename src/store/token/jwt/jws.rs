//! Signed texts: the compact form of JSON Web Signatures (RFC 7515, section 7.1) and no other.
//!
//! ```text
//! token := base64url(header) "." base64url(payload) "." base64url(signature)
//! ```
//!
//! # What a header can do
//! Hardly anything: it names a key, which decides everything else. Keys that it brings along or points to (`jwk`, `jku`,
//! `x5c`, `x5u`) are ignored; extensions (`crit`, `b64`) are refused. The payload is decoded only when the signature
//! is good.
//!
//! # Which key
//! The one that `kid` names, compared byte by byte and used for nothing else. Without a `kid` there has to be exactly one
//! key of the header's algorithm. Either way the header's algorithm has to be the key's.

use std::borrow::Cow;

use memchr::memchr;

use super::{
    OWN_TYPE, base64url,
    json::{Malformed, Object},
    keys::{Signature, VerifyingKey},
    signing::SigningKey,
};
use crate::store::Absence;

/// The type of a token that says nothing of its type (RFC 7519, section 5.1).
const UNTYPED: &str = "JWT";

/// The keys of a store, and the types of tokens that it takes.
#[derive(Debug, Clone)]
pub(super) struct Jws {
    signer: Option<SigningKey>,
    /// The signer's key first; no two have one name.
    keys: Vec<VerifyingKey>,
    /// Without `application/`.
    types: Vec<Box<str>>,
}

/// A payload whose signature is good.
#[derive(Debug)]
pub(super) struct Verified<'a> {
    pub(super) payload: Vec<u8>,
    /// What was signed: unlike the whole token, it has one spelling only.
    pub(super) signed: &'a [u8],
    /// Whether the key is the one that signs here.
    pub(super) by_active: bool,
}

impl Jws {
    pub(super) fn new(signer: Option<SigningKey>) -> Self {
        let keys = signer.iter().map(|key| key.verifying_key().clone()).collect();
        Self { signer, keys, types: vec![OWN_TYPE.into()] }
    }

    /// Accepts tokens under this key too.
    ///
    /// # Panics
    /// If another key has the same name.
    pub(super) fn accept(&mut self, key: VerifyingKey) {
        match self.keys.iter().find(|known| known.kid() == key.kid()) {
            Some(known) => {
                assert!(known.is_same(&key), "two keys for tokens have one name; call one of them another");
            }
            None => self.keys.push(key),
        }
    }

    pub(super) fn accept_type(&mut self, typ: &str) {
        self.types.push(bare_type(typ).into());
    }

    pub(super) const fn can_sign(&self) -> bool {
        self.signer.is_some()
    }

    pub(super) fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// How many letters a token has beside those of its payload.
    pub(super) fn overhead(&self) -> usize {
        let len = |key: &VerifyingKey| key.header().len() + 2 + encoded_len(key.algorithm().signature_len());
        self.keys.first().map_or(0, len)
    }

    /// The token of a payload; `None` without a key that signs, or if the source of randomness failed.
    pub(super) fn sign(&self, payload: &str) -> Option<String> {
        let signer = self.signer.as_ref()?;
        let mut token = String::with_capacity(self.overhead() + encoded_len(payload.len()));
        token.push_str(signer.verifying_key().header());
        token.push('.');
        base64url::push(payload.as_bytes(), &mut token);
        let signature = signer.sign(token.as_bytes())?;
        token.push('.');
        base64url::push(signature.as_bytes(), &mut token);
        Some(token)
    }

    /// The payload of a token.
    pub(super) fn verify<'a>(&self, token: &'a [u8]) -> Result<Verified<'a>, Absence> {
        let compact = Compact::split(token).ok_or(Absence::Malformed)?;
        let key = match self.keys.iter().position(|key| key.header().as_bytes() == compact.header) {
            Some(own) => own,
            None => self.key_of(compact.header)?,
        };
        let verifier = &self.keys[key];
        let signature =
            Signature::decode(compact.signature, verifier.algorithm()).ok_or(Absence::Malformed)?;
        if !verifier.verifies(compact.signed, signature.as_bytes()) {
            return Err(Absence::Forged);
        }
        let payload = base64url::decode(compact.payload).ok_or(Absence::Malformed)?;
        Ok(Verified { payload, signed: compact.signed, by_active: self.can_sign() && key == 0 })
    }

    /// Which key a header names that none of our keys has written.
    fn key_of(&self, encoded: &[u8]) -> Result<usize, Absence> {
        let text = base64url::decode(encoded).ok_or(Absence::Malformed)?;
        let header = Header::read(&text)?;
        if !self.takes(header.typ.as_deref().unwrap_or(UNTYPED)) {
            return Err(Absence::Malformed);
        }
        let key = match &header.kid {
            Some(kid) => self.keys.iter().position(|key| key.kid() == kid),
            None => self.only_key(&header.alg),
        };
        let key = key.ok_or(Absence::UnknownKey)?;
        if self.keys[key].algorithm().name() == header.alg { Ok(key) } else { Err(Absence::Forged) }
    }

    /// The key of this algorithm, if there is exactly one.
    fn only_key(&self, algorithm: &str) -> Option<usize> {
        let is_one = |key: &VerifyingKey| key.algorithm().name() == algorithm;
        let at = self.keys.iter().position(is_one)?;
        (!self.keys[at + 1..].iter().any(is_one)).then_some(at)
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

/// Whether bytes have the form of a token: three texts of base64url letters, of which the first begins like an object.
pub(super) fn is_compact(token: &[u8]) -> bool {
    token.starts_with(b"e")
        && Compact::split(token)
            .is_some_and(|it| [it.header, it.payload, it.signature].into_iter().all(base64url::is_base64url))
}

/// How many letters so many bytes have.
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
    /// A further dot would stand in the signature, which then is no base64url.
    fn split(token: &'a [u8]) -> Option<Self> {
        let first = memchr(b'.', token)?;
        let (header, rest) = (&token[..first], &token[first + 1..]);
        let second = memchr(b'.', rest)?;
        let (payload, signature) = (&rest[..second], &rest[second + 1..]);
        let is_whole = !header.is_empty() && !payload.is_empty() && !signature.is_empty();
        is_whole.then_some(Self { header, payload, signature, signed: &token[..first + 1 + second] })
    }
}

/// What counts of a header.
struct Header<'a> {
    alg: Cow<'a, str>,
    kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    fn read(text: &'a [u8]) -> Result<Self, Malformed> {
        let object = Object::parse(std::str::from_utf8(text).map_err(|_| Malformed)?)?;
        // What is critical is unknown here, whatever it is; and unencoded payloads (RFC 7797) are not read.
        if object.has("crit") || object.has("b64") {
            return Err(Malformed);
        }
        Ok(Self { alg: object.required("alg")?, kid: object.optional("kid")?, typ: object.optional("typ")? })
    }
}
