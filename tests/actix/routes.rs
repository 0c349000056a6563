//! Extractors, where the middleware may stand, refusals.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    App, Error, HttpResponse,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::{Next, NormalizePath, from_fn},
    test::{TestRequest, init_service},
    web::{self, Bytes},
};
use cloakroom::{Session, SessionError, SessionErrorKind, actix::SessionMiddleware};

use crate::{cookie, count, cross_site, get, manager, text};

async fn log_in(session: Session) -> Result<&'static str, SessionError> {
    session.log_in("alice").map(|()| "in")
}

/// Why there is an extractor of our own.
#[actix_web::test]
async fn the_frameworks_own_option_hides_every_error_and_is_else_never_none() {
    let own = |session: Option<Session>| async move { session.is_some().to_string() };
    let bare = init_service(App::new().route("/", web::get().to(own))).await;
    assert_eq!(text(send!(bare, get("/", None))).await, "false");
    let app = App::new().wrap(SessionMiddleware::new(manager())).route("/", web::get().to(own));
    assert_eq!(text(send!(init_service(app).await, get("/", None))).await, "true");
}

#[actix_web::test]
async fn a_missing_middleware_is_explained() {
    let app = init_service(App::new().route("/", web::get().to(count))).await;
    let response = send!(app, get("/", None));
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        text(response).await,
        "this route asks for a session, but has no SessionMiddleware around it: add \
         `.wrap(SessionMiddleware::new(sessions))` to the app, the scope or the resource\n"
    );
}

#[actix_web::test]
async fn it_may_stand_around_an_app_a_scope_or_a_resource_and_only_there_are_sessions() {
    let sessions = SessionMiddleware::new(manager());
    let scope = web::scope("/scope").wrap(sessions.clone()).route("/count", web::get().to(count));
    let resource = web::resource("/resource").wrap(sessions).route(web::get().to(count));
    let app = App::new().service(scope).service(resource).route("/bare", web::get().to(count));
    let app = init_service(app).await;
    let held = cookie(&send!(app, get("/scope/count", None)));
    assert_eq!(text(send!(app, get("/resource", held.as_deref()))).await, "2");
    assert_eq!(send!(app, get("/bare", held.as_deref())).status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[actix_web::test]
async fn of_two_around_each_other_the_inner_one_gives_the_session() {
    let (inner, outer) = (manager(), manager().idle_timeout(Duration::from_secs(1)));
    let resource = web::resource("/").wrap(SessionMiddleware::new(inner)).route(web::get().to(count));
    let app = init_service(App::new().wrap(SessionMiddleware::new(outer)).service(resource)).await;
    let first = send!(app, get("/", None));
    assert_eq!(first.headers().get_all("set-cookie").count(), 1);
    let held = cookie(&first);
    let second = send!(app, get("/", held.as_deref()));
    assert_eq!(second.headers().get_all("vary").count(), 1);
    assert_eq!(text(second).await, "2");
}

#[actix_web::test]
async fn a_middleware_further_in_shares_the_handlers_session() {
    /// Asks before the request is routed, when nobody else may hold it.
    async fn greet(
        mut request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> Result<ServiceResponse<impl MessageBody>, Error> {
        request.extract::<Session>().await?.update("count", |count: &mut u32| *count += 10)?;
        next.call(request).await
    }
    let app = App::new().route("/{name}", web::get().to(count)).wrap(from_fn(greet));
    let app = init_service(app.wrap(SessionMiddleware::new(manager()))).await;
    let first = send!(app, get("/a", None));
    let held = cookie(&first);
    assert_eq!(text(first).await, "11");
    assert_eq!(text(send!(app, get("/b", held.as_deref()))).await, "22");
}

#[actix_web::test]
async fn the_path_is_the_one_that_the_middleware_saw() {
    let sessions = manager().allow_cross_site("/callback/");
    let app = App::new()
        .route("/callback", web::post().to(log_in))
        .wrap(NormalizePath::trim())
        .wrap(SessionMiddleware::new(sessions));
    let app = init_service(app).await;
    assert_eq!(send!(app, cross_site("/callback/")).status(), StatusCode::OK);
    assert_eq!(send!(app, cross_site("/callback")).status(), StatusCode::FORBIDDEN);
}

#[actix_web::test]
async fn the_authority_of_an_http2_request_is_the_host() {
    let app = App::new().wrap(SessionMiddleware::new(manager())).route("/", web::post().to(log_in));
    let app = init_service(app).await;
    for (origin, status) in [("https://shop.example", 200), ("https://evil.example", 403)] {
        let request = TestRequest::post().uri("https://shop.example/").insert_header(("origin", origin));
        assert_eq!(send!(app, request).status().as_u16(), status);
    }
}

#[actix_web::test]
async fn a_refusal_can_look_like_the_rest_of_the_site() {
    let page = |error: &SessionError| {
        let status = StatusCode::from_u16(error.status()).unwrap();
        HttpResponse::build(status).body(format!("<h1>{}</h1>", error.public_message()))
    };
    let app = App::new()
        .wrap(SessionMiddleware::new(manager()).refuse_with(page))
        .route("/", web::post().to(log_in));
    let response = send!(init_service(app).await, cross_site("/"));
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(response).await, "<h1>This request came from another site and was refused.</h1>");
}

#[actix_web::test]
async fn a_refusal_is_known_to_the_middleware_around_it() {
    let app = App::new().wrap(SessionMiddleware::new(manager())).route("/", web::post().to(log_in));
    let response = send!(init_service(app).await, cross_site("/"));
    let error = response.error().and_then(|error| error.as_error::<SessionError>()).unwrap();
    assert_eq!(error.kind(), SessionErrorKind::CrossSite);
}

#[actix_web::test]
async fn a_token_is_not_printed_with_the_headers() {
    let app = App::new().wrap(SessionMiddleware::new(manager())).route("/", web::get().to(count));
    let response = send!(init_service(app).await, get("/", None));
    assert!(response.headers().get("set-cookie").unwrap().is_sensitive());
    assert!(!response.headers().get("cache-control").unwrap().is_sensitive());
}

/// A body that changes the session while it is streamed.
struct Late(Option<Session>);

impl MessageBody for Late {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let Some(session) = self.0.take() else { return Poll::Ready(None) };
        let refused = session.insert("late", 1).unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::Closed);
        let early = session.get::<u32>("early").unwrap();
        Poll::Ready(Some(Ok(Bytes::from(format!("{early:?}")))))
    }
}

#[actix_web::test]
async fn a_session_is_saved_before_the_first_byte_of_a_stream_and_refuses_changes_during_it() {
    async fn stream(session: Session) -> Result<HttpResponse<Late>, SessionError> {
        session.insert("early", 1)?;
        Ok(HttpResponse::with_body(StatusCode::OK, Late(Some(session))))
    }
    let app = App::new().wrap(SessionMiddleware::new(manager())).route("/", web::get().to(stream));
    let response = send!(init_service(app).await, get("/", None));
    assert!(cookie(&response).is_some());
    assert_eq!(text(response).await, "Some(1)");
}

#[actix_web::test]
async fn a_test_of_an_app_has_a_session_in_one_line() {
    async fn who(session: Session) -> String {
        session.subject().unwrap_or_default()
    }
    let sessions = manager();
    let app = App::new().wrap(SessionMiddleware::new(sessions.clone())).route("/", web::get().to(who));
    let app = init_service(app).await;
    let (name, value) = sessions.test_session(|session| session.log_in("alice")).await.unwrap();
    assert_eq!(text(send!(app, get("/", None).insert_header((&*name, value)))).await, "alice");
}
