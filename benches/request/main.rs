//! What a session adds to a whole request in process: axum's router or actix-web's, a handler, no network.
//!
//! Each group has its limit, the same handler without sessions, and beside it what a layer that does nothing costs: axum boxes
//! what every layer makes. `scripts/bench` runs this and prints the ratios.

mod actix;
#[path = "../lookup/payload.rs"]
mod payload;
#[path = "../lookup/visitors.rs"]
mod visitors;

use std::{convert::Infallible, hint::black_box, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::get,
};
use cloakroom::{
    Session, SessionError, SessionManager,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, MemoryStore},
    tower::SessionLayer,
};
use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use tower::{Layer as _, Service, layer::util::Identity, util::MapRequestLayer};

use crate::{
    payload::{Payload, VISITS},
    visitors::{begin, now},
};

async fn bare() -> &'static str {
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
    Router::new().route("/", get(bare)).route("/read", get(read)).route("/write", get(write))
}

/// Measures requests to a path. The router has its state already: else it would apply its layers to each of them.
fn requests<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut app: S, path: &str, cookies: &[u8])
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

fn unused(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request/unused");
    let sessions = || SessionLayer::new(SessionManager::new(MemoryStore::new()));
    let app = |router: Router| router.with_state(()).into_service::<Body>();
    let cookie = b"theme=dark";
    requests(&mut group, "limit", app(router()), "/", cookie);
    requests(&mut group, "a layer that does nothing", app(router().layer(Identity::new())), "/", cookie);
    let maps = MapRequestLayer::new(|request: Request<Body>| request);
    requests(&mut group, "a layer that maps nothing", app(router().layer(maps)), "/", cookie);
    requests(&mut group, "sessions", app(router().layer(sessions())), "/", cookie);
    requests(&mut group, "sessions, around the router", sessions().layer(app(router())), "/", cookie);
}

fn used(criterion: &mut Criterion, store: &str, sessions: &SessionManager, payload: Payload) {
    let mut group = criterion.benchmark_group(format!("request/{store}/{}", payload.name()));
    let (cookies, _) = begin(sessions, &payload.values());
    let app = || router().layer(SessionLayer::new(sessions.clone())).with_state(()).into_service::<Body>();
    let bare = router().with_state(()).into_service::<Body>();
    requests(&mut group, "limit", bare, "/", &cookies);
    requests(&mut group, "unused", app(), "/", &cookies);
    requests(&mut group, "one key read", app(), "/read", &cookies);
    requests(&mut group, "one key written", app(), "/write", &cookies);
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    unused(&mut criterion);
    let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
    for payload in Payload::TWO {
        let memory = SessionManager::new(MemoryStore::new());
        let encrypted = SessionManager::new(EncryptedCookieStore::new(&keys));
        for (store, sessions) in [("memory", &memory), ("encrypted-cookie", &encrypted)] {
            used(&mut criterion, store, sessions, payload);
            actix::used(&mut criterion, store, sessions, payload);
        }
    }
    criterion.final_summary();
}
