//! Any body, plain tower services, streams.

use std::{
    convert::Infallible,
    future::{Future as _, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{Request, Response},
    routing::get,
};
use cloakroom::{
    SaveOn, Session, SessionError, SessionErrorKind,
    store::MemoryStore,
    tower::{SessionLayer, existing_session, session},
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{cookie, get as fetch, manager, text};

/// A body that nothing but its own service knows.
#[derive(Debug, PartialEq)]
struct Telegram(u32);

async fn count(request: Request<()>) -> Result<Response<Telegram>, SessionError> {
    let (parts, ()) = request.into_parts();
    let known = existing_session(&parts).await?.is_some();
    let count = session(&parts).await?.update("count", |count: &mut u32| {
        *count += 1;
        *count
    })?;
    assert_eq!(known, count > 1);
    Ok(Response::new(Telegram(count)))
}

fn telegraph(_: &SessionError) -> Response<Telegram> {
    Response::new(Telegram(0))
}

#[tokio::test]
async fn a_plain_tower_service_with_a_body_of_its_own_has_sessions() {
    let layer = SessionLayer::new(manager(MemoryStore::new())).refuse_with(telegraph);
    let service = layer.layer(service_fn(count));
    let first = service.clone().oneshot(Request::new(())).await.unwrap();
    let held = cookie(&first).unwrap();
    assert_eq!(first.into_body(), Telegram(1));
    let again = Request::builder().header("cookie", held).body(()).unwrap();
    assert_eq!(service.clone().oneshot(again).await.unwrap().into_body(), Telegram(2));

    let cross_site = Request::post("/").header("sec-fetch-site", "cross-site").body(()).unwrap();
    assert_eq!(service.oneshot(cross_site).await.unwrap().into_body(), Telegram(0));
}

#[tokio::test]
async fn bodies_made_from_text_need_no_refusal_of_their_own() {
    let layer = SessionLayer::new(manager(MemoryStore::new()));
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let (parts, ()) = request.into_parts();
        session(&parts).await.unwrap().log_in("alice").unwrap();
        Ok::<_, Infallible>(Response::new(String::from("in")))
    }));
    let cross_site = Request::post("/").header("sec-fetch-site", "cross-site").body(()).unwrap();
    let response = service.oneshot(cross_site).await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(response.into_body(), "This request came from another site and was refused.\n");
}

/// A body that changes the session while it is streamed.
struct Late(Option<Session>);

impl HttpBody for Late {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Some(session) = self.0.take() else { return Poll::Ready(None) };
        let refused = session.insert("late", 1).unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::Closed);
        let early = session.get::<u32>("early").unwrap();
        Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from(format!("{early:?}"))))))
    }
}

#[tokio::test]
async fn a_session_is_saved_before_the_first_byte_of_a_stream_and_refuses_changes_during_it() {
    async fn stream(session: Session) -> Result<Body, SessionError> {
        session.insert("early", 1)?;
        Ok(Body::new(Late(Some(session))))
    }
    let app: Router =
        Router::new().route("/", get(stream)).layer(SessionLayer::new(manager(MemoryStore::new())));
    let response = fetch(&app, "/", None).await;
    assert!(cookie(&response).is_some());
    assert_eq!(text(response).await, "Some(1)");
}

#[tokio::test]
async fn a_service_that_fails_counts_as_a_server_error_whose_changes_are_kept_where_all_are() {
    async fn fail(request: Request<()>) -> Result<Response<String>, &'static str> {
        let (parts, ()) = request.into_parts();
        let session = session(&parts).await.map_err(|_| "no session")?;
        if parts.uri.path() == "/" {
            return Ok(Response::new(format!("{:?}", session.get::<u32>("count").unwrap())));
        }
        session.update("count", |count: &mut u32| *count += 1).unwrap();
        if parts.uri.path() == "/fail" { Err("in the application") } else { Ok(Response::default()) }
    }
    for (choice, left) in [(SaveOn::default(), "Some(1)"), (SaveOn::Everything, "Some(2)")] {
        let sessions = manager(MemoryStore::new()).save_on(choice);
        let service = SessionLayer::new(sessions).layer(service_fn(fail));
        let begun = Request::get("/begin").body(()).unwrap();
        let held = cookie(&service.clone().oneshot(begun).await.unwrap()).unwrap();
        let request = |path: &str| Request::get(path).header("cookie", &held).body(()).unwrap();
        assert_eq!(service.clone().oneshot(request("/fail")).await.unwrap_err(), "in the application");
        assert_eq!(service.oneshot(request("/")).await.unwrap().into_body(), left);
    }
}

#[tokio::test]
async fn a_handler_whose_panic_is_caught_further_out_keeps_no_login() {
    async fn handle(request: Request<()>) -> Result<Response<String>, SessionError> {
        let (parts, ()) = request.into_parts();
        let session = session(&parts).await?;
        if parts.uri.path() == "/panic" {
            session.log_in("bob")?;
            panic!("after a login");
        }
        let subject = session.subject().unwrap_or_default();
        session.log_in("alice")?;
        Ok(Response::new(subject))
    }
    let service = SessionLayer::new(manager(MemoryStore::new())).layer(service_fn(handle));
    let held = cookie(&service.clone().oneshot(Request::new(())).await.unwrap()).unwrap();
    let request = |path: &str| Request::builder().uri(path).header("cookie", &held).body(()).unwrap();

    let mut panicking = Box::pin(service.clone().oneshot(request("/panic")));
    let caught = poll_fn(|cx| {
        Poll::Ready(catch_unwind(AssertUnwindSafe(|| panicking.as_mut().poll(cx).is_pending())))
    });
    assert!(caught.await.is_err());
    drop(panicking);
    tokio::task::yield_now().await;
    assert_eq!(service.oneshot(request("/")).await.unwrap().into_body(), "alice");
}
