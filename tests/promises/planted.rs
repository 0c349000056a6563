//! Cookies that a sibling subdomain has planted, or that the app itself has left behind: none hides the session, none takes
//! its place, and all of them go.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    Bearer, Cookie, SameSite, Session, SessionErrorKind, SessionManager, SessionStore,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, JwtStore, MemoryStore, NodeName, SignedCookieStore},
};

use crate::{
    browser::{HOUR, Request, Response, Server, finish},
    jar::Surfer,
    probe::Probe,
};

const SECOND: Duration = Duration::from_secs(1);
const HOST: &str = "shop.example.com";
/// Where the attacker is.
const SIBLING: &str = "evil.example.com";

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

fn stores() -> [(&'static str, Arc<dyn SessionStore>); 4] {
    let memory = MemoryStore::builder().node(NodeName::new("web-1").unwrap()).build();
    [
        ("memory", Arc::new(memory)),
        ("encrypted cookie", Arc::new(EncryptedCookieStore::new(&keys()).max_token(12_000))),
        ("signed cookie", Arc::new(SignedCookieStore::new(&keys()).max_token(12_000))),
        ("JWT", Arc::new(JwtStore::from_ring(&keys()).max_token(12_000))),
    ]
}

fn servers() -> Vec<(&'static str, Server)> {
    stores()
        .into_iter()
        .map(|(name, store)| (name, Server::new(store).with(|it| it.cookie(plain()))))
        .collect()
}

/// A cookie that a sibling can plant.
fn plain() -> Cookie {
    Cookie::named("id")
}

/// The attacker's own genuine token.
async fn token(server: &Server, name: &str) -> String {
    let mut attacker = Surfer::new(server, HOST);
    attacker.logs_in("/", name).await;
    attacker.jar.value("id").to_owned()
}

/// A token that has the form of the store's and opens nothing.
fn forged(genuine: &str, number: usize) -> String {
    let at = genuine.len() - 5 - number;
    let mut forged = genuine.to_owned().into_bytes();
    forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
    String::from_utf8(forged).unwrap()
}

fn plant(surfer: &mut Surfer, name: &str, value: &str, path: &str) {
    surfer.jar.obey(SIBLING, &format!("{name}={value}; Path={path}; Domain=example.com"));
}

/// Paths that a browser sends with a request to `/a/b/c`.
const PATHS: [&str; 6] = ["/a/b/c", "/a/b/", "/a/b", "/a/", "/a", "/"];

#[tokio::test]
async fn junk_in_front_neither_logs_a_visitor_out_nor_lets_a_write_displace_the_login() {
    for (name, server) in servers() {
        let genuine = token(&server, "mallory").await;
        let mut surfer = Surfer::new(&server, HOST);
        surfer.logs_in("/login", "alice").await;
        for (number, path) in PATHS.into_iter().enumerate() {
            let junk = if name == "memory" { format!("{number:064x}") } else { forged(&genuine, number) };
            plant(&mut surfer, "id", &junk, path);
        }
        assert_eq!(surfer.jar.header(HOST, "/a/b/c").matches("id=").count(), 7);
        assert_eq!(surfer.subject("/a/b/c").await.as_deref(), Some("alice"), "{name}");
        assert!(surfer.writes("/a/b/c").await.is_ok());
        assert_eq!(surfer.subject("/a/b/c").await.as_deref(), Some("alice"), "{name}");
        assert_eq!(surfer.subject("/").await.as_deref(), Some("alice"), "{name}");
    }
}

#[tokio::test]
async fn spellings_of_one_token_are_one_and_it_is_refused_beside_a_live_one() {
    let probe = Probe::default();
    let server = Server::new(probe.clone()).with(|it| it.cookie(plain()));
    let own = token(&server, "alice").await;
    let planted = token(&server, "mallory").await;
    let mut values: Vec<_> = (0..40).map(|number| format!("id={planted}.web-{number}")).collect();
    values.push(format!("id=\"{planted}\""));
    values.push(format!("id={own}"));
    let request = || {
        let request = Request { method: "POST", path: "/", headers: Vec::new() };
        request.with("host", HOST).with("cookie", values.join("; "))
    };
    probe.calls();
    let visit = server.browser().try_visit(&request()).await.unwrap();
    assert_eq!(probe.calls(), 2);
    assert_eq!(visit.session.subject(), None);
    visit.session.insert("a", 1).unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.status(), 409);
    assert!(handed_out(&response).is_empty(), "{:?}", response.headers);

    let visit = server.browser().try_visit(&request()).await.unwrap();
    visit.session.log_out().unwrap();
    assert!(finish(visit, 200).await.is_ok());
    for token in [own, planted] {
        let mut surfer = Surfer::new(&server, HOST);
        surfer.jar.obey(HOST, &format!("id={token}; Path=/"));
        assert_eq!(surfer.subject("/").await, None, "a logout ends every session that came");
    }
}

