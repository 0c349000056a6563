//! What a payload says: the registered claims of RFC 7519, and the claim that holds the rest of the session.
//!
//! ```text
//! {
//!   "iss", "aud":       where the store was given one
//!   "sub", "auth_time": who is logged in, and since when
//!   "exp":              when the session ends unless it is used, rounded up
//!   "nbf", "iat":       when it began, and when it was last used
//!   "jti":              its ID
//!   "role": …           values that the store was told to write here
//!   "cloakroom": {
//!     "v": 1            the version of this format
//!     "n", "epoch":     how often it was written, and how often somebody logged in
//!     "created", "active", "until", "auth": exact times in milliseconds
//!     "idle":           the idle timeout in milliseconds
//!     "remembered", "context", "top", "extra": where there is something to say
//!     "data": {…}       the other values
//!   }
//! }
//! ```
//!
//! A value stands here as the JSON text that the session has of it, byte for byte. `top` lists the values that stand among
//! the claims, so that every reader finds them, however it is configured. Members of our own claim that this version does not
//! know are refused; what a newer version 1 adds stands in `extra` and is kept.
//!
//! # Tokens of other issuers
//! have no such claim. They need `exp`, and `jti` or `sub`; see [`Claims::foreign`].

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    json::{self, Malformed, Object, Value, Writer},
    registered::{Audience, REGISTERED, Registered, whole_seconds_from, whole_seconds_until},
};
use crate::{
    record::{Data, MAX_SUBJECT_LEN, Parts, Record},
    store::{Absence, Unopened},
    time::{Timestamp, millis},
};

const VERSION: u32 = 1;

/// How deep a value may be nested to be read again from within `data`.
const DEEPEST_VALUE: u32 = json::MAX_DEPTH - 3;

/// The most bytes of a payload beside names that were chosen and the session's data; see the test.
const FIXED: usize = 512 + MAX_SUBJECT_LEN;

/// How claims are written and what is asked of them.
#[derive(Clone)]
pub(super) struct Claims {
    pub(super) issuer: Option<Box<str>>,
    pub(super) audience: Option<Box<str>>,
    pub(super) context: Box<str>,
    pub(super) leeway: Duration,
    /// The name of the claim that holds the session.
    name: Box<str>,
    /// The values that are written as claims.
    top_level: BTreeSet<Box<str>>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            issuer: None,
            audience: None,
            context: "".into(),
            leeway: Duration::from_secs(60),
            name: "cloakroom".into(),
            top_level: BTreeSet::new(),
        }
    }
}

impl Claims {
    /// # Panics
    /// If the name is empty, registered, or one of a value that is written as a claim.
    pub(super) fn set_name(&mut self, name: &str) {
        self.name = name.into();
        self.check_names();
    }

    /// # Panics
    /// If a key is empty, registered, or the name of the session's claim.
    pub(super) fn set_top_level(&mut self, keys: impl IntoIterator<Item = impl Into<Box<str>>>) {
        self.top_level = keys.into_iter().map(Into::into).collect();
        self.check_names();
    }

    fn check_names(&self) {
        for name in self.top_level.iter().chain([&self.name]) {
            assert!(
                !name.is_empty() && !REGISTERED.contains(&&**name),
                "a claim of the application needs a name of its own, and {name:?} is none"
            );
        }
        assert!(
            !self.top_level.contains(&self.name),
            "{:?} is the claim that holds the session; its values go elsewhere",
            self.name
        );
    }

    /// The most bytes of a payload beside the session's data. JSON spells a control character, a quote or a backslash in
    /// names with up to six bytes; those count as data.
    pub(super) fn overhead(&self) -> usize {
        let given = [self.issuer.as_deref(), self.audience.as_deref(), Some(&self.context), Some(&self.name)];
        let given = given.into_iter().flatten().chain(self.top_level.iter().map(|key| &**key));
        FIXED + given.map(|text| text.len() + 3).sum::<usize>()
    }

