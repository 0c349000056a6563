//! Keys as JSON Web Keys: read, published, and named by their thumbprint.

use crate::store::token::jwt::{InvalidJwtKey, SigningKey, VerifyingKey, key::jwks};

/// RFC 8037, appendix A.2.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// RFC 9449, section 4.2.
const P256: &str = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
/// RFC 8037, appendix A.1.
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn verifying(text: &str) -> Result<VerifyingKey, InvalidJwtKey> {
    VerifyingKey::from_jwk(text)
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    // RFC 8037, appendix A.3, and RFC 9449, section 6.1.
    assert_eq!(verifying(ED25519).unwrap().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(verifying(P256).unwrap().kid(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn a_published_key_is_read_again_and_holds_nothing_private() {
    let signing = SigningKey::from_jwk(PRIVATE).unwrap();
    let secret = SigningKey::of_secret("secret", &[7; 32]);
    let set = jwks([signing.verifying_key(), secret.verifying_key(), &verifying(P256).unwrap()].into_iter());
    assert!(!set.contains("\"d\"") && !set.contains("nWGxne") && !set.contains("secret"), "{set}");
    let keys: serde_json::Value = serde_json::from_str(&set).unwrap();
    let keys: Vec<_> =
        keys["keys"].as_array().unwrap().iter().map(|key| verifying(&key.to_string()).unwrap()).collect();
    assert!(keys.len() == 2 && keys[0].is_same(signing.verifying_key()));
    assert_eq!(keys[0].kid(), signing.kid());
}

#[test]
fn a_set_without_public_keys_is_empty() {
    assert_eq!(jwks([].into_iter()), r#"{"keys":[]}"#);
}

#[test]
fn keys_for_something_else_are_refused() {
    for (from, to) in [
        ("\"kty\"", "\"use\":\"enc\",\"kty\""),
        ("\"kty\"", "\"alg\":\"ES256\",\"kty\""),
        ("\"kty\"", "\"alg\":\"eddsa\",\"kty\""),
        ("\"kty\"", "\"key_ops\":[\"encrypt\"],\"kty\""),
        ("\"kty\"", "\"key_ops\":\"verify\",\"kty\""),
        ("\"kty\"", "\"kid\":7,\"kty\""),
        ("\"kty\"", "\"kid\":\"\",\"kty\""),
        ("\"kty\"", "\"kty\":\"OKP\",\"kty\""),
        ("Ed25519", "X25519"),
        ("OKP", "EC"),
        ("11qY", ""),
        ("11qY", "=1qY"),
    ] {
        let text = ED25519.replacen(from, to, 1);
        assert!(verifying(&text).is_err(), "{text}");
    }
    assert!(verifying(PRIVATE).is_err(), "a private key");
    assert!(verifying(r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#).is_err());
    assert!(SigningKey::from_jwk(ED25519).is_err(), "a public key");
    let other = PRIVATE.replace("11qY", "12qY");
    assert!(SigningKey::from_jwk(&other).is_err(), "two parts of different keys");
}

#[test]
fn a_kid_names_the_key() {
    let named = ED25519.replacen("\"kty\"", "\"kid\":\"2026-07\",\"kty\"", 1);
    assert_eq!(verifying(&named).unwrap().kid(), "2026-07");
}
