//! The format of a payload: the registered claims, the claim that holds the session, and all others.
//!
//! ```text
//! {
//!   "iss", "aud":       as configured
//!   "sub", "auth_time": who is logged in, and since when
//!   "exp":              when the session ends unless it is used
//!   "nbf", "iat":       when it began, and when it was last used
//!   "jti":              its ID
//!   "role": …           values that are configured to be claims of their own
//!   "cloakroom": {…}    the rest of the session
//! }
//! ```

use std::marker::PhantomData;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, MapAccess, Visitor},
    ser::SerializeMap,
};

use super::{
    json::{self, Malformed, Object, OfObject, Text},
    registered::Registered,
};

/// The version of the format of [`SessionClaim`].
pub(super) const VERSION: u32 = 1;

/// What a payload says. `S` is what is read from the claim that holds the session.
pub(super) struct Payload<'a, S = SessionClaim<'a>> {
    pub(super) registered: Registered<'a>,
    pub(super) others: Object<'a>,
    pub(super) session: Option<S>,
}

/// The claim that holds the session, in version 1 of the format. Times and durations are in milliseconds.
///
/// A member that this version does not know is refused. A newer version puts what an older one may ignore into `extra`,
/// where it is kept.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionClaim<'a> {
    /// The version of the format.
    pub(super) v: u32,
    /// How often the session was written.
    pub(super) n: u64,
    /// How often somebody logged in.
    pub(super) epoch: u32,
    /// When it began.
    pub(super) created: i64,
    /// When it was last used.
    pub(super) active: i64,
    /// The idle timeout.
    pub(super) idle: u64,
    /// When it ends even if it is used.
    pub(super) until: i64,
    /// When somebody logged in.
    #[serde(default, deserialize_with = "json::not_null", skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<i64>,
    /// The sequence of the revocations that the last login came after.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) after: u64,
    /// As whom the subject acts. The claim `sub` says who has logged in.
    #[serde(borrow, default, deserialize_with = "json::not_null", skip_serializing_if = "Option::is_none")]
    pub(super) acting_as: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) remembered: bool,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(super) context: Text<'a>,
    /// The names of the values that are claims of their own, so that every reader finds them, however it is configured.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) top: Vec<Text<'a>>,
    /// In base64url.
    #[serde(borrow, default, deserialize_with = "json::not_null", skip_serializing_if = "Option::is_none")]
    pub(super) extra: Option<Text<'a>>,
    /// The other values, each as the JSON text that the session has of it, byte for byte.
    #[serde(borrow)]
    pub(super) data: Object<'a>,
}

impl<'a, S: Deserialize<'a>> Payload<'a, S> {
    /// Reads a payload whose claim of this name holds the session.
    pub(super) fn read(text: &'a str, claim: &str) -> Result<Self, Malformed> {
        json::from_str_seed(PayloadVisitor { session: claim, read_as: PhantomData }, text)
    }
}

impl Payload<'_> {
    /// The text of the payload, with the session in the claim of this name. `capacity` is its expected length.
    pub(super) fn write(&self, claim: &str, capacity: usize) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(capacity);
        self.write_members(claim, serde_json::Serializer::new(&mut text).serialize_map(None).ok()?).ok()?;
        Some(text)
    }

    fn write_members<M: SerializeMap>(&self, claim: &str, mut members: M) -> Result<M::Ok, M::Error> {
        let registered = &self.registered;
        optional(&mut members, "iss", registered.iss.as_ref())?;
        optional(&mut members, "sub", registered.sub.as_ref())?;
        optional(&mut members, "aud", registered.aud.as_ref())?;
        optional(&mut members, "exp", registered.exp)?;
        optional(&mut members, "nbf", registered.nbf)?;
        optional(&mut members, "iat", registered.iat)?;
        optional(&mut members, "jti", registered.jti.as_ref())?;
        optional(&mut members, "auth_time", registered.auth_time)?;
        for (name, value) in self.others.entries() {
            members.serialize_entry(name, value)?;
        }
        optional(&mut members, claim, self.session.as_ref())?;
        members.end()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn optional<M: SerializeMap>(
    members: &mut M,
    name: &str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| members.serialize_entry(name, &value))
}

/// Reads a payload in one pass.
struct PayloadVisitor<'n, S> {
    /// The name of the claim that holds the session.
    session: &'n str,
    read_as: PhantomData<S>,
}

impl<'de, S: Deserialize<'de>> DeserializeSeed<'de> for PayloadVisitor<'_, S> {
    type Value = Payload<'de, S>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Deserialize<'de>> Visitor<'de> for PayloadVisitor<'_, S> {
    type Value = Payload<'de, S>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("claims with distinct names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut claims: A) -> Result<Self::Value, A::Error> {
        let (mut registered, mut session, mut others) = (Registered::default(), None, Object::default());
        while let Some(name) = claims.next_key::<Text<'de>>()? {
            match &*name {
                "iss" => once(&mut registered.iss, &mut claims)?,
                "sub" => once(&mut registered.sub, &mut claims)?,
                "aud" => once(&mut registered.aud, &mut claims)?,
                "exp" => once(&mut registered.exp, &mut claims)?,
                "nbf" => once(&mut registered.nbf, &mut claims)?,
                "iat" => once(&mut registered.iat, &mut claims)?,
                "jti" => once(&mut registered.jti, &mut claims)?,
                "auth_time" => once(&mut registered.auth_time, &mut claims)?,
                name if name == self.session => once(&mut session, &mut claims)?,
                _ => others.push(name, claims.next_value()?),
            }
        }
        let others = others.distinct().map_err(|Malformed| doubled())?;
        Ok(Payload { registered, others, session: session.map(|OfObject(session)| session) })
    }
}

/// Reads the value of a claim that has not been read yet.
fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    claim: &mut Option<T>,
    claims: &mut A,
) -> Result<(), A::Error> {
    match claim.replace(claims.next_value()?) {
        None => Ok(()),
        Some(_) => Err(doubled()),
    }
}

fn doubled<E: serde::de::Error>() -> E {
    E::custom("two claims have the same name")
}
