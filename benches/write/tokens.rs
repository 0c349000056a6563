//! Changing sessions that their clients carry, beside the same work by hand.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};

use crate::{
    Group,
    filled_store::update,
    payload::Payload,
    token_kinds::{TokenKind, Typed},
    visitors::request,
};

/// Opens a session, changes one key and seals it again; and begins one with one value.
pub(crate) fn save(group: &mut Group<'_>, way: TokenKind, payload: Payload) {
    let carried = way.carry(payload);
    let by_hand = by_hand(way, &payload.text().0);
    group.bench_function("limit", |bencher| bencher.iter(&by_hand));
    group.bench_function("manager, update", |bencher| {
        bencher.iter(|| request(&carried.sessions, black_box(&carried.cookies), update).0);
    });
    group.bench_function("manager, first value", |bencher| {
        bencher.iter(|| request(&carried.sessions, b"", update).0);
    });
}

/// What it takes by hand. For a JWT that is less than the same: its text has more around it.
fn by_hand(way: TokenKind, text: &[u8]) -> Box<dyn Fn() -> String> {
    match way {
        TokenKind::Encrypted => sealed_by_hand(&AES_256_GCM, text),
        TokenKind::ChaCha => sealed_by_hand(&CHACHA20_POLY1305, text),
        TokenKind::Signed | TokenKind::Jwt => signed_by_hand(text),
    }
}

/// AEAD with a random nonce, base64 and typed JSON, there and back, with a prepared key.
#[expect(clippy::disallowed_methods, reason = "by hand there is no manager to inject a Random into")]
fn sealed_by_hand(algorithm: &'static Algorithm, text: &[u8]) -> Box<dyn Fn() -> String> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &[7; 32]).expect("the key has 32 bytes"));
    let random = SystemRandom::new();
    let seal = move |key: &LessSafeKey, text: &[u8]| {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce).expect("there is randomness");
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(text);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(b"context"), &mut bytes[NONCE_LEN..]);
        bytes.extend_from_slice(tag.expect("it is short").as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let token = seal(&key, text);
    Box::new(move || {
        let mut bytes = URL_SAFE_NO_PAD.decode(black_box(&token)).expect("it is base64");
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LEN>().expect("it has a nonce");
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = key.open_in_place(nonce, Aad::from(b"context"), sealed).expect("it is genuine");
        seal(&key, &counted(text))
    })
}

/// HMAC, base64 and typed JSON, there and back, with a prepared key.
fn signed_by_hand(text: &[u8]) -> Box<dyn Fn() -> String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let sign = move |key: &hmac::Key, text: &[u8]| {
        let tag = hmac::sign(key, text);
        URL_SAFE_NO_PAD.encode([text, tag.as_ref()].concat())
    };
    let token = sign(&key, text);
    Box::new(move || {
        let bytes = URL_SAFE_NO_PAD.decode(black_box(&token)).expect("it is base64");
        let (text, tag) = bytes.split_last_chunk::<32>().expect("it has a tag");
        hmac::verify(&key, text, tag).expect("it is genuine");
        sign(&key, &counted(text))
    })
}

/// The same JSON with the one key changed.
fn counted(text: &[u8]) -> Vec<u8> {
    let mut typed: Typed = serde_json::from_slice(text).expect("it is of the type");
    typed.visits += 1;
    serde_json::to_vec(&typed).expect("it is JSON")
}
