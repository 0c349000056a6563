//! The sessions of a subject: "your devices".

use super::{
    Failure, Harness, Verdict,
    trial::{DAY, HOUR, Held, MINUTE, Trial},
    verdict::{broken, ensure, failed},
};
use crate::{
    id::SessionId,
    record::{Lifetime, Record, Subject},
    record::{MAX_SUBJECT_LEN, Rotation},
    store::{Index, Replaced, SessionInfo, within},
};

/// The sessions of a subject, as the store lists them.
pub(super) async fn listed(trial: &Trial, subject: &str) -> Result<Vec<SessionInfo>, Failure> {
    let index = trial.store.index().ok_or_else(|| broken("an index is declared, but there is none"))?;
    let cx = trial.cx();
    within(cx.deadline, index.list(subject, cx)).await.map_err(|error| failed("list", &error))
}

/// Fails if fewer sessions are counted than there are.
async fn counts(trial: &Trial, subject: &str, there_are: usize) -> Verdict {
    let index = trial.store.index().ok_or_else(|| broken("an index is declared, but there is none"))?;
    let cx = trial.cx();
    let count =
        within(cx.deadline, index.count(subject, cx)).await.map_err(|error| failed("count", &error))?;
    ensure(count >= there_are, || format!("{count} sessions are counted, but there are {there_are}"))
}

/// Fails unless exactly these sessions are listed, in this order.
pub(super) async fn lists(trial: &Trial, subject: &str, expected: &[SessionId]) -> Verdict {
    let ids: Vec<_> = listed(trial, subject).await?.iter().map(SessionInfo::id).collect();
    ensure(ids == expected, || format!("listed are {} sessions {ids:?} in place of {expected:?}", ids.len()))
}

fn logged_in(trial: &Trial, record: &Record, subject: &str) -> Result<Record, Failure> {
    let draft = trial.next(record)?.logged_in(Subject::new(subject), trial.now);
    Ok(draft.rotated(trial.secret()?, Rotation::without_grace(trial.now)).finish())
}

/// There is an index if and only if the guarantees say so.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn there_is_an_index_if_and_only_if_it_is_declared(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (declared, there) = (trial.guarantees.index != Index::None, trial.store.index().is_some());
    ensure(declared == there, || format!("an index is declared: {declared}; there is one: {there}"))
}

/// The sessions of a subject are listed, the newest first, each with its times; no fewer are counted.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn the_sessions_of_a_subject_are_listed_the_newest_first(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut all = Vec::new();
    for minutes in [3, 1, 4, 2] {
        let moment = trial.after(minutes * MINUTE);
        all.push(moment.keep(moment.record_for("alice")?).await?);
    }
    let later = trial.after(5 * MINUTE);
    later.save(&mut all[1], "n", "1").await?;
    all.sort_by_key(|held| std::cmp::Reverse(held.record.created_at()));
    let expected: Vec<_> = all.iter().map(|held| SessionInfo::of(&held.record)).collect();
    let seen = listed(&later, "alice").await?;
    ensure(seen == expected, || format!("listed are {seen:?} in place of {expected:?}"))?;
    counts(&later, "alice", expected.len()).await
}

/// A login puts a session on its subject's list, and one of somebody else takes it from there to theirs.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_login_moves_a_session_to_its_subject(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    lists(&trial, "alice", &[]).await?;
    for (subject, other) in [("alice", "bob"), ("alice", "bob"), ("bob", "alice"), ("alice", "bob")] {
        let next = logged_in(&trial, &held.record, subject)?;
        trial.write(&mut held, next).await?;
        lists(&trial, subject, &[held.id()]).await?;
        lists(&trial, other, &[]).await?;
    }
    Ok(())
}

/// A write that is refused changes no list.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_refused_write_changes_no_list(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.keep(trial.record_for("alice")?).await?;
    let stale = held.record.clone();
    trial.save(&mut held, "n", "1").await?;
    match trial.replace(&logged_in(&trial, &stale, "bob")?, stale.version()).await? {
        Replaced::Conflict(_) => {}
        other => return Err(broken(format!("a stale write was answered {other:?}"))),
    }
    lists(&trial, "alice", &[held.id()]).await?;
    lists(&trial, "bob", &[]).await
}

/// Ended sessions are not listed.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn ended_sessions_are_not_listed(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut all: Vec<Held> = Vec::new();
    for minutes in 0..3 {
        let moment = trial.after(minutes * MINUTE);
        all.insert(0, moment.keep(moment.record_for("alice")?).await?);
    }
    trial.log_out(&all.remove(1)).await?;
    let left: Vec<_> = all.iter().map(Held::id).collect();
    lists(&trial.once_ends_count(), "alice", &left).await?;
    for held in &all {
        trial.log_out(held).await?;
    }
    lists(&trial.once_ends_count(), "alice", &[]).await
}

/// Expired sessions are not listed.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn expired_sessions_are_not_listed(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.keep(trial.record_living(Lifetime { idle: HOUR, absolute: DAY })?).await?;
    let next = logged_in(&trial, &held.record, "alice")?;
    trial.write(&mut held, next).await?;
    lists(&trial.after(59 * MINUTE), "alice", &[held.id()]).await?;
    lists(&trial.after(60 * MINUTE), "alice", &[]).await
}

/// Names that a careless store takes for each other, or for more than names.
const ALIKE: &[&str] = &[
    "alice",
    "alice2",
    "Alice",
    "alic",
    "alice ",
    "al*ce",
    "*",
    "alice:1",
    "alice/..",
    "alice\0",
    "%",
    "a{l}ice",
    "älice",
    "a\u{308}lice",
    "'; --",
    "alice\n",
];

/// Nobody sees the sessions of another, however similar their names are and whatever they contain.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn nobody_sees_the_sessions_of_another(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let anonymous = trial.begin_session().await?;
    let (long, longer) = ("a".repeat(MAX_SUBJECT_LEN - 1), "a".repeat(MAX_SUBJECT_LEN));
    let subjects = [ALIKE, &[&long, &longer]].concat();
    let mut ids = Vec::new();
    for subject in &subjects {
        ids.push(trial.keep(trial.record_for(subject)?).await?.id());
    }
    for (subject, id) in subjects.iter().zip(&ids) {
        lists(&trial, subject, &[*id]).await?;
    }
    for stranger in ["", "bob", "ali", &anonymous.id().to_string()] {
        lists(&trial, stranger, &[]).await?;
    }
    Ok(())
}
