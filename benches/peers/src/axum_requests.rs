//! Whole requests through axum in process: no network, the router has its state already.

use std::{convert::Infallible, hint::black_box};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    routing::get,
};
use axum_session::{DatabasePool, SessionConfig, SessionNullPool, SessionStore};
use cloakroom::{Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer as _, Service, layer::util::Identity};

use crate::{
    least::{Share, Shared},
    ours::untouched,
    payload::{Payload, VISITS},
    row::{Row, Work, again},
    visitors::now,
};

type Rows<'a> = dyn FnMut(&str, &dyn Fn(&mut Row)) + 'a;

pub(crate) fn rows(row: &mut Rows<'_>) {
    row("axum request: session unused", &|row| everybody(row, "/", Payload::Small));
    for payload in Payload::TWO {
        row(&format!("axum request, memory: one key read, {}", payload.name()), &|row| {
            everybody(row, "/read", payload);
        });
    }
    for payload in Payload::TWO {
        row(&format!("axum request, memory: one key written, {}", payload.name()), &|row| {
            everybody(row, "/write", payload);
        });
    }
}

fn everybody(row: &mut Row, path: &'static str, payload: Payload) {
    // axum_session's layer spawns a task as it is made. Nothing drives this runtime, so it costs no request anything.
    let runtime = Builder::new_current_thread().enable_all().build().expect("there is a runtime");
    let runtime: &Runtime = Box::leak(Box::new(runtime));
    let _entered = runtime.enter();
    row.limit("limit: bare handler", requests(bare(), "/", "theme=dark".to_owned()));
    if path == "/" {
        let idle = bare().layer(Identity::new());
        row.add("a layer that does nothing", requests(idle, path, "theme=dark".to_owned()));
        let sharing = bare().layer(Share);
        row.add("a layer that shares something", requests(sharing, path, "theme=dark".to_owned()));
    }
    if path == "/read" {
        let sharing = Router::new().route(
            "/",
            get(async |shared: Shared| {
                shared.touch();
                "hello"
            }),
        );
        let cookies = "theme=dark".to_owned();
        row.add(
            "a layer and an extractor that share something",
            requests(sharing.layer(Share), "/", cookies),
        );
    }
    if path == "/" {
        let around = SessionLayer::new(untouched(SessionManager::new(MemoryStore::new())));
        let around = around.layer(bare().with_state(()).into_service::<Body>());
        row.add("cloakroom, around the router", drive(around, path, "theme=dark".to_owned()));
    }
    let mut add = |name: &str, app: Router| {
        let cookies = if path == "/" { "theme=dark".to_owned() } else { filled(app.clone(), payload) };
        row.add(name, requests(app, path, cookies));
    };
    add("cloakroom", ours(untouched(SessionManager::new(MemoryStore::new())), payload));
    let layer = tower_sessions::SessionManagerLayer::new(tower_sessions::MemoryStore::default());
    add("tower-sessions 0.15, memory store", tower(payload).layer(layer));
    add("axum_session, in memory", other(runtime.block_on(memory_only()), payload));
}

fn bare() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// Our handlers.
pub(crate) fn ours(sessions: SessionManager, payload: Payload) -> Router {
    async fn read(session: Session) -> Result<&'static str, SessionError> {
        let visits: Option<u32> = session.get(VISITS)?;
        black_box(visits.expect("it is there"));
        Ok("hello")
    }
    async fn write(session: Session) -> Result<&'static str, SessionError> {
        session.update(VISITS, |visits: &mut u32| *visits += 1)?;
        Ok("hello")
    }
    let fill = async move |session: Session| {
        for (key, value) in payload.values() {
            session.insert(key, value).expect("it fits");
        }
    };
    let routes = bare().route("/read", get(read)).route("/write", get(write)).route("/fill", get(fill));
    routes.layer(SessionLayer::new(sessions))
}

