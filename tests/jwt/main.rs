//! JSON Web Tokens, exchanged with other programs and among servers.
//!
//! | module | tests |
//! | --- | --- |
//! | `jsonwebtoken` | tokens to and from the crate of that name, for every algorithm |
//! | `providers` | tokens of identity providers: RSA, P-384, key sets |
//! | `pyjwt` | the same with Python's PyJWT; `./scripts/interop` runs it |
//! | `servers` | a new key reaches three servers in every order; a server that only reads |
//!
//! What a token must look like, byte for byte, is tested beside the code, in `src/store/sealed/jwt/tests`.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../promises/browser.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod browser;
mod jsonwebtoken;
mod providers;
mod pyjwt;
mod servers;

use cloakroom::{
    keyring::SecretKey,
    store::{JwtStore, SigningKey},
    time::{Clock as _, SystemClock},
};
use serde_json::{Value, json};

use crate::browser::{Browser, Server};

/// A key of one algorithm, in the forms in which programs take it.
struct TestKey {
    algorithm: &'static str,
    signing: SigningKey,
    /// The bytes of the secret; a PKCS #8 document, whose public part others derive.
    private: Vec<u8>,
}

/// RFC 8037, appendix A.1, and RFC 7515, appendix A.3.1, in PKCS #8.
const ED25519: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
const P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIffH1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt";

fn test_keys() -> [TestKey; 3] {
    let secret: Vec<u8> = (0..32).collect();
    let pem = |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let key = |algorithm, body: &str| TestKey {
        algorithm,
        signing: SigningKey::from_pem(&pem(body)).unwrap(),
        private: base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap(),
    };
    let hs256 = SigningKey::hs256(&SecretKey::from_bytes(&secret).unwrap());
    [
        TestKey { algorithm: "HS256", signing: hs256, private: secret },
        key("EdDSA", ED25519),
        key("ES256", P256),
    ]
}

/// A store as it is configured in all these exchanges.
fn store(key: &TestKey) -> JwtStore {
    JwtStore::new(key.signing.clone()).issuer("https://a.example").audience("shop").top_level(["role"])
}

/// A browser of a server whose clock shows the real time: other programs look at no other.
fn browser(store: JwtStore) -> Browser {
    let server = Server::new(store);
    server.clock.set(SystemClock.now());
    server.browser()
}

fn now() -> i64 {
    SystemClock.now().as_millis() / 1000
}

/// A session of a store, as its client carries it.
async fn issued(store: JwtStore) -> String {
    let mut browser = browser(store);
    let response = browser
        .does(|session| {
            session.log_in("alice")?;
            session.insert("role", "admin")?;
            session.insert("cart", json!({ "hat \"x\"": 1.5, "ünï": null }))
        })
        .await;
    assert!(response.is_ok(), "{:?}", response.error);
    browser.cookie.expect("the session is the cookie")
}

/// What others have to find in the claims of such a session.
fn check_issued(claims: &Value) {
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["sub"], &claims["role"]),
        (&json!("https://a.example"), &json!("shop"), &json!("alice"), &json!("admin")),
    );
    assert_eq!(claims["cloakroom"]["data"], json!({ "cart": { "hat \"x\"": 1.5, "ünï": null } }));
    let seconds = |name: &str| claims[name].as_i64().unwrap();
    assert!((now() - 60..=now()).contains(&seconds("iat")) && seconds("auth_time") <= seconds("iat"));
    assert!((1800..=1801).contains(&(seconds("exp") - seconds("iat"))), "the idle timeout");
    assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
}

/// The claims of a token that another program issues.
fn foreign_claims() -> Value {
    json!({
        "iss": "https://a.example", "aud": ["other", "shop"], "sub": "bob", "jti": "token-7",
        "iat": now(), "exp": now() + 600, "role": "editor", "name": "Bob",
    })
}

/// Takes the token of another program, reads it, and changes its session.
async fn check_taken(store: JwtStore, token: &str) {
    let mut browser = browser(store);
    browser.cookie = Some(token.to_owned());
    assert_eq!(browser.subject().await.as_deref(), Some("bob"), "{token}");
    assert_eq!(browser.sees::<String>("role").await.as_deref(), Some("editor"));
    assert_eq!(browser.sees::<String>("name").await, None, "it was not asked for");
    assert_eq!(browser.cookie.as_deref(), Some(token), "nothing has changed");
    assert!(browser.does(|session| session.insert("cart", 1)).await.is_ok());
    assert_ne!(browser.cookie.as_deref(), Some(token), "now it is one of ours");
    assert_eq!(browser.subject().await.as_deref(), Some("bob"));
    assert_eq!(browser.sees::<u32>("cart").await, Some(1));
}

/// Refuses a token: its client has no session.
async fn check_refused(store: JwtStore, token: &str) {
    let mut browser = browser(store);
    browser.cookie = Some(token.to_owned());
    assert_eq!(browser.subject().await, None, "{token}");
}
