//! A server that refuses writes: the client reads one sentence, and the log has one line with the reason.

use tracing::Level;

use crate::{events::Events, rig::RedisServer, scene::site};

/// What makes a server refuse writes, the code of its refusal, and the kind that it is logged with.
const REFUSALS: &[(&[&[&str]], &str, &str)] = &[
    (&[&["ACL", "SETUSER", "default", "-@scripting"]], "NOPERM", "Store(Unavailable)"),
    (
        &[&["CONFIG", "SET", "maxmemory-policy", "noeviction"], &["CONFIG", "SET", "maxmemory", "1"]],
        "OOM",
        "Store(Full)",
    ),
    (&[&["CONFIG", "SET", "min-replicas-to-write", "1"]], "NOREPLICAS", "Store(ReadOnly)"),
];

#[tokio::test]
async fn a_refused_write_is_logged_once_with_the_words_of_the_server() {
    for (commands, code, kind) in REFUSALS {
        let server = RedisServer::start();
        let store = cloakroom::store::RedisStore::from_url(&server.url()).unwrap();
        let mut browser = site(store).browser();
        browser.does(|session| session.insert("cart", "canary")).await;
        for command in *commands {
            let () = server.command(command);
        }
        let (events, _guard) = Events::listen();
        let response = browser.does(|session| session.insert("cart", "other canary")).await;
        assert_eq!(response.status(), 503, "{code}");
        let line = events.only_complaint();
        assert_eq!((line.level, line.field("kind"), line.field("status")), (Level::ERROR, *kind, "503"));
        let words = line.field("error").to_ascii_uppercase();
        assert!(words.contains(code), "{line:?}");
        assert!(!format!("{line:?}").contains("canary"), "{line:?}");
    }
}
