//! Every error that a client reads as a fixed sentence has one line in the log.

use actix_web::{
    App, FromRequest, Handler, Responder,
    dev::Service as _,
    test::{TestRequest, init_service},
    web,
};
use cloakroom::{
    Session, SessionError, SessionManager, StoreErrorKind,
    actix::{ExistingSession, SessionMiddleware},
};
use tracing::Level;

use crate::{
    events::{Events, Logged},
    get, manager,
    probe::Probe,
};

/// The only complaint of a request to a handler, and the status.
async fn complaint<H, A>(handler: H) -> (u16, Logged)
where
    H: Handler<A, Output: Responder + 'static>,
    A: FromRequest + 'static,
{
    let app =
        init_service(App::new().wrap(SessionMiddleware::new(manager())).route("/", web::get().to(handler)))
            .await;
    let (logs, _guard) = Events::listen();
    let response = send!(app, TestRequest::get());
    (response.status().as_u16(), logs.only_complaint())
}

#[actix_web::test]
async fn what_a_handler_returns_with_a_question_mark_is_logged_once() {
    let (status, line) = complaint(async |session: Session| {
        session.insert("cart", "canary")?;
        session.get::<u32>("cart").map(|_| "")
    })
    .await;
    assert_eq!((status, line.level), (500, Level::ERROR));
    assert_eq!((line.field("kind"), line.field("key"), line.field("status")), ("Undecodable", "cart", "500"));
    assert!(!format!("{line:?}").contains("canary"), "no value: {line:?}");

    let (_, line) = complaint(async |session: Session| session.log_in("").map(|()| "")).await;
    assert_eq!(line.field("kind"), "InvalidSubject");
    let (_, line) = complaint(async |session: Session| session.insert("ratio", f64::NAN).map(|()| "")).await;
    assert_eq!((line.field("kind"), line.field("key")), ("Unencodable", "ratio"));
    let (status, line) =
        complaint(async |session: Session| session.insert("blob", "x".repeat(1 << 20)).map(|()| "")).await;
    assert_eq!((status, line.level, line.field("key")), (413, Level::WARN, "blob"));
    let (_, line) = complaint(async |session: Session| {
        let change = |count: &mut u32| {
            if *count == 0 {
                std::panic::resume_unwind(Box::new("as ordered"));
            }
        };
        session.update("count", change).map(|()| "")
    })
    .await;
    assert_eq!((line.field("kind"), line.field("key")), ("UpdatePanicked", "count"));
}

async fn write(session: Session) -> Result<&'static str, SessionError> {
    session.insert("a", 1).map(|()| "")
}

#[actix_web::test]
async fn a_store_that_fails_is_logged_once_with_its_cause() {
    let probe = Probe::default();
    let sessions = SessionManager::new(probe.clone()).cookie(cloakroom::Cookie::named("__Host-id"));
    let maybe = async |ExistingSession(session): ExistingSession| session.map_or("no", |_| "yes");
    let app = App::new()
        .wrap(SessionMiddleware::new(sessions))
        .route("/", web::get().to(write))
        .route("/maybe", web::get().to(maybe));
    let app = init_service(app).await;
    probe.fail_with(Some(StoreErrorKind::Full));
    let (logs, _guard) = Events::listen();
    assert_eq!(send!(app, TestRequest::get()).status().as_u16(), 503);
    let line = logs.only_complaint();
    assert_eq!((line.level, line.field("kind")), (Level::ERROR, "Store(Full)"));
    assert!(line.field("error").contains(": "), "the cause: {line:?}");

    for path in ["/", "/maybe"] {
        let cookie = format!("__Host-id={}", "0".repeat(64));
        assert_eq!(send!(app, get(path, Some(&cookie))).status().as_u16(), 503);
        assert_eq!(logs.only_complaint().field("kind"), "Store(Full)");
    }
}

#[actix_web::test]
async fn a_missing_middleware_is_logged_once() {
    let app = init_service(App::new().route("/", web::get().to(write))).await;
    let (logs, _guard) = Events::listen();
    assert_eq!(send!(app, TestRequest::get()).status().as_u16(), 500);
    assert_eq!(logs.only_complaint().field("kind"), "LayerMissing");
}

/// Middleware further in that fails with an error of the session.
#[actix_web::test]
async fn what_a_middleware_returns_is_logged_once() {
    let app = App::new()
        .wrap_fn(|request, service| {
            let answer = service.call(request);
            async move {
                let response = answer.await?;
                let session = cloakroom::actix::session(response.request()).await?;
                session.log_in("").map_err(actix_web::Error::from)?;
                Ok(response)
            }
        })
        .wrap(SessionMiddleware::new(manager()))
        .route("/", web::get().to(write));
    let app = init_service(app).await;
    let (logs, _guard) = Events::listen();
    let error = app.call(TestRequest::get().to_request()).await.unwrap_err();
    assert_eq!(error.error_response().status().as_u16(), 500);
    assert_eq!(error.error_response().status().as_u16(), 500, "however often it is answered");
    assert_eq!(logs.only_complaint().field("kind"), "InvalidSubject");
}