/// The lines that give a cookie a value.
fn handed_out(response: &Response) -> Vec<&str> {
    let lines = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    lines.map(|(_, line)| &**line).filter(|line| !line.contains("Max-Age=0")).collect()
}

#[tokio::test]
async fn more_candidates_than_are_tried_cost_no_lookup_and_are_removed() {
    let probe = Probe::default();
    let server = Server::new(probe.clone()).with(|it| it.cookie(plain()));
    let mut surfer = Surfer::new(&server, HOST);
    surfer.logs_in("/login", "alice").await;
    let deep = "/a/b/c/d/e/f/g/h/i";
    let mut at = String::new();
    for (number, step) in deep[1..].split('/').enumerate() {
        at = format!("{at}/{step}");
        plant(&mut surfer, "id", &format!("{number:064x}"), &at);
        plant(&mut surfer, "id", &format!("{:064x}", 100 + number), &format!("{at}/"));
    }
    probe.calls();
    assert_eq!(surfer.clone().subject(deep).await, None);
    assert_eq!(probe.calls(), 0);
    let refused = surfer.clone().writes(deep).await;
    assert_eq!(refused.status(), 409);
    assert!(handed_out(&refused).is_empty());

    assert_eq!(surfer.subject(deep).await, None);
    server.clock.advance(SECOND);
    assert_eq!(surfer.subject(deep).await.as_deref(), Some("alice"), "enough of them are gone");
}

#[tokio::test]
async fn a_logout_with_more_candidates_than_are_tried_removes_the_cookie_and_says_that_it_is_not_confirmed() {
    let server = Server::new(Probe::default()).with(|it| it.cookie(plain()));
    let cookies: Vec<_> = (0..17).map(|number| format!("id={number:064x}")).collect();
    let request =
        Request { method: "POST", path: "/", headers: Vec::new() }.with("cookie", cookies.join("; "));
    let visit = server.browser().try_visit(&request).await.unwrap();
    visit.session.log_out().unwrap();
    let response = finish(visit, 200).await;
    assert_eq!(response.status(), 409);
    assert!(response.header("set-cookie").unwrap().starts_with("id=; Path=/; Max-Age=0"));

    let visit = server.browser().try_visit(&request).await.unwrap();
    visit.session.log_out().unwrap();
    visit.session.log_in("alice").unwrap();
    let response = finish(visit, 200).await;
    assert!(response.is_ok() && handed_out(&response).len() == 1, "a login is never refused");
}

#[tokio::test]
async fn a_planted_session_is_refused_whatever_its_path_and_goes_at_once() {
    for (name, server) in servers() {
        let planted = token(&server, "mallory").await;
        for path in PATHS {
            let mut surfer = Surfer::new(&server, HOST);
            surfer.logs_in("/login", "alice").await;
            plant(&mut surfer, "id", &planted, path);
            let refused = surfer.clone().writes("/a/b/c").await;
            assert_eq!((refused.status(), handed_out(&refused).len()), (409, 0), "{name} {path}");
            assert_eq!(surfer.subject("/a/b/c").await, None, "{name} {path}");
            assert_eq!(surfer.subject("/a/b/c").await.as_deref(), Some("alice"), "{name} {path}");
            assert_eq!(surfer.jar.names(), ["id shop.example.com/"]);
        }
    }
}

/// Browsers keep partitioned cookies apart, and send both.
#[tokio::test]
async fn a_planted_session_goes_from_both_jars() {
    let server = Server::new(MemoryStore::new()).with(|it| it.cookie(plain()));
    let planted = token(&server, "mallory").await;
    let mut surfer = Surfer::new(&server, HOST);
    surfer.logs_in("/login", "alice").await;
    for more in ["", "; Secure; Partitioned"] {
        surfer.jar.obey(SIBLING, &format!("id={planted}; Path=/a; Domain=example.com{more}"));
    }
    assert_eq!(surfer.subject("/a/b").await, None);
    assert_eq!(surfer.subject("/a/b").await.as_deref(), Some("alice"));
    assert_eq!(surfer.jar.names(), ["id shop.example.com/"]);
}

