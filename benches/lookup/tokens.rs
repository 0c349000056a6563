//! The stores whose clients carry the session, beside the same work by hand.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cloakroom::{
    store::{Loaded, PresentedToken},
    time::{Clock as _, SystemClock},
};
use ring::{
    aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use serde::Deserialize;

use crate::{
    Group,
    filled_store::read,
    payload::{Payload, VISITS},
    token_kinds::{Carried, JWT_SECRET, TokenKind, Typed},
    visitors::request,
};

/// Reads one key of a session.
pub(crate) fn lookup(group: &mut Group<'_>, way: TokenKind, payload: Payload) {
    let carried = way.carry(payload);
    let by_hand = by_hand(way, &carried.token, &payload.text().0);
    group.bench_function("limit", |bencher| bencher.iter(&by_hand));
    group.bench_function("load_now, one key read", |bencher| bencher.iter(|| load_now(&carried)));
    let forged = forged(&carried.token);
    group.bench_function("load_now, forged token", |bencher| bencher.iter(|| misses(&carried, &forged)));
    group.bench_function("manager, one key read", |bencher| {
        bencher.iter(|| black_box(request(&carried.sessions, &carried.cookies, read)).0);
    });
}

fn load_now(carried: &Carried) -> u32 {
    let loaded = carried.store.load_now(PresentedToken::new(black_box(&carried.token)), SystemClock.now());
    let Some(Ok(Loaded::Live { record, .. })) = loaded else { panic!("the session is live") };
    serde_json::from_slice(record.data().get(VISITS).expect("it is there")).expect("it is a number")
}

/// A token with one letter changed, far behind what names a key.
fn forged(token: &[u8]) -> Vec<u8> {
    let mut token = token.to_vec();
    let letter = &mut token[150];
    *letter = if *letter == b'A' { b'B' } else { b'A' };
    token
}

fn misses(carried: &Carried, forged: &[u8]) {
    let loaded = carried.store.load_now(PresentedToken::new(black_box(forged)), SystemClock.now());
    assert!(matches!(loaded, Some(Ok(Loaded::Absent(_)))), "it is forged");
}

/// What it takes by hand.
fn by_hand(way: TokenKind, token: &[u8], text: &[u8]) -> Box<dyn Fn() -> u32> {
    match way {
        TokenKind::Encrypted => opened_by_hand(&AES_256_GCM, text),
        TokenKind::ChaCha => opened_by_hand(&CHACHA20_POLY1305, text),
        TokenKind::Signed => verified_by_hand(text),
        TokenKind::Jwt => jwt_by_hand(token),
    }
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
fn opened_by_hand(algorithm: &'static Algorithm, text: &[u8]) -> Box<dyn Fn() -> u32> {
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
