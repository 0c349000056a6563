//! The example programs, without their sockets.

#[path = "../../examples/bearer.rs"]
#[allow(dead_code, reason = "a program's main")]
mod bearer;
#[path = "../../examples/events.rs"]
#[allow(dead_code, reason = "a program's main")]
mod events;
#[path = "../../examples/hello.rs"]
#[allow(dead_code, reason = "a program's main")]
mod hello;
#[path = "../../examples/login.rs"]
#[allow(dead_code, reason = "a program's main")]
mod login;

use axum::{
    body::Body,
    http::{
        Method, Request, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, COOKIE},
    },
};
use cloakroom::{
    Cookie, SessionManager,
    config::{Config, StoreConfig},
    store::MemoryStore,
};
use tower::ServiceExt as _;

use super::Browser;

fn sessions() -> SessionManager {
    SessionManager::new(MemoryStore::new()).cookie(Cookie::insecure_for_local_development("session"))
}

#[tokio::test]
async fn hello_counts_visits_on_every_store_that_needs_no_server() {
    for store in [
        "memory:",
        "encrypted-cookie:?keys=generate",
        "signed-cookie:?keys=generate",
        "jwt:?keys=generate&issuer=hello",
    ] {
        let sessions = Config::from(store.parse::<StoreConfig>().unwrap()).manager().unwrap();
        let mut browser = Browser::new(&hello::app(sessions));
        browser.get("/").await;
        assert_eq!(browser.get("/").await.text, "Hello, this is visit number 2\n", "{store}");
    }
}

#[tokio::test]
async fn login_lists_devices_and_logs_out_everywhere() {
    let app = login::app(sessions());
    let (mut laptop, mut phone) = (Browser::new(&app), Browser::new(&app));
    assert_eq!(laptop.get("/").await.location, "/login");
    assert_eq!(laptop.post("/login", "name=alice&password=guess").await.status, 401);
    laptop.post("/login", "name=alice&password=sesame").await;
    phone.post("/login", "name=alice&password=sesame&remember=on").await;
    assert_eq!(laptop.get("/").await.text.matches("<li>").count(), 2);

    let page = laptop.get("/").await.text;
    let other = page.split("<li>").find(|line| line.starts_with("since")).unwrap();
    let id = other.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(laptop.post("/end", &format!("id={id}")).await.location, "/");
    assert_eq!(phone.get("/").await.location, "/login");

    phone.post("/login", "name=alice&password=sesame").await;
    phone.post("/logout-everywhere", "").await;
    assert_eq!(laptop.get("/").await.location, "/login");
}

#[tokio::test]
async fn bearer_serves_a_mobile_client_and_a_browser_at_the_same_routes() {
    let app = bearer::app(sessions());
    let mut browser = Browser::new(&app);
    browser.post("/login", "name=alice").await;
    browser.post("/notes", "text=milk").await;
    assert_eq!(browser.get("/notes").await.text, "Notes of alice: milk\n");

    let mut mobile = Browser::new(&app);
    let token = mobile.post("/token", "name=alice").await.text;
    assert!(mobile.cookies.is_empty(), "a mobile client gets no cookie");
    let send = async |method: Method, path: &str, form: &'static str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        app.clone().oneshot(request.body(Body::from(form)).unwrap()).await.unwrap().status()
    };
    assert_eq!(send(Method::POST, "/notes", "text=bread").await, StatusCode::CREATED);
    assert_eq!(send(Method::DELETE, "/token", "").await, StatusCode::NO_CONTENT);
    assert_eq!(send(Method::GET, "/notes", "").await, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get("/notes").await.text, "Notes of alice: milk\n", "another session");
}

#[tokio::test(start_paused = true)]
async fn events_end_when_their_session_is_logged_out() {
    let mut browser = Browser::new(&events::app(sessions()));
    assert_eq!(browser.get("/events").await.status, 401);
    browser.get("/").await;
    let request = Request::get("/events").header(COOKIE, browser.cookie_header()).body(Body::empty());
    let mut events = browser.open(request.unwrap()).await.into_body().into_data_stream();
    for number in ["1", "2"] {
        let event = futures_util::StreamExt::next(&mut events).await.unwrap().unwrap();
        assert_eq!(event, format!("data: {number}\n\n"));
    }
    browser.post("/logout", "").await;
    let end = futures_util::StreamExt::next(&mut events).await.unwrap();
    assert!(end.is_err(), "{end:?}");
}
