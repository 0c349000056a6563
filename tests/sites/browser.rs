//! A real browser on two sites of this machine: the shop at 127.0.0.1, and another site at localhost, whose pages lead to the shop.

use std::{
    net::SocketAddr,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::Response,
    response::Html,
    routing::{get, post},
};
use cloakroom::{
    Cookie, SameSite, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer,
};

use crate::{folder::Folder, process::Process, serve_axum};

/// A page that only runs a script.
fn page(script: &str) -> Html<String> {
    Html(format!("<!doctype html><title>x</title><body><script>{script}</script>"))
}

/// Where a page goes on.
fn then(url: &str) -> Html<String> {
    page(&format!("location = '{url}'"))
}

/// Logs in, keeps the state of another login, and goes to a page of the other site.
async fn begin(State(shop): State<Shop>, session: Session) -> Result<Html<String>, SessionError> {
    session.log_in("alice")?;
    session.insert("state", "awaited")?;
    Ok(page(&format!("location = '{}{}#' + location.port", shop.elsewhere, shop.path)))
}

/// A page with a form, whose token is in the session.
async fn form(session: Session) -> Result<Html<String>, SessionError> {
    session.insert("csrf", "token")?;
    Ok(then("/end"))
}

/// The reply of a login provider, and what is said of it on the next page.
async fn callback(State(shop): State<Shop>, session: Session) -> Result<Html<String>, SessionError> {
    let state = session.take::<String>("state")?;
    shop.seen.send(format!("state: {}", state.unwrap_or_else(|| "missing".into()))).unwrap();
    session.insert("notice", "Your login has failed.")?;
    Ok(then("/end"))
}

async fn log_out(session: Session) -> Result<Html<String>, SessionError> {
    session.log_out()?;
    Ok(then("/end"))
}

async fn end(State(shop): State<Shop>, session: Session) -> Html<String> {
    shop.seen.send(session.subject().unwrap_or_else(|| "nobody".into())).unwrap();
    page("")
}

#[derive(Clone)]
struct Shop {
    /// The other site.
    elsewhere: String,
    /// Its page that the browser goes to.
    path: &'static str,
    seen: Sender<String>,
}

fn serve_shop(same_site: SameSite, shop: Shop) -> SocketAddr {
    let sessions = SessionManager::new(MemoryStore::new())
        .cookie(Cookie::default().same_site(same_site))
        .allow_cross_site("/callback");
    let refusal = |error: &SessionError| {
        let Html(body) = then("/end");
        Response::builder()
            .status(error.status())
            .header("content-type", "text/html")
            .body(axum::body::Body::from(body))
            .unwrap()
    };
    let app = Router::new()
        .route("/begin", get(begin))
        .route("/form", get(form))
        .route("/callback", post(callback))
        .route("/logout", get(log_out))
        .route("/end", get(end))
        .layer(SessionLayer::new(sessions).refuse_with(refusal))
        .with_state(shop);
    serve_axum(app)
}

/// The other site: each page leads to the shop whose port is in its fragment.
fn serve_elsewhere() -> SocketAddr {
    let go =
        |path: &str| page(&format!("location = 'http://127.0.0.1:' + location.hash.slice(1) + '{path}'"));
    let submit = "const form = document.createElement('form'); form.method = 'post'; \
                  form.action = 'http://127.0.0.1:' + location.hash.slice(1) + '/callback'; \
                  document.body.append(form); form.submit()";
    let app = Router::new()
        .route("/link", get(async move || go("/form")))
        .route("/logout", get(async move || go("/logout")))
        .route("/provider", get(async move || page(submit)));
    serve_axum(app)
}

/// What the shop has seen of a browser that goes from a login to this page of the other site and back.
fn visit(same_site: SameSite, path: &'static str, count: usize) -> Vec<String> {
    let (seen, sees): (_, Receiver<String>) = channel();
    let elsewhere = format!("http://localhost:{}", serve_elsewhere().port());
    let shop = serve_shop(same_site, Shop { elsewhere, path, seen });
    let folder = Folder::on_disk();
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let url = format!("http://{shop}/begin");
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"];
    let words = flags.into_iter().chain([
        "--disable-background-networking",
        "--disable-component-update",
        "--remote-debugging-port=0",
        profile.as_str(),
        url.as_str(),
    ]);
    let program = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let browser = Process::start(program, words, &folder);
    let next = || {
        let word = sees.recv_timeout(Duration::from_secs(60));
        word.unwrap_or_else(|_| panic!("the browser did not come back:\n{}", browser.log()))
    };
    (0..count).map(|_| next()).collect()
}

#[test]
#[ignore = "needs Chromium: scripts/test runs it"]
fn a_link_to_a_page_that_writes_leaves_the_visitor_logged_in() {
    for same_site in [SameSite::Strict, SameSite::Lax, SameSite::None] {
        assert_eq!(visit(same_site, "/link", 1), ["alice"], "{same_site:?}");
    }
}

#[test]
#[ignore = "needs Chromium: scripts/test runs it"]
fn a_posted_callback_leaves_the_visitor_logged_in_and_finds_its_state_where_cookies_come() {
    for (same_site, state) in
        [(SameSite::Strict, "missing"), (SameSite::Lax, "missing"), (SameSite::None, "awaited")]
    {
        let seen = visit(same_site, "/provider", 2);
        assert_eq!(seen, [format!("state: {state}"), "alice".to_owned()], "{same_site:?}");
    }
}

#[test]
#[ignore = "needs Chromium: scripts/test runs it"]
fn a_link_to_the_log_out_leaves_the_visitor_logged_in() {
    for same_site in [SameSite::Strict, SameSite::Lax, SameSite::None] {
        assert_eq!(visit(same_site, "/logout", 1), ["alice"], "{same_site:?}");
    }
}
