//! Rotation of keys, stores that only verify, keys of the ring.

use super::*;
use crate::{
    error::StoreErrorKind,
    keyring::{KeyRing, SecretKey},
    store::{
        End, Ended, EndedBy, Loaded, PresentedToken, SessionStore as _, StoreContext, Upkeep,
        token::jwt::VerifyingKey,
    },
    time::Deadline,
};

/// Whether a token is accepted, and whether it is then issued anew.
fn answer(store: &JwtStore, token: &str) -> Option<bool> {
    store.seal.open(token.as_bytes(), NOW).ok().map(|(_, reissue)| reissue)
}

/// The steps of a rotation as each server goes through them: accept the new key, issue under it, drop the old one.
fn steps(old: &SigningKey, new: &SigningKey) -> [JwtStore; 4] {
    [
        JwtStore::new(old.clone()),
        JwtStore::new(old.clone()).accepting(new.clone()),
        JwtStore::new(new.clone()).accepting(old.clone()),
        JwtStore::new(new.clone()),
    ]
}

/// Walks three servers through the steps in every order in which no one is more than a step ahead of another, and calls
/// `check` with what they run at each moment.
fn every_order(
    at: [usize; 3],
    seen: &mut std::collections::BTreeSet<[usize; 3]>,
    check: &dyn Fn([usize; 3]),
) {
    if !seen.insert(at) {
        return;
    }
    check(at);
    for server in 0..3 {
        let mut next = at;
        next[server] += 1;
        let (first, last) = (next.iter().min().unwrap(), next.iter().max().unwrap());
        if *last < 4 && last - first <= 1 {
            every_order(next, seen, check);
        }
    }
}

#[test]
fn keys_rotate_in_every_order_of_deployment() {
    let all = keys();
    for (old, new) in (0..3).flat_map(|n| [(n, (n + 1) % 3), (n, (n + 2) % 3)]) {
        let steps = steps(&all[old], &all[new]);
        let mut seen = std::collections::BTreeSet::new();
        every_order([0; 3], &mut seen, &|servers| {
            for writer in servers {
                let token = token(&steps[writer]);
                for reader in servers {
                    assert!(answer(&steps[reader], &token).is_some(), "{servers:?}: {writer} to {reader}");
                }
            }
        });
        assert!(seen.len() > 12 && seen.contains(&[3, 3, 3]));
        // A token of the old key is issued anew where the new one signs, and refused once the old one is gone.
        let old_token = token(&steps[0]);
        assert_eq!(answer(&steps[1], &old_token), Some(false));
        assert_eq!(answer(&steps[2], &old_token), Some(true));
        assert_eq!(refusal(&steps[3], &old_token), Absence::UnknownKey);
    }
}

