//! A call ends at its deadline, whatever the store is waiting for.

use std::time::Duration;

use super::{
    Harness, Verdict,
    calls::{Ending, every_call},
    trial::{MOMENT, Trial},
    verdict::{broken, failed, offered},
};
use crate::error::StoreErrorKind;

/// How long a store that does not answer is waited for, on the real clock.
const PATIENCE: Duration = Duration::from_millis(100);

/// A call whose deadline has already passed ends, with an answer or as a timeout.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_call_after_its_deadline_ends(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (held, new) = (trial.keep(trial.record_for("alice")?).await?, trial.record()?);
    for (call, ending) in every_call(&trial.impatient(Duration::ZERO), &held, &new).await? {
        match ending {
            Ending::Answer(_) => {}
            Ending::Error(error) if error.kind() == StoreErrorKind::Timeout => {}
            Ending::Error(error) if error.kind() == StoreErrorKind::Unsupported => {}
            Ending::Error(error) => return Err(failed(call, &error)),
        }
    }
    Ok(())
}

/// While the store does not answer, every call ends at its deadline, and every call that needs the store with an error.
///
/// It has been silent for longer than an ended session may still be let in.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_call_to_a_silent_store_ends_at_its_deadline(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (held, new) = (trial.keep(trial.record_for("alice")?).await?, trial.record()?);
    let silence = offered(harness.hang().await, "hang")?;
    let trial = trial.once_ends_count().after(MOMENT);
    let endings = every_call(&trial.impatient(PATIENCE), &held, &new).await;
    silence.over().await;
    for (call, ending) in endings? {
        match ending {
            Ending::Error(_) => {}
            // A store may keep a copy of what it has loaded.
            Ending::Answer(_) if call == "load" => {}
            Ending::Answer(answer) => {
                return Err(broken(format!("{call} to a store that does not answer was answered {answer}")));
            }
        }
    }
    Ok(())
}
