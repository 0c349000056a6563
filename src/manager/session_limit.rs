//! How many sessions one subject may have. Looked at when somebody logs in, at no other time.
//!
//! Logins at the same moment may not see each other, so for that moment there may be as many more; the next one ends them.
//! Where they do see each other, the earlier one gives way: none ends one that came after it, or they would end each other.

use std::cmp::Reverse;

use tracing::warn;

use super::store_calls::Call;
use crate::{
    error::{SessionError, SessionErrorKind, StoreError},
    id::SessionId,
    policy::OnTooManySessions,
    record::Record,
    session::Ending,
    store::SessionInfo,
};

impl Call<'_> {
    /// Refuses a login where the subject has all the sessions that it may have, and none of them is to make room.
    ///
    /// # Errors
    /// `TooManySessions`, and the store's failure: whether there is room must be known.
    pub(super) async fn admit(&self, subject: &str, own: Option<SessionId>) -> Result<(), SessionError> {
        match self.core.policy.sessions_per_subject {
            Some((most, OnTooManySessions::Refuse)) if self.others(subject, own).await?.len() >= most => {
                Err(SessionError::new(
                    SessionErrorKind::TooManySessions,
                    format!("its subject has {most} sessions, and may have no more"),
                ))
            }
            Some((_, OnTooManySessions::EndOldest)) if self.core.store.index().is_none() => {
                Err(no_index().into())
            }
            _ => Ok(()),
        }
    }

    /// Ends the sessions of the subject that is now logged in which are too many: those used the longest ago. The login
    /// stands, whatever becomes of that.
    pub(super) async fn make_room(&self, record: &Record) {
        let (Some((most, OnTooManySessions::EndOldest)), Some(subject)) =
            (self.core.policy.sessions_per_subject, record.subject())
        else {
            return;
        };
        let others = match self.others(subject, Some(record.id())).await {
            Ok(others) => others,
            Err(error) => return warn!(%error, "whether a subject has too many sessions could not be told"),
        };
        // What claims to be of the future came before.
        let latest = Some(self.cx.now + self.core.policy.leeway);
        let is_later = |other: &SessionInfo| {
            let [own, others] = [record.authenticated_at(), other.authenticated_at()];
            let order = others.cmp(&own).then_with(|| other.id().as_bytes().cmp(record.id().as_bytes()));
            order.is_gt() && others <= latest
        };
        let (later, mut earlier): (Vec<_>, Vec<_>) = others.into_iter().partition(is_later);
        earlier.sort_by_key(|session| Reverse(session.last_active()));
        for session in earlier.iter().skip(most.saturating_sub(1 + later.len())) {
            if self.cx.deadline.is_over() {
                return warn!("there was no time to end all sessions that a subject has too many");
            }
            // What fails is logged, and ended at the next login.
            let _ = self.end(Ending { id: session.id(), until: session.deadline() }).await;
        }
    }

    async fn others(&self, subject: &str, own: Option<SessionId>) -> Result<Vec<SessionInfo>, StoreError> {
        let index = self.core.store.index().ok_or_else(no_index)?;
        let mut sessions = self.in_time(index.list(subject, self.cx)).await?;
        sessions.retain(|session| Some(session.id()) != own);
        Ok(sessions)
    }
}

fn no_index() -> StoreError {
    StoreError::unsupported("count the sessions of a subject")
}
