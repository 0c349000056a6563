//! Tokens to and from the crate `jsonwebtoken`, whose primitives are not ours.

use ::jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, jwk::JwkSet};

use super::*;

fn algorithm(key: &TestKey) -> Algorithm {
    key.algorithm.parse().unwrap()
}

fn encoding(key: &TestKey) -> EncodingKey {
    match key.algorithm {
        "HS256" => EncodingKey::from_secret(&key.private),
        "EdDSA" => EncodingKey::from_ed_der(&key.private),
        _ => EncodingKey::from_ec_der(&key.private),
    }
}

/// The secret, or what the store publishes.
fn decoding(key: &TestKey) -> DecodingKey {
    let set: JwkSet = serde_json::from_str(&store(key).jwks()).unwrap();
    match set.find(key.signing.kid()) {
        Some(jwk) => DecodingKey::from_jwk(jwk).unwrap(),
        None => DecodingKey::from_secret(&key.private),
    }
}

fn header(key: &TestKey, typ: Option<&str>, kid: Option<&str>) -> Header {
    Header { typ: typ.map(str::to_owned), kid: kid.map(str::to_owned), ..Header::new(algorithm(key)) }
}

fn made(key: &TestKey, typ: Option<&str>, kid: Option<&str>) -> String {
    encode(&header(key, typ, kid), &foreign_claims(), &encoding(key)).unwrap()
}

#[tokio::test]
async fn it_reads_our_sessions() {
    for key in test_keys() {
        let token = issued(store(&key)).await;
        let mut validation = Validation::new(algorithm(&key));
        validation.set_audience(&["shop"]);
        validation.set_issuer(&["https://a.example"]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        let read = decode::<Value>(&token, &decoding(&key), &validation).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("session+jwt"));
        assert_eq!(read.header.kid.as_deref(), Some(key.signing.kid()));
        check_issued(&read.claims);
    }
}

#[tokio::test]
async fn its_tokens_are_sessions() {
    for key in test_keys() {
        for kid in [None, Some(key.signing.kid())] {
            check_taken(store(&key), &made(&key, Some("session+jwt"), kid)).await;
            check_taken(store(&key).accepting_type("JWT"), &made(&key, Some("JWT"), kid)).await;
            check_taken(store(&key).accepting_type("JWT"), &made(&key, None, kid)).await;
        }
    }
}

#[tokio::test]
async fn its_tokens_for_another_purpose_or_under_another_key_are_not() {
    for key in test_keys() {
        check_refused(store(&key), &made(&key, Some("JWT"), None)).await;
        check_refused(store(&key), &made(&key, None, None)).await;
        check_refused(store(&key), &made(&key, Some("session+jwt"), Some("other"))).await;
        check_refused(store(&key).audience("bank"), &made(&key, Some("session+jwt"), None)).await;
        for other in test_keys().iter().filter(|other| other.algorithm != key.algorithm) {
            check_refused(store(other), &made(&key, Some("session+jwt"), None)).await;
            check_refused(store(other), &made(&key, Some("session+jwt"), Some(other.signing.kid()))).await;
        }
    }
}
