//! Tokens of identity providers, whose keys only verify here. The crate `jsonwebtoken` signs them.

use ::jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use cloakroom::store::VerifyingKey;

use super::*;

/// Keys of a provider as it publishes them, two of which are for something else. Their private parts are in the DER files.
const JWKS: &str = include_str!("provider_jwks.json");

const ALGORITHMS: [&str; 7] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES384"];

fn made(algorithm: &str, kid: Option<&str>) -> String {
    let algorithm: Algorithm = algorithm.parse().unwrap();
    let key = match algorithm {
        Algorithm::ES384 => EncodingKey::from_ec_der(include_bytes!("provider_p384.der")),
        _ => EncodingKey::from_rsa_der(include_bytes!("provider_rsa.der")),
    };
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, &foreign_claims(), &key).unwrap()
}

/// A store whose own sessions are signed with a secret, and that takes the provider's tokens, too.
fn store_with(keys: impl IntoIterator<Item = VerifyingKey>) -> JwtStore {
    let own = store(&test_keys()[0]).accepting_type("JWT");
    keys.into_iter().fold(own, JwtStore::accepting)
}

#[tokio::test]
async fn the_tokens_of_a_key_set_are_sessions() {
    let keys = VerifyingKey::from_jwks(JWKS).unwrap();
    assert_eq!(keys.len(), ALGORITHMS.len() + 1, "keys for something else are left out");
    for algorithm in ALGORITHMS {
        check_taken(store_with(keys.clone()), &made(algorithm, Some(algorithm))).await;
    }
    check_taken(store_with(keys), &made("RS256", Some("unnamed"))).await;
}

#[tokio::test]
async fn a_key_has_one_algorithm() {
    let keys = VerifyingKey::from_jwks(JWKS).unwrap();
    for (algorithm, kid) in [("PS256", "RS256"), ("RS256", "PS256"), ("RS512", "RS256"), ("RS384", "unnamed")]
    {
        check_refused(store_with(keys.clone()), &made(algorithm, Some(kid))).await;
    }
}

#[tokio::test]
async fn a_key_may_come_as_pem() {
    for (pem, algorithm) in
        [(include_str!("provider_rsa.pub.pem"), "RS256"), (include_str!("provider_p384.pub.pem"), "ES384")]
    {
        let key = VerifyingKey::from_pem(pem).unwrap();
        check_taken(store_with([key.clone()]), &made(algorithm, None)).await;
        check_taken(store_with([key.named("2026")]), &made(algorithm, Some("2026"))).await;
        check_refused(store_with([]), &made(algorithm, None)).await;
    }
}

#[tokio::test]
async fn a_signature_that_was_changed_is_refused() {
    let keys = VerifyingKey::from_jwks(JWKS).unwrap();
    for algorithm in ALGORITHMS {
        let token = made(algorithm, Some(algorithm));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        for bad in [
            format!("{signed}.{}", &signature[4..]),
            format!("{signed}.AAAA{}", &signature[4..]),
            format!("{signed}.{signature}AAAA"),
            format!("{signed}."),
        ] {
            check_refused(store_with(keys.clone()), &bad).await;
        }
    }
}
