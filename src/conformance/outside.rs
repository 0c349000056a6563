//! What is stored outside of the process: it can be read by others, and be unavailable.

use std::time::Duration;

use super::{
    Failure, Harness, Outage, Verdict,
    calls::{Ending, every_call},
    create::same_fields,
    trial::{MOMENT, Trial},
    verdict::{broken, ensure, offered},
};
use crate::{id::SessionId, secret::Secret, store::PresentedToken};

/// A dump of the store is no set of logins: no secret of any token is in it, in bytes or in hex.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn a_dump_holds_no_secret(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.keep(trial.record_for("alice")?).await?;
    let mut tokens = vec![held.token.clone(), trial.begin_session().await?.token];
    for grace in [Duration::from_secs(30), Duration::ZERO] {
        trial.rotate(&mut held, grace).await?;
        tokens.push(held.token.clone());
    }
    let dump = offered(harness.dump().await, "dump")?;
    ensure(contains(&dump, held.id()), || "the dump does not show where the sessions are".into())?;
    for token in &tokens {
        let secret = secret_of(token.expose()).ok_or_else(|| broken("a token has no secret"))?;
        ensure(!holds(&dump, &secret), || "a secret is in the dump".into())?;
    }
    Ok(())
}

/// Whether a session is in the dump, in bytes or in hex: otherwise the dump is none.
fn contains(dump: &[u8], id: SessionId) -> bool {
    holds(dump, &id.to_string())
}

/// Whether the bytes of these hex digits are in the dump, in bytes or in hex.
fn holds(dump: &[u8], digits: &str) -> bool {
    let raw = digits.parse::<SessionId>().map(|bytes| *bytes.as_bytes());
    let capitals = digits.to_ascii_uppercase();
    let found = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    raw.is_ok_and(|raw| found(&raw)) || found(digits.as_bytes()) || found(capitals.as_bytes())
}

/// The hex digits of a token's secret.
fn secret_of(token: &str) -> Option<String> {
    let start = 2 * SessionId::LEN;
    token.get(start..start + 2 * Secret::LEN).map(str::to_owned)
}

// A secret is searched for by its bytes with the parser of IDs.
const _: () = assert!(Secret::LEN == SessionId::LEN, "a secret has as many digits as an ID");

/// How long the suite waits for a store that is unavailable.
const WAIT: Duration = Duration::from_secs(2);

/// While the store is unavailable every call is an error: an outage never reads as "no session".
///
/// The outage lasts for longer than an ended session may still be let in, and so for longer than anything may be answered without
/// the store.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_outage_is_an_error(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let (held, new) = (trial.keep(trial.record_for("alice")?).await?, trial.record()?);
    let outage = offered(harness.cut().await, "cut")?;
    let trial = trial.once_ends_count().after(MOMENT);
    let at_once = trial.store.load_now(PresentedToken::new(held.token.expose().as_bytes()), trial.now);
    let endings = every_call(&trial.impatient(WAIT), &held, &new).await;
    outage.over().await;
    if let Some(Ok(answer)) = at_once {
        return Err(broken(format!("load_now during an outage answered {answer:?}")));
    }
    for (call, ending) in endings? {
        if let Ending::Answer(answer) = ending {
            return Err(broken(format!("{call} during an outage answered {answer}")));
        }
    }
    Ok(())
}

/// When the store is back, its sessions are as they were.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn an_outage_loses_no_session(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut held = trial.begin_session().await?;
    trial.save(&mut held, "n", "1").await?;
    let outage: Box<dyn Outage> = offered(harness.cut().await, "cut")?;
    let later = trial.once_ends_count().after(MOMENT);
    let answer: Result<_, Failure> = later.impatient(WAIT).present(held.token.expose().as_bytes()).await;
    outage.over().await;
    ensure(answer.is_err(), || "load during an outage was answered".into())?;
    same_fields(&trial.live(&held.token).await?, &held.record)?;
    trial.save(&mut held, "n", "2").await
}
