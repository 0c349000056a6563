//! Putting a new state in place of a known one.

use super::{
    Harness, Verdict,
    create::same_fields,
    crowd::crowd,
    trial::{Held, MINUTE, Trial},
    verdict::{broken, ensure},
};
use crate::{
    record::{REMEMBERED_WRITES, Record, Rotation, Subject},
    store::Replaced,
};

/// What was saved is what is loaded next.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_saved_change_is_loaded(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    for (n, key) in ["a", "b", "a"].iter().enumerate() {
        let later = trial.after(MINUTE);
        later.save(&mut held, key, &n.to_string()).await?;
        same_fields(&later.live(&held.token).await?, &held.record)?;
    }
    Ok(())
}

/// A login is saved like any change: subject, time and epoch.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_saved_login_is_loaded(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let login = trial.next(&held.record)?.logged_in(Subject::new("alice"), trial.now);
    let login = login.rotated(trial.secret()?, Rotation::without_grace(trial.now)).finish();
    trial.write(&mut held, login).await?;
    same_fields(&trial.live(&held.token).await?, &held.record)
}

/// A replace of what was never created is refused, and creates nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn replace_never_creates(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let record = trial.record()?;
    let next = trial.next(&record)?.finish();
    for (record, expected) in [(&next, record.version()), (&record, record.version())] {
        match trial.replace(record, expected).await? {
            Replaced::Gone(_) => {}
            other => return Err(broken(format!("replace of what was never created answered {other:?}"))),
        }
    }
    let found = trial.find(record.id()).await?;
    ensure(found.is_none(), || "a replace that was refused left a record".into())?;
    trial.keep(record).await.map(drop)
}

/// A write on top of a state that has been replaced is refused, is answered with what is stored, and changes nothing.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_stale_write_is_answered_with_what_is_stored(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let stale = trial.begin_session().await?;
    let mut held = stale.clone();
    for n in 0..=REMEMBERED_WRITES {
        trial.save(&mut held, "n", &n.to_string()).await?;
        match trial.replace(&trial.next(&stale.record)?.finish(), stale.record.version()).await? {
            Replaced::Conflict(stored) => same_fields(&stored, &held.record)?,
            other => return Err(broken(format!("a stale write was answered {other:?}"))),
        }
        same_fields(&trial.live(&held.token).await?, &held.record)?;
    }
    Ok(())
}

/// A version names one write: the same count from another writer is another state.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_version_is_more_than_a_count(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let phantom = trial.next(&held.record)?.finish();
    trial.save(&mut held, "n", "1").await?;
    match trial.replace(&trial.next(&phantom)?.finish(), phantom.version()).await? {
        Replaced::Conflict(stored) => same_fields(&stored, &held.record),
        other => Err(broken(format!("a write on a state that never was answered {other:?}"))),
    }
}

/// A replace whose reply was lost can be repeated: it is done once and answered the same.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_repeated_replace_is_done_once(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    let next = trial.next(&held.record)?.finish();
    for _ in 0..3 {
        done(&trial, &next, &held.record).await?;
    }
    same_fields(&trial.live(&held.token).await?, &next)
}

/// A replace is recognised although others have written since, as many as a record remembers.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_repeated_replace_is_recognised_behind_other_writes(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let first = trial.begin_session().await?;
    let next = trial.next(&first.record)?.finish();
    done(&trial, &next, &first.record).await?;
    let mut other = Held { record: next.clone(), ..first.clone() };
    for n in 1..REMEMBERED_WRITES {
        trial.save(&mut other, "n", &n.to_string()).await?;
        done(&trial, &next, &first.record).await?;
        same_fields(&trial.live(&other.token).await?, &other.record)?;
    }
    Ok(())
}

/// A rotation whose reply was lost can be repeated, and issues the new token again: the client holds no other that is
/// good.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_repeated_rotation_issues_its_token_again(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    let next = trial.rotated(&held.record, std::time::Duration::ZERO)?;
    for _ in 0..2 {
        match trial.replace(&next, held.record.version()).await? {
            Replaced::Done(Some(token)) => same_fields(&trial.live(&token).await?, &next)?,
            other => return Err(broken(format!("a rotation was answered {other:?}"))),
        }
    }
    Ok(())
}

async fn done(trial: &Trial, next: &Record, last: &Record) -> Verdict {
    match trial.replace(next, last.version()).await? {
        Replaced::Done(_) => Ok(()),
        other => Err(broken(format!("the same replace again answered {other:?}"))),
    }
}

/// Of many who write on top of the same state at the same time, exactly one does.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn of_many_writes_on_one_state_one_is_done(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    for _ in 0..8 {
        race(&trial).await?;
    }
    Ok(())
}

async fn race(trial: &Trial) -> Verdict {
    let held = trial.begin_session().await?;
    let answers = crowd(|_| {
        let (trial, record) = (trial.clone(), held.record.clone());
        async move { trial.replace(&trial.next(&record)?.finish(), record.version()).await }
    })
    .await?;
    let done = answers.iter().filter(|answer| matches!(answer, Replaced::Done(_))).count();
    let conflicts = answers.iter().filter(|answer| matches!(answer, Replaced::Conflict(_))).count();
    ensure(done == 1 && done + conflicts == answers.len(), || {
        format!("of {} writes on one state {done} were done, {conflicts} were conflicts", answers.len())
    })
}

/// An ordinary save issues no token, so no response that arrives late can bring an older state back.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_ordinary_save_issues_no_token(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    // As a server does, with the record as it was loaded; and as the one that has created it.
    let loaded = trial.live(&held.token).await?;
    let next = trial.next(&loaded)?.finish();
    for (next, last) in [(&next, &loaded), (&trial.next(&next)?.finish(), &next)] {
        match trial.replace(next, last.version()).await? {
            Replaced::Done(None) => {}
            other => return Err(broken(format!("an ordinary save was answered {other:?}"))),
        }
    }
    trial.live(&held.token).await.map(drop)
}

/// Where clients carry their sessions, every save issues a token with the new state.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn every_save_issues_a_token(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    let next = trial.next(&held.record)?.finish();
    let token = match trial.replace(&next, held.record.version()).await? {
        Replaced::Done(Some(token)) => token,
        other => return Err(broken(format!("a save was answered {other:?}"))),
    };
    same_fields(&trial.live(&token).await?, &next)
}
