//! Other servers, and the same one after a restart.

use super::{
    Failure, Harness, Verdict, create::same_fields, end::is_ended, index::lists, trial::Trial,
    verdict::offered,
};

/// The same moment, seen by another server.
async fn other_server(harness: &dyn Harness, trial: &Trial) -> Result<Trial, Failure> {
    Ok(trial.through(offered(harness.second_handle().await, "second_handle")?))
}

/// A session that began at one server is known to the others at once.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn another_server_opens_the_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let other = other_server(harness, &trial).await?;
    for (one, other) in [(&trial, &other), (&other, &trial)] {
        let held = one.begin_session().await?;
        same_fields(&other.live(&held.token).await?, &held.record)?;
    }
    Ok(())
}

/// What one server has written, the others read as soon as it is durable and an end would count, and write on.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn another_server_sees_a_write(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let other = other_server(harness, &trial).await?;
    let mut held = trial.begin_session().await?;
    for n in 0..4 {
        let (writer, reader) = if n % 2 == 0 { (&trial, &other) } else { (&other, &trial) };
        writer.save(&mut held, "n", &n.to_string()).await?;
        writer.once_changes_are_durable().await;
        same_fields(&reader.once_ends_count().live(&held.token).await?, &held.record)?;
    }
    Ok(())
}

/// A session that has ended at one server is refused by the others, and takes no more of their writes.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn another_server_refuses_an_ended_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let other = other_server(harness, &trial).await?;
    let held = trial.begin_session().await?;
    // It may keep a copy from now on.
    other.live(&held.token).await?;
    trial.log_out(&held).await?;
    other.once_ends_count().refused(&held.token, "the token of an ended session").await?;
    is_ended(&other.create(&held.record).await?)
}

/// A session that began at one server is listed by the others.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn another_server_lists_the_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let other = other_server(harness, &trial).await?;
    let held = trial.keep(trial.record_for("alice")?).await?;
    lists(&other, "alice", &[held.id()]).await
}

/// Live sessions survive a restart.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_restart_keeps_live_sessions(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.keep(trial.record_for("alice")?).await?;
    trial.save(&mut held, "n", "1").await?;
    trial.once_changes_are_durable().await;
    let trial = restarted(harness, trial).await?;
    same_fields(&trial.live(&held.token).await?, &held.record)?;
    trial.save(&mut held, "n", "2").await
}

/// Ended sessions stay ended after a restart, those included of which nothing was stored.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_restart_keeps_tombstones(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (held, unknown) = (trial.begin_session().await?, trial.record()?);
    trial.log_out(&held).await?;
    trial.end(unknown.id(), unknown.deadline()).await?;
    let trial = restarted(harness, trial).await?;
    trial.once_ends_count().refused(&held.token, "the token of an ended session").await?;
    is_ended(&trial.create(&held.record).await?)?;
    is_ended(&trial.create(&unknown).await?)
}

/// The store after a restart; the handle from before is gone by then.
async fn restarted(harness: &dyn Harness, trial: Trial) -> Result<Trial, Failure> {
    let Trial { now, .. } = trial;
    drop(trial);
    let store = offered(harness.restart().await, "restart")?;
    Ok(Trial::of(store, now))
}
