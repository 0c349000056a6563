//! Tokens to and from Python's PyJWT. `./scripts/interop` installs it and runs this.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use cloakroom::store::VerifyingKey;

use super::*;

/// Asks `pyjwt.py`, under the Python that `CLOAKROOM_PYTHON` names.
fn ask(question: Value) -> Value {
    let python = env::var("CLOAKROOM_PYTHON").expect("./scripts/interop says which Python has PyJWT");
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/jwt/pyjwt.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{question}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn private(key: &TestKey) -> String {
    STANDARD.encode(&key.private)
}

fn made(key: &TestKey, headers: Value) -> String {
    let question = json!({
        "do": "encode", "algorithm": key.algorithm, "private": private(key), "headers": headers,
        "claims": foreign_claims(),
    });
    ask(question).as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs PyJWT: run ./scripts/interop"]
async fn it_reads_our_sessions() {
    for key in test_keys() {
        let token = issued(store(&key)).await;
        let answer = ask(json!({
            "do": "decode", "algorithm": key.algorithm, "private": private(&key), "token": token,
            "jwks": store(&key).jwks(), "audience": "shop", "issuer": "https://a.example",
        }));
        assert_eq!(answer["header"]["typ"], "session+jwt");
        assert_eq!(answer["header"]["kid"], key.signing.kid());
        check_issued(&answer["claims"]);
    }
}

#[tokio::test]
#[ignore = "needs PyJWT: run ./scripts/interop"]
async fn its_tokens_are_sessions() {
    for key in test_keys() {
        let session = made(&key, json!({ "typ": "session+jwt", "kid": key.signing.kid() }));
        check_taken(store(&key), &session).await;
        let plain = made(&key, json!({}));
        check_taken(store(&key).accepting_type("JWT"), &plain).await;
        check_refused(store(&key), &plain).await;
    }
}

#[tokio::test]
#[ignore = "needs PyJWT: run ./scripts/interop"]
async fn its_tokens_under_keys_that_only_verify_here_are_sessions() {
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES384"] {
        for bits in [2048, 3072] {
            let provided = ask(
                json!({ "do": "provide", "algorithm": algorithm, "bits": bits, "claims": foreign_claims() }),
            );
            let key = VerifyingKey::from_jwk(&provided["jwk"].to_string()).unwrap();
            let store = store(&test_keys()[0]).accepting_type("JWT").accepting(key);
            check_taken(store, provided["token"].as_str().unwrap()).await;
        }
    }
}
