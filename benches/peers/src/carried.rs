//! Sessions that the client carries: cookies and JSON Web Tokens, from the header to one value.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use cloakroom::{
    SessionManager, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, SignedCookieStore},
};
use cookie::{Cookie, CookieJar, Key};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use serde::{Deserialize, Serialize};

use crate::{
    ours::{read_request, untouched},
    payload::Payload,
    row::{Row, Work, again},
    visitors::begin,
};

type Rows<'a> = dyn FnMut(&str, &dyn Fn(&mut Row)) + 'a;

pub(crate) fn rows(row: &mut Rows<'_>) {
    for payload in Payload::TWO {
        row(&format!("encrypted cookie: read one key, {}", payload.name()), &|row| encrypted(row, payload));
    }
    for payload in Payload::TWO {
        row(&format!("signed cookie: read one key, {}", payload.name()), &|row| signed(row, payload));
    }
    for payload in Payload::TWO {
        row(&format!("JWT HS256: read one claim, {}", payload.name()), &|row| jwt(row, payload));
    }
}

fn encrypted(row: &mut Row, payload: Payload) {
    row.limit("limit: AEAD, base64, typed JSON by hand", opened_by_hand(&payload.text().0));
    row.add("cloakroom: whole request", ours(EncryptedCookieStore::new(&keys()), payload));
    row.add("cookie, private jar, typed JSON", jar(payload, true));
}

fn signed(row: &mut Row, payload: Payload) {
    row.limit("limit: HMAC, base64, typed JSON by hand", verified_by_hand(&payload.text().0));
    row.add("cloakroom: whole request", ours(SignedCookieStore::new(&keys()), payload));
    row.add("cookie, signed jar, typed JSON", jar(payload, false));
}

fn jwt(row: &mut Row, payload: Payload) {
    row.limit("limit: HMAC, base64, typed JSON by hand", verified_by_hand(&payload.text().0));
    row.add("cloakroom: whole request", ours(JwtStore::from_ring(&keys()), payload));
    row.add("jsonwebtoken (aws_lc_rs), typed claims", jsonwebtoken(payload));
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().expect("there is randomness"))
}

fn ours(store: impl SessionStore, payload: Payload) -> Work {
    let manager = untouched(SessionManager::new(store));
    let (cookies, _) = begin(&manager, &payload.values());
    again(move || read_request(&manager, black_box(&cookies)))
}

/// A cookie header, a jar, the session cookie out of it, and its JSON.
fn jar(payload: Payload, private: bool) -> Work {
    let key = Key::generate();
    let text = String::from_utf8(payload.text().0).expect("JSON is text");
    let mut jar = CookieJar::new();
    let session = Cookie::new("session", text);
    if private {
        jar.private_mut(&key).add(session)
    } else {
        jar.signed_mut(&key).add(session)
    }
    // JSON has to be percent-encoded where it is not encrypted, as frameworks do.
    let header = jar.get("session").expect("it was added").encoded().stripped().to_string();
    again(move || {
        let mut jar = CookieJar::new();
        for cookie in Cookie::split_parse_encoded(black_box(&header)) {
            jar.add_original(cookie.expect("it is a cookie").into_owned());
        }
        let session =
            if private { jar.private(&key).get("session") } else { jar.signed(&key).get("session") };
        visits(session.expect("it is genuine").value().as_bytes())
    })
}

#[derive(Deserialize, Serialize)]
struct Claims {
    exp: u64,
    #[serde(flatten)]
    session: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct TypedClaims {
    #[expect(dead_code, reason = "decoded and validated")]
    exp: u64,
    #[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
    user: u64,
    #[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
    name: String,
    visits: u32,
    #[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
    csrf: String,
    #[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
    roles: Vec<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "decoded, as an application would, and not looked at")]
    cart: Vec<Item>,
}

fn jsonwebtoken(payload: Payload) -> Work {
    let secret = [7; 32];
    let session = serde_json::from_slice(&payload.text().0).expect("it is an object");
    let claims = Claims { exp: 4_102_444_800, session };
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(&secret)).expect("it fits");
    let (key, validation) = (DecodingKey::from_secret(&secret), Validation::default());
    again(move || {
        let token = decode::<TypedClaims>(black_box(&token), &key, &validation);
        token.expect("it is genuine").claims.visits
    })
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

fn visits(text: &[u8]) -> u32 {
    serde_json::from_slice::<Typed>(text).expect("it is of the type").visits
}

fn opened_by_hand(text: &[u8]) -> Work {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("the key has 32 bytes"));
    let nonce = || Nonce::assume_unique_for_key([7; NONCE_LEN]);
    let mut bytes = text.to_vec();
    key.seal_in_place_append_tag(nonce(), Aad::from(b"context"), &mut bytes).expect("it is short");
    let token = URL_SAFE_NO_PAD.encode(bytes);
    again(move || {
        let mut bytes = URL_SAFE_NO_PAD.decode(black_box(&token)).expect("it is base64");
        visits(key.open_in_place(nonce(), Aad::from(b"context"), &mut bytes).expect("it is genuine"))
    })
}

fn verified_by_hand(text: &[u8]) -> Work {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let mut bytes = text.to_vec();
    bytes.extend_from_slice(hmac::sign(&key, text).as_ref());
    let token = URL_SAFE_NO_PAD.encode(bytes);
    again(move || {
        let bytes = URL_SAFE_NO_PAD.decode(black_box(&token)).expect("it is base64");
        let (text, tag) = bytes.split_last_chunk::<32>().expect("it has a tag");
        hmac::verify(&key, text, tag).expect("it is genuine");
        visits(text)
    })
}
