//! How many sessions one subject may have. It is checked when a subject logs in, and at no other time.
//!
//! A login ends only sessions that were there before it. So logins at the same moment never end each other, and for that moment
//! there may be as many more; the next one ends them. The order of events decides this, not the clocks of the servers.

use std::cmp::Reverse;

use tracing::{debug, warn};

use super::store_calls::StoreCalls;
use crate::{
    error::{SessionError, SessionErrorKind, StoreError},
    id::SessionId,
    policy::{OnTooManySessions, Policy, SessionLimit},
    record::Record,
    store::SessionInfo,
};

/// Refuses a login where the subject has all the sessions that it may have, and none of them is to be ended for it. Otherwise
/// returns those that are to end once the login has succeeded: the ones that were used the longest ago.
///
/// # Errors
/// `TooManySessions`, and the store's failure: whether another session is allowed must be known.
pub(super) async fn check(
    calls: &StoreCalls<'_>,
    policy: &Policy,
    subject: &str,
    own: Option<SessionId>,
) -> Result<Vec<SessionInfo>, SessionError> {
    let SessionLimit { most, beyond, is_default } = policy.session_limit;
    if most == usize::MAX || is_default {
        return Ok(Vec::new());
    }
    // What cannot be kept must not be promised.
    if calls.index()?.count(subject, calls.cx).await? < most {
        return Ok(Vec::new());
    }
    let others = others(calls, subject, own).await?;
    if beyond == OnTooManySessions::Refuse && others.len() >= most {
        return Err(SessionError::new(
            SessionErrorKind::TooManySessions,
            format!("the subject has reached its limit of {most} sessions"),
        ));
    }
    Ok(beyond_limit(others, most))
}

/// Ends the sessions beyond the default limit of the subject that has just logged in. The application has not asked for it, so
/// no login fails because of it.
pub(super) async fn enforce_default(calls: &StoreCalls<'_>, policy: &Policy, record: &Record) {
    let SessionLimit { most, is_default: true, .. } = policy.session_limit else { return };
    let (Some(subject), Some(index)) = (record.subject(), calls.store.index()) else { return };
    let others = match index.count(subject, calls.cx).await {
        Ok(count) if count <= most => return,
        Ok(_) => others(calls, subject, Some(record.id())).await,
        Err(error) => Err(error),
    };
    match others {
        Ok(others) => enforce(calls, &beyond_limit(others, most)).await,
        Err(error) => debug!(%error, "the sessions of a subject were not counted after its login"),
    }
}

/// Those that have to end so that there is room for one more.
fn beyond_limit(mut others: Vec<SessionInfo>, most: usize) -> Vec<SessionInfo> {
    others.sort_by_key(|session| Reverse(session.last_active()));
    others.split_off(others.len().min(most.saturating_sub(1)))
}

/// Ends the sessions beyond the limit. A failure does not undo the login: it is logged, and the session is ended at the next one.
pub(super) async fn enforce(calls: &StoreCalls<'_>, beyond: &[SessionInfo]) {
    for session in beyond {
        if calls.cx.deadline.is_over() {
            return warn!("the time to end all sessions beyond a subject's limit did not suffice");
        }
        let _ = calls.end(session.as_end()).await;
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
