//! Promise 10 for keys and for what they seal: nothing secret is printed.

use std::error::Error;

use cloakroom::{
    SessionStore,
    keyring::{KeyRing, SecretKey},
    record::Data,
    store::{Cipher, EncryptedCookieStore, PresentedToken, SignedCookieStore},
};

use crate::{decode, load_at, record, seal, try_seal, with_data};

const CANARY: &str = "canary-4711";
const KEY: &[u8] = b"canary-4711 is no key, and yet: 0123456789";

fn with_sources(error: &dyn Error) -> String {
    let source = error.source().map(with_sources).unwrap_or_default();
    format!("{error} {error:?} {source}")
}

#[tokio::test]
async fn nothing_secret_stands_in_debug_or_errors() {
    let key = SecretKey::from_bytes(KEY).unwrap();
    let ring = KeyRing::new(SecretKey::generate().unwrap()).accepting(key.clone());
    let mut seen = format!("{key:?} {key:#?} {} {:?} {ring:?} {ring:#?}", key.id(), key.id());

    let keys = KeyRing::new(key.clone());
    let secret = with_data(&record(0), &Data::default().with(CANARY, CANARY.as_bytes()).unwrap());
    let encrypted = EncryptedCookieStore::new(&keys).context(CANARY);
    let chacha = encrypted.clone().cipher(Cipher::ChaCha20Poly1305);
    let signed = SignedCookieStore::new(&keys).context(CANARY);
    let mut hidden: Vec<Vec<u8>> = vec![CANARY.into(), KEY.into()];
    for store in [&encrypted as &dyn SessionStore, &chacha, &signed] {
        let token = seal(store, &secret).await;
        let loaded = load_at(store, token.as_bytes(), crate::NOW);
        seen += &format!("{store:?} {store:#?} {loaded:?} {:?}", PresentedToken::new(token.as_bytes()));
        seen += &format!("{:?} {:?}", store.guarantees(), store.create(&secret, crate::cx(crate::NOW)).await);
        hidden.push(decode(&token));
        hidden.push(token.into());
    }
    for limited in [encrypted.max_token(50), chacha.max_token(50)] {
        seen += &with_sources(&try_seal(&limited, &secret).await.unwrap_err());
    }
    seen += &with_sources(&try_seal(&signed.max_token(50), &secret).await.unwrap_err());
    seen += &with_sources(&SecretKey::from_bytes(&KEY[..31]).unwrap_err());
    seen += &with_sources(&SecretKey::parse(std::str::from_utf8(KEY).unwrap()).unwrap_err());
    seen += &with_sources(&SecretKey::from_hex(&format!("{CANARY}!")).unwrap_err());
    seen += &with_sources(&KeyRing::parse(&format!("{},{CANARY}", *key.expose_base64())).unwrap_err());

    let base64 = key.expose_base64();
    let base64 = base64.trim_end_matches('=');
    for spelling in [CANARY, base64, &base64[..16], "63616e617279", "99, 97, 110, 97"] {
        assert!(!seen.contains(spelling), "{spelling} stands in:\n{seen}");
    }
    for bytes in hidden {
        assert!(!seen.as_bytes().windows(8).any(|window| bytes[..8] == *window), "{seen}");
        let listed = format!("{:?}", &bytes[..4]);
        assert!(!seen.contains(listed.trim_matches(['[', ']'])), "{seen}");
    }
    assert!(seen.contains(&key.id().to_string()), "the key's name may be shown");
}

#[tokio::test]
async fn an_encrypted_cookie_shows_nothing_and_a_signed_one_everything() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let secret = with_data(&record(0), &Data::default().with(CANARY, b"1").unwrap());
    let stands_in =
        |token: String| decode(&token).windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    let encrypted = EncryptedCookieStore::new(&keys);
    assert!(!stands_in(seal(&encrypted, &secret).await));
    assert!(!stands_in(seal(&encrypted.cipher(Cipher::ChaCha20Poly1305), &secret).await));
    assert!(stands_in(seal(&SignedCookieStore::new(&keys), &secret).await));
}
