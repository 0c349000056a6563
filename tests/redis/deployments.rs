//! How a server is reached, and what is said when it cannot be.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use cloakroom::{
    Session, SessionStore, StoreError, StoreErrorKind,
    store::{CachedOptions, Credentials, RedisStore, RedisStoreBuilder},
    time::Deadline,
};

use crate::{
    browser::{MINUTE, Server},
    rig::{Proxy, RedisServer, eventually},
    scene::{Scene, add, at, cached, look, recovers, site},
};

const SECRET: &str = "s3cret";

async fn ping(store: &RedisStore) -> Result<(), StoreError> {
    store.ping(Deadline::after(Duration::from_secs(5))).await
}

/// All that sessions ask of a server: every script and every command.
async fn everything_works(store: impl SessionStore) {
    let site = Server::new(store);
    let (mut one, mut other) = (site.browser(), site.browser());
    for browser in [&mut one, &mut other] {
        assert!(browser.does(|session| add(session, "n")).await.is_ok());
        assert!(browser.logs_in("alice").await.is_ok());
    }
    site.clock.advance(2 * MINUTE);
    assert!(one.does(|_| Ok(())).await.is_ok());
    let visit = one.visit().await;
    assert_eq!(visit.session.sessions().await.unwrap().len(), 2);
    assert_eq!(visit.session.end_others().await.unwrap(), 1);
    assert_eq!(look(&at(&site, &other), "n").await, Ok(None));
    assert!(one.does(Session::renew).await.is_ok());
    assert_eq!(look(&one, "n").await, Ok(Some(1)));
    assert!(one.does(Session::log_out).await.is_ok());
}

/// Everything that an error says, its causes included.
fn text(error: &dyn Error) -> String {
    let cause = error.source().map(text).unwrap_or_default();
    format!("{error} {error:?} {cause}")
}

