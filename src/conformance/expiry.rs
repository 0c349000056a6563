//! Ending by time: both timeouts, enforced by the store itself.

use std::time::Duration;

use super::{
    Failure, Harness, Verdict,
    trial::{DAY, HOUR, Held, MINUTE, MOMENT, Trial, YEAR, holding},
    verdict::{broken, ensure},
};
use crate::{
    record::Lifetime,
    store::{Absence, Replaced, Touched},
    time::Timestamp,
};

/// A session that lives so long, and has something in it.
async fn living(trial: &Trial, idle: Duration, absolute: Duration) -> Result<Held, Failure> {
    let record = trial.record_living(Lifetime { idle, absolute })?;
    trial.keep(record.into_draft().data(holding("a", "1")).finish()).await
}

/// Live until the last moment before `end`, and refused from then on.
async fn ends_after(trial: &Trial, held: &Held, end: Duration) -> Verdict {
    trial.after(end).before(MOMENT).live(&held.token).await?;
    let absence = trial.after(end).refused(&held.token, "the token of an expired session").await?;
    let is_absent = matches!(absence, Absence::Expired | Absence::Unknown);
    ensure(is_absent, || format!("an expired session reads as {absence:?}"))?;
    trial
        .after(end + YEAR)
        .refused(&held.token, "the token of a session that expired long ago")
        .await
        .map(drop)
}

/// A session that nobody uses ends after its idle timeout, to the millisecond.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_idle_session_expires(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = living(&trial, HOUR, DAY).await?;
    ends_after(&trial, &held, HOUR).await
}

/// A session ends at its absolute timeout, however long it may be idle.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_session_expires_at_its_deadline(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = living(&trial, DAY, HOUR).await?;
    ends_after(&trial, &held, HOUR).await
}

/// A session that is used all the time ends at its absolute timeout, and not before.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_session_in_use_lives_until_its_deadline(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = living(&trial, HOUR, 3 * HOUR).await?;
    for minutes in [50, 100, 150] {
        trial.after(minutes * MINUTE).save(&mut held, "n", "1").await?;
    }
    ends_after(&trial, &held, 3 * HOUR).await
}

/// A last use that lies in the future makes a session live no longer than its deadline.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_last_use_in_the_future_grants_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    for future in [trial.now + 10 * YEAR, Timestamp::MAX] {
        let mut record = trial.record_living(Lifetime { idle: HOUR, absolute: 2 * HOUR })?;
        record.touch(future);
        let held = trial.keep(record).await?;
        trial.after(2 * HOUR).refused(&held.token, "the token of a session past its deadline").await?;
    }
    Ok(())
}

/// A session without timeouts stays; no sum of times overflows.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_session_without_timeouts_does_not_expire(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = living(&trial, Duration::MAX, Duration::MAX).await?;
    trial.live(&held.token).await?;
    trial.after(MINUTE).save(&mut held, "n", "1").await?;
    trial.after(100 * YEAR).live(&held.token).await.map(drop)
}

/// A save or touch that comes after the session has expired is refused: it brings nothing back.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_expired_session_takes_no_writes(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = living(&trial, HOUR, DAY).await?;
    let late = trial.after(HOUR);
    let next = late.next(&held.record)?.finish();
    match late.touch(&next, held.record.version()).await? {
        Touched::Gone(_) => {}
        other => return Err(broken(format!("a touch of an expired session was answered {other:?}"))),
    }
    match late.replace(&next, held.record.version()).await? {
        Replaced::Gone(_) => {}
        other => return Err(broken(format!("a save of an expired session was answered {other:?}"))),
    }
    late.refused(&held.token, "the token of an expired session").await?;
    ensure(late.find(held.id()).await?.is_none(), || "an expired session is found by its ID".into())
}