#[test]
fn the_keys_of_a_ring_are_derived_and_rotate_like_others() {
    let [one, two] = [3u8, 5].map(|factor| {
        let bytes: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(factor)).collect();
        SecretKey::from_bytes(&bytes).unwrap()
    });
    let old = JwtStore::from_ring(&KeyRing::new(one.clone()));
    let both = JwtStore::from_ring(&KeyRing::new(two.clone()).accepting(one.clone()));
    let (header, _) = parts(&token(&old));
    assert_eq!(header, format!(r#"{{"typ":"session+jwt","alg":"HS256","kid":"{}"}}"#, one.id()));
    assert_eq!(answer(&both, &token(&old)), Some(true));
    assert_eq!(answer(&both, &token(&both)), Some(false));
    assert_eq!(refusal(&old, token(&both)), Absence::UnknownKey);
    // The same bytes as a secret of their own are another key of the same name.
    assert_eq!(refusal(&old, token(&JwtStore::new(SigningKey::hs256(&one)))), Absence::Forged);
    assert_eq!(both.jwks(), r#"{"keys":[]}"#);
}

#[tokio::test]
async fn a_store_that_only_verifies_reads_everything_and_writes_nothing() {
    let cx = StoreContext::new(NOW, Deadline::NONE);
    for key in keys() {
        let issuing = JwtStore::new(key.clone());
        let reading = JwtStore::verify_only([VerifyingKey::from(key)]);
        assert!(issuing.guarantees().writable && !reading.guarantees().writable);
        let token = token(&issuing);
        let loaded = reading.load(PresentedToken::new(token.as_bytes()), cx).await.unwrap();
        let Loaded::Live { record, upkeep: Upkeep::None } = loaded else { panic!("{loaded:?}") };
        let refused = [
            reading.create(&record, cx).await.map(drop),
            reading.replace(&record, record.version(), cx).await.map(drop),
            reading.touch(&record, record.version(), cx).await.map(drop),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error.kind(), StoreErrorKind::Unsupported);
            assert_eq!(
                error.to_string(),
                "this session store cannot issue tokens, for it has no signing key; \
                 change sessions at the server that issues them"
            );
        }
        let ended = reading.end(End::of(&record, EndedBy::Client), cx).await.unwrap();
        assert_eq!(ended, Ended::ClientOnly);
    }
    assert_eq!(refusal(&JwtStore::verify_only([]), token(&JwtStore::new(hs256()))), Absence::UnknownKey);
}

#[test]
fn a_published_set_verifies_what_the_store_issues() {
    let [hs, ed, es] = keys();
    for key in [ed.clone(), es.clone()] {
        let store = JwtStore::new(key).accepting(hs.clone()).accepting(ed.clone()).accepting(es.clone());
        let set: serde_json::Value = serde_json::from_str(&store.jwks()).unwrap();
        let set = set["keys"].as_array().unwrap();
        assert_eq!(set.len(), 2);
        let reading =
            JwtStore::verify_only(set.iter().map(|key| VerifyingKey::from_jwk(&key.to_string()).unwrap()));
        assert!(open(&reading, token(&store)).is_ok());
    }
}

#[test]
fn generated_keys_are_new_and_named_by_their_thumbprint() {
    for generate in [SigningKey::generate_ed25519, SigningKey::generate_es256] {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert!(!one.verifying_key().is_same(other.verifying_key()) && one.kid() != other.kid());
        assert_eq!(one.kid().len(), 43);
        let store = JwtStore::new(one);
        assert!(open(&store, token(&store)).is_ok());
        assert_eq!(refusal(&JwtStore::new(other), token(&store)), Absence::UnknownKey);
    }
}

/// `openssl genpkey`, with `openssl pkey -pubout`.
const PAIRS: [(&str, &str); 2] = [
    (
        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
        "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ),
    (
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIffH1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==",
    ),
];

#[test]
fn keys_are_read_from_pem() {
    let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    for (private, public) in PAIRS {
        let signing = SigningKey::from_pem(&pem("PRIVATE KEY", private)).unwrap();
        let verifying = VerifyingKey::from_pem(&pem("PUBLIC KEY", public)).unwrap();
        assert!(signing.verifying_key().is_same(&verifying));
        assert_eq!(signing.kid(), verifying.kid());
        for refused in [
            SigningKey::from_pem(&pem("PUBLIC KEY", public)).map(drop),
            SigningKey::from_pem(&pem("PRIVATE KEY", public)).map(drop),
            SigningKey::from_pem(private).map(drop),
            VerifyingKey::from_pem(&pem("PRIVATE KEY", private)).map(drop),
        ] {
            let message = refused.unwrap_err().to_string();
            assert!(message.starts_with("this is no PEM text of a p"), "{message}");
        }
    }
    let error = SigningKey::es256_from_pkcs8(b"x").unwrap_err().to_string();
    assert_eq!(
        error,
        "this is no PKCS #8 private key for ES256; \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one"
    );
    assert!(VerifyingKey::ed25519(&[0; 31]).is_err() && VerifyingKey::es256(&[0; 65]).is_err());
}
