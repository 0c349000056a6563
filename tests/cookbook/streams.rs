//! Handlers whose work outlives their response: a websocket, an event stream.

use axum::{
    Router,
    body::Body,
    http::{Request, header::COOKIE},
    response::sse::{Event, KeepAlive, Sse},
    routing::{get, post},
};
use cloakroom::{
    Key, Session, SessionError, SessionErrorKind, SessionManager, store::MemoryStore, tower::SessionLayer,
};
use futures_util::{Stream, StreamExt as _, stream};

const READ_UP_TO: Key<u32> = Key::new("read_up_to").last_writer_wins();

async fn news(
    session: Session,
) -> Result<Sse<impl Stream<Item = Result<Event, SessionError>>>, SessionError> {
    session.keep_open()?; // before the response leaves
    let first = session.get(READ_UP_TO)?.unwrap_or_default() + 1;
    let events = stream::iter(first..first + 3).then(move |number| {
        let session = session.clone();
        async move {
            session.insert(READ_UP_TO, number)?;
            session.save().await?; // the stream ends here if the session was ended meanwhile
            Ok(Event::default().data(format!("news {number}")))
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

const SENT: Key<u32> = Key::new("sent");

/// The messages of a websocket, as long as its user is logged in.
async fn chat(
    session: Session,
    mut messages: impl Stream<Item = String> + Unpin,
    send: impl Fn(String),
) -> Result<(), SessionError> {
    while let Some(message) = messages.next().await {
        let number = session.update(SENT, |sent| {
            *sent += 1;
            *sent
        })?;
        session.save().await?; // a conflict if the session was ended meanwhile
        send(format!("{number}: {message}"));
    }
    Ok(())
}

fn app() -> Router {
    Router::new()
        .route("/", get(async |session: Session| session.insert("began", true)))
        .route("/news", get(news))
        .route("/read", get(async |session: Session| format!("{:?}", session.get(READ_UP_TO))))
        .route("/logout", post(async |session: Session| session.log_out()))
        .route("/socket", get(async |session: Session| session.keep_open().map(|()| keep(session))))
        .layer(SessionLayer::new(SessionManager::new(MemoryStore::new())))
}

thread_local! {
    static KEPT: std::cell::RefCell<Option<Session>> = const { std::cell::RefCell::new(None) };
}

/// In place of a socket's task.
fn keep(session: Session) {
    KEPT.set(Some(session));
}

#[tokio::test]
async fn an_event_stream_saves_what_it_has_sent() {
    let mut browser = super::Browser::new(&app());
    browser.get("/").await;
    assert!(browser.get("/news").await.text.contains("data: news 3"));
    assert_eq!(browser.get("/read").await.text, "Ok(Some(3))");
    let request = Request::get("/news").header(COOKIE, browser.cookie_header()).body(Body::empty()).unwrap();
    let left_early = browser.open(request).await;
    drop(left_early);
    assert!(browser.get("/news").await.text.contains("data: news 4"), "nothing was sent, nothing is read");
}

#[tokio::test]
async fn a_socket_ends_when_its_session_was_ended() {
    let mut browser = super::Browser::new(&app());
    browser.get("/").await;
    browser.get("/socket").await;
    let session = KEPT.take().unwrap();

    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let messages =
        stream::unfold(receiver, async |mut from| from.recv().await.map(|message| (message, from)));
    let socket = tokio::spawn(async move {
        chat(session, Box::pin(messages), |answer| answers.send(answer).unwrap()).await
    });
    sender.send("hello".to_owned()).unwrap();
    assert_eq!(answered.recv().await.unwrap(), "1: hello");

    browser.post("/logout", "").await;
    sender.send("still there?".to_owned()).unwrap();
    let ended = socket.await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), SessionErrorKind::Conflict);
    assert_eq!(answered.recv().await, None);
}
