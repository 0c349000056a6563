//! Layers inside each other: of one manager, and of two.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Response, request::Parts},
    routing::{get, post},
};
use cloakroom::{
    Bearer, Cookie, Session, SessionError, SessionManager, SessionStore, StoreError,
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, Freshness, Loaded, MemoryStore, PresentedToken, StoreContext, StoreLayer},
    tower::{SessionLayer, existing_session_of, session_of},
};

use crate::{cookie, get as fetch, manager, request, send, text};

async fn count(session: Session) -> Result<String, SessionError> {
    session.update("count", |count: &mut u32| {
        *count += 1;
        count.to_string()
    })
}

fn lines(response: &Response<Body>) -> Vec<String> {
    response.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nested_layers_of_one_manager_are_one_session_and_hand_out_one_cookie() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    for sessions in [manager(MemoryStore::new()), manager(EncryptedCookieStore::new(&keys))] {
        let layer = || SessionLayer::new(sessions.clone());
        let inner = Router::new().route("/count", get(count)).layer(layer());
        let app: Router =
            Router::new().nest("/inner", inner).route("/count", get(count)).layer(layer()).layer(layer());
        let first = fetch(&app, "/inner/count", None).await;
        assert_eq!(lines(&first).len(), 1);
        let held = cookie(&first);
        assert_eq!(text(first).await, "1");
        let second = fetch(&app, "/inner/count", held.as_deref()).await;
        let held = cookie(&second).or(held);
        assert_eq!(text(second).await, "2");
        assert_eq!(text(fetch(&app, "/count", held.as_deref()).await).await, "3");
    }
}

/// Counts the loads that ask for the state as of now.
#[derive(Debug, Clone, Default)]
struct Asked(MemoryStore, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl StoreLayer for Asked {
    fn inner(&self) -> &dyn SessionStore {
        &self.0
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.1.fetch_add(usize::from(cx.freshness == Freshness::Now), SeqCst);
        self.inner().load(presented, cx).await
    }
}

#[tokio::test]
async fn the_routes_of_a_fresh_layer_ask_for_now_and_the_others_do_not() {
    let asked = Asked::default();
    let layer = || SessionLayer::new(manager(asked.clone()));
    let sessions = manager(asked.clone());
    let money = Router::new().route("/money", get(count)).layer(SessionLayer::new(sessions.clone()).fresh());
    let alone = Router::new().route("/alone", get(count)).layer(layer().fresh());
    let app: Router = money.route("/count", get(count)).layer(SessionLayer::new(sessions)).merge(alone);
    let held = cookie(&fetch(&app, "/count", None).await);
    for (path, answer, times) in [("/money", "2", 1), ("/count", "3", 1), ("/alone", "4", 2)] {
        assert_eq!(text(fetch(&app, path, held.as_deref()).await).await, answer);
        assert_eq!(asked.1.load(SeqCst), times, "{path}");
    }
}

/// A shop, inside it the pages of its administrators, who have sessions of their own.
fn shop_and_admin() -> (Router, [SessionManager; 2]) {
    let shop = manager(MemoryStore::new());
    let admin = SessionManager::new(MemoryStore::new()).cookie(Cookie::named("__Host-admin"));
    let managers = [shop.clone(), admin.clone()];
    let inside = Router::new()
        .route("/login", post(log_in_to_both))
        .route("/note", post(note))
        .route("/who", get(who))
        .with_state(managers.clone())
        .layer(SessionLayer::new(admin));
    let app = Router::new().nest("/admin", inside).layer(SessionLayer::new(shop));
    (app, managers)
}

async fn log_in_to_both(
    State([shop, admin]): State<[SessionManager; 2]>,
    parts: Parts,
) -> Result<(), SessionError> {
    session_of(&parts, &shop).await?.log_in("customer")?;
    session_of(&parts, &admin).await?.log_in("clerk")
}

async fn note(State(managers): State<[SessionManager; 2]>, parts: Parts) -> Result<(), SessionError> {
    for manager in managers {
        session_of(&parts, &manager).await?.insert("note", 1)?;
    }
    Ok(())
}

async fn who(
    State([shop, admin]): State<[SessionManager; 2]>,
    inner: Session,
    parts: Parts,
) -> Result<String, SessionError> {
    let [shop, admin] =
        [existing_session_of(&parts, &shop).await?, existing_session_of(&parts, &admin).await?];
    let name = |session: Option<Session>| session.and_then(|session| session.subject()).unwrap_or_default();
    Ok(format!("{} {} {}", name(Some(inner)), name(shop), name(admin)))
}

#[tokio::test]
async fn a_handler_inside_layers_of_two_managers_reaches_both_sessions() {
    let (app, _) = shop_and_admin();
    let login = send(&app, request("POST", "/admin/login", None)).await;
    let held: Vec<_> = lines(&login).iter().map(|line| line.split(';').next().unwrap().to_owned()).collect();
    assert_eq!(held.len(), 2, "{held:?}");
    let answer = fetch(&app, "/admin/who", Some(&held.join("; "))).await;
    assert_eq!(text(answer).await, "clerk customer clerk");
    let answer = fetch(&app, "/admin/who", Some(&held[0])).await;
    let alone = text(answer).await;
    assert!(alone == "clerk  clerk" || alone == " customer ", "{alone}");
}

#[tokio::test]
async fn a_manager_that_has_no_layer_here_is_a_mistake_that_is_explained() {
    let other = manager(MemoryStore::new());
    let app = Router::new()
        .route("/", get(async move |parts: Parts| session_of(&parts, &other).await.map(drop)))
        .layer(SessionLayer::new(manager(MemoryStore::new())));
    let response = fetch(&app, "/", None).await;
    assert_eq!(response.status(), 500);
    assert!(text(response).await.contains("a manager that has no SessionLayer around it"));
}

#[tokio::test]
async fn a_refusal_of_the_outer_session_keeps_the_cookie_of_the_inner_one() {
    let (app, _) = shop_and_admin();
    let fresh = async || {
        let response = send(&app, request("POST", "/admin/login", None)).await;
        let lines = lines(&response);
        let line = lines.iter().find(|line| line.starts_with("__Host-id=")).unwrap();
        line.split(';').next().unwrap().to_owned()
    };
    // Two live sessions of the shop: its write is refused, while the administrator's is done.
    let both = format!("{}; {}", fresh().await, fresh().await);
    let response = send(&app, request("POST", "/admin/note", Some(&both))).await;
    assert_eq!(response.status(), 409);
    let lines = lines(&response);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("__Host-admin="), "{lines:?}");
}

#[tokio::test]
async fn a_dead_cookie_hides_no_bearer_token() {
    let sessions = manager(MemoryStore::new())
        .transports([Cookie::named("__Host-id").into(), Bearer::authorization().into()]);
    let login = async |session: Session| {
        session.log_in("app")?;
        session.issue_bearer()
    };
    let who = async |session: Session| session.subject().unwrap_or_default();
    let app = Router::new().route("/", post(login).get(who)).layer(SessionLayer::new(sessions));
    let token =
        send(&app, request("POST", "/", None)).await.headers()["session-token"].to_str().unwrap().to_owned();
    let mut request = request("GET", "/", Some(&format!("__Host-id={}", "0".repeat(64))));
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    assert_eq!(text(send(&app, request).await).await, "app");
}
