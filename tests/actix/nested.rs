//! Middleware inside other middleware: of one manager, and of two.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use actix_web::{
    App, HttpRequest, HttpResponse,
    http::Method,
    test::{TestRequest, init_service},
    web::{self, Data},
};
use cloakroom::{
    Bearer, Cookie, Session, SessionError, SessionManager, SessionStore, StoreError,
    actix::{SessionMiddleware, existing_session_of, session_of},
    keyring::{KeyRing, SecretKey},
    store::{EncryptedCookieStore, Freshness, Loaded, MemoryStore, PresentedToken, StoreContext, StoreLayer},
};

use crate::{cookie, count, get, manager, text};

fn lines<B>(response: &HttpResponse<B>) -> Vec<String> {
    response.headers().get_all("set-cookie").map(|line| line.to_str().unwrap().to_owned()).collect()
}

fn post(path: &str, cookie: Option<&str>) -> TestRequest {
    get(path, cookie).method(Method::POST)
}

#[actix_web::test]
async fn nested_middleware_of_one_manager_is_one_session_and_hands_out_one_cookie() {
    let keys = KeyRing::new(SecretKey::generate().unwrap());
    let carried = SessionManager::new(EncryptedCookieStore::new(&keys)).cookie(Cookie::named("__Host-id"));
    for sessions in [manager(), carried] {
        let wrap = || SessionMiddleware::new(sessions.clone());
        let inner = web::scope("/inner").wrap(wrap()).route("/count", web::get().to(count));
        let app = init_service(
            App::new().wrap(wrap()).wrap(wrap()).service(inner).route("/count", web::get().to(count)),
        )
        .await;
        let first = send!(app, get("/inner/count", None));
        assert_eq!(lines(&first).len(), 1);
        let held = cookie(&first);
        assert_eq!(text(first).await, "1");
        let second = send!(app, get("/inner/count", held.as_deref()));
        let held = cookie(&second).or(held);
        assert_eq!(text(second).await, "2");
        assert_eq!(text(send!(app, get("/count", held.as_deref()))).await, "3");
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

#[actix_web::test]
async fn the_routes_of_a_fresh_middleware_ask_for_now_and_the_others_do_not() {
    let asked = Asked::default();
    let sessions = SessionManager::new(asked.clone()).cookie(Cookie::named("__Host-id"));
    let wrap = || SessionMiddleware::new(sessions.clone());
    let money = web::scope("/in").wrap(wrap().fresh()).route("/money", web::get().to(count));
    let app =
        init_service(App::new().wrap(wrap()).service(money).route("/count", web::get().to(count))).await;
    let held = cookie(&send!(app, get("/count", None)));
    for (path, answer, times) in [("/in/money", "2", 1), ("/count", "3", 1)] {
        assert_eq!(text(send!(app, get(path, held.as_deref()))).await, answer);
        assert_eq!(asked.1.load(SeqCst), times, "{path}");
    }
}

type Managers = Data<[SessionManager; 2]>;

async fn log_in_to_both(managers: Managers, request: HttpRequest) -> Result<&'static str, SessionError> {
    let [shop, admin] = &**managers;
    session_of(&request, shop).await?.log_in("customer")?;
    session_of(&request, admin).await?.log_in("clerk")?;
    Ok("")
}

async fn note(managers: Managers, request: HttpRequest) -> Result<&'static str, SessionError> {
    for manager in managers.iter() {
        session_of(&request, manager).await?.insert("note", 1)?;
    }
    Ok("")
}

async fn who(managers: Managers, inner: Session, request: HttpRequest) -> Result<String, SessionError> {
    let [shop, admin] = &**managers;
    let [shop, admin] =
        [existing_session_of(&request, shop).await?, existing_session_of(&request, admin).await?];
    let name = |session: Option<Session>| session.and_then(|session| session.subject()).unwrap_or_default();
    Ok(format!("{} {} {}", name(Some(inner)), name(shop), name(admin)))
}

/// A shop, inside it the pages of its administrators, who have sessions of their own.
macro_rules! shop_and_admin {
    () => {{
        let shop = manager();
        let admin = SessionManager::new(MemoryStore::new()).cookie(Cookie::named("__Host-admin"));
        let inside = web::scope("/admin")
            .wrap(SessionMiddleware::new(admin.clone()))
            .route("/login", web::post().to(log_in_to_both))
            .route("/note", web::post().to(note))
            .route("/who", web::get().to(who));
        let app = App::new().app_data(Data::new([shop.clone(), admin])).service(inside);
        init_service(app.wrap(SessionMiddleware::new(shop))).await
    }};
}

#[actix_web::test]
async fn a_handler_inside_the_middleware_of_two_managers_reaches_both_sessions() {
    let app = shop_and_admin!();
    let login = send!(app, post("/admin/login", None));
    let held: Vec<_> = lines(&login).iter().map(|line| line.split(';').next().unwrap().to_owned()).collect();
    assert_eq!(held.len(), 2, "{held:?}");
    let answer = send!(app, get("/admin/who", Some(&held.join("; "))));
    assert_eq!(text(answer).await, "clerk customer clerk");
}

#[actix_web::test]
async fn a_refusal_of_the_outer_session_keeps_the_cookie_of_the_inner_one() {
    let app = shop_and_admin!();
    let mut held = Vec::new();
    for _ in 0..2 {
        let login = lines(&send!(app, post("/admin/login", None)));
        let line = login.iter().find(|line| line.starts_with("__Host-id=")).unwrap();
        held.push(line.split(';').next().unwrap().to_owned());
    }
    // Two live sessions of the shop: its write is refused, while the administrator's is done.
    let response = send!(app, post("/admin/note", Some(&held.join("; "))));
    assert_eq!(response.status(), 409);
    let lines = lines(&response);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("__Host-admin="), "{lines:?}");
}

#[actix_web::test]
async fn a_manager_that_has_no_middleware_here_is_a_mistake_that_is_explained() {
    let handler = async |request: HttpRequest| session_of(&request, &manager()).await.map(|_| "");
    let app = App::new().wrap(SessionMiddleware::new(manager())).route("/", web::get().to(handler));
    let response = send!(init_service(app).await, get("/", None));
    assert_eq!(response.status(), 500);
    assert!(text(response).await.contains("a manager that has no SessionMiddleware around it"));
}

#[actix_web::test]
async fn a_dead_cookie_hides_no_bearer_token() {
    let sessions = manager().transports([Cookie::named("__Host-id").into(), Bearer::authorization().into()]);
    let login = async |session: Session| {
        session.log_in("app")?;
        session.issue_bearer().map(|()| "")
    };
    let who = async |session: Session| session.subject().unwrap_or_default();
    let app = App::new()
        .wrap(SessionMiddleware::new(sessions))
        .route("/", web::post().to(login))
        .route("/", web::get().to(who));
    let app = init_service(app).await;
    let token =
        send!(app, post("/", None)).headers().get("session-token").unwrap().to_str().unwrap().to_owned();
    let dead = format!("__Host-id={}", "0".repeat(64));
    let request = get("/", Some(&dead)).insert_header(("authorization", format!("Bearer {token}")));
    assert_eq!(text(send!(app, request)).await, "app");
}