    /// The payload of a record; `None` if a value of it is no JSON, or nested too deep to be read again.
    pub(super) fn write(&self, record: &Record) -> Option<String> {
        let mut out = Writer::with_capacity(self.overhead() + record.variable_len());
        out.open();
        self.write_registered(record, &mut out);
        for (key, value) in record.data().iter().filter(|(key, _)| self.is_top_level(key)) {
            out.plain(key, json::value(value, DEEPEST_VALUE)?);
        }
        out.name(&self.name);
        out.open();
        write_times(record, &mut out);
        self.write_rest(record, &mut out);
        out.name("data");
        out.open();
        for (key, value) in record.data().iter().filter(|(key, _)| !self.is_top_level(key)) {
            out.plain(key, json::value(value, DEEPEST_VALUE)?);
        }
        (0..3).for_each(|_| out.close());
        Some(out.finish())
    }

    fn is_top_level(&self, key: &str) -> bool {
        self.top_level.contains(key)
    }

    fn write_registered(&self, record: &Record, out: &mut Writer) {
        let mut text = |name, value: Option<&str>| value.into_iter().for_each(|value| out.text(name, value));
        text("iss", self.issuer.as_deref());
        text("sub", record.subject());
        text("aud", self.audience.as_deref());
        out.plain("exp", whole_seconds_from(record.expires_at()));
        out.plain("nbf", whole_seconds_until(record.created_at()));
        out.plain("iat", whole_seconds_until(record.last_active()));
        out.text("jti", &record.id().to_string());
        record.authenticated_at().iter().for_each(|at| out.plain("auth_time", whole_seconds_until(*at)));
    }

    fn write_rest(&self, record: &Record, out: &mut Writer) {
        if record.is_remembered() {
            out.plain("remembered", true);
        }
        if !self.context.is_empty() {
            out.text("context", &self.context);
        }
        if record.data().iter().any(|(key, _)| self.is_top_level(key)) {
            out.list("top", record.data().iter().map(|(key, _)| key).filter(|key| self.is_top_level(key)));
        }
        if let Some(extra) = record.extra() {
            out.text("extra", &URL_SAFE_NO_PAD.encode(extra));
        }
    }

    /// The record of a payload whose signature is good, and whether it is of our own format.
    pub(super) fn read(
        &self,
        payload: &str,
        signed: &[u8],
        now: Timestamp,
    ) -> Result<(Record, Format), Unopened> {
        let claims = Object::parse_along(payload, &[&self.name, "data"])?;
        let registered = Registered::read(&claims)?;
        if !self.is_meant_for_us(&registered) {
            return Err(Absence::Forged.into());
        }
        registered.authenticate(self.leeway, now)?;
        if claims.has(&self.name) {
            return Ok((self.own(&claims, &registered)?, Format::Own));
        }
        // A token of another issuer does not say what it is for.
        if !self.context.is_empty() {
            return Err(Absence::Forged.into());
        }
        Ok((self.foreign(&claims, &registered, signed, now)?, Format::Foreign))
    }

    /// An audience that we do not know is not us (RFC 7519, section 4.1.3).
    fn is_meant_for_us(&self, registered: &Registered<'_>) -> bool {
        let issuer_fits = self.issuer.is_none() || registered.iss.as_deref() == self.issuer.as_deref();
        let audience_fits = match (&self.audience, &registered.aud) {
            (None, None) => true,
            (Some(ours), Some(Audience(theirs))) => theirs.iter().any(|it| **it == **ours),
            _ => false,
        };
        issuer_fits && audience_fits
    }

