//! A server that keeps sessions in its memory.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing};
use cloakroom::{
    Cookie, Session, SessionError, SessionManager,
    store::{DrainingStore, MemoryStore, NodeName},
    tower::SessionLayer,
};
use tokio::runtime::Runtime;

use crate::port::Port;

/// The names of the servers in the documented configurations.
pub(crate) const NAMES: [&str; 2] = ["web-1", "web-2"];

/// A server with a port of its own. Killed, it is as dead as a process.
pub(crate) struct Node {
    name: &'static str,
    target: MemoryStore,
    port: Port,
    life: Option<Life>,
}

/// From a start to an end.
struct Life {
    runtime: Runtime,
    sessions: SessionManager,
    leaving: Arc<AtomicBool>,
}

impl Node {
    pub(crate) fn start(name: &'static str, target: &MemoryStore) -> Self {
        let mut node = Self { name, target: target.clone(), port: Port::reserve(), life: None };
        node.restart();
        node
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Starts again, with an empty memory.
    pub(crate) fn restart(&mut self) {
        let memory = MemoryStore::builder().node(NodeName::new(self.name).unwrap()).build();
        let sessions = SessionManager::new(DrainingStore::new(memory, self.target.clone()))
            .cookie(Cookie::insecure_for_local_development("session"));
        let leaving = Arc::new(AtomicBool::new(false));
        let app = app(self.name, Arc::clone(&leaving)).layer(SessionLayer::new(sessions.clone()));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(self.address())).unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        self.life = Some(Life { runtime, sessions, leaving });
    }

    /// Does what a server does that is told to end, up to the moment at which it stops.
    pub(crate) fn leave(&self) {
        let Life { runtime, sessions, leaving } = self.life.as_ref().unwrap();
        runtime.block_on(sessions.drain(Duration::from_secs(20))).unwrap();
        leaving.store(true, SeqCst);
    }

    /// Stops at once, with everything it has under way.
    pub(crate) fn kill(&mut self) {
        let Life { runtime, .. } = self.life.take().unwrap();
        runtime.shutdown_timeout(Duration::from_secs(10));
    }
}

/// Tells who answers, and what it sees of the session.
fn app(name: &'static str, leaving: Arc<AtomicBool>) -> Router {
    let health = move || {
        let leaving = leaving.load(SeqCst);
        async move { if leaving { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
    };
    let shown = move |session: &Session| -> Result<String, SessionError> {
        let subject = session.subject().unwrap_or("-".into());
        Ok(format!("{name} {subject} {}", session.get::<u64>("count")?.unwrap_or(0)))
    };
    Router::new()
        .route("/health", routing::get(health))
        .route("/", routing::get(move |session: Session| async move { shown(&session) }))
        .route(
            "/log-in",
            routing::post(move |session: Session| async move {
                session.log_in("alice")?;
                shown(&session)
            }),
        )
        .route(
            "/count",
            routing::post(move |session: Session| async move {
                session.update("count", |count: &mut u64| *count += 1)?;
                shown(&session)
            }),
        )
}
