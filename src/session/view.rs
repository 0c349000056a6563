//! A session as its handler sees it.

use std::time::Duration;

use super::op::{Op, run};
use crate::{
    error::{SessionError, SessionErrorKind},
    record::{Data, Record, Subject},
    time::Timestamp,
};

/// A session as its handler sees it: what was loaded, with the log applied.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) data: Data,
    /// Who has logged in.
    pub(crate) subject: Option<Subject>,
    /// As whom the subject acts, if not as itself.
    pub(crate) acting_as: Option<Subject>,
    pub(crate) authenticated_at: Option<Timestamp>,
    /// Whether this log contains a login, which needs a new secret and a new epoch.
    pub(crate) logged_in: bool,
    /// Whether the subject began to act as another one, or stopped: a new secret and a new epoch, as for a login.
    pub(crate) switched: bool,
    /// Whether a new secret was asked for.
    pub(crate) renewed: bool,
    /// Whether the client has been given a newer secret than the one it came with: then only a login changes it again.
    pub(crate) was_renewed: bool,
    /// For how long the session is remembered, if it is.
    pub(crate) remembered: Option<Duration>,
    /// Whether its lifetime begins anew, which gives it another cookie.
    pub(crate) lifetime_changed: bool,
    /// Whether it goes on for as long again, with the same token.
    pub(crate) prolonged: bool,
}

impl View {
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            data: record.data().clone(),
            subject: record.owner().cloned(),
            acting_as: record.acting().cloned(),
            authenticated_at: record.authenticated_at(),
            remembered: record.is_remembered().then(|| record.idle_timeout()),
            ..Self::default()
        }
    }

    /// Whether the client has to get a new secret.
    pub(crate) fn rotates(&self) -> bool {
        self.logged_in || self.switched || ((self.renewed || self.lifetime_changed) && !self.was_renewed)
    }

    /// Applies one change. On an error the view is as it was.
    pub(crate) fn apply(&mut self, op: &Op, max_data: usize) -> Result<(), SessionError> {
        match op {
            Op::Set { key, value, .. } => self.set(key, value, max_data)?,
            Op::Remove { key, .. } => self.data = self.data.without(key),
            Op::Update { key, change } => {
                let value = run(change, self.data.get(key)).map_err(|error| error.of_key(key))?;
                self.set(key, &value, max_data)?;
            }
            Op::Clear => self.data = Data::default(),
            Op::LogIn { subject, at } => self.log_in(subject, *at),
            Op::Act(subject) => self.act_as(subject.clone()),
            Op::Renew => self.renewed = true,
            Op::Remember(duration) => self.remember(Some(*duration)),
            Op::Forget if self.remembered.is_some() => self.remember(None),
            Op::Forget => {}
        }
        Ok(())
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8], max_data: usize) -> Result<(), SessionError> {
        let next = self.data.with(key, value).ok_or_else(|| {
            SessionError::new(
                SessionErrorKind::InvalidKey,
                "the key of a session value has at most 255 bytes",
            )
        })?;
        check_size(&next, max_data).map_err(|error| error.of_key(key))?;
        self.data = next;
        Ok(())
    }

    fn remember(&mut self, duration: Option<Duration>) {
        self.remembered = duration;
        self.lifetime_changed = true;
    }

    /// Lets a remembered session go on for as long again, unless its lifetime changes anyway.
    pub(crate) fn prolong(&mut self, duration: Option<Duration>) {
        if duration.is_some() && !self.logged_in && !self.lifetime_changed {
            (self.remembered, self.prolonged) = (duration, true);
        }
    }

    /// Another subject's data are not for this one; an anonymous visitor's are. Only a subject that was remembered still is.
    pub(super) fn log_in(&mut self, subject: &Subject, at: Timestamp) {
        let acted = self.acting_as.take().is_some();
        let is_same = self.subject.as_ref() == Some(subject);
        if acted || (self.subject.is_some() && !is_same) {
            self.data = Data::default();
        }
        let asked_before = self.subject.is_none() && self.lifetime_changed;
        if !is_same && !asked_before {
            self.remembered = None;
        }
        self.subject = Some(subject.clone());
        self.authenticated_at = Some(at);
        self.logged_in = true;
    }
}

impl View {
    /// What one subject sees is not for the other.
    fn act_as(&mut self, subject: Option<Subject>) {
        self.data = Data::default();
        self.acting_as = subject;
        self.switched = true;
    }

    /// A session begins with its first value or its first login, not with a look at it.
    pub(crate) fn is_worth_a_session(&self) -> bool {
        self.logged_in || !self.data.is_empty()
    }
}

pub(super) fn check_size(data: &Data, limit: usize) -> Result<(), SessionError> {
    let size = data.len();
    if size <= limit {
        return Ok(());
    }
    Err(SessionError::new(
        SessionErrorKind::TooLarge { size, limit },
        format!(
            "the session would hold {size} bytes, but at most {limit} are allowed; keep large values elsewhere"
        ),
    ))
}
