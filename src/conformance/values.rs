//! The values of a session, as handlers write and read them.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Harness, Verdict, browser::Browser, trial::Trial, verdict::ensure};
use crate::value::MAX_DEPTH;

/// Floats whose last digit, sign or exponent is easily lost.
const FLOATS: [f64; 6] = [117.633_313_914_000_17, -0.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, 0.1 + 0.2];

/// What a handler has inserted, the next request gets back, bit for bit.
///
/// # Errors
/// With what was seen, if it is not so.
pub async fn values_are_read_back_exactly(harness: &dyn Harness) -> Verdict {
    let trial = Trial::begin(harness).await;
    let mut browser = Browser::new(&trial);
    let browser = &mut browser;
    same(
        browser,
        FLOATS.map(f64::to_bits),
        |bits| bits.map(f64::from_bits),
        |floats| floats.map(f64::to_bits),
    )
    .await?;
    let short = [0.1_f32, f32::MAX].map(f32::to_bits);
    same(browser, short, |bits| bits.map(f32::from_bits), |floats| floats.map(f32::to_bits)).await?;
    unchanged(browser, (u64::MAX, (1_u64 << 53) + 1, i64::MIN)).await?;
    unchanged(browser, (u128::MAX, i128::MIN)).await?;
    unchanged(browser, "a\0b\"\\\u{7f}\u{2028}\u{fffd}\u{1f9e5} ünï".to_owned()).await?;
    unchanged(browser, ['\0', '\u{10ffff}', '"']).await?;
    unchanged(browser, (0..=255_u8).collect::<Vec<_>>()).await?;
    unchanged(browser, BTreeMap::from([(-1_i64, "below"), (1_i64 << 60, "above")].map(owned))).await?;
    unchanged(browser, BTreeMap::from([(true, "yes"), (false, "no")].map(owned))).await?;
    unchanged(browser, (None::<u8>, Some(7), (), [Some(String::new()), None])).await?;
    unchanged(browser, (0..MAX_DEPTH).fold(Value::Null, |inner, _| Value::Array(vec![inner]))).await
}

fn owned<K>((key, text): (K, &str)) -> (K, String) {
    (key, text.to_owned())
}

async fn unchanged<T>(browser: &mut Browser, value: T) -> Verdict
where
    T: Serialize + DeserializeOwned + PartialEq + Clone + Debug,
{
    same(browser, value, |value| value, |value| value).await
}

/// Stores what `write` makes of a value, and compares what `read` makes of what comes back.
async fn same<T, S>(
    browser: &mut Browser,
    value: T,
    write: impl FnOnce(T) -> S,
    read: impl FnOnce(S) -> T,
) -> Verdict
where
    T: PartialEq + Clone + Debug,
    S: Serialize + DeserializeOwned,
{
    let stored = write(value.clone());
    browser.request(|session| session.insert("value", stored)).await?;
    let found = browser.request(|session| session.get::<S>("value")).await?.map(read);
    ensure(found.as_ref() == Some(&value), || format!("{value:?} was read back as {found:?}"))
}
