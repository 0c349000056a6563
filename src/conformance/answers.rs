//! Answers that agree with each other.

use super::{
    Failure, Harness, Verdict,
    create::same_fields,
    trial::{DAY, MINUTE, SECOND, Trial},
    verdict::{broken, ensure, failed},
};
use crate::{
    error::StoreErrorKind,
    store::{Loaded, PresentedToken},
};

/// The guarantees are the same whatever happens, and at every handle.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn the_guarantees_never_change(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    trial.save(&mut held, "n", "1").await?;
    trial.end(held.id(), held.record.deadline()).await?;
    let mut handles = vec![trial.store.clone(), harness.store().await];
    handles.extend(harness.second_handle().await);
    let same = handles.iter().all(|handle| handle.guarantees() == trial.guarantees);
    ensure(same, || "the guarantees have changed".into())
}

/// Whenever the store can answer without waiting, it answers what it answers otherwise.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn load_now_agrees_with_load(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let unknown = vec![b'0'; held.token.expose().len()];
    let mut tokens = vec![Vec::new(), b"junk".to_vec(), unknown, held.token.expose().into()];
    agree(&trial, &tokens).await?;
    for grace in [2 * MINUTE, MINUTE] {
        let next = trial.rotated(&held.record, grace)?;
        trial.write(&mut held, next).await?;
        tokens.push(held.token.expose().into());
        agree(&trial, &tokens).await?;
        agree(&trial.after(90 * SECOND), &tokens).await?;
    }
    let other = trial.begin_session().await?;
    tokens.push(other.token.expose().into());
    trial.end(held.id(), held.record.deadline()).await?;
    agree(&trial, &tokens).await?;
    agree(&trial.after(2 * DAY), &tokens).await
}

async fn agree(trial: &Trial, tokens: &[Vec<u8>]) -> Verdict {
    for token in tokens {
        // What a load has found may be what the store answers from at once.
        let then = trial.present(token).await?;
        let Some(now) = trial.store.load_now(PresentedToken::new(token), trial.now) else { continue };
        let now = now.map_err(|error| failed("load_now", &error))?;
        match (&now, &then) {
            (Loaded::Live { record: one, upkeep }, Loaded::Live { record: other, upkeep: asked })
                if upkeep == asked =>
            {
                same_fields(one, other)?;
            }
            (Loaded::Absent(one), Loaded::Absent(other)) if one == other => {}
            _ => return Err(broken(format!("load_now answers {now:?}, load {then:?}"))),
        }
    }
    Ok(())
}

/// A record is found by its ID, in its latest state.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_session_is_found_by_its_id(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    trial.save(&mut held, "n", "1").await?;
    match trial.find(held.id()).await? {
        Some(found) => same_fields(&found, &held.record)?,
        None => return Err(broken("a live session is not found by its ID")),
    }
    let unknown: Result<_, Failure> = trial.find(trial.record()?.id()).await;
    ensure(unknown?.is_none(), || "a session is found that was never created".into())
}

/// A store that keeps no records refuses to look for one, rather than find none.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn find_is_refused_where_no_record_is_kept(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let held = trial.begin_session().await?;
    match trial.store.find(&held.id(), trial.cx()).await {
        Err(error) if error.kind() == StoreErrorKind::Unsupported => Ok(()),
        Err(error) => Err(failed("find", &error)),
        Ok(found) => Err(broken(format!("find answered {found:?}"))),
    }
}
