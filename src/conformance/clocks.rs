//! Clocks that jump: a server whose clock is wrong must not cost others their sessions.

use super::{
    Failure, Harness, Verdict,
    create::same_fields,
    trial::{Held, Trial, YEAR},
    verdict::ensure,
};

/// How many sessions are stored when the clock jumps.
const SESSIONS: usize = 200;

async fn many(trial: &Trial) -> Result<Vec<Held>, Failure> {
    let mut all = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        all.push(trial.begin_session().await?);
    }
    Ok(all)
}

/// How many of the sessions are live.
async fn survivors(trial: &Trial, all: &[Held]) -> usize {
    let mut live = 0;
    for held in all {
        live += usize::from(trial.live(&held.token).await.is_ok());
    }
    live
}

/// A clock that runs ahead for one load, one save and one creation costs few sessions: when it is back, at least nine
/// in ten are live.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_clock_that_jumps_ahead_sweeps_little(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let all = many(&trial).await?;
    let ahead = trial.after(10 * YEAR);
    ahead.refused(&all[0].token, "the token of a session that expired ten years ago").await?;
    let mut held = ahead.begin_session().await?;
    ahead.save(&mut held, "n", "1").await?;
    let live = survivors(&trial, &all).await;
    ensure(live >= SESSIONS * 9 / 10, || {
        format!("of {SESSIONS} sessions {live} are left after a moment at which the clock ran ahead")
    })
}

/// A clock that falls back loses no session, neither an old one nor one that begins meanwhile.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_clock_that_falls_back_loses_nothing(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let all = many(&trial).await?;
    let back = trial.before(10 * YEAR);
    back.present(all[0].token.expose().as_bytes()).await?;
    let mut held = back.begin_session().await?;
    back.save(&mut held, "n", "1").await?;
    same_fields(&back.live(&held.token).await?, &held.record)?;
    let live = survivors(&trial, &all).await;
    ensure(live == SESSIONS, || format!("of {SESSIONS} sessions {live} are left after the clock fell back"))
}
