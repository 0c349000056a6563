//! axum's shell.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode},
    middleware::{Next, from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::{MethodFilter, get, on},
};
use cloakroom::{Session, SessionError, tower::SessionLayer};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{Served, listener};
use crate::app::{Answer, App, FAIL_LATER, Failure, ORDER, Order, ROUTES, compare, glance, plain, sum_up};

pub(crate) fn serve(app: App) -> Served {
    let listener = TcpListener::from_std(listener()).unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, router(app)).await.unwrap() });
    Served { address, task }
}

fn router(app: App) -> Router {
    let sessions = SessionLayer::new(app.sessions.clone());
    let mut router = Router::new()
        .route("/plain", get(async || plain()))
        .route("/glance", get(async |session: Option<Session>| glance(session.as_ref())))
        .route("/thrice", get(thrice))
        .route("/sum", get(upgrade));
    for (method, path, deed) in ROUTES {
        let filter = MethodFilter::try_from(method.parse::<axum::http::Method>().unwrap()).unwrap();
        router = router.route(
            path,
            on(
                filter,
                async move |State(app): State<App>, session: Session, headers: HeaderMap, body: Bytes| {
                    let order = headers.get(ORDER).map(|value| value.as_bytes());
                    app.perform(*deed, &session, Order::read(order, &body)).await
                },
            ),
        );
    }
    router
        .layer(from_fn(fail_later))
        .layer(sessions)
        .layer(from_fn_with_state(app.clone(), watch))
        .with_state(app)
}

async fn thrice(one: Session, two: Session, three: Option<Session>) -> Answer {
    compare(&one, &two, three.as_ref())
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(self.body.into()).unwrap()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response<Body> {
        match self {
            Self::Session(error) => error.into_response(),
            Self::Own(status) => StatusCode::from_u16(status).unwrap().into_response(),
        }
    }
}

/// A middleware between session and handler.
async fn fail_later(request: Request, next: Next) -> Result<Response<Body>, StatusCode> {
    let wanted = request.headers().get(FAIL_LATER).map(|status| status.to_str().unwrap().parse().unwrap());
    let response = next.run(request).await;
    wanted.map_or(Ok(response), Err)
}

/// A middleware around everything.
async fn watch(State(app): State<App>, request: Request, next: Next) -> Response<Body> {
    app.gate.watch(next.run(request)).await
}

async fn upgrade(session: Session, request: Request) -> Result<Response<Body>, SessionError> {
    session.keep_open()?;
    tokio::spawn(async move {
        let mut socket = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        while let Ok(byte) = socket.read_u8().await {
            socket.write_u8(sum_up(&session, byte).await).await.unwrap();
        }
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response.header("connection", "upgrade").header("upgrade", "websocket");
    Ok(response.body(Body::empty()).unwrap())
}
