//! The claims that RFC 7519 and OpenID Connect have given a meaning: read once, into their types.

use std::{borrow::Cow, time::Duration};

use ring::digest;

use super::json::{Malformed, Object, Seconds, Value};
use crate::{
    hex,
    id::SessionId,
    record::{MAX_SUBJECT_LEN, Subject},
    store::Absence,
    time::Timestamp,
};

/// Their names, which are the store's to fill in.
pub(super) const REGISTERED: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time"];

/// The registered claims, each of its type.
pub(super) struct Registered<'a> {
    pub(super) iss: Option<Cow<'a, str>>,
    pub(super) sub: Option<Cow<'a, str>>,
    pub(super) aud: Option<Audience<'a>>,
    pub(super) exp: Timestamp,
    pub(super) nbf: Option<Timestamp>,
    pub(super) iat: Option<Timestamp>,
    pub(super) jti: Option<Cow<'a, str>>,
    pub(super) auth_time: Option<Timestamp>,
}

impl<'a> Registered<'a> {
    pub(super) fn read(claims: &Object<'a>) -> Result<Self, Malformed> {
        let date = |name| Ok(claims.optional::<Seconds>(name)?.map(|Seconds(at)| at));
        Ok(Self {
            iss: claims.optional("iss")?,
            sub: claims.optional("sub")?,
            aud: claims.optional("aud")?,
            exp: date("exp")?.ok_or(Malformed)?,
            nbf: date("nbf")?,
            iat: date("iat")?,
            jti: claims.optional("jti")?,
            auth_time: date("auth_time")?,
        })
    }

    pub(super) fn authenticate(&self, leeway: Duration, now: Timestamp) -> Result<(), Absence> {
        if now >= self.exp + leeway {
            return Err(Absence::Expired);
        }
        let is_early = [self.nbf, self.iat].into_iter().flatten().any(|begin| begin > now + leeway);
        if is_early { Err(Absence::NotYetValid) } else { Ok(()) }
    }

    pub(super) fn subject(&self) -> Result<Option<Subject>, Malformed> {
        match self.sub.as_deref() {
            Some(sub) if sub.is_empty() || sub.len() > MAX_SUBJECT_LEN => Err(Malformed),
            sub => Ok(sub.map(Subject::new)),
        }
    }

    pub(super) fn id(&self) -> Option<SessionId> {
        hex::parse(self.jti.as_deref()?.as_bytes()).map(SessionId::from_bytes)
    }

    /// An ID for a token whose issuer did not give it one of ours.
    pub(super) fn derived_id(&self, signed: &[u8]) -> SessionId {
        let (kind, name) = match &self.jti {
            Some(jti) => (&b"jti"[..], jti.as_bytes()),
            None => (&b"token"[..], signed),
        };
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"cloakroom jwt id v1\0");
        for part in [kind, self.iss.as_deref().unwrap_or_default().as_bytes(), name] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut id = [0; SessionId::LEN];
        id.copy_from_slice(&hash.finish().as_ref()[..SessionId::LEN]);
        SessionId::from_bytes(id)
    }
}

/// One audience, or a list of them.
pub(super) struct Audience<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'a> Value<'a> for Audience<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let one = Cow::read(text).map(|one| vec![one]);
        one.or_else(|| Some(Vec::<String>::read(text)?.into_iter().map(Cow::Owned).collect())).map(Self)
    }
}

/// The last whole second before an instant.
pub(super) fn whole_seconds_until(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

/// The first whole second after an instant, so that a live session is live to everybody.
pub(super) fn whole_seconds_from(at: Timestamp) -> i64 {
    whole_seconds_until(at) + i64::from(at.as_millis().rem_euclid(1000) != 0)
}
