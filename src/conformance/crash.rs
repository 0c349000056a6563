//! A crash of a server that acknowledges changes before they are durable.

use super::{
    Failure, Harness, Verdict,
    trial::{Held, Trial},
    verdict::{broken, ensure, offered},
};
use crate::record::{Rotation, Subject};

/// A change that was acknowledged for as long as the store declares survives a crash, and with a later one every earlier one.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_crash_loses_no_more_than_declared(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    for n in 1..=6 {
        trial.save(&mut held, "n", &n.to_string()).await?;
    }
    trial.once_changes_are_durable().await;
    for n in 7..=9 {
        trial.save(&mut held, "n", &n.to_string()).await?;
    }
    let number = number_after(&crashed(harness, &trial).await?, &held).await?;
    ensure((6..=9).contains(&number), || format!("of nine changes, six of them durable, {number} were left"))
}

/// A login and a logout survive a crash as soon as they are acknowledged. A login takes all earlier changes of its session with it.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_crash_loses_no_login_and_no_log_out(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (mut held, mut left) = (trial.begin_session().await?, trial.begin_session().await?);
    let anonymous = held.token.clone();
    trial.save(&mut held, "n", "1").await?;
    let rotation = Rotation::without_grace(trial.now);
    let next = trial.next(&held.record)?.logged_in(Subject::new("alice"), trial.now);
    trial.write(&mut held, next.rotated(trial.secret()?, rotation).finish()).await?;
    trial.save(&mut held, "n", "2").await?;
    trial.save(&mut left, "n", "1").await?;
    trial.log_out(&left).await?;
    let other = crashed(harness, &trial).await?;
    other.refused(&left.token, "the token of a session that was ended before the crash").await?;
    other.refused(&anonymous, "the token from before a login that was acknowledged before the crash").await?;
    ensure(other.live(&held.token).await?.subject() == Some("alice"), || {
        "a login was lost in a crash".into()
    })?;
    let number = number_after(&other, &held).await?;
    ensure(number >= 1, || "a change from before a login was lost in a crash".into())
}

/// Another server, after the crash of the one of `trial`.
async fn crashed(harness: &dyn Harness, trial: &Trial) -> Result<Trial, Failure> {
    Ok(trial.through(offered(harness.crash().await, "crash")?).once_ends_count())
}

/// What a session has under `n`.
async fn number_after(trial: &Trial, held: &Held) -> Result<u32, Failure> {
    let record = trial.live(&held.token).await?;
    let json = record.data().get("n").unwrap_or(b"0");
    let number = std::str::from_utf8(json).ok().and_then(|json| json.parse().ok());
    number.ok_or_else(|| broken("a value is not what was saved"))
}
