//! Real connections: clients that go away, upgrades, handlers that panic.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode},
    routing::get,
};
use cloakroom::{Session, SessionError, store::MemoryStore, tower::SessionLayer};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::manager;

/// Says when a handler has logged in or out, and holds it there.
#[derive(Clone, Default)]
struct Gate {
    reached: Arc<Notify>,
    released: Arc<Notify>,
}

async fn login(session: Session) -> Result<(), SessionError> {
    session.log_in("alice")
}

async fn subject(session: Session) -> String {
    session.subject().unwrap_or_default()
}

async fn slow_log_out(State(gate): State<Gate>, session: Session) -> Result<(), SessionError> {
    session.log_out()?;
    gate.reached.notify_one();
    gate.released.notified().await;
    Ok(())
}

async fn panic_after_log_out(session: Session) -> Result<(), SessionError> {
    session.log_out()?;
    panic!("in the application")
}

/// Answers each byte with the sum of all bytes so far, which it keeps in the session.
async fn upgrade(session: Session, request: Request) -> Result<Response<Body>, SessionError> {
    session.keep_open()?;
    tokio::spawn(async move {
        let mut socket = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        while let Ok(byte) = socket.read_u8().await {
            let sum = session.update("sum", move |sum: &mut u8| {
                *sum += byte;
                *sum
            });
            session.save().await.unwrap();
            socket.write_u8(sum.unwrap()).await.unwrap();
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("upgrade", "sum".parse().unwrap());
    response.headers_mut().insert("connection", "upgrade".parse().unwrap());
    Ok(response)
}

async fn sum(session: Session) -> Result<String, SessionError> {
    Ok(format!("{:?}", session.get::<u8>("sum")?))
}

async fn serve(gate: Gate) -> SocketAddr {
    let app = Router::new()
        .route("/login", get(login))
        .route("/subject", get(subject))
        .route("/slow-log-out", get(slow_log_out))
        .route("/panic", get(panic_after_log_out))
        .route("/upgrade", get(upgrade))
        .route("/sum", get(sum))
        .with_state(gate)
        .layer(SessionLayer::new(manager(MemoryStore::new())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn open(address: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The whole response to one request; empty where the connection was closed without one.
async fn fetch(address: SocketAddr, path: &str, cookie: &str) -> String {
    let mut stream = open(address, path, &format!("cookie: {cookie}\r\nconnection: close\r\n")).await;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn log_in(address: SocketAddr) -> String {
    let response = fetch(address, "/login", "").await;
    let line = response.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    line.split(';').next().unwrap().to_owned()
}

async fn is_logged_in(address: SocketAddr, cookie: &str) -> bool {
    fetch(address, "/subject", cookie).await.ends_with("alice")
}

/// Waits for a state that a detached task brings about.
async fn until_logged_out(address: SocketAddr, cookie: &str) {
    for _ in 0..1000 {
        if !is_logged_in(address, cookie).await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the log-out was not carried through");
}

#[tokio::test]
async fn a_log_out_is_carried_through_when_the_client_goes_away() {
    let gate = Gate::default();
    let address = serve(gate.clone()).await;
    let cookie = log_in(address).await;
    assert!(is_logged_in(address, &cookie).await);
    let stream = open(address, "/slow-log-out", &format!("cookie: {cookie}\r\n")).await;
    gate.reached.notified().await;
    drop(stream);
    until_logged_out(address, &cookie).await;
}

#[tokio::test]
async fn a_log_out_is_carried_through_when_the_handler_panics() {
    let address = serve(Gate::default()).await;
    let cookie = log_in(address).await;
    assert_eq!(fetch(address, "/panic", &cookie).await, "");
    until_logged_out(address, &cookie).await;
}

#[tokio::test]
async fn an_upgraded_connection_goes_on_with_its_session() {
    let address = serve(Gate::default()).await;
    let cookie = log_in(address).await;
    let headers = format!("cookie: {cookie}\r\nconnection: upgrade\r\nupgrade: sum\r\n");
    let mut socket = open(address, "/upgrade", &headers).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    for (byte, sum) in [(1, 1), (2, 3), (3, 6)] {
        socket.write_u8(byte).await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), sum);
    }
    assert!(fetch(address, "/sum", &cookie).await.ends_with("Some(6)"));
}
