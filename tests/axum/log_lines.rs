//! Every error that a client reads as a fixed sentence has one line in the log.

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    response::{IntoResponse, Response as AxumResponse},
    routing::get,
};
use cloakroom::{
    Session, SessionError, StoreErrorKind,
    store::MemoryStore,
    tower::{SessionLayer, session},
};
use tracing::Level;

use crate::{
    events::{Events, Logged},
    manager,
    probe::Probe,
    send, text,
};

/// The only complaint of a request to a handler, and the status.
async fn complaint<H, T>(handler: H) -> (u16, Logged)
where
    H: axum::handler::Handler<T, ()>,
    T: 'static,
{
    let app = Router::new().route("/", get(handler)).layer(SessionLayer::new(manager(MemoryStore::new())));
    let (logs, _guard) = Events::listen();
    let response = app_answer(&app).await;
    (response.status().as_u16(), logs.only_complaint())
}

async fn app_answer(app: &Router) -> Response<Body> {
    send(app, Request::get("/").body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn what_a_handler_returns_with_a_question_mark_is_logged_once() {
    let (status, line) = complaint(async |session: Session| {
        session.insert("cart", "canary")?;
        session.get::<u32>("cart").map(|_| ())
    })
    .await;
    assert_eq!((status, line.level), (500, Level::ERROR));
    assert_eq!((line.field("kind"), line.field("key"), line.field("status")), ("Undecodable", "cart", "500"));
    assert!(!format!("{line:?}").contains("canary"), "no value: {line:?}");

    let (_, line) = complaint(async |session: Session| session.log_in("")).await;
    assert_eq!(line.field("kind"), "InvalidSubject");
    let (_, line) = complaint(async |session: Session| session.insert("ratio", f64::NAN)).await;
    assert_eq!((line.field("kind"), line.field("key")), ("Unencodable", "ratio"));
    let (status, line) =
        complaint(async |session: Session| session.insert("blob", "x".repeat(1 << 20))).await;
    assert_eq!((status, line.level, line.field("key")), (413, Level::WARN, "blob"));
    let (_, line) = complaint(async |session: Session| {
        session.update("count", |count: &mut u32| {
            if *count == 0 {
                std::panic::resume_unwind(Box::new("as ordered"));
            }
        })
    })
    .await;
    assert_eq!((line.field("kind"), line.field("key")), ("UpdatePanicked", "count"));
}

#[tokio::test]
async fn a_store_that_fails_is_logged_once_with_its_cause() {
    let probe = Probe::default();
    let app = Router::new()
        .route("/", get(async |session: Session| session.insert("a", 1)))
        .route("/maybe", get(async |session: Option<Session>| session.map_or("no", |_| "yes")))
        .layer(SessionLayer::new(manager(probe.clone())));
    probe.fail_with(Some(StoreErrorKind::Full));
    let (logs, _guard) = Events::listen();
    assert_eq!(app_answer(&app).await.status(), 503);
    let line = logs.only_complaint();
    assert_eq!((line.level, line.field("kind")), (Level::ERROR, "Store(Full)"));
    assert!(line.field("error").contains(": "), "the cause: {line:?}");

    for path in ["/", "/maybe"] {
        let token = "0".repeat(64);
        let request = Request::get(path).header("cookie", format!("__Host-id={token}"));
        assert_eq!(send(&app, request.body(Body::empty()).unwrap()).await.status(), 503);
        assert_eq!(logs.only_complaint().field("kind"), "Store(Full)");
    }
}

#[tokio::test]
async fn a_missing_layer_is_logged_once() {
    let app = Router::new().route("/", get(async |_: Session| ()));
    let (logs, _guard) = Events::listen();
    assert_eq!(app_answer(&app).await.status(), 500);
    assert_eq!(logs.only_complaint().field("kind"), "LayerMissing");
}

/// An error type of the application, which answers for itself.
struct AppError(SessionError);

impl IntoResponse for AppError {
    fn into_response(self) -> AxumResponse {
        self.0.log();
        (axum::http::StatusCode::IM_A_TEAPOT, self.0.public_message().to_owned()).into_response()
    }
}

#[tokio::test]
async fn an_error_type_of_the_application_can_log_what_it_answers() {
    let (status, line) = complaint(async |session: Session| session.log_in("").map_err(AppError)).await;
    assert_eq!((status, line.field("kind")), (418, "InvalidSubject"));
}

#[tokio::test]
async fn a_guard_that_turns_an_error_into_a_response_logs_it() {
    let app = Router::new().route(
        "/",
        get(async |request: Request<Body>| match session(&request.into_parts().0).await {
            Ok(_) => "in".into_response(),
            Err(error) => error.into_response(),
        }),
    );
    let (logs, _guard) = Events::listen();
    assert!(text(app_answer(&app).await).await.contains("SessionLayer"));
    logs.only_complaint();
}
