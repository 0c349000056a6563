//! A token in a form, against forged requests.

use axum::{
    Form, Router,
    http::{HeaderMap, StatusCode, header::COOKIE},
    response::Html,
    routing::get,
};
use cloakroom::{
    Key, RequestHead, Session, SessionError, SessionManager,
    manager::Exchange,
    random::{Random as _, SystemRandom},
    store::MemoryStore,
    tower::SessionLayer,
};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

const CSRF: Key<String> = Key::new("csrf");

/// 128 random bits.
pub(crate) fn random_token() -> Result<String, SessionError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The token in this session's forms; made when the first form is shown.
async fn csrf_token(session: &Session) -> Result<String, SessionError> {
    if session.get(CSRF)?.is_none() {
        let made = random_token()?;
        session.update(CSRF, move |token| {
            if token.is_empty() {
                token.clone_from(&made);
            }
        })?;
        session.save().await?; // another tab may have been faster: show what is stored
    }
    Ok(session.get(CSRF)?.unwrap_or_default())
}

/// Whether a form was shown by this session.
fn is_genuine(session: &Session, token: &str) -> Result<bool, SessionError> {
    let expected = session.get(CSRF)?.unwrap_or_default();
    Ok(!expected.is_empty() && bool::from(expected.as_bytes().ct_eq(token.as_bytes())))
}

#[derive(Deserialize)]
struct Transfer {
    csrf: String,
    amount: u32,
}

async fn form(session: Session) -> Result<Html<String>, SessionError> {
    let token = csrf_token(&session).await?;
    Ok(Html(format!(r#"<form method="post"><input type="hidden" name="csrf" value="{token}">…</form>"#)))
}

async fn transfer(
    session: Session,
    Form(transfer): Form<Transfer>,
) -> Result<(StatusCode, String), SessionError> {
    if !is_genuine(&session, &transfer.csrf)? {
        return Ok((StatusCode::FORBIDDEN, "This form has expired. Please load it again.".to_owned()));
    }
    Ok((StatusCode::OK, format!("{} transferred", transfer.amount)))
}

fn app() -> Router {
    let sessions = SessionManager::new(MemoryStore::new());
    Router::new().route("/transfer", get(form).post(transfer)).layer(SessionLayer::new(sessions))
}

fn shown_token(page: &str) -> &str {
    page.split("value=\"").nth(1).unwrap().split('"').next().unwrap()
}

#[tokio::test]
async fn a_form_is_accepted_with_the_token_that_was_shown_and_no_other() {
    let mut browser = super::Browser::new(&app());
    let page = browser.get("/transfer").await.text;
    let again = browser.get("/transfer").await.text;
    assert_eq!(shown_token(&page), shown_token(&again), "an older tab works too");

    let sent = browser.post("/transfer", &format!("amount=5&csrf={}", shown_token(&page))).await;
    assert_eq!((sent.status, &*sent.text), (200, "5 transferred"));
    for forged in ["", "0123456789abcdef0123456789abcdef"] {
        assert_eq!(browser.post("/transfer", &format!("amount=5&csrf={forged}")).await.status, 403);
    }
}

#[tokio::test]
async fn an_empty_token_is_not_that_of_a_visitor_without_a_session() {
    let mut stranger = super::Browser::new(&app());
    assert_eq!(stranger.post("/transfer", "amount=5&csrf=").await.status, 403);
}

#[tokio::test]
async fn two_tabs_that_open_the_form_at_once_show_the_same_token() -> Result<(), SessionError> {
    let sessions = SessionManager::new(MemoryStore::new());
    let (_, cookie) = sessions.test_session(|session| session.log_in("alice")).await?;
    let headers = HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())]);
    let head = RequestHead { method: "GET", authority: None, headers: &headers };
    let tabs = [sessions.exchange("/transfer"), sessions.exchange("/transfer")];
    let [one, other] = tabs.each_ref().map(Exchange::lazy);
    let (one, other) = (one.load(&head).await?, other.load(&head).await?); // both before there is a token
    assert_eq!(csrf_token(&one).await?, csrf_token(&other).await?);
    Ok(())
}
