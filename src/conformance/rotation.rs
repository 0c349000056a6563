//! New secrets for old sessions.

use std::time::Duration;

use super::{
    Harness, Verdict,
    create::same_fields,
    trial::{MINUTE, MOMENT, SECOND, Trial},
    verdict::ensure,
};
use crate::{
    id::SessionId,
    store::{Absence, Token},
    time::Timestamp,
};

const GRACE: Duration = Duration::from_secs(30);

async fn is_rotated(trial: &Trial, old: &Token, id: SessionId, at: Timestamp) -> Verdict {
    let absence = trial.refused(old, "a token that was replaced").await?;
    ensure(absence == Absence::Rotated { id, at }, || format!("a replaced token reads as {absence:?}"))
}

/// A rotation without grace: the new token opens the same session, the old one reads as replaced from that moment on.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_rotation_refuses_the_old_token_at_once(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await.after(MINUTE);
    let mut held = trial.begin_session().await?;
    let old = trial.rotate(&mut held, Duration::ZERO).await?;
    // A server whose clock is behind refuses it, too.
    for moment in [&trial, &trial.after(MINUTE), &trial.before(MINUTE / 2)] {
        is_rotated(moment, &old, held.id(), trial.now).await?;
        let (record, reissue) = moment.live_with_reissue(&held.token).await?;
        same_fields(&record, &held.record)?;
        ensure(!reissue, || "a rotation without grace asks for another write".into())?;
    }
    Ok(())
}

/// A rotation with grace: the old token opens the session until the grace ends, and reads as replaced from then on.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_rotation_honours_the_old_token_for_its_grace(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let old = trial.rotate(&mut held, GRACE).await?;
    for moment in [trial.clone(), trial.after(GRACE).before(MOMENT)] {
        same_fields(&moment.live(&old).await?, &held.record)?;
    }
    for moment in [trial.after(GRACE), trial.after(MINUTE)] {
        is_rotated(&moment, &old, held.id(), trial.now).await?;
        moment.live(&held.token).await?;
    }
    Ok(())
}

/// The grace ends when the new token is first seen: its load asks for a write, which ends it.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn the_new_token_ends_the_grace(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let old = trial.rotate(&mut held, GRACE).await?;
    let later = trial.after(SECOND);
    let (_, reissue) = later.live_with_reissue(&old).await?;
    ensure(!reissue, || "the old token has asked for a write that would end its own grace".into())?;
    let (record, reissue) = later.live_with_reissue(&held.token).await?;
    ensure(reissue, || "the new token was seen, and no write is asked for that ends the grace".into())?;
    held.adopt(record, None);
    let confirmed = later.next(&held.record)?.confirmed().finish();
    later.write(&mut held, confirmed).await?;
    is_rotated(&later, &old, held.id(), trial.now).await?;
    let (_, reissue) = later.live_with_reissue(&held.token).await?;
    ensure(!reissue, || "a confirmed rotation asks for another write".into())
}

/// An ordinary save within the grace changes nothing about it.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_save_keeps_the_grace(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let old = trial.rotate(&mut held, GRACE).await?;
    let loaded = trial.live(&old).await?;
    held.adopt(loaded, None);
    trial.save(&mut held, "n", "1").await?;
    trial.after(GRACE).before(MOMENT).live(&old).await?;
    is_rotated(&trial.after(GRACE), &old, held.id(), trial.now).await
}

/// A token of several rotations ago opens nothing, whatever grace it had, and still reads as replaced: its request may have been
/// sent before.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_token_of_several_rotations_ago_reads_as_replaced(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    let mut replaced = Vec::new();
    for second in 0..5 {
        let moment = trial.after(second * SECOND);
        replaced.push((moment.rotate(&mut held, GRACE).await?, moment.now));
    }
    let previous = replaced.pop();
    for moment in [trial.after(5 * SECOND), trial.after(MINUTE)] {
        for (old, at) in &replaced {
            is_rotated(&moment, old, held.id(), *at).await?;
        }
    }
    let Some((previous, at)) = previous else { return Ok(()) };
    trial.after(5 * SECOND).live(&previous).await?;
    is_rotated(&trial.after(MINUTE), &previous, held.id(), at).await
}
