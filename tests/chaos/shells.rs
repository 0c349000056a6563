//! The site in the shell of each framework, served on a free port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use actix_web::{HttpRequest, HttpServer, dev::ServerHandle, web};
use axum::{Router, extract::State, http::HeaderMap, routing::any};
use cloakroom::{Session, SessionError, actix::SessionMiddleware, tower::SessionLayer};
use tokio::task::AbortHandle;

use crate::{
    app::App,
    clocks::Moment,
    order::{ORDER, Order},
};

/// No connection is idle for so long.
const KEEP_ALIVE: Moment = Moment::from_secs(3600);

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    task: AbortHandle,
    workers: Option<ServerHandle>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(workers) = &self.workers {
            // The command is sent by the call; nobody waits until it is carried out.
            drop(workers.stop(false));
        }
    }
}

pub(crate) fn axum(app: App) -> Served {
    let listener = tokio::net::TcpListener::from_std(listener()).unwrap();
    let address = listener.local_addr().unwrap();
    let sessions = SessionLayer::new(app.sessions.clone());
    let router = Router::new().route("/", any(answer)).layer(sessions).with_state(app);
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Served { address, task: task.abort_handle(), workers: None }
}

async fn answer(
    State(app): State<App>,
    session: Session,
    headers: HeaderMap,
) -> Result<String, SessionError> {
    app.perform(&session, order(headers[ORDER].as_bytes())).await
}

pub(crate) fn actix(app: App) -> Served {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(web::Data::new(app.clone()))
            .service(web::resource("/").to(answer_actix))
            .wrap(SessionMiddleware::new(app.sessions.clone()))
    })
    .workers(1)
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    // Otherwise a handler goes on although its client is gone, and nothing is dropped.
    .h1_allow_half_closed(false)
    .listen(listener)
    .unwrap()
    .run();
    let workers = Some(server.handle());
    let task = tokio::spawn(async move { server.await.unwrap() });
    Served { address, task: task.abort_handle(), workers }
}

async fn answer_actix(
    app: web::Data<App>,
    session: Session,
    request: HttpRequest,
) -> Result<String, SessionError> {
    app.perform(&session, order(request.headers().get(ORDER).unwrap().as_bytes())).await
}

fn order(text: &[u8]) -> Order {
    serde_json::from_slice(text).expect("a client knows what it wants")
}

/// A free port of this machine.
fn listener() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
