//! Which key, which type, what a header cannot do.

use super::*;
use crate::store::token::jwt::{VerifyingKey, key::jwks};

const MALFORMED: Absence = Absence::Malformed;

/// What becomes of the record's payload under this header, signed with the secret.
fn under(store: &JwtStore, header: &str) -> Result<(), Absence> {
    open(store, forge(&hs256(), header, &payload())).map(|_| ())
}

fn store() -> JwtStore {
    JwtStore::new(hs256())
}

#[test]
fn a_header_is_read_whatever_its_order_and_its_spacing() {
    for header in [
        r#"{"typ":"session+jwt","alg":"HS256","kid":"hs"}"#,
        r#"{"kid":"hs","alg":"HS256","typ":"session+jwt"}"#,
        " { \"alg\" : \"HS256\",\r\n \"typ\" : \"session+jwt\" } ",
        r#"{"alg":"HS256","\u006bid":"\u0068s","typ":"session+jwt"}"#,
        r#"{"alg":"HS256","typ":"session+jwt","unknown":[{"x":null}]}"#,
    ] {
        assert_eq!(under(&store(), header), Ok(()), "{header}");
    }
}

#[test]
fn a_header_that_says_anything_twice_of_another_type_or_critical_is_refused() {
    for header in [
        "",
        "HS256",
        "[]",
        "{}",
        r#"{"typ":"session+jwt"}"#,
        r#"{"typ":"session+jwt","alg":"HS256","alg":"HS256"}"#,
        r#"{"typ":"session+jwt","alg":"HS256","a\u006cg":"none"}"#,
        r#"{"typ":"session+jwt","alg":"HS256","kid":"hs","kid":"hs"}"#,
        r#"{"typ":"session+jwt","alg":"HS256","x":1,"x":1}"#,
        r#"{"typ":"session+jwt","alg":["HS256"]}"#,
        r#"{"typ":"session+jwt","alg":null}"#,
        r#"{"typ":"session+jwt","alg":"HS256","kid":7}"#,
        r#"{"typ":"session+jwt","alg":"HS256","kid":null}"#,
        r#"{"typ":7,"alg":"HS256"}"#,
        r#"{"typ":"session+jwt","alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"typ":"session+jwt","alg":"HS256","crit":[]}"#,
        r#"{"typ":"session+jwt","alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"typ":"session+jwt","alg":"HS256","b64":false}"#,
        r#"{"typ":"session+jwt","alg":"HS256","b64":true}"#,
        r#"{"typ":"session+jwt","alg":"HS256"}{}"#,
        r#"{"typ":"session+jwt","alg":"HS256"}x"#,
        "{\"typ\":\"session+jwt\",\"alg\":\"HS256\"}\0",
    ] {
        assert_eq!(under(&store(), header), Err(MALFORMED), "{header}");
    }
    let deep =
        format!(r#"{{"typ":"session+jwt","alg":"HS256","x":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    assert_eq!(under(&store(), &deep), Err(MALFORMED));
}

#[test]
fn the_key_decides_the_algorithm_and_its_case_counts() {
    for alg in [
        "none", "None", "hs256", "Hs256", "HS384", "HS512", "RS256", "EdDSA", "ES256", "Ed25519", "HS256 ",
        "",
    ] {
        let header = |kid| format!(r#"{{"typ":"session+jwt","alg":"{alg}"{kid}}}"#);
        assert_eq!(under(&store(), &header(r#","kid":"hs""#)), Err(Absence::Forged), "{alg}");
        assert_eq!(under(&store(), &header("")), Err(Absence::UnknownKey), "{alg}");
    }
}

/// The bytes of a public key, from the set in which it is published.
fn published_bytes(key: &VerifyingKey) -> Vec<u8> {
    let set: serde_json::Value = serde_json::from_str(&jwks([key].into_iter())).unwrap();
    let jwk = &set["keys"][0];
    let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    if jwk["kty"] == "EC" { [vec![4], part("x"), part("y")].concat() } else { part("x") }
}

#[test]
fn a_public_key_is_no_secret_of_hs256() {
    let [_, ed, es] = keys();
    for key in [ed, es] {
        let verifier = key.verifying_key();
        let public = published_bytes(verifier);
        assert_eq!(
            VerifyingKey::ed25519(&public)
                .or_else(|_| VerifyingKey::es256(&public))
                .map(|it| it.is_same(verifier))
                .ok(),
            Some(true)
        );
        let confused = SigningKey::of_secret(key.kid(), &public);
        let reading = JwtStore::verify_only([verifier.clone()]);
        for kid in ["", &format!(r#","kid":"{}""#, key.kid())] {
            let header = format!(r#"{{"typ":"session+jwt","alg":"HS256"{kid}}}"#);
            let refused = refusal(&reading, forge(&confused, &header, &payload()));
            assert!(matches!(refused, Absence::Forged | Absence::UnknownKey), "{refused:?}");
        }
    }
}

#[test]
fn a_kid_is_compared_and_nothing_else() {
    for kid in ["HS", "hs ", "", "h", "../hs", "' OR 1=1 --", "hs\\u0000", &"h".repeat(1000)] {
        let header = format!(r#"{{"typ":"session+jwt","alg":"HS256","kid":"{kid}"}}"#);
        assert_eq!(under(&store(), &header), Err(Absence::UnknownKey), "{kid}");
    }
}

#[test]
fn without_a_kid_there_has_to_be_exactly_one_key_of_the_algorithm() {
    let nameless = r#"{"typ":"session+jwt","alg":"HS256"}"#;
    let [_, ed, es] = keys();
    let mixed = store().accepting(ed).accepting(es);
    assert_eq!(under(&mixed, nameless), Ok(()));
    let two = mixed.accepting(SigningKey::of_secret("other", &[7; 32]));
    assert_eq!(under(&two, nameless), Err(Absence::UnknownKey));
    assert_eq!(under(&two, r#"{"typ":"session+jwt","alg":"HS256","kid":"hs"}"#), Ok(()));
}

#[test]
fn keys_that_a_header_brings_along_are_ignored() {
    let [_, ed, _] = keys();
    let own = JwtStore::new(ed.clone());
    let thief = SigningKey::generate_ed25519().unwrap();
    let stolen = jwks([thief.verifying_key()].into_iter());
    let jwk = stolen.trim_start_matches(r#"{"keys":["#).trim_end_matches("]}");
    let header = format!(
        r#"{{"typ":"session+jwt","alg":"EdDSA","kid":"ed","jwk":{jwk},"jku":"https://thief.example","x5u":"https://thief.example","x5c":["MIIB"]}}"#
    );
    assert_eq!(refusal(&own, forge(&thief, &header, &payload())), Absence::Forged);
    assert!(open(&own, forge(&ed, &header, &payload())).is_ok(), "what is ignored does no harm either");
}

#[test]
fn only_tokens_of_an_accepted_type_are_taken() {
    let under =
        |store: &JwtStore, typ: &str| under(store, &format!(r#"{{{typ}"alg":"HS256","kid":"hs"}}"#)).is_ok();
    let typ = |name: &str| format!(r#""typ":"{name}","#);
    let taken = ["session+jwt", "Session+JWT", "application/session+jwt", "APPLICATION/session+jwt"];
    let others = ["JWT", "jwt", "application/jwt", "at+jwt", "JOSE", "", "application/", "text/session+jwt"];
    let odd = [
        "application/x/session+jwt",
        "application/application/session+jwt",
        " session+jwt",
        "session+jwt;a=b",
    ];
    let (strict, open) = (store(), store().accepting_type("JWT"));
    for name in taken {
        assert!(under(&strict, &typ(name)) && under(&open, &typ(name)), "{name}");
    }
    for name in others {
        assert!(!under(&strict, &typ(name)), "{name}");
        assert_eq!(
            under(&open, &typ(name)),
            name.to_lowercase().ends_with("jwt") && !name.contains('+'),
            "{name}"
        );
    }
    for name in odd {
        assert!(!under(&strict, &typ(name)) && !under(&open, &typ(name)), "{name}");
    }
    assert!(!under(&strict, "") && under(&open, ""), "without a type it is a JWT");
    assert!(under(&store().accepting_type("application/at+jwt"), &typ("at+JWT")));
}

#[test]
fn the_payload_is_not_looked_at_before_the_signature_is_good() {
    let header = r#"{"typ":"session+jwt","alg":"HS256","kid":"hs"}"#;
    let stranger = SigningKey::of_secret("hs", &[7; 32]);
    for garbage in ["not JSON", "{}", "\0", r#"{"exp":1}"#] {
        assert_eq!(refusal(&store(), forge(&stranger, header, garbage)), Absence::Forged, "{garbage}");
        assert_ne!(refusal(&store(), forge(&hs256(), header, garbage)), Absence::Forged, "{garbage}");
    }
    // No base64url at all, and a length that none has.
    for garbage in ["????", "A"] {
        let signed = format!("{}.{garbage}", encode(header));
        assert_eq!(refusal(&store(), sign(&stranger, &signed)), Absence::Forged, "{garbage}");
        assert_eq!(refusal(&store(), sign(&hs256(), &signed)), MALFORMED, "{garbage}");
    }
}

#[test]
fn two_keys_cannot_have_one_name() {
    let again = store().accepting(hs256());
    assert_eq!(again.seal.jws.keys().len(), 1, "one key is kept once");
    let clash = std::panic::catch_unwind(|| store().accepting(SigningKey::of_secret("hs", &[7; 32])));
    assert!(clash.is_err());
    let [_, ed, _] = keys();
    let clash = std::panic::catch_unwind(|| store().accepting(VerifyingKey::from(ed).named("hs")));
    assert!(clash.is_err());
}