    /// A record of our own format.
    fn own(&self, claims: &Object<'_>, registered: &Registered<'_>) -> Result<Record, Unopened> {
        let mut session = Members { object: claims.object(&self.name)?, read: 0 };
        if session.required::<u32>("v")? != VERSION {
            return Err(Unopened::Unreadable);
        }
        if session.optional::<Cow<'_, str>>("context")?.unwrap_or_default() != *self.context {
            return Err(Absence::Forged.into());
        }
        let top = session.optional::<Vec<String>>("top")?.unwrap_or_default();
        let parts = Parts {
            id: registered.id().ok_or(Malformed)?,
            version: session.required("n")?,
            epoch: session.required("epoch")?,
            remembered: session.optional("remembered")?.unwrap_or_default(),
            created_at: session.required("created")?,
            last_active: session.required("active")?,
            idle: session.required("idle")?,
            deadline: session.required("until")?,
            authenticated_at: session.optional("auth")?,
            subject: registered.subject()?,
            data: self.data(claims, &top, session.object("data")?)?,
            extra: session.optional::<Extra>("extra")?.map(|Extra(bytes)| bytes),
        };
        session.none_left()?;
        Ok(Record::from_parts(parts))
    }

    /// The values that stand among the claims, and those that stand in our own.
    fn data(&self, claims: &Object<'_>, top: &[String], inner: &Object<'_>) -> Result<Data, Malformed> {
        let mut seen = BTreeSet::new();
        for name in top {
            let is_value = !REGISTERED.contains(&&**name) && **name != *self.name;
            if !is_value || inner.has(name) || !seen.insert(name) {
                return Err(Malformed);
            }
        }
        let outer: Option<Vec<_>> = top.iter().map(|name| Some((&**name, claims.get(name)?))).collect();
        Data::from_entries(outer.ok_or(Malformed)?.into_iter().chain(inner.members())).ok_or(Malformed)
    }

    /// A record of a token that somebody else issued, who knows nothing of sessions.
    ///
    /// - It needs `exp`, and `jti` or `sub`. It ends when `exp` is past by more than the leeway: the clocks of two
    ///   issuers differ.
    /// - Its ID is `jti`, if that has the form of an ID; else it is derived from `iss` and `jti`, or from the whole token.
    /// - It began, and was last used, at `iat`, or else `nbf`, or else now.
    /// - Its values are the claims that the store writes as claims itself.
    fn foreign(
        &self,
        claims: &Object<'_>,
        registered: &Registered<'_>,
        signed: &[u8],
        now: Timestamp,
    ) -> Result<Record, Malformed> {
        if registered.jti.is_none() && registered.sub.is_none() {
            return Err(Malformed);
        }
        let began = registered.iat.or(registered.nbf).unwrap_or(now);
        let deadline = registered.exp + self.leeway;
        let subject = registered.subject()?;
        let values = self.top_level.iter().filter_map(|key| Some((&**key, claims.get(key)?)));
        Ok(Record::from_parts(Parts {
            id: registered.id().unwrap_or_else(|| registered.derived_id(signed)),
            version: 1,
            epoch: u32::from(subject.is_some()),
            remembered: false,
            created_at: began,
            last_active: began,
            idle: deadline.since(began),
            deadline,
            authenticated_at: registered.auth_time,
            subject,
            data: Data::from_entries(values).ok_or(Malformed)?,
            extra: None,
        }))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("name", &self.name)
            .field("top_level", &self.top_level)
            .finish_non_exhaustive()
    }
}

/// Who wrote a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A store like this one.
    Own,
    /// Somebody who knows nothing of sessions.
    Foreign,
}

fn write_times(record: &Record, out: &mut Writer) {
    out.plain("v", VERSION);
    out.plain("n", record.version().counter);
    out.plain("epoch", record.epoch());
    out.plain("created", record.created_at().as_millis());
    out.plain("active", record.last_active().as_millis());
    out.plain("idle", millis(record.idle_timeout()));
    out.plain("until", record.deadline().as_millis());
    record.authenticated_at().iter().for_each(|at| out.plain("auth", at.as_millis()));
}

/// An object of which every member has to be read.
struct Members<'a, 'b> {
    object: &'b Object<'a>,
    read: usize,
}

impl<'a> Members<'a, '_> {
    fn optional<T: Value<'a>>(&mut self, name: &str) -> Result<Option<T>, Malformed> {
        let value = self.object.optional(name)?;
        self.read += usize::from(value.is_some());
        Ok(value)
    }

    fn required<T: Value<'a>>(&mut self, name: &str) -> Result<T, Malformed> {
        self.optional(name)?.ok_or(Malformed)
    }

    fn object(&mut self, name: &str) -> Result<&Object<'a>, Malformed> {
        self.read += 1;
        self.object.object(name)
    }

    fn none_left(&self) -> Result<(), Malformed> {
        if self.read == self.object.len() { Ok(()) } else { Err(Malformed) }
    }
}

/// An instant in milliseconds.
impl Value<'_> for Timestamp {
    fn read(text: &str) -> Option<Self> {
        i64::read(text).map(Self::from_millis)
    }
}

/// A duration in milliseconds.
impl Value<'_> for Duration {
    fn read(text: &str) -> Option<Self> {
        u64::read(text).map(Self::from_millis)
    }
}

/// Bytes in base64url.
struct Extra(Arc<Vec<u8>>);

impl Value<'_> for Extra {
    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(&*<Cow<'_, str>>::read(text)?).ok()?;
        Some(Self(bytes.into()))
    }
}
