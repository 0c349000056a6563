//! Writing down that a session was used, and nothing else.

use std::time::Duration;

use super::{
    Failure, Harness, Verdict,
    trial::{DAY, HOUR, Held, MINUTE, Trial},
    verdict::{broken, ensure},
};
use crate::{
    record::{Lifetime, Record},
    store::{Replaced, Touched},
};

const LIFETIME: Lifetime = Lifetime { idle: HOUR, absolute: DAY };

/// Touches the session on the state that `record` is.
async fn touch(trial: &Trial, record: &Record) -> Result<Touched, Failure> {
    trial.touch(&trial.next(record)?.finish(), record.version()).await
}

/// Touches what a client holds.
async fn used(trial: &Trial, held: &mut Held) -> Verdict {
    match touch(trial, &held.record).await? {
        Touched::Done(token) => {
            held.token = token.unwrap_or(held.token.clone());
            held.record = trial.live(&held.token).await?;
            Ok(())
        }
        Touched::Gone(absence) => Err(broken(format!("a touch of a live session was answered {absence:?}"))),
    }
}

fn is_gone(answer: &Touched, what: &str) -> Verdict {
    ensure(matches!(answer, Touched::Gone(_)), || format!("a touch of {what} was answered {answer:?}"))
}

/// A session that is touched in time lives on, each time for its idle timeout.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_prolongs_an_idle_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.keep(trial.record_living(LIFETIME)?).await?;
    for minutes in [50, 100, 150] {
        used(&trial.after(minutes * MINUTE), &mut held).await?;
        let last = held.record.last_active();
        ensure(last == trial.now + minutes * MINUTE, || format!("a touch was written down as {last:?}"))?;
    }
    trial.after(209 * MINUTE).live(&held.token).await?;
    trial.after(210 * MINUTE).refused(&held.token, "the token of an expired session").await.map(drop)
}

/// A touch never moves the deadline.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_never_moves_the_deadline(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let lifetime = Lifetime { idle: HOUR, absolute: HOUR + HOUR / 2 };
    let mut held = trial.keep(trial.record_living(lifetime)?).await?;
    used(&trial.after(55 * MINUTE), &mut held).await?;
    trial.after(89 * MINUTE).live(&held.token).await?;
    trial.after(90 * MINUTE).refused(&held.token, "the token of a session past its deadline").await.map(drop)
}

/// A touch that comes late, from a request that was earlier, moves the last use not back.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_never_goes_back(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.keep(trial.record_living(LIFETIME)?).await?;
    for minutes in [50, 10, 30] {
        touch(&trial.after(minutes * MINUTE), &held.record).await?;
    }
    let last = trial.after(55 * MINUTE).live(&held.token).await?.last_active();
    ensure(last == trial.now + 50 * MINUTE, || {
        format!("a late touch has moved the last use back to {last:?}")
    })
}

/// A touch and a change at the same time: whichever comes first, the change is kept.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_loses_no_change(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await.after(MINUTE);
    let mut changed = trial.begin_session().await?;
    let stale = changed.record.clone();
    trial.save(&mut changed, "n", "1").await?;
    touch(&trial.after(MINUTE), &stale).await?;
    keeps_change(&trial, &changed).await?;

    let mut changed = trial.begin_session().await?;
    touch(&trial.after(MINUTE), &changed.record).await?;
    replay(&trial.after(MINUTE), &mut changed).await?;
    keeps_change(&trial, &changed).await
}

async fn keeps_change(trial: &Trial, changed: &Held) -> Verdict {
    let stored = trial.after(MINUTE).live(&changed.token).await?;
    ensure(stored.data().get("n") == Some(b"1"), || "a touch has undone a change".into())
}

/// Saves on the state that the client has seen or, if that was touched since, on the one that is there.
async fn replay(trial: &Trial, held: &mut Held) -> Verdict {
    let data = super::trial::holding("n", "1");
    let next = trial.next(&held.record)?.data(data.clone()).finish();
    match trial.replace(&next, held.record.version()).await? {
        Replaced::Done(_) => Ok(()),
        Replaced::Conflict(stored) => {
            held.record = stored;
            trial.save(held, "n", "1").await
        }
        Replaced::Gone(absence) => Err(broken(format!("a save after a touch was answered {absence:?}"))),
    }
}

/// A touch that comes late undoes no rotation: the new token stays good, and the old one refused.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_undoes_no_rotation(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let stale = held.record.clone();
    let old = trial.rotate(&mut held, Duration::ZERO).await?;
    touch(&trial.after(MINUTE), &stale).await?;
    trial.live(&held.token).await?;
    trial.refused(&old, "a token that was replaced").await.map(drop)
}

/// A touch of an ended session is refused, and brings nothing back.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_revives_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    trial.log_out(&held).await?;
    is_gone(&touch(&trial.after(MINUTE), &held.record).await?, "an ended session")?;
    trial.once_ends_count().refused(&held.token, "the token of an ended session").await.map(drop)
}

/// A touch of what was never created is refused, and creates nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_touch_never_creates(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let record = trial.record()?;
    is_gone(&touch(&trial, &record).await?, "what was never created")?;
    ensure(trial.find(record.id()).await?.is_none(), || "a touch has left a record".into())
}
