//! Ending a session: at once, for good, and even where nothing was stored.

use super::{
    Failure, Harness, Verdict,
    trial::{DAY, Held, MINUTE, MOMENT, Trial, YEAR},
    verdict::{broken, ensure, failed},
};
use crate::{
    store::{Absence, Created, End, Ended, EndedBy, Replaced},
    time::Timestamp,
};

/// An ended session is refused from the moment that the guarantees name.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_ended_session_is_refused(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    trial.log_out(&held).await?;
    trial.once_ends_count().refused(&held.token, "the token of an ended session").await.map(drop)
}

/// The reason is kept: an ended session is distinguished from one that was never known, with the time of its end.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_ended_session_is_distinguished_from_an_unknown_one(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    trial.log_out(&held).await?;
    let later = trial.once_ends_count().after(MINUTE);
    let absence = later.refused(&held.token, "the token of an ended session").await?;
    let ended = Absence::Ended { id: held.id(), at: trial.now, by: EndedBy::Client };
    ensure(absence == ended, || format!("an ended session reads as {absence:?}"))
}

/// The reason says on whose account the session ended. Of two ends the first counts, unless only the second is by the session's own
/// client.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_end_says_on_whose_account_it_was(harness: &dyn Harness) -> Verdict {
    use EndedBy::{Client, Other};
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    let [first, second, third] = [1, 2, 3].map(|minutes| trial.after(minutes * MINUTE));
    for (moment, by, expected) in [
        (&first, Other, (first.now, Other)),
        (&second, Other, (first.now, Other)),
        (&second, Client, (second.now, Client)),
        (&third, Client, (second.now, Client)),
        (&third, Other, (second.now, Client)),
    ] {
        moment.end_by(End::of(&held.record, by)).await?;
        let absence = third.once_ends_count().refused(&held.token, "the token of an ended session").await?;
        let ended = Absence::Ended { id: held.id(), at: expected.0, by: expected.1 };
        ensure(absence == ended, || format!("a session ended by {expected:?} reads as {absence:?}"))?;
    }
    Ok(())
}

/// Ending one session leaves the others alone.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_end_ends_one_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (one, other) = (trial.begin_session().await?, trial.begin_session().await?);
    trial.log_out(&one).await?;
    trial.once_ends_count().live(&other.token).await.map(drop)
}

/// To end twice is to end: the second time is answered as such, and changes nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn end_is_idempotent(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    trial.log_out(&held).await?;
    for _ in 0..2 {
        let again = trial.end(held.id(), held.record.deadline()).await?;
        ensure(again == Ended::Already, || format!("a second end was answered {again:?}"))?;
    }
    trial
        .once_ends_count()
        .refused(&held.token, "the token of a session that was ended twice")
        .await
        .map(drop)
}

/// An end counts even where nothing was stored: the creation that it has overtaken is refused.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn end_is_idempotent_and_blocks_the_id_where_nothing_was_stored(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let record = trial.record()?;
    for expected in [Ended::Done, Ended::Already] {
        let ended = trial.end(record.id(), record.deadline()).await?;
        ensure(ended == expected, || format!("an end where nothing was stored was answered {ended:?}"))?;
    }
    is_ended(&trial.create(&record).await?)?;
    let found = trial.find(record.id()).await?;
    ensure(found.is_none(), || "a create that was refused left a record".into())
}

/// An ended session takes no more writes, late or repeated.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_ended_session_takes_no_writes(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let first = held.record.clone();
    trial.save(&mut held, "n", "1").await?;
    trial.log_out(&held).await?;
    let late = trial.next(&held.record)?.finish();
    let repeated = (&held.record, first.version());
    for (record, expected) in [(&late, held.record.version()), repeated, (&late, late.version())] {
        match trial.replace(record, expected).await? {
            Replaced::Gone(_) => {}
            other => return Err(broken(format!("a write after the end was answered {other:?}"))),
        }
    }
    is_ended(&trial.create(&first).await?)?;
    is_ended(&trial.create(&trial.rival(first.id())?).await?)?;
    ensure(trial.find(first.id()).await?.is_none(), || "an ended session is found by its ID".into())
}

