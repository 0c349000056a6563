//! Tokens of the signed cookie.
#![no_main]

use std::sync::LazyLock;

use cloakroom::store::SignedCookieStore;
use libfuzzer_sys::fuzz_target;

static STORE: LazyLock<SignedCookieStore> = LazyLock::new(|| SignedCookieStore::new(&cloakroom_fuzz::ring()));

fuzz_target!(|input: &[u8]| cloakroom_fuzz::token(&*STORE, input));
