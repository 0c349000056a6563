//! Keys as JSON Web Keys: read, published, and named by their thumbprint.

use super::{JwtStore, forge, open, parts, token};
use crate::store::token::jwt::{InvalidJwtKey, SigningKey, VerifyingKey, jws::Jws, key::jwks};

/// RFC 8037, appendix A.2.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// RFC 9449, section 4.2.
const P256: &str = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
/// RFC 8037, appendix A.1.
const PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// RFC 7515, appendix A.2.
const RSA: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7638, section 3.1.
const THUMBPRINTED: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}"#;

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
fn an_rsa_key_verifies_and_has_its_thumbprint() {
    assert_eq!(verifying(THUMBPRINTED).unwrap().kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let mut jws = Jws::new(None);
    jws.accept_type("JWT");
    jws.accept(verifying(RSA).unwrap());
    assert!(jws.verify(RSA_TOKEN.as_bytes()).is_ok());
    for at in [RSA_TOKEN.find('.').unwrap() + 3, RSA_TOKEN.len() - 9] {
        let mut changed = RSA_TOKEN.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(jws.verify(&changed).is_err(), "{at}");
    }
    let published = jwks([&verifying(RSA).unwrap()].into_iter());
    let published: serde_json::Value = serde_json::from_str(&published).unwrap();
    assert_eq!(published["keys"][0]["alg"], "RS256");
    assert!(verifying(&published["keys"][0].to_string()).unwrap().is_same(&verifying(RSA).unwrap()));
}

#[test]
fn a_weak_or_odd_rsa_key_is_refused() {
    let with = |name: &str, value: &str| {
        let mut key: serde_json::Value = serde_json::from_str(RSA).unwrap();
        key[name] = value.into();
        verifying(&key.to_string())
    };
    let modulus = |bytes: usize, last: u8| {
        let mut modulus = vec![0xff; bytes];
        modulus[bytes - 1] = last;
        with("n", &base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, modulus))
    };
    assert!(modulus(256, 1).is_ok() && modulus(1024, 1).is_ok());
    assert!(modulus(255, 1).is_err() && modulus(1025, 1).is_err(), "too short, too long");
    assert!(modulus(256, 2).is_err(), "an even one");
    for exponent in ["AQ", "Ag", "", "AA", "AQAAAAAB"] {
        assert!(with("e", exponent).is_err(), "{exponent}");
    }
    assert!(with("e", "Aw").is_ok() && with("e", "AAEAAQ").is_ok(), "three, and one with a zero in front");
    for alg in ["PS256", "RS512"] {
        assert!(with("alg", alg).is_ok(), "{alg}");
    }
    for alg in ["RSA-OAEP", "HS256", "ES256", "rs256", ""] {
        assert!(with("alg", alg).is_err(), "{alg}");
    }
}

#[test]
fn the_newer_name_of_eddsa_names_the_same_keys() {
    let named = ED25519.replacen("\"kty\"", "\"alg\":\"Ed25519\",\"kty\"", 1);
    assert!(verifying(&named).unwrap().is_same(&verifying(ED25519).unwrap()));
    let private = SigningKey::from_jwk(PRIVATE).unwrap();
    let store = JwtStore::verify_only([private.verifying_key().clone().named("ed")]);
    let payload = parts(&token(&JwtStore::new(private.clone()))).1;
    for (alg, accepted) in [("Ed25519", true), ("EdDSA", true), ("ed25519", false), ("Ed448", false)] {
        for kid in ["", r#","kid":"ed""#] {
            let header = format!(r#"{{"typ":"session+jwt","alg":"{alg}"{kid}}}"#);
            assert_eq!(open(&store, forge(&private, &header, &payload)).is_ok(), accepted, "{header}");
        }
    }
}

#[test]
fn a_key_set_gives_the_keys_that_can_be_used() {
    let set = format!(r#"{{"keys":[{RSA},{ED25519},{{"kty":"oct","k":"AAAA"}},{{"kty":"RSA"}}]}}"#);
    assert_eq!(VerifyingKey::from_jwks(&set).unwrap().len(), 2);
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[7]}"#] {
        assert!(VerifyingKey::from_jwks(bad).is_err(), "{bad}");
    }
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
