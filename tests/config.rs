//! A manager from a configuration: every option arrives, every mistake is named, no secret is shown.

use std::time::Duration;

use cloakroom::{
    RequestHead, SessionStore as _,
    config::{Config, StoreConfig},
    manager::Finish,
    store::{Durability, Revocation, TokenForm},
};

fn store(url: &str) -> Result<StoreConfig, String> {
    url.parse().map_err(|error: cloakroom::config::ConfigError| error.to_string())
}

fn opened(url: &str) -> Result<String, String> {
    let store = store(url)?.open().map_err(|error| error.to_string())?;
    Ok(store.guarantees().name.to_owned())
}

#[test]
fn every_store_has_a_short_form() {
    for (url, name) in [
        ("memory", "memory"),
        ("memory:", "memory"),
        ("memory:?node=web-1&anonymous_sessions=10&logged_in_bytes=1000", "memory"),
        ("redis://127.0.0.1", "redis"),
        ("rediss://user@127.0.0.1:7000/2?prefix=shop%3A&connect_timeout=1s", "redis"),
        ("redis+unix:///run/redis.sock?db=3&prefix=x", "redis"),
        ("redis+sentinel://a,b/shop?cache=2s&cache_sessions=5&cache_bytes=9999", "cached"),
        ("postgres://h/db?cache=1s&cache_stale_if_error=1h&sslmode=disable", "cached"),
        ("migrating:?from=redis://a&to=redis://b&phase=move&cache=1s", "cached"),
        ("redis+cluster://a,b,c?persistent=false", "redis"),
        ("postgres://app@127.0.0.1/shop", "postgres"),
        (
            "postgresql://app@a,b:7/shop?table=web.sessions&create_table=true&announce=true&write_connections=8&named_statements=false\
             &connect_timeout=1s&sslmode=verify-full&application_name=a%26b&target_session_attrs=any",
            "postgres",
        ),
        ("encrypted-cookie:?keys=generate", "encrypted-cookie"),
        (
            "encrypted-cookie:?keys=generate&cipher=chacha20-poly1305&context=shop&max_token=2048",
            "encrypted-cookie",
        ),
        ("signed-cookie:?keys=generate&context=shop&max_token=2048", "signed-cookie"),
        ("jwt:?keys=generate&issuer=https%3A%2F%2Fshop&audience=shop&leeway=5s&accepting_type=JWT", "jwt"),
        ("memory:?node=web-1&drain_to=redis://h?prefix=x", "draining"),
        ("migrating:?from=memory:&to=jwt:?keys=generate&phase=prepare", "migrating"),
        (
            "migrating:?from=redis://h&to=memory:?node=a%26anonymous_sessions=9&phase=move&when_read=true\
             &tokens_live_at_most=1day",
            "migrating",
        ),
        (
            "revocable:?store=encrypted-cookie:?keys=generate&log=redis://h?prefix=x&within=2s&accept_while_down=1m",
            "revocable",
        ),
        ("revocable:?store=jwt:?keys=generate&log=postgres://app@h/shop", "revocable"),
        ("revocable:?store=signed-cookie:?keys=generate&log=memory:&within=0s", "revocable"),
        ("write-behind:?store=redis://h", "write-behind"),
        (
            "write-behind:?store=postgres://app@h/shop&at_most=500ms&within=2s&bridge=1m&unsaved=9&sessions=99&bytes=9999&node=a",
            "write-behind",
        ),
        ("hybrid:?store=redis://h&keys=generate", "hybrid"),
        (
            "hybrid:?store=postgres://app@h/shop?cache=1s&keys=generate&fresh_for=30s&leeway=2s&read_while_down=15m\
             &cipher=chacha20-poly1305&context=shop&max_token=3000",
            "hybrid",
        ),
        ("migrating:?to=jwt:?keys=generate%26issuer=a%252526b&from=memory&phase=finish", "migrating"),
    ] {
        assert_eq!(opened(url).as_deref(), Ok(name), "{url}");
    }
}

