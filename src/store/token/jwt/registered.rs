//! The claims to which RFC 7519 and OpenID Connect give a meaning, each of its type.

use std::time::Duration;

use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use super::json::{Malformed, Text};
use crate::{
    hex,
    id::SessionId,
    record::{MAX_SUBJECT_LEN, Subject},
    store::Absence,
    time::Timestamp,
};

/// Their names, which the store fills in itself.
pub(super) const REGISTERED: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time"];

/// The registered claims.
#[derive(Default)]
pub(super) struct Registered<'a> {
    pub(super) iss: Option<Text<'a>>,
    pub(super) sub: Option<Text<'a>>,
    pub(super) aud: Option<Audience<'a>>,
    pub(super) exp: Option<Date>,
    pub(super) nbf: Option<Date>,
    pub(super) iat: Option<Date>,
    pub(super) jti: Option<Text<'a>>,
    pub(super) auth_time: Option<Date>,
}

impl Registered<'_> {
    /// When the token expires, which every token has to say.
    pub(super) fn exp(&self) -> Result<Timestamp, Malformed> {
        self.exp.map(|Date(at)| at).ok_or(Malformed)
    }

    /// Whether the token is valid now.
    pub(super) fn judge(&self, leeway: Duration, now: Timestamp) -> Result<(), Absence> {
        if now >= self.exp()? + leeway {
            return Err(Absence::Expired);
        }
        let is_early = [self.nbf, self.iat].into_iter().flatten().any(|Date(begin)| begin > now + leeway);
        if is_early { Err(Absence::NotYetValid) } else { Ok(()) }
    }

    pub(super) fn subject(&self) -> Result<Option<Subject>, Malformed> {
        self.sub.as_deref().map(subject).transpose()
    }

    pub(super) fn id(&self) -> Option<SessionId> {
        hex::parse(self.jti.as_deref()?.as_bytes()).map(SessionId::from_bytes)
    }

    /// An ID for a token to which its issuer did not give one of ours.
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

/// The subject of this name, if the name is one.
pub(super) fn subject(name: &str) -> Result<Subject, Malformed> {
    if name.is_empty() || name.len() > MAX_SUBJECT_LEN { Err(Malformed) } else { Ok(Subject::new(name)) }
}

/// One audience, or a list of them.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Audience<'a> {
    One(#[serde(borrow)] Text<'a>),
    Many(#[serde(borrow)] Vec<Text<'a>>),
}

impl Audience<'_> {
    pub(super) fn includes(&self, name: &str) -> bool {
        match self {
            Self::One(one) => **one == *name,
            Self::Many(many) => many.iter().any(|one| **one == *name),
        }
    }
}

/// A `NumericDate` of RFC 7519, section 2: seconds, possibly with a fraction. A date that is too early or too late for a
/// [`Timestamp`] is the earliest or the latest one. Whole seconds are written, rounded down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date(pub(super) Timestamp);

impl Date {
    /// The date rounded up.
    pub(super) fn rounded_up(at: Timestamp) -> Self {
        Self(at + Duration::from_millis(999))
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `serde_json` refuses numbers that are too large for it.
        let text = <&RawValue>::deserialize(deserializer)?.get();
        if let Ok(seconds) = text.parse::<i64>() {
            return Ok(Self(Timestamp::from_millis(seconds.saturating_mul(1000))));
        }
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let seconds = if is_number { text.parse::<f64>().ok() } else { None };
        let seconds = seconds.ok_or_else(|| D::Error::custom("a date is a number"))?;
        #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer saturates")]
        Ok(Self(Timestamp::from_millis((seconds * 1000.0) as i64)))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.as_millis().div_euclid(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_numbers_and_nothing_else() {
        let millis = |text| serde_json::from_str(text).ok().map(|Date(at)| at.as_millis());
        assert_eq!(millis("1790000000"), Some(1_790_000_000_000));
        assert_eq!(millis("1790000000.5"), Some(1_790_000_000_500));
        assert_eq!(millis("1.79e9"), Some(1_790_000_000_000));
        assert_eq!(millis("-1"), Some(-1000));
        assert_eq!(millis("9223372036854775807"), Some(i64::MAX));
        assert_eq!(millis("1e400"), Some(i64::MAX));
        for bad in ["\"1790000000\"", "null", "true", "[1]", "{}"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_are_written_as_whole_seconds() {
        let written = |date: Date| serde_json::to_string(&date).unwrap();
        for (millis, down, up) in [(1000, "1", "1"), (1001, "1", "2"), (-1, "-1", "0"), (-1000, "-1", "-1")] {
            let at = Timestamp::from_millis(millis);
            assert_eq!((&*written(Date(at)), &*written(Date::rounded_up(at))), (down, up), "{millis}");
        }
    }
}