#[tokio::test]
async fn over_tls_with_an_authority_of_ones_own() {
    let server = RedisServer::builder().tls().start_or_skip("a store over TLS");
    let Some(server) = server else { return };
    let store = RedisStore::from_url(&server.url()).unwrap();
    let error = ping(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "nobody else knows this authority");
    let store = RedisStore::builder(&server.url()).unwrap().tls_roots(server.ca_pem().as_bytes());
    everything_works(store.build()).await;

    let plain = RedisStore::from_url(&server.url().replace("rediss", "redis")).unwrap();
    assert_eq!(ping(&plain).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn over_tls_behind_a_cache() {
    let server = RedisServer::builder().tls().start_or_skip("a store behind a cache over TLS");
    let Some(server) = server else { return };
    let store = RedisStore::builder(&server.url()).unwrap().tls_roots(server.ca_pem().as_bytes());
    everything_works(cached(store.build(), CachedOptions::default())).await;
}

/// `tls-auth-clients yes`, which is Redis's own default.
#[tokio::test]
async fn over_tls_with_a_certificate_of_the_client() {
    let server = RedisServer::builder().tls_auth_clients().start_or_skip("a store with a client certificate");
    let Some(server) = server else { return };
    let trusting = || RedisStore::builder(&server.url()).unwrap().tls_roots(server.ca_pem().as_bytes());
    assert_eq!(ping(&trusting().build()).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    let [certificate, key] = server.client_pem();
    everything_works(trusting().client_certificate(certificate.as_bytes(), key.as_bytes()).build()).await;

    // From files, which a rotation replaces.
    let paths = ["crt", "key"].map(|end| std::env::temp_dir().join(format!("{}.{end}", server.port())));
    let store = trusting().client_certificate_files(&paths[0], &paths[1]).build();
    let error = text(&ping(&store).await.unwrap_err());
    assert!(error.contains("cannot be read") && error.contains(".crt"), "{error}");
    std::fs::write(&paths[0], certificate).unwrap();
    std::fs::write(&paths[1], key).unwrap();
    eventually("the files are read", async || ping(&store).await.is_ok()).await;
    paths.iter().for_each(|path| std::fs::remove_file(path).unwrap());
}

/// A password that is changed needs no restart.
#[tokio::test]
async fn with_credentials_that_are_asked_for_at_each_connection() {
    let server = RedisServer::start();
    let current = Arc::new(Mutex::new("first".to_owned()));
    let set_password = |password: &str| {
        let rule =
            [&["ACL", "SETUSER"][..], &["app", "reset", "on", &format!(">{password}"), "~*", "&*", "+@all"]];
        let () = server.command(&rule.concat());
        let _killed: i64 = server.command(&["CLIENT", "KILL", "USER", "app"]);
    };
    set_password("first");
    let asked = Arc::clone(&current);
    let provider = move || {
        let password = asked.lock().unwrap().clone();
        async move { Ok::<_, std::io::Error>(Credentials::new("app", password)) }
    };
    let store = RedisStore::builder(&server.url()).unwrap().credentials(provider).build();
    everything_works(store.clone()).await;
    set_password("second");
    let error = text(&ping(&store).await.unwrap_err());
    assert!(error.contains("refused the user name or the password") && !error.contains("first"), "{error}");
    *current.lock().unwrap() = "second".to_owned();
    eventually("the new password is used", async || ping(&store).await.is_ok()).await;
    everything_works(store).await;

    let none = || async { Err::<Credentials, _>("the vault is sealed") };
    let store = RedisStore::builder(&server.url()).unwrap().credentials(none).build();
    let error = ping(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(text(&error).contains("the vault is sealed"), "{}", text(&error));
}

#[tokio::test]
async fn over_a_unix_socket() {
    let server = RedisServer::builder().unix_socket().password(SECRET).start();
    everything_works(RedisStore::from_url(&server.url()).unwrap()).await;
}

#[tokio::test]
async fn with_a_user_and_a_password_in_a_database_of_its_own() {
    let server = RedisServer::builder().user("shop", SECRET).start();
    let store = RedisStore::from_url(&format!("{}/3", server.url())).unwrap();
    everything_works(store.clone()).await;
    assert!(Server::new(store).browser().logs_in("alice").await.is_ok());
    let keyspace = server.info("db3").unwrap_or_default();
    assert!(keyspace.starts_with("keys="), "{keyspace}");
    assert_eq!(server.command::<usize>(&["DBSIZE"]), 0, "in the first one");
}

#[tokio::test]
async fn two_prefixes_are_two_sites() {
    let scene = Scene::new();
    let (one, other) =
        (site(scene.builder().prefix("one:").build()), site(scene.builder().prefix("other:").build()));
    let mut browser = one.browser();
    browser.logs_in("alice").await;
    assert_eq!(at(&other, &browser).subject().await, None);
    let keys: Vec<String> = scene.server.command(&["KEYS", "*"]);
    assert!(keys.len() == 2 && keys.iter().all(|key| key.starts_with("one:")), "{keys:?}");
}

#[tokio::test]
async fn on_a_connection_that_exists() {
    let server = RedisServer::start();
    let connection = server.client().get_multiplexed_async_connection().await.unwrap();
    everything_works(RedisStoreBuilder::from_redis_connection(connection).build()).await;
}

/// What the documentation of `RedisStore` gives a user.
fn documented_acl() -> Vec<String> {
    let source = include_str!("../../src/store/record/redis/backend.rs");
    let docs = source.lines().filter_map(|line| line.strip_prefix("/// ")).collect::<Vec<_>>().join(" ");
    let (_, rule) = docs.split_once("`ACL SETUSER app ").expect("it says how");
    let (rule, _) = rule.split_once('`').expect("it ends");
    rule.replace(">password", &format!(">{SECRET}")).split(' ').map(str::to_owned).collect()
}

/// The commands that users were refused, as this server names them: the whole name, or without its second word.
fn refused(server: &RedisServer) -> BTreeSet<String> {
    let log: Vec<HashMap<String, redis::Value>> = server.command(&["ACL", "LOG"]);
    log.into_iter()
        .map(|mut entry| redis::from_redis_value(entry.remove("object").unwrap()).unwrap())
        .collect()
}

/// What is refused of a client that only connects. It introduces itself, and does as well without.
fn refused_introduction(server: &RedisServer, url: &str) -> BTreeSet<String> {
    redis::Client::open(url).unwrap().get_connection().unwrap();
    let introduction = refused(server);
    let () = server.command(&["ACL", "LOG", "RESET"]);
    introduction
}

#[tokio::test]
async fn as_a_user_who_may_do_what_the_documentation_says_and_no_more() {
    let rule = documented_acl();
    let server = RedisServer::start();
    let setuser = |rule: &[String]| {
        let words = ["ACL", "SETUSER", "app", "reset"].into_iter().chain(rule.iter().map(String::as_str));
        let () = server.command(&words.collect::<Vec<_>>());
    };
    let url = server.url().replace("//", &format!("//app:{SECRET}@"));
    setuser(&rule);
    let introduction = refused_introduction(&server, &url);
    everything_works(RedisStore::from_url(&url).unwrap()).await;
    let known = cached(RedisStore::from_url(&url).unwrap(), CachedOptions::default());
    everything_works(known.clone()).await;
    assert_eq!(server.info("tracking_clients").as_deref(), Some("1"), "the cache is told of changes");
    ping(&RedisStore::from_url(&url).unwrap()).await.unwrap();
    let refused = refused(&server);
    assert!(refused.is_subset(&introduction), "something that is needed was refused: {refused:?}");
    setuser(&[&rule[..], &["+select".to_owned()]].concat());
    everything_works(RedisStore::from_url(&format!("{url}/1")).unwrap()).await;

    // A key of somebody else's, and a command that sessions do not need.
    for command in [&["GET", "other"][..], &["KEYS", "*"]] {
        let mut connection = redis::Client::open(url.clone()).unwrap().get_connection().unwrap();
        let refused = redis::Cmd::new().arg(command).query::<()>(&mut connection).unwrap_err();
        assert_eq!(refused.code(), Some("NOPERM"));
    }
    // Whoever has less is told what to look up.
    setuser(&rule.iter().filter(|word| *word != "+get").cloned().collect::<Vec<_>>());
    let browser = site(RedisStore::from_url(&url).unwrap()).browser();
    let forged = crate::browser::Browser { cookie: Some("0".repeat(64)), ..browser };
    let error = forged.try_visit(&forged.request()).await.err().unwrap();
    assert_eq!(error.status(), 503);
    assert!(text(&error).contains("may not run a command that sessions need"), "{}", text(&error));
}

#[tokio::test]
async fn a_wrong_password_is_said_clearly_and_not_repeated() {
    let server = RedisServer::builder().user("shop", SECRET).start();
    let wrong = server.url().replace(SECRET, "wr0ng");
    let none = format!("redis://{}", server.address());
    for url in [&wrong, &none] {
        let store = RedisStore::from_url(url).unwrap();
        let error = ping(&store).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().starts_with("Redis refused the user name or the password: "), "{error}");
        let all = format!("{} {store:?} {:?}", text(&error), Server::new(store.clone()).sessions);
        assert!(!all.contains("wr0ng") && !all.contains(SECRET), "{all}");
    }
}

#[tokio::test]
async fn a_server_may_start_before_its_redis() {
    let mut scene = Scene::new();
    scene.server.kill();
    let site = scene.site();
    let mut browser = site.browser();
    let response = browser.does(|session| add(session, "n")).await;
    assert_eq!((response.status(), response.cookie()), (503, None));
    scene.server.restart();
    eventually("it is there", async || browser.does(|session| add(session, "n")).await.is_ok()).await;
    assert_eq!(look(&browser, "n").await, Ok(Some(1)));
}

/// Nobody is kept waiting for a connection longer than for a reply.
#[tokio::test]
async fn a_connection_that_is_never_made_is_given_up_at_the_deadline() {
    let scene = Scene::new();
    scene.proxy.hold();
    let site = scene.site();
    let browser = crate::browser::Browser { cookie: Some("0".repeat(64)), ..site.browser() };
    let error = browser.try_visit(&browser.request()).await.err().unwrap();
    assert!(text(&error).contains("deadline"), "{}", text(&error));
    scene.proxy.heal();
    assert_eq!(recovers(&browser, "n").await, None);
}

#[tokio::test]
async fn a_connection_attempt_has_an_end_of_its_own() {
    let scene = Scene::new();
    scene.proxy.hold();
    let store = scene.builder().connect_timeout(Duration::from_millis(50)).build();
    // Long before the deadline of the call.
    assert!(!text(&ping(&store).await.unwrap_err()).contains("deadline"));
    scene.proxy.heal();
    eventually("it connects", async || ping(&store).await.is_ok()).await;
}

/// A crowd that comes at once makes one connection, and one attempt when there is none.
#[tokio::test]
async fn all_calls_share_one_connection() {
    let scene = Scene::new();
    let site = scene.site();
    let crowd = |size: usize| {
        let browser = crate::browser::Browser { cookie: Some("0".repeat(64)), ..site.browser() };
        (0..size).map(move |_| {
            let browser = browser.clone();
            tokio::spawn(async move { look(&browser, "n").await })
        })
    };
    for one in crowd(50).collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), Ok(None));
    }
    assert_eq!(scene.proxy.connections(), 1);
}

/// A database that is full of somebody else's keys is not overwritten.
#[tokio::test]
async fn a_key_that_holds_something_else_is_an_error_that_says_so() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    let key = format!("cloakroom:{}", browser.visit().await.session.id().unwrap());
    let () = scene.server.command(&["DEL", &key]);
    let () = scene.server.command(&["LPUSH", &key, "list"]);
    let error = browser.try_visit(&browser.request()).await.err().unwrap();
    assert_eq!(error.status(), 500);
    assert!(text(&error).contains("choose another prefix"), "{}", text(&error));
}

#[tokio::test]
async fn a_proxy_of_another_sort_is_no_redis() {
    let server =
        RedisServer::builder().tls().start_or_skip("a store without TLS at a server that speaks only TLS");
    let Some(server) = server else { return };
    let proxy = Proxy::before(server.address());
    let store = RedisStore::from_url(&proxy.url()).unwrap();
    assert_eq!(ping(&store).await.unwrap_err().kind(), StoreErrorKind::Unavailable);
}