/// A proxy that puts its own host in the place of the browser's names that one elsewhere.
#[tokio::test]
async fn a_planted_session_goes_behind_a_proxy_that_changes_the_host() {
    let server = Server::new(MemoryStore::new()).with(|it| it.cookie(plain()));
    let planted = token(&server, "mallory").await;
    let mut surfer = Surfer::new(&server, HOST);
    surfer.logs_in("/login", "alice").await;
    plant(&mut surfer, "id", &planted, "/a");
    let mut request = surfer.request("/a");
    request.headers.retain(|(name, _)| name != "host");
    let request = request.with("host", "127.0.0.1:3000").with("x-forwarded-host", HOST);
    let visit = server.browser().try_visit(&request).await.unwrap();
    surfer.jar.keep(HOST, &finish(visit, 200).await);
    assert_eq!(surfer.jar.names(), ["id shop.example.com/"]);
}

/// A session that needs several cookies.
async fn in_parts(server: &Server) -> Surfer {
    let mut surfer = Surfer::new(server, HOST);
    surfer.logs_in("/login", "alice").await;
    surfer.does("/cart", |session| session.insert("cart", "x".repeat(7_000)).unwrap()).await;
    assert!(surfer.jar.names().len() > 1);
    surfer
}

#[tokio::test]
async fn a_planted_part_hides_no_session_and_goes() {
    for (name, server) in servers().into_iter().skip(1) {
        for (part, path) in [("id-1", "/"), ("id-1", "/a/b"), ("id-2", "/a/"), ("id", "/a")] {
            let mut surfer = in_parts(&server).await;
            let own = surfer.jar.names();
            let value = if part == "id" { "3~AAAA" } else { "AAAA" };
            plant(&mut surfer, part, value, path);
            assert_eq!(surfer.subject("/a/b/c").await.as_deref(), Some("alice"), "{name} {part} {path}");
            if part == "id-1" {
                assert_eq!(surfer.jar.names(), own, "{name} {part} {path}");
            }
            assert!(surfer.writes("/a/b/c").await.is_ok());
            assert_eq!(surfer.subject("/").await.as_deref(), Some("alice"), "{name} {part} {path}");
        }
    }
}

#[tokio::test]
async fn more_planted_parts_than_are_tried_are_refused_and_go() {
    for (name, server) in servers().into_iter().skip(1) {
        let mut surfer = in_parts(&server).await;
        let own = surfer.jar.names();
        for (number, path) in PATHS.into_iter().enumerate() {
            for part in ["id-1", "id-2"] {
                plant(&mut surfer, part, &format!("AAA{number}"), path);
            }
        }
        let refused = surfer.clone().writes("/a/b/c").await;
        assert_eq!((refused.status(), handed_out(&refused).len()), (409, 0), "{name}");
        for _ in 0..6 {
            surfer.does("/a/b/c", |_| ()).await;
            server.clock.advance(SECOND);
        }
        assert_eq!(surfer.jar.names(), own, "{name}");
        assert_eq!(surfer.subject("/a/b/c").await.as_deref(), Some("alice"), "{name}");
    }
}

#[tokio::test]
async fn a_set_of_parts_that_lacks_one_is_refused_and_goes() {
    for (name, server) in servers() {
        let mut surfer = Surfer::new(&server, HOST);
        plant(&mut surfer, "id", "3~AAAA", "/a");
        plant(&mut surfer, "id-1", "AAAA", "/a/b");
        let refused = surfer.clone().writes("/a/b/c").await;
        assert_eq!((refused.status(), handed_out(&refused).len()), (409, 0), "{name}");
        for _ in 0..4 {
            surfer.does("/a/b/c", |_| ()).await;
            server.clock.advance(SECOND);
        }
        assert!(
            !surfer.jar.names().contains(&"id .example.com/a".to_owned()),
            "{name}: {:?}",
            surfer.jar.names()
        );
        assert!(surfer.writes("/a/b/c").await.is_ok());
        surfer.logs_in("/a/b/c", "alice").await;
        assert_eq!(surfer.subject("/a/b/c").await.as_deref(), Some("alice"), "{name}");
    }
}

/// The same store under two configurations: before a deploy and after it.
fn deploys(store: &Arc<dyn SessionStore>, cookies: [Cookie; 2]) -> [Server; 2] {
    cookies.map(|cookie| Server::new(Arc::clone(store)).with(|it| it.cookie(cookie)))
}

