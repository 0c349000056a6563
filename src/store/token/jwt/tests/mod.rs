//! The store of JSON Web Tokens, put to the test.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | fixed keys and times, and a forge of tokens that no store would write |
//! | `header` | which key, which type, what a header cannot do |
//! | `claims` | what a payload has to say, and what becomes of it |
//! | `form` | every flipped bit, every prefix, other spellings; golden tokens |
//! | `keys` | rotation, stores that only verify |
//! | `jwk` | keys as JSON Web Keys |
//! | `vectors` | published test vectors |

mod claims;
mod form;
mod header;
mod jwk;
mod keys;
mod vectors;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{JwtStore, Seal as _, SigningKey, Unopened};
use crate::{
    id::SessionId,
    record::{Data, Parts, Record, Subject},
    store::Absence,
    time::Timestamp,
};

/// Some moment in 2026, in the middle of a second.
const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_500);
const MINUTE: Duration = Duration::from_secs(60);

/// An instant so many seconds after [`NOW`].
fn later(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + 1000 * seconds)
}

/// One key for each algorithm: 32 counted bytes, RFC 8037 appendix A.1, RFC 7515 appendix A.3.1.
fn keys() -> [SigningKey; 3] {
    let secret: Vec<u8> = (0..32).collect();
    [
        SigningKey::of_secret("hs", &secret),
        SigningKey::from_jwk(
            r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        )
        .unwrap(),
        SigningKey::from_jwk(
            r#"{"kty":"EC","crv":"P-256","kid":"es","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#,
        )
        .unwrap(),
    ]
}

fn hs256() -> SigningKey {
    let [key, _, _] = keys();
    key
}

/// A session of a minute, logged in, with three values.
fn record() -> Record {
    record_with(&[("cart", "[1, 2]"), ("role", "\"admin\""), ("n\"\n", "{\"a\":1.0}")])
}

fn record_with(values: &[(&str, &str)]) -> Record {
    Record::from_parts(Parts {
        id: SessionId::from_bytes([0xab; 16]),
        version: 7,
        revocation_sequence: 0,
        epoch: 2,
        remembered: true,
        created_at: later(-600),
        last_active: later(-5),
        idle: MINUTE,
        deadline: later(3600),
        authenticated_at: Some(later(-300)),
        subject: Some(Subject::new("al\"ice")),
        acting_as: None,
        data: Data::from_entries(values.iter().copied()).unwrap(),
        extra: Some(b"from the future".to_vec().into()),
    })
}

/// The token of [`record`].
fn token(store: &JwtStore) -> String {
    store.seal.seal(&record()).unwrap().expose().to_owned()
}

fn open(store: &JwtStore, token: impl AsRef<[u8]>) -> Result<Record, Absence> {
    open_at(store, token, NOW)
}

fn open_at(store: &JwtStore, token: impl AsRef<[u8]>, now: Timestamp) -> Result<Record, Absence> {
    store.seal.open(token.as_ref(), now).map(|(record, _)| record).map_err(|unopened| match unopened {
        Unopened::Absent(absence) => absence,
        Unopened::Unreadable => panic!("it is of a newer format"),
    })
}

fn refusal(store: &JwtStore, token: impl AsRef<[u8]>) -> Absence {
    open(store, token).expect_err("it is refused")
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decode(part: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The token of any header and payload under a key.
fn forge(key: &SigningKey, header: &str, payload: &str) -> String {
    sign(key, &format!("{}.{}", encode(header), encode(payload)))
}

fn sign(key: &SigningKey, signed: &str) -> String {
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
}

/// The header and the payload of a token.
fn parts(token: &str) -> (String, String) {
    let mut parts = token.split('.').map(str::to_owned);
    (decode(&parts.next().unwrap()), decode(&parts.next().unwrap()))
}

/// The payload of the record's token.
fn payload() -> String {
    parts(&token(&JwtStore::new(hs256()))).1
}

/// The record's token with its payload changed, under the same key.
fn with_payload(change: impl FnOnce(String) -> String) -> String {
    let (header, payload) = parts(&token(&JwtStore::new(hs256())));
    forge(&hs256(), &header, &change(payload))
}
