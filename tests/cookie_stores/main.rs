//! The stores of encrypted and signed cookies, attacked from outside.
//!
//! | module | tests |
//! | --- | --- |
//! | `tamper` | flipped bits, prefixes, exchanged headers, other contexts: never a session, never a panic |
//! | `rotation` | a new key reaches three servers in every order |
//! | `golden` | tokens of format version 1 stay readable |
//! | `limits` | sizes and both timeouts, enforced from inside the seal |
//! | `threads` | sealing from eight threads at once |
//! | `secrets` | nothing secret is printed |
//!
//! Known answers for the primitives stand beside the functions that call them, in `src`.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod browser;
mod golden;
mod limits;
mod rotation;
mod secrets;
mod tamper;
mod threads;

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cloakroom::{
    Secret, SessionId, SessionStore, StoreError, WriteId,
    keyring::{KeyRing, SecretKey},
    record::{Data, Lifetime, Record},
    store::{
        Absence, Cipher, Created, EncryptedCookieStore, Loaded, PresentedToken, SignedCookieStore,
        StoreContext, Upkeep,
    },
    time::{Deadline, Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const LIFETIME: Lifetime =
    Lifetime { idle: Duration::from_secs(1800), absolute: Duration::from_secs(43_200) };

/// Format and key ID.
const HEADER: usize = 9;

/// The ways in which a cookie carries its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Aes,
    ChaCha,
    Signed,
}

impl Form {
    const ALL: [Self; 3] = [Self::Aes, Self::ChaCha, Self::Signed];

    fn store(self, keys: &KeyRing) -> Arc<dyn SessionStore> {
        self.store_for(keys, "")
    }

    fn store_for(self, keys: &KeyRing, context: &str) -> Arc<dyn SessionStore> {
        match self {
            Self::Aes => Arc::new(EncryptedCookieStore::new(keys).context(context)),
            Self::ChaCha => {
                Arc::new(EncryptedCookieStore::new(keys).context(context).cipher(Cipher::ChaCha20Poly1305))
            }
            Self::Signed => Arc::new(SignedCookieStore::new(keys).context(context)),
        }
    }
}

/// A key that is the same in every run.
fn key(n: u8) -> SecretKey {
    let bytes: Vec<u8> = (0..32).map(|at| at ^ n.wrapping_mul(37)).collect();
    SecretKey::from_bytes(&bytes).unwrap()
}

fn ring(n: u8) -> KeyRing {
    KeyRing::new(key(n))
}

/// A session whose only value takes so many bytes.
fn record(value_len: usize) -> Record {
    let bare = Record::new(
        SessionId::from_bytes([1; 16]),
        Secret::from_bytes([2; 16]),
        WriteId::from_u64(3),
        LIFETIME,
        NOW,
    );
    with_data(&bare, &Data::default().with("", &vec![b'1'; value_len]).unwrap())
}

/// The same session with other data. The data are the last part of a record's bytes.
fn with_data(record: &Record, data: &Data) -> Record {
    let mut bytes = record.encode();
    bytes.truncate(bytes.len() - record.data().len());
    bytes.extend_from_slice(data.as_bytes());
    Record::decode(&bytes).unwrap()
}

fn cx(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::NONE)
}

async fn try_seal(store: &dyn SessionStore, record: &Record) -> Result<String, StoreError> {
    match store.create(record, cx(NOW)).await? {
        Created::Done(token) => Ok(token.expose().to_owned()),
        other => panic!("{other:?}"),
    }
}

async fn seal(store: &dyn SessionStore, record: &Record) -> String {
    try_seal(store, record).await.unwrap()
}

fn load_at(store: &dyn SessionStore, token: &[u8], now: Timestamp) -> Loaded {
    let token = PresentedToken::new(token);
    let loaded = store.load_now(token, now).expect("it waits for nothing").expect("it cannot fail");
    assert!(store.recognises(token) || matches!(loaded, Loaded::Absent(Absence::Malformed)));
    loaded
}

fn live(store: &dyn SessionStore, token: &str) -> (Record, bool) {
    match load_at(store, token.as_bytes(), NOW) {
        Loaded::Live { record, upkeep } => (record, upkeep == Upkeep::Reissue),
        Loaded::Absent(absence) => panic!("{absence:?}"),
    }
}

fn absence(store: &dyn SessionStore, token: impl AsRef<[u8]>) -> Absence {
    match load_at(store, token.as_ref(), NOW) {
        Loaded::Absent(absence) => absence,
        Loaded::Live { .. } => panic!("a token opens that must not: {}", token.as_ref().escape_ascii()),
    }
}

fn decode(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