#[tokio::test]
async fn a_logout_removes_what_was_left_behind_by_a_changed_domain_or_path() {
    let shared = || plain().domain("example.com");
    for (name, store) in stores() {
        for [before, after] in [
            [plain(), shared()],
            [shared(), plain()],
            [plain().path("/app"), plain()],
            [shared(), plain().path("/app")],
        ] {
            let [old, new] = deploys(&store, [before, after]);
            let mut surfer = Surfer::new(&old, HOST);
            surfer.logs_in("/app/login", "alice").await;
            surfer.server = new;
            assert_eq!(surfer.subject("/app/x").await.as_deref(), Some("alice"), "{name}");
            surfer.writes("/app/x").await;
            assert_eq!(surfer.subject("/app/x").await.as_deref(), Some("alice"), "{name}");
            surfer.logs_out("/app/logout").await;
            assert_eq!(surfer.jar.names(), [""; 0], "{name}");
            assert_eq!(surfer.subject("/app/x").await, None, "{name}");
        }
    }
}

#[tokio::test]
async fn a_replaced_cookie_goes_on_as_the_new_one_and_is_removed() {
    let app = || plain().path("/app");
    for (name, store) in stores() {
        for new in [Cookie::default(), Cookie::named("new"), Cookie::named("new").domain("example.com")] {
            let [old, new] = deploys(&store, [app(), new.replaces(app())]);
            let mut surfer = Surfer::new(&old, HOST);
            surfer.logs_in("/app/login", "alice").await;
            surfer.server = new;
            assert_eq!(surfer.subject("/app/x").await.as_deref(), Some("alice"), "{name}");
            assert_eq!(surfer.jar.names().len(), 1, "{name}: {:?}", surfer.jar.names());
            assert!(!surfer.jar.names()[0].starts_with("id "), "{name}");
            assert_eq!(surfer.subject("/").await.as_deref(), Some("alice"), "{name}");
        }
    }
}

#[tokio::test]
async fn a_replaced_cookie_of_the_same_name_goes_with_the_next_token_and_at_a_logout_anywhere() {
    for (name, store) in stores() {
        let app = || plain().path("/app");
        for logs_in in [true, false] {
            let [old, new] = deploys(&store, [app(), plain().replaces(app())]);
            let mut surfer = Surfer::new(&old, HOST);
            surfer.logs_in("/app/login", "alice").await;
            surfer.server = new;
            if logs_in {
                surfer.logs_in("/login", "alice").await;
                assert_eq!(surfer.jar.names(), ["id shop.example.com/"], "{name}");
                assert_eq!(surfer.subject("/app/x").await.as_deref(), Some("alice"), "{name}");
            } else {
                surfer.logs_out("/logout").await;
                assert_eq!(surfer.jar.names(), [""; 0], "{name}");
            }
        }
    }
}

