//! Every call of a store once, with how each ends.

use std::{fmt, time::Duration};

use super::{
    Failure,
    requirements::has_index,
    trial::{Held, Trial},
    verdict::broken,
};
use crate::{
    error::StoreError,
    record::Record,
    store::{End, EndedBy, PresentedToken, within},
    time::Deadline,
};

/// How much later than its deadline a call may end, on the real clock: a machine under load is no defect of the store.
const GRACE: Duration = Duration::from_secs(5);

/// How a call has ended.
pub(super) enum Ending {
    /// With this answer, as text.
    Answer(String),
    /// With this error.
    Error(StoreError),
}

/// Every call of the store once, at the trial's time and with its patience: the name of each, and how it has ended.
///
/// # Errors
/// If a call did not end at its deadline.
pub(super) async fn every_call(
    trial: &Trial,
    held: &Held,
    new: &Record,
) -> Result<Vec<(&'static str, Ending)>, Failure> {
    let (store, record, next) = (&trial.store, &held.record, trial.next(&held.record)?.finish());
    let (id, expected) = (record.id(), record.version());
    let token = PresentedToken::new(held.token.expose().as_bytes());
    let mut endings = vec![
        ending(trial, "load", store.load(token, trial.cx())).await?,
        ending(trial, "find", store.find(&id, trial.cx())).await?,
        ending(trial, "create", store.create(new, trial.cx())).await?,
        ending(trial, "replace", store.replace(&next, expected, trial.cx())).await?,
        ending(trial, "touch", store.touch(&next, expected, trial.cx())).await?,
        ending(trial, "end", store.end(End::of(record, EndedBy::Client), trial.cx())).await?,
    ];
    if let (true, Some(index)) = (has_index(&trial.guarantees), store.index()) {
        endings.push(ending(trial, "list", index.list("alice", trial.cx())).await?);
    }
    Ok(endings)
}

async fn ending<T: fmt::Debug>(
    trial: &Trial,
    name: &'static str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<(&'static str, Ending), Failure> {
    let latest = Deadline::after(trial.patience.saturating_add(GRACE));
    let ended = within(latest, async { Ok(call.await) }).await;
    match ended.map_err(|_| broken(format!("{name} does not end at its deadline")))? {
        Ok(answer) => Ok((name, Ending::Answer(format!("{answer:?}")))),
        Err(error) => Ok((name, Ending::Error(error))),
    }
}
