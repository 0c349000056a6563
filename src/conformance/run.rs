//! Running the suite.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use super::{
    Failure, Harness, Outcome, Report, Verdict,
    suite::{CHECKS, Check},
    verdict::broken,
};
use crate::store::Guarantees;

/// Checks a store against its guarantees. `fresh` creates an empty store for each check.
///
/// Run it on a runtime with time enabled. With several threads calls really overlap.
///
/// ```
/// use std::sync::Arc;
/// use cloakroom::{conformance, store::MemoryStore};
///
/// #[tokio::test(flavor = "multi_thread")]
/// async fn my_store_keeps_its_guarantees() {
///     conformance::check(|| Arc::new(MemoryStore::new())).await.assert();
/// }
/// ```
pub async fn check<H: Harness>(fresh: impl Fn() -> H) -> Report {
    check_waiving(fresh, &[]).await
}

/// Like [`check`], without the named checks where the harness cannot show what they need.
///
/// A waiver excuses nothing else: a check that can run and fails has failed. A waiver of an unknown check, or of one that needs
/// none, fails as well, so that no waiver outlives its reason.
pub async fn check_waiving<H: Harness>(fresh: impl Fn() -> H, waivers: &[&str]) -> Report {
    let guarantees = fresh().store().await.guarantees();
    let mut report = Report::new(guarantees.name);
    for check in CHECKS {
        let waived = waivers.contains(&check.name);
        report.add(check.name, outcome(check, &guarantees, &fresh, waived).await);
    }
    for unknown in waivers.iter().filter(|waiver| CHECKS.iter().all(|check| check.name != **waiver)) {
        report.add(unknown, Outcome::Failed("is waived, but there is no such check".into()));
    }
    report
}

/// Runs the named checks only, for instance those that a store under development fails.
///
/// A store is conformant if [`check`] passes. A name that no check has fails.
///
/// ```
/// use std::sync::Arc;
/// use cloakroom::{conformance, store::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let report = conformance::check_only(|| Arc::new(MemoryStore::new()), &["replace_never_creates"]).await;
/// report.assert();
/// # }
/// ```
pub async fn check_only<H: Harness>(fresh: impl Fn() -> H, names: &[&str]) -> Report {
    let guarantees = fresh().store().await.guarantees();
    let mut report = Report::new(guarantees.name);
    for name in names {
        let outcome = match CHECKS.iter().find(|check| check.name == *name) {
            Some(check) => outcome(check, &guarantees, &fresh, false).await,
            None => Outcome::Failed("there is no such check".into()),
        };
        report.add(name, outcome);
    }
    report
}

async fn outcome<H: Harness>(
    check: &Check,
    guarantees: &Guarantees,
    fresh: impl Fn() -> H,
    waived: bool,
) -> Outcome {
    if !check.applies_to(guarantees) {
        return without_need(Outcome::NotDeclared, waived);
    }
    let harness = fresh();
    match caught(check.run(&harness)).await {
        Err(Failure::Unverifiable(_)) if waived => Outcome::Waived,
        Ok(()) => without_need(Outcome::Passed, waived),
        failed @ Err(_) => failed.into(),
    }
}

/// The outcome of a check that needs no waiver.
fn without_need(outcome: Outcome, waived: bool) -> Outcome {
    if waived { Outcome::Failed("is waived, but needs no waiver".into()) } else { outcome }
}

/// The verdict; a panic of the store or the harness is a failure like any.
async fn caught(check: impl Future<Output = Verdict>) -> Verdict {
    let mut check = pin!(check);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| check.as_mut().poll(cx)))
            .unwrap_or_else(|panic| Poll::Ready(Err(broken(format!("panicked: {}", message(&*panic))))))
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
