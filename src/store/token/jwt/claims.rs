//! Turns records into payloads and payloads into records, and decides which payloads are accepted.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{
    base64url,
    json::{self, Malformed, Object, Text},
    payload::{Payload, SessionClaim, VERSION},
    registered::{self, Audience, Date, REGISTERED, Registered},
};
use crate::{
    record::{Data, MAX_SUBJECT_LEN, Parts, Record},
    store::{Absence, Unopened},
    time::{Timestamp, millis},
};

/// How deep a value may be nested to be read again from within `data`.
const DEEPEST_VALUE: usize = json::MAX_DEPTH - 3;

/// The most bytes that a payload has in addition to configured names and the session's data; a test holds it.
const FIXED: usize = 512 + MAX_SUBJECT_LEN;

/// How claims are written, and what a payload has to say to be accepted.
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

    /// The most bytes that a payload has in addition to the session's data. JSON writes a control character, a quote or a
    /// backslash in a name with up to six bytes; those count as data.
    pub(super) fn overhead(&self) -> usize {
        let given = [self.issuer.as_deref(), self.audience.as_deref(), Some(&self.context), Some(&self.name)];
        let given = given.into_iter().flatten().chain(self.top_level.iter().map(|key| &**key));
        FIXED + given.map(|text| text.len() + 3).sum::<usize>()
    }

    /// The payload of a record; `None` if one of its values is not JSON, or nested too deep to be read again.
    pub(super) fn write(&self, record: &Record) -> Option<Vec<u8>> {
        let (mut top, mut others, mut data) = (Vec::new(), Object::default(), Object::default());
        for (key, value) in record.data().iter() {
            let value = json::value(value, DEEPEST_VALUE)?;
            if self.top_level.contains(key) {
                top.push(key.into());
                others.push(key.into(), value);
            } else {
                data.push(key.into(), value);
            }
        }
        let session = SessionClaim {
            v: VERSION,
            n: record.version().counter,
            epoch: record.epoch(),
            created: record.created_at().as_millis(),
            active: record.last_active().as_millis(),
            idle: millis(record.idle_timeout()).unsigned_abs(),
            until: record.deadline().as_millis(),
            auth: record.authenticated_at().map(Timestamp::as_millis),
            after: record.revocation_sequence(),
            acting_as: record.acting_as().map(Text::from),
            remembered: record.is_remembered(),
            context: (&*self.context).into(),
            top,
            extra: record.extra().map(|extra| base64url::encode(extra).into()),
            data,
        };
        let payload = Payload { registered: self.registered(record), others, session: Some(session) };
        payload.write(&self.name, self.overhead() + record.variable_len())
    }

    fn registered<'a>(&'a self, record: &'a Record) -> Registered<'a> {
        Registered {
            iss: self.issuer.as_deref().map(Text::from),
            sub: record.subject().map(Text::from),
            aud: self.audience.as_deref().map(|audience| Audience::One(audience.into())),
            // Rounded down, a session would end earlier for other programs.
            exp: Some(Date::rounded_up(record.expires_at())),
            nbf: Some(Date(record.created_at())),
            iat: Some(Date(record.last_active())),
            jti: Some(record.id().to_string().into()),
            auth_time: record.authenticated_at().map(Date),
        }
    }

    /// The record of a payload whose signature is good, and who wrote it.
    pub(super) fn read(
        &self,
        payload: &str,
        signed: &[u8],
        now: Timestamp,
    ) -> Result<(Record, Format), Unopened> {
        let Ok(read) = Payload::<SessionClaim<'_>>::read(payload, &self.name) else {
            return Err(self.newer(payload, now).unwrap_or_else(Unopened::Absent));
        };
        let Payload { registered, others, session } = read;
        self.judge(&registered, now)?;
        if let Some(session) = session {
            return Ok((self.own(&registered, &others, session)?, Format::Own));
        }
        // A token of another issuer does not say what it is for.
        if !self.context.is_empty() {
            return Err(Absence::Forged.into());
        }
        Ok((self.foreign(&registered, &others, signed, now)?, Format::Foreign))
    }

    /// Tells a payload whose session is of a newer format from one that is malformed.
    #[cold]
    fn newer(&self, payload: &str, now: Timestamp) -> Result<Unopened, Absence> {
        let Payload { registered, session, .. } = Payload::<Object<'_>>::read(payload, &self.name)?;
        self.judge(&registered, now)?;
        let version: u32 = session.ok_or(Malformed)?.required("v")?;
        if version == VERSION { Err(Absence::Malformed) } else { Ok(Unopened::Unreadable) }
    }

    fn judge(&self, registered: &Registered<'_>, now: Timestamp) -> Result<(), Absence> {
        registered.exp()?;
        if !self.is_meant_for_us(registered) {
            return Err(Absence::Forged);
        }
        registered.judge(self.leeway, now)
    }

    /// A payload that names audiences has to name ours (RFC 7519, section 4.1.3).
    fn is_meant_for_us(&self, registered: &Registered<'_>) -> bool {
        let issuer_fits = self.issuer.is_none() || registered.iss.as_deref() == self.issuer.as_deref();
        let audience_fits = match (&self.audience, &registered.aud) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => theirs.includes(ours),
            _ => false,
        };
        issuer_fits && audience_fits
    }

    /// The record of a session in our own format.
    fn own(
        &self,
        registered: &Registered<'_>,
        others: &Object<'_>,
        session: SessionClaim<'_>,
    ) -> Result<Record, Unopened> {
        if session.v != VERSION {
            return Err(Unopened::Unreadable);
        }
        if *session.context != *self.context {
            return Err(Absence::Forged.into());
        }
        let extra = session.extra.map(|extra| base64url::decode(extra.as_bytes()).ok_or(Malformed));
        Ok(Record::from_parts(Parts {
            id: registered.id().ok_or(Malformed)?,
            version: session.n,
            revocation_sequence: session.after,
            epoch: session.epoch,
            remembered: session.remembered,
            created_at: Timestamp::from_millis(session.created),
            last_active: Timestamp::from_millis(session.active),
            idle: Duration::from_millis(session.idle),
            deadline: Timestamp::from_millis(session.until),
            authenticated_at: session.auth.map(Timestamp::from_millis),
            subject: registered.subject()?,
            acting_as: session.acting_as.as_deref().map(registered::subject).transpose()?,
            data: data(others, session.top, session.data)?,
            extra: extra.transpose()?.map(Into::into),
        }))
    }

    /// The record of a token of another issuer, which has no claim that holds a session.
    ///
    /// - The token needs `exp`, and `jti` or `sub`. The session ends at `exp` plus the leeway, because clocks differ.
    /// - Its ID is `jti` if that has the form of an ID. Otherwise it is derived from `iss` and `jti`, or from the token.
    /// - It began, and was last used, at `iat`, or `nbf`, or now.
    /// - Its values are the claims that the store itself would write as claims of their own.
    fn foreign(
        &self,
        registered: &Registered<'_>,
        others: &Object<'_>,
        signed: &[u8],
        now: Timestamp,
    ) -> Result<Record, Malformed> {
        if registered.jti.is_none() && registered.sub.is_none() {
            return Err(Malformed);
        }
        let began = registered.iat.or(registered.nbf).map_or(now, |Date(began)| began);
        let deadline = registered.exp()? + self.leeway;
        let subject = registered.subject()?;
        let values = self.top_level.iter().filter_map(|key| Some((&**key, others.get(key)?.get())));
        Ok(Record::from_parts(Parts {
            id: registered.id().unwrap_or_else(|| registered.derived_id(signed)),
            version: 1,
            revocation_sequence: 0,
            epoch: u32::from(subject.is_some()),
            remembered: false,
            created_at: began,
            last_active: began,
            idle: deadline.since(began),
            deadline,
            authenticated_at: registered.auth_time.map(|Date(at)| at),
            subject,
            acting_as: None,
            data: Data::from_entries(values).ok_or(Malformed)?,
            extra: None,
        }))
    }
}

/// The values of a session: those in its claim, and those that are claims of their own, which `top` names.
fn data<'a>(others: &Object<'a>, top: Vec<Text<'a>>, inner: Object<'a>) -> Result<Data, Malformed> {
    let mut values = inner;
    if !top.is_empty() {
        for name in top {
            let value = others.get(&name).ok_or(Malformed)?;
            values.push(name, value);
        }
        values = values.distinct()?;
    }
    Data::from_entries(values.entries().map(|(key, value)| (key, value.get()))).ok_or(Malformed)
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
    /// Another issuer.
    Foreign,
}
