//! Routes in process.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use cloakroom::{
    OnOutage, Session, SessionError, SessionId, SessionStore, StoreError, StoreErrorKind,
    record::{Record, Version},
    store::{Created, Cx, Ended, Guarantees, Loaded, MemoryStore, Presented, Replaced},
    time::Timestamp,
    tower::SessionLayer,
};

use crate::{cookie, get as fetch, manager, request, send, text};

/// Counts loads, and is down while `down` is not zero.
#[derive(Debug, Clone, Default)]
struct Counting {
    memory: MemoryStore,
    loads: Arc<AtomicUsize>,
    down: Arc<AtomicUsize>,
}

#[async_trait]
impl SessionStore for Counting {
    fn guarantees(&self) -> Guarantees {
        self.memory.guarantees()
    }

    fn recognises(&self, presented: Presented<'_>) -> bool {
        self.memory.recognises(presented)
    }

    async fn load(&self, presented: Presented<'_>, cx: Cx) -> Result<Loaded, StoreError> {
        self.loads.fetch_add(1, SeqCst);
        if self.down.load(SeqCst) != 0 {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "down"));
        }
        self.memory.load(presented, cx).await
    }

    async fn create(&self, record: &Record, cx: Cx) -> Result<Created, StoreError> {
        self.memory.create(record, cx).await
    }

    async fn replace(&self, record: &Record, expected: Version, cx: Cx) -> Result<Replaced, StoreError> {
        self.memory.replace(record, expected, cx).await
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: Cx) -> Result<Ended, StoreError> {
        self.memory.end(id, until, cx).await
    }
}

async fn count(session: Session) -> Result<String, SessionError> {
    Ok(session
        .update("count", |count: &mut u32| {
            *count += 1;
            *count
        })?
        .to_string())
}

async fn maybe(session: Option<Session>) -> String {
    session.map_or("none".to_owned(), |session| format!("{:?}", session.get::<u32>("count").unwrap()))
}

async fn twice(one: Session, two: Session, three: Option<Session>) -> String {
    format!("{}", one.id() == two.id() && three.is_none_or(|three| three.id() == one.id()))
}

async fn fail(session: Session) -> Result<&'static str, StatusCode> {
    session.insert("count", 99).unwrap();
    Err(StatusCode::INTERNAL_SERVER_ERROR)
}

async fn farewell(session: Session) -> Result<StatusCode, SessionError> {
    session.log_out()?;
    Ok(StatusCode::INTERNAL_SERVER_ERROR)
}

fn app(store: Counting) -> Router {
    Router::new()
        .route("/", get(count))
        .route("/maybe", get(maybe))
        .route("/twice", get(twice))
        .route("/fail", get(fail))
        .route("/farewell", get(farewell))
        .route("/plain", get(|| async { "plain" }))
        .layer(SessionLayer::new(manager(store)))
}

#[tokio::test]
async fn a_session_lasts_from_request_to_request() {
    let app = app(Counting::default());
    let first = fetch(&app, "/", None).await;
    let held = cookie(&first);
    assert!(first.headers()["set-cookie"].is_sensitive());
    assert_eq!(text(first).await, "1");
    assert_eq!(text(fetch(&app, "/", held.as_deref()).await).await, "2");
    assert_eq!(text(fetch(&app, "/", None).await).await, "1");
}

#[tokio::test]
async fn an_optional_session_is_none_until_there_is_one() {
    let app = app(Counting::default());
    let response = fetch(&app, "/maybe", None).await;
    assert_eq!(cookie(&response), None);
    assert_eq!(text(response).await, "none");
    let held = cookie(&fetch(&app, "/", None).await);
    assert_eq!(text(fetch(&app, "/maybe", held.as_deref()).await).await, "Some(1)");
}

#[tokio::test]
async fn a_session_is_loaded_once_and_only_when_asked_for() {
    let store = Counting::default();
    let app = app(store.clone());
    let held = cookie(&fetch(&app, "/", None).await);
    store.loads.store(0, SeqCst);
    assert_eq!(text(fetch(&app, "/plain", held.as_deref()).await).await, "plain");
    assert_eq!(store.loads.load(SeqCst), 0);
    assert_eq!(text(fetch(&app, "/twice", held.as_deref()).await).await, "true");
    assert_eq!(store.loads.load(SeqCst), 1);
}