#[test]
fn a_file_is_named_by_a_relative_or_an_absolute_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    for url in [
        format!("sqlite:{path}/one.db"),
        format!("sqlite://{path}/two%23.db?table=shop_1&synchronous=normal"),
    ] {
        assert_eq!(opened(&url).as_deref(), Ok("sqlite"), "{url}");
    }
    for name in ["one.db", "two#.db"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn options_reach_the_store() {
    let guarantees = |url: &str| store(url).unwrap().open().unwrap().guarantees();
    let cached = guarantees("redis://127.0.0.1?cache=2s");
    assert_eq!(cached.revocation, Revocation::Within(Duration::from_secs(2)));
    let ceiling = guarantees("redis://127.0.0.1?cache=2s&cache_stale_if_error=1h");
    assert_eq!(ceiling.revocation, Revocation::Within(Duration::from_secs(3600)));
    assert!(cached.survives_restart);
    assert!(!guarantees("redis://127.0.0.1?persistent=false").survives_restart);
    assert_eq!(guarantees("signed-cookie:?keys=generate").token, TokenForm::Readable);
    let behind = guarantees("write-behind:?store=redis://h&at_most=500ms&within=2s&bridge=1s");
    assert_eq!(behind.durability, Durability::Within(Duration::from_millis(1500)));
    assert_eq!(behind.revocation, Revocation::Within(Duration::from_secs(3)));
    let hybrid = guarantees("hybrid:?store=redis://h&keys=generate&fresh_for=30s");
    assert_eq!(hybrid.revocation, Revocation::Within(Duration::from_secs(30)));
    let reads_on = guarantees("hybrid:?store=redis://h&keys=generate&fresh_for=30s&read_while_down=1h");
    assert_eq!(reads_on.revocation, Revocation::Within(Duration::from_secs(3600)));
    let limits = [2048, 4096]
        .map(|bytes| guarantees(&format!("encrypted-cookie:?keys=generate&max_token={bytes}")).max_data);
    assert!(limits[0] < limits[1], "{limits:?}");
}

#[test]
fn a_mistake_names_its_field_and_what_may_stand_there() {
    for (url, words) in [
        ("mongodb://h", &["store: url", "redis+sentinel", "encrypted-cookie"][..]),
        ("memory:?nodes=1", &["nodes", "`node`, `anonymous_sessions`"]),
        ("memory:?node=Web%201", &["node", "a-z"]),
        ("memory:?anonymous_sessions=many", &["anonymous_sessions", "whole number"]),
        ("redis://h?cache=soon", &["cache", "30m"]),
        ("redis://h?cache_sessions=5", &["cache_sessions", "cache=1s"]),
        ("memory:?cache=1s", &["store: cache", "in this process already"]),
        ("jwt:?keys=generate&cache=1s", &["store: cache", "carry"]),
        ("migrating:?from=memory:&to=redis://h&phase=move&cache=1s", &["store: cache", "in this process"]),
        ("redis://h?persistent=maybe", &["persistent", "true or false"]),
        ("redis+sentinel://h", &["url", "service"]),
        ("redis://h?tls_roots_file=/nowhere", &["tls_roots_file", "/nowhere"]),
        ("redis://h?tls_key_file=/dev/null", &["tls_certificate_file", "missing", "tls_key_file"]),
        (
            "redis+sentinel://h/s?sentinel_tls_certificate_file=/dev/null",
            &["sentinel_tls_key_file", "missing"],
        ),
        ("redis+sentinel://h/s?sentinel_user=a", &["sentinel_user", "sentinel_password_env"]),
        ("postgres://h/db?table=a%20b", &["table", "letters"]),
        ("postgres://h/db?write_connections=0", &["write_connections", "at least 1"]),
        ("postgres://h/db?sslmode=prefer", &["url", "verify-full"]),
        ("postgres://h/db?prefix=x", &["prefix"]),
        ("postgres://h/db?tls_key_file=/dev/null", &["tls_certificate_file", "missing", "tls_key_file"]),
        ("redis://h?connect_timeout=0s", &["connect_timeout", "longer than zero"]),
        ("redis://h?cache=0s", &["cache", "longer than zero"]),
        ("redis://h?cache=1s&cache_sessions=0", &["cache_sessions", "at least 1"]),
        ("redis://h?anonymous_share=0", &["anonymous_share", "1 to 100"]),
        ("redis://h?replicas=0", &["replicas", "at least 1"]),
        ("redis://h?circuit_threshold=0", &["circuit_threshold", "at least 1"]),
        ("redis://h?circuit_breaker=false&circuit_cool_down=1s", &["circuit_breaker", "off"]),
        ("encrypted-cookie:", &["keys", "keys_env", "keys_file", "generate"]),
        ("sqlite:", &["url", "no path", "sqlite:sessions.db"]),
        ("sqlite:/nowhere/sessions.db", &["url", "cannot be opened", "folder"]),
        ("sqlite::memory:", &["url", "need a file", "MemoryStore"]),
        ("sqlite:sessions.db?table=a.b", &["table", "ASCII letters"]),
        ("sqlite:sessions.db?synchronous=off", &["synchronous", "`full` or `normal`"]),
        ("encrypted-cookie:?keys=abc", &["keys", "generate"]),
        ("encrypted-cookie:?keys=generate&cipher=rot13", &["cipher", "`aes-256-gcm` or `chacha20-poly1305`"]),
        ("jwt:?keys_env=CLOAKROOM_NO_SUCH_VARIABLE", &["keys_env", "CLOAKROOM_NO_SUCH_VARIABLE"]),
        ("jwt:?pem_file=/nowhere", &["pem_file", "/nowhere"]),
        ("revocable:?store=memory:&log=memory:", &["store: store: ", "memory", "revokes sessions itself"]),
        ("revocable:?store=jwt:?keys=generate", &["missing", "`log`"]),
        ("revocable:?store=jwt:?keys=generate&log=jwt:?keys=generate", &["store: log: url", "Redis"]),
        ("write-behind:", &["missing", "`store`"]),
        ("write-behind:?store=mongodb:", &["store: store: url", "redis+sentinel"]),
        ("write-behind:?store=memory:", &["store: store", "in this process", "without the layer"]),
        ("write-behind:?store=jwt:?keys=generate", &["store: store", "clients carry", "without the layer"]),
        ("write-behind:?store=redis://h&at_most=soon", &["at_most", "30m"]),
        ("hybrid:?keys=generate", &["missing", "`store`"]),
        ("hybrid:?store=redis://h", &["store: keys", "keys_env"]),
        ("hybrid:?store=memory:&keys=generate", &["store: store", "in this process"]),
        ("migrating:?from=memory:&to=memory:", &["missing", "phase"]),
        ("migrating:?from=memory:&to=memory:&phase=run", &["phase", "run", "`prepare`, `move`, `finish`"]),
        ("migrating:?from=memory:&phase=move", &["missing", "`to`"]),
        ("migrating:?from=mongodb:&to=memory:&phase=move", &["store: from: url", "redis+sentinel"]),
        ("migrating:?from=memory:&to=jwt:&phase=move", &["store: to: keys", "keys_env"]),
        (
            "migrating:?from=memory:?nodes=1&to=memory:&phase=move",
            &["from: ", "nodes", "`node`, `anonymous_sessions`"],
        ),
        ("memory:?drain_to=jwt:?keys=generate", &["drain_to", "carry"]),
        ("memory:?drain_to=elsewhere", &["store: drain_to: url", "redis+sentinel"]),
        ("migrating:?form=memory:&to=memory:", &["form", "`from`, `to`, `phase`, `when_read`"]),
        ("jwt:?pem_file=a&pem_env=b", &["pem_env", "pem_file", "keep one"]),
    ] {
        let error = opened(url).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{url}: {error:?} does not say {word:?}");
        }
    }
}

