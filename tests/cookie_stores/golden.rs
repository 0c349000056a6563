//! Tokens of format version 1, made on its first day with a fixed key and fixed randomness. They stay readable for ever.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use cloakroom::{
    SessionStore,
    random::{NoRandomness, Random},
    record::Record,
    store::{Cipher, EncryptedCookieStore, SignedCookieStore},
};

use crate::{Form, key, live, ring, seal};

const CONTEXT: &str = "golden";

/// The record of `src/record/golden_v1.hex`: alice with a cart.
fn golden_record() -> Record {
    let hex = include_str!("../../src/record/golden_v1.hex").trim();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Record::decode(&(0..hex.len()).step_by(2).map(byte).collect::<Vec<_>>()).unwrap()
}

fn golden_token(form: Form) -> &'static str {
    match form {
        Form::Aes => include_str!("golden_v1/aes_256_gcm.txt"),
        Form::ChaCha => include_str!("golden_v1/chacha20_poly1305.txt"),
        Form::Signed => include_str!("golden_v1/hmac_sha256.txt"),
    }
    .trim()
}

/// Gives 0, 1, 2 and so on.
#[derive(Debug, Default)]
struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

fn store(form: Form) -> Arc<dyn SessionStore> {
    let encrypted = || EncryptedCookieStore::new(&ring(1)).context(CONTEXT).random(Counting::default());
    match form {
        Form::Aes => Arc::new(encrypted()),
        Form::ChaCha => Arc::new(encrypted().cipher(Cipher::ChaCha20Poly1305)),
        Form::Signed => Arc::new(SignedCookieStore::new(&ring(1)).context(CONTEXT)),
    }
}

#[test]
fn tokens_of_format_version_1_stay_readable() {
    let expected = golden_record();
    for form in Form::ALL {
        for keys in [ring(1), ring(2).accepting(key(1))] {
            let (record, outdated) = live(&*form.store_for(&keys, CONTEXT), golden_token(form));
            assert_eq!(outdated, keys.active().id() != key(1).id());
            assert_eq!((record.id(), record.subject()), (expected.id(), Some("alice")));
            assert_eq!(record.data(), expected.data());
            assert_eq!(record.version().counter, expected.version().counter);
            assert_eq!(
                (record.epoch(), record.is_remembered(), record.authenticated_at()),
                (expected.epoch(), expected.is_remembered(), expected.authenticated_at())
            );
            assert_eq!(
                (record.created_at(), record.last_active(), record.idle_timeout(), record.deadline()),
                (expected.created_at(), expected.last_active(), expected.idle_timeout(), expected.deadline())
            );
        }
    }
}

#[tokio::test]
async fn the_same_token_is_written_today() {
    for form in Form::ALL {
        let token = seal(&*store(form), &golden_record()).await;
        assert_eq!(token, golden_token(form), "{form:?}");
    }
}
