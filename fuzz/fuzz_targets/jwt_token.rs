//! JSON Web Tokens.
#![no_main]

use std::sync::LazyLock;

use cloakroom::store::JwtStore;
use libfuzzer_sys::fuzz_target;

static STORE: LazyLock<JwtStore> = LazyLock::new(|| JwtStore::from_ring(&cloakroom_fuzz::ring()));

fuzz_target!(|input: &[u8]| cloakroom_fuzz::token(&*STORE, input));
