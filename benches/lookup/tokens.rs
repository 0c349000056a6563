//! The stores whose clients carry the session, beside the same work by hand.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cloakroom::{
    SessionManager, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{Cipher, EncryptedCookieStore, JwtStore, Loaded, Presented, SignedCookieStore, SigningKey},
    time::{Clock as _, SystemClock},
};
use ring::{
    aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use serde::Deserialize;

use crate::{
    Group,
    memory::{read, update},
    payload::{Payload, VISITS},
    visitors::{begin, request},
};

/// A way to carry a session: how the store is made, and what it takes by hand.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    house: fn(Payload) -> House,
    by_hand: fn(&House, Payload) -> Box<dyn Fn() -> u32>,
}

/// Every way.
pub(crate) const WAYS: [Way; 4] = [
    Way {
        name: "encrypted-cookie",
        house: |payload| House::new(EncryptedCookieStore::new(&keys()).max_token(MAX_TOKEN), payload),
        by_hand: |_, payload| opened_by_hand(&AES_256_GCM, &payload.text().0),
    },
    Way {
        name: "encrypted-cookie-chacha",
        house: |payload| {
            let store = EncryptedCookieStore::new(&keys()).cipher(Cipher::ChaCha20Poly1305);
            House::new(store.max_token(MAX_TOKEN), payload)
        },
        by_hand: |_, payload| opened_by_hand(&CHACHA20_POLY1305, &payload.text().0),
    },
    Way {
        name: "signed-cookie",
        house: |payload| House::new(SignedCookieStore::new(&keys()).max_token(MAX_TOKEN), payload),
        by_hand: |_, payload| verified_by_hand(&payload.text().0),
    },
    Way {
        name: "jwt",
        house: |payload| House::new(JwtStore::new(jwt_key()).max_token(MAX_TOKEN), payload),
        by_hand: |house, _| jwt_by_hand(&house.token),
    },
];

const MAX_TOKEN: usize = 16 * 1024;

/// Reads one key of a session, and changes it.
pub(crate) fn lookup(group: &mut Group<'_>, way: &Way, payload: Payload) {
    let house = (way.house)(payload);
    let by_hand = (way.by_hand)(&house, payload);
    group.bench_function("limit", |bencher| bencher.iter(&by_hand));
    group.bench_function("load_now, one key read", |bencher| bencher.iter(|| house.load_now()));
    let forged = house.forged();
    group.bench_function("load_now, forged token", |bencher| bencher.iter(|| house.misses(&forged)));
    group.bench_function("manager, one key read", |bencher| {
        bencher.iter(|| black_box(request(&house.sessions, &house.cookies, read)).0);
    });
    group.bench_function("manager, update", |bencher| {
        bencher.iter(|| black_box(request(&house.sessions, &house.cookies, update)).0);
    });
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().expect("there is randomness"))
}

/// A store, a manager, and the cookies of one session.
struct House {
    store: Box<dyn SessionStore>,
    sessions: SessionManager,
    cookies: Vec<u8>,
    token: Vec<u8>,
}

impl House {
    fn new<S: SessionStore + Clone>(store: S, payload: Payload) -> Self {
        let sessions = SessionManager::new(store.clone());
        let (cookies, token) = begin(&sessions, &payload.values());
        Self { store: Box::new(store), sessions, cookies, token }
    }

    fn load_now(&self) -> u32 {
        let loaded = self.store.load_now(Presented::new(black_box(&self.token)), SystemClock.now());
        let Some(Ok(Loaded::Live { record, .. })) = loaded else { panic!("the session is live") };
        serde_json::from_slice(record.data().get(VISITS).expect("it is there")).expect("it is a number")
    }

    /// Its token with one letter changed, far behind what names a key.
    fn forged(&self) -> Vec<u8> {
        let mut token = self.token.clone();
        let letter = &mut token[150];
        *letter = if *letter == b'A' { b'B' } else { b'A' };
        token
    }