/// The handlers of tower-sessions, without its layer.
fn tower(payload: Payload) -> Router {
    use tower_sessions::Session;
    async fn read(session: Session) -> &'static str {
        let visits: Option<u32> = session.get(VISITS).await.expect("it is a number");
        black_box(visits.expect("it is there"));
        "hello"
    }
    async fn write(session: Session) -> &'static str {
        let visits: Option<u32> = session.get(VISITS).await.expect("it is a number");
        session.insert(VISITS, visits.expect("it is there") + 1).await.expect("it fits");
        "hello"
    }
    let fill = async move |session: Session| {
        for (key, value) in payload.values() {
            session.insert(key, value).await.expect("it fits");
        }
    };
    bare().route("/read", get(read)).route("/write", get(write)).route("/fill", get(fill))
}

/// The same for the version before, which its Redis store fits.
pub(crate) fn tower_14(payload: Payload) -> Router {
    use tower_sessions_14::Session;
    async fn read(session: Session) -> &'static str {
        let visits: Option<u32> = session.get(VISITS).await.expect("it is a number");
        black_box(visits.expect("it is there"));
        "hello"
    }
    async fn write(session: Session) -> &'static str {
        let visits: Option<u32> = session.get(VISITS).await.expect("it is a number");
        session.insert(VISITS, visits.expect("it is there") + 1).await.expect("it fits");
        "hello"
    }
    let fill = async move |session: Session| {
        for (key, value) in payload.values() {
            session.insert(key, value).await.expect("it fits");
        }
    };
    bare().route("/read", get(read)).route("/write", get(write)).route("/fill", get(fill))
}

async fn memory_only() -> SessionStore<SessionNullPool> {
    // By default a session leaves memory with its request, which without a database is its end.
    let config = SessionConfig::default().with_memory_lifetime(time::Duration::days(1));
    SessionStore::new(None, config).await.expect("there is nothing that could fail")
}

/// The handlers and the layer of axum_session.
pub(crate) fn other<P>(store: SessionStore<P>, payload: Payload) -> Router
where
    P: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    use axum_session::Session;
    async fn read<P: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static>(
        session: Session<P>,
    ) -> &'static str {
        let visits: Option<u32> = session.get(VISITS);
        black_box(visits.expect("it is there"));
        "hello"
    }
    async fn write<P: DatabasePool + Clone + std::fmt::Debug + Send + Sync + 'static>(
        session: Session<P>,
    ) -> &'static str {
        let visits: Option<u32> = session.get(VISITS);
        session.set(VISITS, visits.expect("it is there") + 1);
        "hello"
    }
    let fill = async move |session: Session<P>| {
        for (key, value) in payload.values() {
            session.set(key, value);
        }
    };
    let routes = bare().route("/read", get(read::<P>)).route("/write", get(write::<P>));
    routes.route("/fill", get(fill)).layer(axum_session::SessionLayer::new(store))
}

/// The cookies of a new visitor whose session holds the payload.
fn filled(app: Router, payload: Payload) -> String {
    let _ = payload;
    let response = now(app.with_state(()).into_service::<Body>().call(request("/fill", "")));
    cookies(&response.expect("it never fails"))
}

/// A `Cookie` header of what the response sets.
pub(crate) fn cookies<B>(response: &Response<B>) -> String {
    assert!(response.status().is_success(), "{}", response.status());
    let set = response.headers().get_all("set-cookie").iter();
    let pairs = set.map(|cookie| cookie.to_str().expect("it is text").split(';').next().expect("a pair"));
    pairs.collect::<Vec<_>>().join("; ")
}

pub(crate) fn request(path: &str, cookies: &str) -> Request<Body> {
    let request = Request::get(path).header("host", "shop.example").header("cookie", cookies);
    request.body(Body::empty()).expect("it is a request")
}

fn requests(app: Router, path: &'static str, cookies: String) -> Work {
    drive(app.with_state(()).into_service::<Body>(), path, cookies)
}

fn drive<S>(mut app: S, path: &'static str, cookies: String) -> Work
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static,
{
    let mut one = move || {
        let response = now(app.call(request(path, &cookies)));
        response.expect("it never fails").status()
    };
    assert_eq!(one(), 200);
    assert_eq!(one(), 200);
    again(one)
}
