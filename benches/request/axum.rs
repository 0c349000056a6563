//! Requests in axum: its router, a handler, no network.

use std::{convert::Infallible, hint::black_box};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::get,
};
use cloakroom::{Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
use tower::{Layer as _, Service, layer::util::Identity, util::MapRequestLayer};

use crate::{
    Group,
    least::{Share, Shared},
    payload::{Payload, VISITS},
    visitors::{begin, now},
};

async fn bare() -> &'static str {
    "hello"
}

async fn shared(shared: Shared) -> &'static str {
    shared.touch();
    "hello"
}

async fn read(session: Session) -> Result<&'static str, SessionError> {
    let visits: Option<u32> = session.get(VISITS)?;
    black_box(visits);
    Ok("hello")
}

async fn write(session: Session) -> Result<&'static str, SessionError> {
    session.update(VISITS, |visits: &mut u32| *visits += 1)?;
    Ok("hello")
}

fn router() -> Router {
    let routes = Router::new().route("/", get(bare)).route("/shared", get(shared));
    routes.route("/read", get(read)).route("/write", get(write))
}

/// Measures requests to a path. The router has its state already: else it would apply its layers to each of them.
fn requests<S>(group: &mut Group<'_>, name: &str, mut app: S, path: &str, cookies: &[u8])
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let mut request = || {
        let request = Request::get(path).header("host", "shop.example").header("cookie", cookies);
        let response = now(app.call(request.body(Body::empty()).expect("it is a request")));
        response.expect("it never fails").status()
    };
    assert_eq!(request(), 200, "{name}");
    group.bench_function(name, |bencher| bencher.iter(&mut request));
}

/// Measures requests that come with no session and ask for none.
pub(crate) fn unused(group: &mut Group<'_>) {
    let sessions = || SessionLayer::new(SessionManager::new(MemoryStore::new()));
    let app = |router: Router| router.with_state(()).into_service::<Body>();
    let cookie = b"theme=dark";
    requests(group, "limit", app(router()), "/", cookie);
    requests(group, "a layer that does nothing", app(router().layer(Identity::new())), "/", cookie);
    let maps = MapRequestLayer::new(|request: Request<Body>| request);
    requests(group, "a layer that maps nothing", app(router().layer(maps)), "/", cookie);
    requests(group, "a layer that shares something", app(router().layer(Share)), "/", cookie);
    requests(group, "sessions", app(router().layer(sessions())), "/", cookie);
    requests(group, "sessions, around the router", sessions().layer(app(router())), "/", cookie);
}

/// Measures requests that come with a session.
pub(crate) fn used(group: &mut Group<'_>, sessions: &SessionManager, payload: Payload) {
    let (cookies, _) = begin(sessions, &payload.values());
    let app = || router().layer(SessionLayer::new(sessions.clone())).with_state(()).into_service::<Body>();
    let bare = router().with_state(()).into_service::<Body>();
    requests(group, "limit", bare, "/", &cookies);
    requests(group, "unused", app(), "/", &cookies);
    let least = router().layer(Share).with_state(()).into_service::<Body>();
    requests(group, "a layer and an extractor that share something", least, "/shared", &cookies);
    requests(group, "one key read", app(), "/read", &cookies);
    requests(group, "one key written", app(), "/write", &cookies);
}