#[tokio::test]
async fn an_outage_is_503_for_required_and_optional_sessions_alike() {
    let store = Counting::default();
    let app = app(store.clone());
    let held = cookie(&fetch(&app, "/", None).await);
    store.down.store(1, SeqCst);
    for path in ["/", "/maybe"] {
        let response = fetch(&app, path, held.as_deref()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(cookie(&response), None);
        assert!(!response.headers().contains_key("retry-after"));
        assert_eq!(text(response).await, "Sessions are unavailable at the moment. Please try again soon.\n");
    }
    assert_eq!(fetch(&app, "/plain", held.as_deref()).await.status(), StatusCode::OK);
    store.down.store(0, SeqCst);
    assert_eq!(text(fetch(&app, "/", held.as_deref()).await).await, "2");
}

#[tokio::test]
async fn carrying_on_anonymous_serves_readers_and_refuses_writers() {
    let store = Counting::default();
    let sessions = manager(store.clone()).on_outage(OnOutage::CarryOnAnonymous);
    let app: Router =
        Router::new().route("/", get(count)).route("/maybe", get(maybe)).layer(SessionLayer::new(sessions));
    let held = cookie(&fetch(&app, "/", None).await);
    store.down.store(1, SeqCst);
    assert_eq!(fetch(&app, "/", held.as_deref()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(fetch(&app, "/maybe", held.as_deref()).await).await, "none");
}

#[tokio::test]
async fn a_missing_layer_is_explained() {
    let app: Router = Router::new().route("/", get(count));
    let response = fetch(&app, "/", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        text(response).await,
        "this route asks for a session, but has no SessionLayer around it: add \
         `.layer(SessionLayer::new(sessions))` to the router, after the route\n"
    );
}

#[tokio::test]
async fn a_server_error_keeps_no_change_but_a_log_out() {
    let app = app(Counting::default());
    let held = cookie(&fetch(&app, "/", None).await);
    assert_eq!(fetch(&app, "/fail", held.as_deref()).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(text(fetch(&app, "/", held.as_deref()).await).await, "2");
    let response = fetch(&app, "/farewell", held.as_deref()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(cookie(&response).as_deref(), Some("__Host-id="));
    let late = fetch(&app, "/", held.as_deref()).await;
    assert_eq!(late.status(), StatusCode::CONFLICT, "the old token may be one of a request under way");
}

#[tokio::test]
async fn a_conflict_replaces_the_response_with_409() {
    async fn slow(session: Session) -> Result<&'static str, SessionError> {
        let read = session.get::<u32>("count")?.unwrap_or_default();
        tokio::task::yield_now().await;
        session.insert("count", read + 1)?;
        Ok("the handler's own words")
    }
    let app: Router = Router::new()
        .route("/", get(count))
        .route("/slow", get(slow))
        .layer(SessionLayer::new(manager(MemoryStore::new())));
    let held = cookie(&fetch(&app, "/", None).await);
    let (slow, _) = tokio::join!(fetch(&app, "/slow", held.as_deref()), fetch(&app, "/", held.as_deref()));
    assert_eq!(slow.status(), StatusCode::CONFLICT);
    assert_eq!(slow.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(text(slow).await, "Your session changed in the meantime. Reload the page and try again.\n");
}

#[tokio::test]
async fn head_and_options_behave() {
    let app = app(Counting::default());
    let head = send(&app, request("HEAD", "/", None)).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(cookie(&head).is_some());
    let options = send(&app, request("OPTIONS", "/", None)).await;
    assert_eq!(options.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(cookie(&options), None);
}

#[tokio::test]
async fn the_authority_of_an_http2_request_is_the_host() {
    let login = |session: Session| async move { session.log_in("alice").map(|()| "in") };
    let login = Router::new().route("/", post(login)).layer(SessionLayer::new(manager(MemoryStore::new())));
    for (origin, status) in [("https://shop.example", 200), ("https://evil.example", 403)] {
        let request = Request::post("https://shop.example/").header("origin", origin);
        let response = send(&login, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_refusal_can_look_like_the_rest_of_the_site() {
    let page = |error: &SessionError| {
        (StatusCode::from_u16(error.status()).unwrap(), format!("<h1>{}</h1>", error.public_message()))
            .into_response()
    };
    let login = |session: Session| async move { session.log_in("alice").map(|()| "in") };
    let app = Router::new()
        .route("/", post(login))
        .layer(SessionLayer::new(manager(MemoryStore::new())).refuse_with(page));
    let mut cross_site = request("POST", "/", None);
    cross_site.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    let response = send(&app, cross_site).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(response).await, "<h1>This request came from another site and was refused.</h1>");
}

#[tokio::test]
async fn promise_16_allowed_paths_are_those_of_the_request_in_nested_routers_too() {
    async fn callback(session: Session) -> Result<(), SessionError> {
        session.log_in("alice")
    }
    let nested = Router::new().route("/callback", post(callback));
    let sessions = manager(MemoryStore::new()).allow_cross_site("/auth/callback");
    let app: Router = Router::new()
        .nest("/auth", nested.clone())
        .nest("/admin", Router::new().nest("/auth", nested))
        .layer(SessionLayer::new(sessions));
    for (path, status) in
        [("/auth/callback", StatusCode::OK), ("/admin/auth/callback", StatusCode::FORBIDDEN)]
    {
        let mut request = request("POST", path, None);
        request.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert_eq!(send(&app, request).await.status(), status, "{path}");
    }
}