    fn misses(&self, forged: &[u8]) {
        let loaded = self.store.load_now(Presented::new(black_box(forged)), SystemClock.now());
        assert!(matches!(loaded, Some(Ok(Loaded::Absent(_)))), "it is forged");
    }
}

/// The key of the JWTs, which whoever reads them by hand has too.
#[rustfmt::skip]
const JWT_SECRET: [u8; 32] = [
    0x5a, 0x7f, 0x10, 0x35, 0xce, 0xe3, 0x84, 0x59, 0x72, 0x17, 0x28, 0xcd, 0xe6, 0xbb, 0x5c, 0x71,
    0x0a, 0x2f, 0xc0, 0xe5, 0xbe, 0x53, 0x74, 0x09, 0x22, 0xc7, 0x98, 0xbd, 0x56, 0x6b, 0x0c, 0x21,
];

fn jwt_key() -> SigningKey {
    SigningKey::hs256(&SecretKey::from_bytes(&JWT_SECRET).expect("it is a key"))
}

/// What an application would declare for the payload.
#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
struct Typed {
    user: u64,
    name: String,
    visits: u32,
    csrf: String,
    roles: Vec<String>,
    #[serde(default)]
    cart: Vec<Item>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
struct Item {
    sku: String,
    name: String,
    quantity: u32,
    cents: u32,
}

/// What an application would declare for the claims of our JWTs.
#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
struct Claims {
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    cloakroom: Claim,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
struct Claim {
    v: u32,
    n: u64,
    epoch: u32,
    created: i64,
    active: i64,
    idle: u64,
    until: i64,
    data: Typed,
}

fn visits(text: &[u8]) -> u32 {
    serde_json::from_slice::<Typed>(text).expect("it is of the type").visits
}

/// AEAD, base64 and typed JSON, with a prepared key.
fn opened_by_hand(algorithm: &'static ring::aead::Algorithm, text: &[u8]) -> Box<dyn Fn() -> u32> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32]).expect("the key has 32 bytes"));
    let nonce = || Nonce::assume_unique_for_key([7; NONCE_LEN]);
    let mut bytes = text.to_vec();
    key.seal_in_place_append_tag(nonce(), Aad::from(b"context"), &mut bytes).expect("it is short");
    let token = URL_SAFE_NO_PAD.encode(bytes);
    Box::new(move || {
        let mut bytes = URL_SAFE_NO_PAD.decode(black_box(&token)).expect("it is base64");
        visits(key.open_in_place(nonce(), Aad::from(b"context"), &mut bytes).expect("it is genuine"))
    })
}

/// HMAC, base64 and typed JSON, with a prepared key.
fn verified_by_hand(text: &[u8]) -> Box<dyn Fn() -> u32> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let mut bytes = text.to_vec();
    bytes.extend_from_slice(hmac::sign(&key, text).as_ref());
    let token = URL_SAFE_NO_PAD.encode(bytes);
    Box::new(move || {
        let bytes = URL_SAFE_NO_PAD.decode(black_box(&token)).expect("it is base64");
        let (text, tag) = bytes.split_last_chunk::<32>().expect("it has a tag");
        hmac::verify(&key, text, tag).expect("it is genuine");
        visits(text)
    })
}

/// The same of a JWT of ours: the text that is signed has the registered claims, and is longer by a third than what it says.
fn jwt_by_hand(token: &[u8]) -> Box<dyn Fn() -> u32> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &JWT_SECRET);
    let token = String::from_utf8(token.to_vec()).expect("a token is text");
    Box::new(move || {
        let (signed, signature) = black_box(&*token).rsplit_once('.').expect("it has three parts");
        let (_, payload) = signed.split_once('.').expect("it has three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("it is base64");
        hmac::verify(&key, signed.as_bytes(), &signature).expect("it is genuine");
        let text = URL_SAFE_NO_PAD.decode(payload).expect("it is base64");
        serde_json::from_slice::<Claims>(&text).expect("it is of the type").cloakroom.data.visits
    })
}
