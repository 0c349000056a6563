//! Real neighbours with their default settings: proxies that limit headers, and clients that read cookies in their own way.
//!
//! | module | holds |
//! | --- | --- |
//! | `app` | an application on both frameworks, served |
//! | `proxy` | nginx and HAProxy |
//! | `client` | a client with a jar of cookies |
//!
//! They need nginx, HAProxy and a JDK, so `scripts/test` runs them:
//! `cargo test -p cloakroom-tests --test neighbours -- --ignored`.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod app;
mod client;
mod proxy;

#[path = "../rig/folder.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod folder;
#[path = "../rig/port.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod port;
#[path = "../rig/process.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod process;
#[path = "../rig/wait.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wait;

use std::{process::Command, sync::Arc};

use app::{SUBJECT, Served};
use client::Client;
use cloakroom::{
    SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{DEFAULT_MAX_TOKEN, EncryptedCookieStore, JwtStore, MemoryStore, SignedCookieStore},
};
use proxy::{Kind, Proxy};

fn carried(max_token: usize) -> Vec<Arc<dyn SessionStore>> {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    vec![
        Arc::new(EncryptedCookieStore::new(&keys).max_token(max_token)),
        Arc::new(SignedCookieStore::new(&keys).max_token(max_token)),
        Arc::new(JwtStore::from_ring(&keys).max_token(max_token)),
    ]
}

/// The longest text that a session may hold beside its name and its quotes.
fn longest(store: &dyn SessionStore) -> usize {
    store.guarantees().max_data.unwrap() - 5 - "blob".len() - 2
}

/// Fills a session to the limit, and reads it back.
fn fills_up(served: &Served, store: &dyn SessionStore, proxy: &Proxy) {
    let place = format!("{} behind {:?}, {served:?}", store.guarantees().name, proxy.kind);
    let mut client = Client::new(proxy.address());
    assert_eq!(client.send("POST", "/login").0, 200, "{place}");
    let len = longest(store);
    assert_eq!(client.send("POST", &format!("/fill/{len}")).0, 200, "{place}");
    assert_eq!(client.send("GET", "/who"), (200, format!("{SUBJECT} {len}")), "{place}");
    assert_eq!(
        client.send("POST", &format!("/fill/{}", len + 1)).0,
        413,
        "{place}: refused by the app, not by a proxy"
    );
    assert_eq!(client.send("GET", "/who"), (200, format!("{SUBJECT} {len}")), "{place}");
}

#[test]
#[ignore = "needs nginx and HAProxy: run ./scripts/test"]
fn a_session_of_the_default_limit_passes_proxies_with_their_defaults_beside_a_kilobyte_of_other_headers() {
    for store in carried(DEFAULT_MAX_TOKEN) {
        for served in Served::on_each_framework(&store) {
            for kind in [Kind::Nginx, Kind::HaProxy] {
                fills_up(&served, &*store, &Proxy::start(kind, served.address, false));
            }
        }
    }
}

#[test]
#[ignore = "needs nginx and HAProxy: run ./scripts/test"]
fn a_longer_session_passes_with_the_documented_settings() {
    for store in carried(7 * 1024) {
        let served = Served::on_axum(&store);
        for kind in [Kind::Nginx, Kind::HaProxy] {
            fills_up(&served, &*store, &Proxy::start(kind, served.address, true));
        }
    }
}

/// `java.net.CookieManager` takes a cookie without `Expires` for one of RFC 2965.
#[test]
#[ignore = "needs a JDK: run ./scripts/test"]
fn javas_cookie_manager_holds_the_session() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let stores: [Arc<dyn SessionStore>; 2] =
        [Arc::new(MemoryStore::new()), Arc::new(EncryptedCookieStore::new(&keys))];
    for store in stores {
        for served in Served::on_each_framework(&store) {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/neighbours/Client.java");
            let output = Command::new("java").arg(source).arg(format!("http://{}", served.address)).output();
            let output = output
                .expect("java is installed (on Debian and Ubuntu: apt-get install default-jdk-headless)");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(said, format!("{SUBJECT} 100\nnobody 0\n"), "{served:?}");
        }
    }
}