#[tokio::test]
async fn requests_under_way_with_a_replaced_cookie_are_served_and_only_one_of_them_changes_it() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    let [old, new] = deploys(&store, [plain(), Cookie::default().replaces(plain())]);
    let mut surfer = Surfer::new(&old, HOST);
    surfer.logs_in("/", "alice").await;
    surfer.server = new;
    let visits = [surfer.visit("/").await, surfer.visit("/").await];
    let mut handed = 0;
    for visit in visits {
        assert_eq!(visit.session.subject().as_deref(), Some("alice"));
        let response = finish(visit, 200).await;
        handed += handed_out(&response).len();
        surfer.jar.keep(HOST, &response);
    }
    assert_eq!(handed, 1);
    assert_eq!(surfer.subject("/").await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_dead_old_cookie_hides_no_session_and_a_planted_one_takes_no_ones_place() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    let [old, new] = deploys(&store, [plain(), Cookie::default().replaces(plain())]);
    let planted = token(&old, "mallory").await;
    let mut surfer = Surfer::new(&new, HOST);
    surfer.logs_in("/", "alice").await;
    for value in [planted, "0".repeat(64)] {
        plant(&mut surfer, "id", &value, "/");
        assert_eq!(surfer.subject("/").await.as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn two_live_cookies_of_one_name_at_two_paths_recover_and_a_login_leaves_one() {
    for (name, store) in stores() {
        for own in ["/", "/app"] {
            let other = if own == "/" { "/app" } else { "/" };
            let [first, second] = deploys(&store, [plain().path(other), plain().path(own)]);
            let mut surfer = Surfer::new(&first, HOST);
            surfer.logs_in("/app/login", "alice").await;
            let mut elsewhere = Surfer::new(&second, HOST);
            elsewhere.logs_in("/app/login", "bob").await;
            surfer.jar.obey(HOST, &format!("id={}; Path={own}", elsewhere.jar.value("id")));
            surfer.server = second;
            assert_eq!(surfer.clone().subject("/app/x").await, None, "{name}");
            surfer.logs_in("/app/login", "carol").await;
            assert_eq!(surfer.jar.names(), [format!("id shop.example.com{own}")], "{name}");
            assert_eq!(surfer.subject("/app/x").await.as_deref(), Some("carol"), "{name}");
        }
    }
}

#[tokio::test]
async fn a_write_outside_the_cookies_path_displaces_nothing_and_a_login_there_is_one() {
    for (name, store) in stores() {
        let server = Server::new(store).with(|it| it.cookie(plain().path("/app")));
        let mut surfer = Surfer::new(&server, HOST);
        surfer.logs_in("/app/login", "alice").await;
        for path in ["/", "/other", "/apple"] {
            let response = surfer.writes(path).await;
            let kind = response.error.as_ref().map(|error| error.kind());
            assert_eq!(kind, Some(SessionErrorKind::OutsideCookiePath), "{name} {path}");
            assert!(handed_out(&response).is_empty());
        }
        assert!(surfer.writes("/app/x").await.is_ok());
        assert_eq!(surfer.subject("/app").await.as_deref(), Some("alice"), "{name}");
        assert!(surfer.logs_in("/login", "bob").await.is_ok());
        assert_eq!(surfer.subject("/app").await.as_deref(), Some("bob"), "{name}");
        let logout = surfer.logs_out("/logout").await;
        assert!(!logout.is_ok(), "the session that it should end is not known");
        assert_eq!(surfer.jar.names(), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_mount_is_part_of_the_path_that_browsers_see() {
    let server = Server::new(Probe::default()).with(|it| it.cookie(plain().path("/app")).mounted_at("/app/"));
    let mut surfer = Surfer::new(&server, HOST);
    assert!(surfer.writes("/cart").await.is_ok());
    let mut attacker = Surfer::new(&server, HOST);
    attacker.logs_in("/", "mallory").await;
    plant(&mut surfer, "id", attacker.jar.value("id"), "/");
    // What the browser sends to /app/cart, and the proxy to /cart.
    surfer.jar.obey(HOST, &format!("id={}; Path=/", surfer.jar.value_at("id", "/app")));
    let response = finish(surfer.visit("/cart").await, 200).await;
    let removed = response.headers.iter().map(|(_, line)| line).find(|line| line.contains("Path=/app/cart;"));
    assert!(removed.is_some(), "{:?}", response.headers);
}

#[tokio::test]
async fn a_dead_cookie_hides_no_bearer_token_and_a_dead_bearer_token_no_cookie() {
    for (name, store) in stores() {
        let ways = |it: SessionManager| it.transports([plain().into(), Bearer::authorization().into()]);
        let server = Server::new(store).with(ways);
        let mut surfer = Surfer::new(&server, HOST);
        surfer.logs_in("/", "alice").await;
        let live = surfer.jar.value("id").to_owned();
        surfer.logs_in("/", "bob").await;
        let dead = forged(&live, 0);
        let who = async |server: &Server, cookie: &str, bearer: &str| {
            let request = Request { method: "POST", path: "/", headers: Vec::new() };
            let request = request
                .with("cookie", format!("id={cookie}"))
                .with("authorization", format!("Bearer {bearer}"));
            let request = request.with("sec-fetch-site", "cross-site");
            let visit = server.browser().try_visit(&request).await.unwrap();
            let subject = visit.session.subject();
            visit.session.insert("a", 1).unwrap();
            (subject, finish(visit, 200).await)
        };
        let current = surfer.jar.value("id").to_owned();
        let (subject, response) = who(&server, &dead, &current).await;
        assert_eq!((subject.as_deref(), response.is_ok()), (Some("bob"), true), "{name}");
        assert!(handed_out(&response).is_empty(), "{name}: its client has its tokens in a header");
        let bearer_first =
            server.clone().with(|it| it.transports([Bearer::authorization().into(), plain().into()]));
        let (subject, response) = who(&bearer_first, &current, &dead).await;
        assert_eq!(
            (subject.as_deref(), response.status()),
            (Some("bob"), 403),
            "{name}: a cookie came along"
        );
    }
}

#[tokio::test]
async fn attributes_differ_from_route_to_route_by_managers_of_one_store() {
    let sessions = Server::new(MemoryStore::new());
    let embedded = Cookie::named("__Host-chat").same_site(SameSite::None).partitioned();
    let frame = sessions.clone().with(|it| it.cookie(embedded));
    let mut surfer = Surfer::new(&frame, HOST);
    let response = surfer.logs_in("/", "alice").await;
    assert!(response.header("set-cookie").unwrap().ends_with("; SameSite=None; Partitioned"));
    let hours: fn(&Session) -> Duration = Session::absolute_timeout;
    assert_eq!(hours(&surfer.visit("/").await.session), 12 * HOUR);
}