/// An end ends every generation of the session, however often it was rotated.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_end_refuses_every_token_of_the_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let mut tokens = vec![held.token.clone()];
    for _ in 0..3 {
        trial.rotate(&mut held, DAY).await?;
        tokens.push(held.token.clone());
    }
    trial.log_out(&held).await?;
    for token in &tokens {
        trial.once_ends_count().refused(token, "a token of an ended session").await?;
    }
    Ok(())
}

/// The ID of an ended session stays blocked as long as was asked for.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_tombstone_lasts_as_long_as_asked(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (live, unknown) = (trial.begin_session().await?.record, trial.record()?);
    let until = live.deadline() + DAY;
    for record in [live, unknown] {
        trial.end(record.id(), until).await?;
        for moment in [trial.after(MINUTE), trial.at(until).before(MOMENT)] {
            // Others come and go, and sweep what they may.
            moment.begin_session().await?;
            is_ended(&moment.create(&record).await?)?;
        }
    }
    Ok(())
}

/// The ID of an ended session can be blocked for ever.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_tombstone_may_last_for_ever(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (live, unknown) = (trial.begin_session().await?.record, trial.record()?);
    for record in [live, unknown] {
        trial.end(record.id(), Timestamp::MAX).await?;
        is_ended(&trial.after(200 * YEAR).create(&record).await?)?;
    }
    Ok(())
}

/// A later end can block the ID for longer, and an earlier one never for less.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_second_end_only_prolongs_the_tombstone(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let record = trial.record()?;
    for until in [DAY, 9 * DAY, 2 * DAY] {
        trial.end(record.id(), trial.now + until).await?;
    }
    is_ended(&trial.after(9 * DAY).before(MOMENT).create(&record).await?)
}

/// Where all sessions of a subject end by one write, those end whose login came before, but for the one that is spared, and no
/// others. A write that continues a session makes no later login of it.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn all_sessions_of_a_subject_end_by_one_write_and_later_logins_count(
    harness: &dyn Harness,
) -> Verdict {
    let trial = Trial::begin(harness).await;
    let Some(revocations) = trial.store.revocations() else { return Ok(()) };
    let (mut ended, spared) = (log_in(&trial, "alice").await?, log_in(&trial, "alice").await?);
    let other = log_in(&trial, "bob").await?;
    let until = ended.record.deadline();
    for except in [None, Some(spared.id())] {
        let early = if except.is_none() { log_in(&trial, "carol").await? } else { spared.clone() };
        let subject = if except.is_none() { "carol" } else { "alice" };
        let outcome = revocations.end_subject(subject, except, until, trial.cx()).await;
        outcome.map_err(|error| failed("end_subject", &error))?;
        let late = log_in(&trial, subject).await?;
        let later = trial.once_ends_count();
        later.live(&late.token).await?;
        later.live(&other.token).await?;
        if except.is_none() {
            later.refused(&early.token, "the token of an ended subject").await?;
        } else {
            later.live(&early.token).await?;
        }
    }
    trial.once_ends_count().refused(&ended.token, "the token of an ended subject").await?;
    let next = trial.next(&ended.record)?.finish();
    if let Replaced::Done(Some(token)) = trial.replace(&next, ended.record.version()).await? {
        ended.adopt(next, Some(token));
        trial.once_ends_count().refused(&ended.token, "a new token of an ended session").await?;
    }
    Ok(())
}

/// Begins a session by a login.
async fn log_in(trial: &Trial, subject: &str) -> Result<Held, Failure> {
    let sequence = match trial.store.revocations() {
        Some(revocations) => revocations.sequence(true, trial.cx()).await,
        None => Ok(0),
    };
    let sequence = sequence.map_err(|error| failed("sequence", &error))?;
    trial.keep(trial.record_for(subject)?.into_draft().after_revocations(sequence).finish()).await
}

/// A store that has no power over what clients hold says so.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_end_is_honest_where_clients_hold_the_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    for _ in 0..2 {
        let ended = trial.end(held.id(), held.record.deadline()).await?;
        ensure(ended == Ended::ClientOnly, || format!("an end without power was answered {ended:?}"))?;
    }
    Ok(())
}

/// A create after the end is refused as that.
pub(super) fn is_ended(answer: &Created) -> Verdict {
    ensure(matches!(answer, Created::Ended), || format!("create of an ended session answered {answer:?}"))
}
