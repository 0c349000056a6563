//! A login at an OAuth or OpenID Connect provider, whose reply comes by `GET` or by a form that the browser posts.

use axum::{
    Form, Router,
    extract::Query,
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use cloakroom::{
    Cookie, Key, SameSite, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer,
};
use serde::{Deserialize, Serialize};

use super::csrf::random_token;

/// What the reply is compared with. It can be used once.
const ATTEMPT: Key<Attempt> = Key::new("login_attempt");

#[derive(Serialize, Deserialize)]
struct Attempt {
    state: String,
    verifier: String, // of PKCE
}

#[derive(Deserialize)]
struct Reply {
    state: String,
    code: String,
}

async fn begin(session: Session) -> Result<Redirect, SessionError> {
    let attempt = Attempt { state: random_token()?, verifier: random_token()? };
    let url = format!("https://id.example/authorize?client_id=shop&state={}", attempt.state);
    session.insert(ATTEMPT, attempt)?;
    Ok(Redirect::to(&url)) // with a code_challenge made of the verifier
}

async fn finish(session: Session, reply: Reply) -> Result<Response, SessionError> {
    match session.take(ATTEMPT)? {
        Some(attempt) if attempt.state == reply.state => {
            session.log_in(redeem(&reply.code, &attempt.verifier))?;
            Ok(Redirect::to("/").into_response())
        }
        _ => Ok((StatusCode::BAD_REQUEST, "This login has expired. Please try again.").into_response()),
    }
}

/// Asks the provider who the user is.
fn redeem(code: &str, _verifier: &str) -> String {
    format!("user-of-{code}")
}

async fn callback(session: Session, Query(reply): Query<Reply>) -> Result<Response, SessionError> {
    finish(session, reply).await
}

async fn posted_callback(session: Session, Form(reply): Form<Reply>) -> Result<Response, SessionError> {
    finish(session, reply).await
}

/// Answers the provider's form with the same form, sent from here to the path that reads the session.
async fn send_again(Form(reply): Form<Reply>) -> Html<String> {
    let [state, code] = [reply.state, reply.code].map(|text| escaped(&text));
    Html(format!(
        r#"<form method="post" action="/login/finish">
        <input type="hidden" name="state" value="{state}"><input type="hidden" name="code" value="{code}">
        <button>Continue</button></form><script>document.forms[0].submit()</script>"#
    ))
}

fn escaped(text: &str) -> String {
    let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
    pairs.into_iter().fold(text.to_owned(), |text, (letter, name)| text.replace(letter, name))
}

fn app(sessions: SessionManager) -> Router {
    Router::new()
        .route("/", get(who))
        .route("/login", get(begin))
        .route("/login/callback", get(callback).post(posted_callback))
        .route("/login/bounce", post(send_again))
        .route("/login/finish", post(posted_callback))
        .route("/settings", post(async |session: Session| session.insert("theme", "dark")))
        .layer(SessionLayer::new(sessions))
}

/// By a form that the provider's page posts (`response_mode=form_post`).
fn for_posted_replies(sessions: SessionManager) -> SessionManager {
    sessions
        .cookie(Cookie::default().same_site(SameSite::None)) // or the browser sends no cookie with it
        .allow_cross_site("/login/callback")
}

async fn who(session: Session) -> String {
    session.subject().unwrap_or_else(|| "anonymous".to_owned())
}

async fn state_of_a_login_begun_by(browser: &mut super::Browser) -> String {
    browser.get("/login").await.location.split("state=").nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn a_reply_by_get_logs_in_once() {
    let mut browser = super::Browser::new(&app(SessionManager::new(MemoryStore::new())));
    let state = state_of_a_login_begun_by(&mut browser).await;
    assert_eq!(browser.get("/login/callback?state=guessed&code=7").await.status, 400);

    let state_again = state_of_a_login_begun_by(&mut browser).await;
    assert_ne!(state, state_again);
    let path = format!("/login/callback?state={state_again}&code=7");
    assert_eq!(browser.get(&path).await.location, "/");
    assert_eq!(browser.get("/").await.text, "user-of-7");
    assert_eq!(browser.get(&path).await.status, 400, "a reply counts once");
}

#[tokio::test]
async fn a_posted_reply_logs_in_with_the_settings_for_it() {
    let app = app(for_posted_replies(SessionManager::new(MemoryStore::new())));
    let mut browser = super::Browser::new(&app);
    let reply = format!("state={}&code=7", state_of_a_login_begun_by(&mut browser).await);
    let answer = browser.post_from_another_site("/login/callback", &reply, true).await;
    assert_eq!(answer.location, "/");
    assert_eq!(browser.get("/").await.text, "user-of-7");
    let forged = browser.post_from_another_site("/settings", "", true).await;
    assert_eq!(forged.status, 403, "other paths refuse such requests");
}

#[tokio::test]
async fn a_page_in_between_sends_the_reply_again_with_the_cookie() {
    let mut browser = super::Browser::new(&app(SessionManager::new(MemoryStore::new())));
    let reply = format!("state={}&code=7", state_of_a_login_begun_by(&mut browser).await);
    let page = browser.post_from_another_site("/login/bounce", &reply, false).await;
    assert!(page.text.contains("action=\"/login/finish\""), "{}", page.text);
    assert_eq!(browser.post("/login/finish", &reply).await.location, "/");
    assert_eq!(browser.get("/").await.text, "user-of-7");
    assert_eq!(escaped("\"><script>"), "&quot;&gt;&lt;script&gt;");
}

#[tokio::test]
async fn without_these_settings_a_posted_reply_finds_no_attempt() {
    let mut browser = super::Browser::new(&app(SessionManager::new(MemoryStore::new())));
    let reply = format!("state={}&code=7", state_of_a_login_begun_by(&mut browser).await);
    assert_eq!(browser.post_from_another_site("/login/callback", &reply, false).await.status, 400);
}
