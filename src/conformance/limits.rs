//! How much a session may hold.

use super::{
    Failure, Harness, Verdict,
    create::same_fields,
    trial::Trial,
    verdict::{broken, ensure},
};
use crate::{
    error::{StoreError, StoreErrorKind},
    record::Data,
    store::within,
};

/// What an engine lets a session hold by default.
const USUAL_LIMIT: usize = 256 * 1024;

/// Data of exactly `len` bytes.
fn data_of(len: usize) -> Result<Data, Failure> {
    let frame = super::trial::holding("fill", "\"\"").len();
    let filling = len.checked_sub(frame).map(|room| format!("\"{}\"", "x".repeat(room)));
    let filling = filling.ok_or_else(|| broken(format!("a limit of {len} bytes is below one value")))?;
    Ok(super::trial::holding("fill", &filling))
}

/// Session data of exactly the declared size are kept, at the beginning and later.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn data_of_the_declared_size_are_kept(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    kept(&trial, trial.guarantees.max_data.unwrap_or(USUAL_LIMIT)).await
}

/// A store that declares no limit keeps what an engine lets a session hold by default, 256 KiB.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn large_data_are_kept_where_no_limit_is_declared(harness: &dyn Harness) -> Verdict {
    kept(&Trial::begin(harness).await, USUAL_LIMIT).await
}

async fn kept(trial: &Trial, len: usize) -> Verdict {
    let data = data_of(len)?;
    let full = trial.keep(trial.record()?.into_draft().data(data.clone()).finish()).await?;
    same_fields(&trial.live(&full.token).await?, &full.record)?;
    let mut held = trial.begin_session().await?;
    let next = trial.next(&held.record)?.data(data).finish();
    trial.write(&mut held, next).await?;
    same_fields(&trial.live(&held.token).await?, &held.record)
}

/// Session data beyond the declared size are refused as such, and nothing changes.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn data_beyond_the_declared_size_are_refused(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let limit = trial.guarantees.max_data.unwrap_or(USUAL_LIMIT);
    let mut held = trial.begin_session().await?;
    trial.save(&mut held, "n", "1").await?;
    for len in [limit + 1, 4 * limit] {
        let large = trial.next(&held.record)?.data(data_of(len)?).finish();
        let cx = trial.cx();
        let call = trial.store.replace(&large, held.record.version(), cx);
        is_too_large(within(cx.deadline, call).await, len)?;
        let first = trial.record()?.into_draft().data(data_of(len)?).finish();
        is_too_large(within(cx.deadline, trial.store.create(&first, cx)).await, len)?;
        same_fields(&trial.live(&held.token).await?, &held.record)?;
    }
    trial.save(&mut held, "n", "2").await
}

fn is_too_large<T: std::fmt::Debug>(answer: Result<T, StoreError>, len: usize) -> Verdict {
    match answer {
        Err(error) => {
            let kind = error.kind();
            ensure(matches!(kind, StoreErrorKind::TooLarge { .. }), || {
                format!("{len} bytes of data were refused as {kind:?} in place of TooLarge")
            })
        }
        Ok(answer) => Err(broken(format!("{len} bytes of data, beyond the limit, were answered {answer:?}"))),
    }
}
