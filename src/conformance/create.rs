//! Beginning a session.

use super::{
    Harness, Verdict,
    crowd::crowd,
    trial::{DAY, HOUR, Held, MINUTE, Trial, holding},
    verdict::{broken, ensure},
};
use crate::{
    record::{Lifetime, REMEMBERED_WRITES, Record, Subject},
    store::Created,
};

/// What was put into a new session comes out of it: every field that a handler or the engine can see.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_created_session_is_loaded_with_all_its_fields(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let lifetime = Lifetime { idle: 3 * HOUR, absolute: 9 * DAY };
    let draft = trial.record()?.into_draft().logged_in(Subject::new("zoë of \"x\"; y=1"), trial.now);
    let record =
        draft.lifetime(lifetime, trial.now).remembered(true).data(holding("a", "[1,\"ä\"]")).finish();
    let held = trial.keep(record).await?;
    let loaded = trial.after(MINUTE).live(&held.token).await?;
    same_fields(&loaded, &held.record)
}

/// A session without a subject and without data is a session too.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_empty_session_is_loaded(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    same_fields(&trial.live(&held.token).await?, &held.record)
}

/// Names the fields in which the loaded record is not the one that was written.
pub(super) fn same_fields(loaded: &Record, written: &Record) -> Verdict {
    let fields = [
        ("id", loaded.id() == written.id()),
        ("version", loaded.version().counter == written.version().counter),
        ("epoch", loaded.epoch() == written.epoch()),
        ("subject", loaded.subject() == written.subject()),
        ("authenticated_at", loaded.authenticated_at() == written.authenticated_at()),
        ("created_at", loaded.created_at() == written.created_at()),
        ("last_active", loaded.last_active() == written.last_active()),
        ("idle_timeout", loaded.idle_timeout() == written.idle_timeout()),
        ("deadline", loaded.deadline() == written.deadline()),
        ("is_remembered", loaded.is_remembered() == written.is_remembered()),
        ("data", same_values(loaded, written)),
    ];
    let differing: Vec<_> = fields.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    ensure(differing.is_empty(), || format!("loaded with another {}", differing.join(", ")))
}

/// Whether both hold the same values, in whatever order.
fn same_values(one: &Record, other: &Record) -> bool {
    let values = |record: &Record| {
        let owned = |(key, value): (&str, &[u8])| (key.to_owned(), value.to_owned());
        record.data().iter().map(owned).collect::<std::collections::BTreeMap<_, _>>()
    };
    values(one) == values(other)
}

/// A second session under an ID that is taken is refused with the first one's record, and changes nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_create_overwrites_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    match trial.create(&trial.rival(held.id())?).await? {
        Created::Taken(stored) => same_fields(&stored, &held.record)?,
        other => return Err(broken(format!("create under an ID that is taken answered {other:?}"))),
    }
    same_fields(&trial.live(&held.token).await?, &held.record)
}

/// A create whose reply was lost can be repeated: it is done once, and issues the token again.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_repeated_create_is_done_once(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    repeated(&trial, &held).await?;
    same_fields(&trial.live(&held.token).await?, &held.record)
}

/// A create is recognised although others have written since, as many as a record remembers.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_repeated_create_is_recognised_behind_other_writes(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let first = trial.begin_session().await?;
    let mut other = first.clone();
    for n in 1..REMEMBERED_WRITES {
        trial.save(&mut other, "n", &n.to_string()).await?;
        repeated(&trial, &first).await?;
    }
    same_fields(&trial.live(&other.token).await?, &other.record)
}

async fn repeated(trial: &Trial, held: &Held) -> Verdict {
    match trial.create(&held.record).await? {
        Created::Done(token) => trial.live(&token).await.map(drop),
        other => Err(broken(format!("the same create again answered {other:?}"))),
    }
}

/// Of many who create under one ID at the same time, exactly one does.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn of_many_creates_of_one_id_one_is_done(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let id = trial.record()?.id();
    let answers = crowd(|_| {
        let trial = trial.clone();
        async move { trial.create(&trial.rival(id)?).await }
    })
    .await?;
    let done = answers.iter().filter(|answer| matches!(answer, Created::Done(_))).count();
    ensure(done == 1, || format!("{done} of {} creates under one ID were done", answers.len()))
}