#[test]
fn a_table_says_the_same_as_a_url() {
    for (table, url) in [
        (r#"{"kind": "memory"}"#, "memory"),
        (
            r#"{"url": "redis://h/1", "prefix": "a&b", "cache": "1s", "persistent": false}"#,
            "redis://h/1?prefix=a%26b&cache=1s&persistent=false",
        ),
        (
            r#"{"kind": "migrating", "from": {"url": "redis://h", "persistent": false}, "phase": "prepare",
                "to": {"kind": "migrating", "from": "memory:", "to": "jwt:?keys=generate", "phase": "move"}}"#,
            "migrating:?from=redis://h?persistent=false&phase=prepare\
             &to=migrating:?from=memory:%26to=jwt:?keys=generate%26phase=move",
        ),
    ] {
        let table: StoreConfig = serde_json::from_str(table).unwrap();
        let url = store(url).unwrap();
        assert_eq!(table.open().unwrap().guarantees(), url.open().unwrap().guarantees());
    }
    let error = serde_json::from_str::<StoreConfig>(r#"{"prefix": "x"}"#).unwrap_err().to_string();
    assert!(error.contains("kind"), "{error}");
    let error = serde_json::from_str::<StoreConfig>(r#"{"kind": "jwt", "keys": {"kind": "memory"}}"#);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("keys: "), "{error}");
}

#[test]
fn a_whole_manager_comes_from_a_file() {
    let text = r#"{
        "store": { "kind": "memory", "node": "web-1" },
        "idle_timeout": "30m", "absolute_timeout": "12h", "remember_at_most": "30days", "touch_after": "1m",
        "leeway": "10s", "renewal_grace": "5s", "store_timeout": "500ms", "max_data": 65536,
        "sessions_per_subject": 5, "on_too_many_sessions": "refuse",
        "on_outage": "serve-anonymous", "save_on": "success", "on_stale_write": "overwrite",
        "cookie": { "name": "id", "path": "/app", "domain": "example.org", "same_site": "strict",
                    "expires_with_browser": true, "partitioned": true,
                    "replaces": [{ "name": "old" }, { "name": "id", "path": "/", "domain": "example.org" }] },
        "mounted_at": "/shop",
        "transports": ["bearer", "cookie", "x-session"],
        "allow_cross_site": ["/callback", "/saml/{org}/acs"],
        "trusted_origins": ["https://app.example"],
        "require": ["index", "revocation", "no-lost-updates", "hidden-from-clients"]
    }"#;
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!(config.idle_timeout, Some(Duration::from_secs(1800)));
    assert_eq!(config.store_timeout, Some(Duration::from_millis(500)));
    assert_eq!(config.transports.len(), 3);
    assert_eq!(config.manager().unwrap().guarantees().name, "memory");
    assert!(serde_json::from_str::<Config>("{}").unwrap().manager().is_ok(), "everything has a default");
}

#[test]
fn other_sites_and_requirements_are_checked_when_the_program_starts() {
    for (text, words) in [
        (r#"{"allow_cross_site": ["callback"]}"#, &["allow_cross_site", "slash", "callback"][..]),
        (r#"{"allow_cross_site": ["/saml/{org/acs"]}"#, &["allow_cross_site", "whole segment"]),
        (r#"{"trusted_origins": ["null"]}"#, &["trusted_origins", "https://app.example", "null"]),
        (r#"{"trusted_origins": ["https://app.example/"]}"#, &["trusted_origins"]),
        (r#"{"require": ["survives-restart"]}"#, &["memory", "restart"]),
        (
            r#"{"store": "signed-cookie:?keys=generate", "require": ["index"]}"#,
            &["signed-cookie", "list and end"],
        ),
    ] {
        let config: Config = serde_json::from_str(text).unwrap();
        let error = config.manager().unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
    }
    let error = serde_json::from_str::<Config>(r#"{"require": ["speed"]}"#).unwrap_err().to_string();
    assert!(error.contains("require") && error.contains("no-lost-updates"), "{error}");
}

#[tokio::test]
async fn a_file_lets_other_sites_in() {
    let text = r#"{"trusted_origins": ["https://app.example"], "allow_cross_site": ["/saml/{org}/acs"]}"#;
    let sessions = serde_json::from_str::<Config>(text).unwrap().manager().unwrap();
    for (path, origin, status) in [
        ("/", "https://app.example", None),
        ("/", "https://evil.example", Some(403)),
        ("/saml/acme/acs", "https://evil.example", None),
    ] {
        let exchange = sessions.exchange(path);
        let mut headers = http::HeaderMap::new();
        headers.insert("origin", origin.parse().unwrap());
        let head = RequestHead { method: "POST", authority: Some("shop.example"), headers: &headers };
        exchange.lazy().load(&head).await.unwrap().log_in("alice").unwrap();
        let Finish::Pending(saving) = exchange.finish(200) else { panic!("there is something to write") };
        assert_eq!(saving.await.error().map(cloakroom::SessionError::status), status, "{path} {origin}");
    }
}

#[test]
fn a_files_mistakes_are_named_too_and_never_panic() {
    for (text, words) in [
        (r#"{"idle_timeout": "half an hour"}"#, &["idle_timeout", "30m"][..]),
        (r#"{"idle_timeout": 1800}"#, &["idle_timeout", "30m"]),
        (r#"{"idle": "30m"}"#, &["idle", "idle_timeout"]),
        (r#"{"on_outage": "panic"}"#, &["on_outage", "`refuse` or `serve-anonymous`"]),
        (r#"{"on_too_many_sessions": "panic"}"#, &["on_too_many_sessions", "`end-oldest` or `refuse`"]),
        (r#"{"save_on": 7}"#, &["save_on", "save_on"]),
        (r#"{"cookie": {"same_site": "sometimes"}}"#, &["cookie: same_site", "`strict`, `lax`, `none`"]),
        (r#"{"cookie": {"name": "a b"}}"#, &["cookie", "name"]),
        (r#"{"cookie": {"name": "__Host-x", "path": "/a"}}"#, &["cookie", "__Host-"]),
        (
            r#"{"cookie": {"name": "x", "same_site": "none", "insecure_for_local_development": true}}"#,
            &["cookie", "Secure"],
        ),
        (r#"{"cookie": {"names": "x"}}"#, &["names", "name"]),
        (r#"{"cookie": {"name": "x", "replaces": [{"name": "x"}]}}"#, &["cookie", "not itself"]),
        (r#"{"cookie": {"name": "x", "replaces": [{"nam": "x"}]}}"#, &["cookie: replaces", "nam"]),
        (
            r#"{"cookie": {"name": "x", "partitioned": true, "insecure_for_local_development": true}}"#,
            &["cookie", "Secure"],
        ),
        (r#"{"transports": ["smoke signals"]}"#, &["transports", "smoke signals", "bearer"]),
    ] {
        let error = serde_json::from_str::<Config>(text).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{text}: {error:?} does not say {word:?}");
        }
    }
}

#[test]
fn no_secret_is_shown() {
    let url = "redis://user:hunter2@h:99999/x?prefix=hunter2";
    let shown = match store(url) {
        Ok(config) => format!("{config:?} {:?}", config.open().map(drop).unwrap_err()),
        Err(error) => error,
    };
    assert!(!shown.contains("hunter2"), "{shown}");
    let both = opened("redis://user:hunter2@h?password_env=PATH").unwrap_err();
    assert!(both.contains("by reference") && !both.contains("hunter2"), "{both}");
    let both = opened("postgres://user:hunter2@h/db?password_env=PATH").unwrap_err();
    assert!(both.contains("by reference") && !both.contains("hunter2"), "{both}");
    let unencoded = opened("postgres://user:hunter2?x@h/db").unwrap_err();
    assert!(unencoded.contains("%3F") && !unencoded.contains("hunter2"), "{unencoded}");
    opened("postgres://user@h/db?password_env=PATH").unwrap();
    let store = store("redis://user@h?password_env=PATH").unwrap().open().unwrap();
    let path = std::env::var("PATH").unwrap();
    assert!(!format!("{store:?}").contains(&path));
    // A key that stands where it should be referred to is a likely mistake, and errors are logged.
    for url in ["encrypted-cookie:?keys=hunter2", "jwt:?keys=hunter2"] {
        let error = opened(url).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_password_reaches_a_server_behind_a_socket() {
    opened("redis+unix:///run/redis.sock?password_env=PATH&db=1").unwrap();
}

#[test]
fn the_sentinels_may_have_a_password_and_certificates_of_their_own() {
    let url = "redis+sentinel://h/shop?sentinel_user=a&sentinel_password_env=PATH&sentinel_tls_roots_file=/dev/null\
               &sentinel_tls_certificate_file=/dev/null&sentinel_tls_key_file=/dev/null";
    opened(url).unwrap();
    opened("redis+sentinel://h/shop?sentinel_password_file=/dev/null&password_env=PATH").unwrap();
}

#[test]
fn a_limit_of_nothing_is_refused() {
    for option in
        ["idle_timeout", "anonymous_idle_timeout", "absolute_timeout", "remember_at_most", "store_timeout"]
    {
        let config = serde_json::from_str::<Config>(&format!(r#"{{ "{option}": "0s" }}"#));
        let error = config.unwrap_err().to_string();
        assert!(error.contains(option) && error.contains("longer than zero"), "{error}");
    }
    for option in ["max_data", "sessions_per_subject"] {
        let error =
            serde_json::from_str::<Config>(&format!(r#"{{ "{option}": 0 }}"#)).unwrap_err().to_string();
        assert!(error.contains(option) && error.contains("at least 1"), "{error}");
    }
}

#[test]
fn a_password_with_a_question_mark_is_not_quoted() {
    for url in [
        "redis://:abc?SuperSecretTail=1@h",
        "redis://:abc?tail@h",
        "redis://user:abc?a=1&tail=2@h/0",
        "redis://us@er:abc?tail=2@h/0",
        "rediss+sentinel://:abc?tail=2@h/s",
    ] {
        let error = opened(url).unwrap_err();
        assert!(error.contains("%3F") && !error.to_lowercase().contains("tail"), "{url}: {error}");
    }
}

/// A job that bans a user opens the configured store as the server does. It must not find another, empty one.
#[tokio::test]
async fn a_configuration_has_one_store_however_often_it_is_opened() {
    let config: Config = serde_json::from_str(r#"{ "store": "memory:?node=web-1" }"#).unwrap();
    let (server, job) = (config.manager().unwrap(), config.clone().manager().unwrap());
    server.test_session(|session| session.log_in("alice")).await.unwrap();
    assert_eq!(job.end_sessions_of("alice").await.unwrap(), 1);

    server.test_session(|session| session.log_in("alice")).await.unwrap();
    let store = config.store.open().unwrap();
    let cx = cloakroom::store::StoreContext::new(
        cloakroom::time::Timestamp::from_millis(0),
        cloakroom::time::Deadline::NONE,
    );
    assert_eq!(store.index().unwrap().list("alice", cx).await.unwrap().len(), 1);
}

/// Each would draw keys of its own.
#[tokio::test]
async fn what_one_manager_of_a_configuration_issues_another_one_opens() {
    let config = Config::from(store("encrypted-cookie:?keys=generate").unwrap());
    let (one, other) = (config.manager().unwrap(), config.manager().unwrap());
    let (_, cookie) = one.test_session(|session| session.log_in("alice")).await.unwrap();
    let (_, value) = cookie.split_once('=').unwrap();
    let presented = cloakroom::store::PresentedToken::new(value.as_bytes());
    let now = cloakroom::time::Clock::now(&cloakroom::time::SystemClock);
    let loaded = config.store.open().unwrap().load_now(presented, now).unwrap().unwrap();
    assert!(matches!(loaded, cloakroom::store::Loaded::Live { .. }));
    drop(other);
}

#[test]
fn configurations_of_the_same_text_are_apart() {
    let [one, other] = ["memory:", "memory:"].map(|url| store(url).unwrap().open().unwrap());
    assert!(!std::sync::Arc::ptr_eq(&one, &other));
}
