//! How many sessions one subject may have. It is checked when a subject logs in, and at no other time.
//!
//! Logins at the same moment may not see each other, so for that moment there may be as many more; the next one ends them.
//! Where they do see each other, the earlier one gives way: none ends one that came after it, or they would end each other.

use std::cmp::Reverse;

use tracing::warn;

use super::store_calls::StoreCalls;
use crate::{
    error::{SessionError, SessionErrorKind, StoreError},
    id::SessionId,
    policy::{OnTooManySessions, Policy, SessionLimit},
    record::Record,
    store::{End, EndedBy, SessionInfo},
};

/// Refuses a login where the subject has all the sessions that it may have, and none of them is to be ended for it.
///
/// # Errors
/// `TooManySessions`, and the store's failure: whether another session is allowed must be known.
pub(super) async fn check(
    calls: &StoreCalls<'_>,
    policy: &Policy,
    subject: &str,
    own: Option<SessionId>,
) -> Result<(), SessionError> {
    let SessionLimit { most, beyond, is_default } = policy.session_limit;
    if most == usize::MAX || (is_default && calls.store.index().is_none()) {
        return Ok(());
    }
    // What cannot be kept must not be promised.
    let index = calls.index()?;
    if beyond == OnTooManySessions::Refuse
        && index.count(subject, calls.cx).await? >= most
        && others(calls, subject, own).await?.len() >= most
    {
        return Err(SessionError::new(
            SessionErrorKind::TooManySessions,
            format!("the subject has reached its limit of {most} sessions"),
        ));
    }
    Ok(())
}

/// Ends the sessions beyond the limit of the subject that has just logged in: those that were used the longest ago. A failure
/// does not undo the login.
pub(super) async fn enforce(calls: &StoreCalls<'_>, policy: &Policy, record: &Record) {
    let SessionLimit { most, beyond: OnTooManySessions::EndOldest, .. } = policy.session_limit else {
        return;
    };
    let (Some(subject), Some(index)) = (record.subject(), calls.store.index()) else { return };
    if most == usize::MAX {
        return;
    }
    let others = match index.count(subject, calls.cx).await {
        Ok(count) if count <= most => return,
        Ok(_) => others(calls, subject, Some(record.id())).await,
        Err(error) => Err(error),
    };
    let others = match others {
        Ok(others) => others,
        Err(error) => return warn!(%error, "failed to count the sessions of a subject after its login"),
    };
    // A login that claims to be from the future counts as an earlier one.
    let latest = Some(calls.cx.now + policy.leeway);
    let is_later = |other: &SessionInfo| {
        let [own, others] = [record.authenticated_at(), other.authenticated_at()];
        let order = others.cmp(&own).then_with(|| other.id().as_bytes().cmp(record.id().as_bytes()));
        order.is_gt() && others <= latest
    };
    let (later, mut earlier): (Vec<_>, Vec<_>) = others.into_iter().partition(is_later);
    earlier.sort_by_key(|session| Reverse(session.last_active()));
    for session in earlier.iter().skip(most.saturating_sub(1 + later.len())) {
        if calls.cx.deadline.is_over() {
            return warn!("the time to end all sessions beyond a subject's limit did not suffice");
        }
        // A failure is logged, and the session is ended at the next login.
        let end = End { id: session.id(), until: session.deadline(), by: EndedBy::Other };
        let _ = calls.end(end).await;
    }
}

async fn others(
    calls: &StoreCalls<'_>,
    subject: &str,
    own: Option<SessionId>,
) -> Result<Vec<SessionInfo>, StoreError> {
    let mut sessions = calls.list(subject).await?;
    sessions.retain(|session| Some(session.id()) != own);
    Ok(sessions)
}
