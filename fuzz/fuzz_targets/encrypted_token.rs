//! Tokens of the encrypted cookie, of both ciphers.
#![no_main]

use std::sync::LazyLock;

use cloakroom::store::{Cipher, EncryptedCookieStore};
use libfuzzer_sys::fuzz_target;

static STORES: LazyLock<[EncryptedCookieStore; 2]> = LazyLock::new(|| {
    let store = EncryptedCookieStore::new(&cloakroom_fuzz::ring());
    [store.clone(), store.cipher(Cipher::ChaCha20Poly1305)]
});

fuzz_target!(|input: &[u8]| {
    STORES.iter().for_each(|store| cloakroom_fuzz::token(store, input));
});
