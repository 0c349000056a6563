//! A small app, as `coming-from-actix-session.md` shows it.

use std::time::Duration;

use actix_web::{App, HttpResponse, test::TestRequest, web};
use cloakroom::{
    Cookie, Key, Session, SessionError, SessionManager,
    actix::SessionMiddleware,
    keyring::{KeyRing, SecretKey},
    store::EncryptedCookieStore,
};

const VISITS: Key<u32> = Key::new("visits");

async fn index(session: Session) -> Result<String, SessionError> {
    let visits = session.update(VISITS, |visits| {
        *visits += 1;
        *visits
    })?;
    let user = session.subject().unwrap_or_else(|| "stranger".to_owned());
    Ok(format!("Hello {user}, visit number {visits}"))
}

async fn log_in(session: Session, name: String) -> Result<HttpResponse, SessionError> {
    session.log_in(name)?;
    Ok(HttpResponse::Ok().finish())
}

async fn log_out(session: Session) -> Result<HttpResponse, SessionError> {
    session.log_out()?;
    Ok(HttpResponse::Ok().finish())
}

fn sessions(key: SecretKey) -> SessionManager {
    SessionManager::new(EncryptedCookieStore::new(&KeyRing::new(key)))
        .cookie(Cookie::insecure_for_local_development("session"))
        .idle_timeout(Duration::from_secs(2 * 60 * 60))
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(index))
        .route("/login", web::post().to(log_in))
        .route("/logout", web::post().to(log_out));
}

#[actix_web::test]
async fn it_counts_visits_across_a_login_and_begins_anew_after_a_logout() {
    let sessions = sessions(SecretKey::generate().unwrap());
    let app = App::new().wrap(SessionMiddleware::new(sessions.clone())).configure(routes);
    let app = actix_web::test::init_service(app).await;
    let mut cookie = "none=yet".to_owned();
    for (path, body, expected) in [
        ("/", None, "Hello stranger, visit number 1"),
        ("/login", Some("alice"), ""),
        ("/", None, "Hello alice, visit number 2"),
        ("/logout", Some(""), ""),
        ("/", None, "Hello stranger, visit number 1"),
    ] {
        let request = match body {
            None => TestRequest::get(),
            Some(body) => TestRequest::post().insert_header(("content-type", "text/plain")).set_payload(body),
        };
        let request = request.uri(path).insert_header(("cookie", cookie.clone()));
        let response = actix_web::test::call_service(&app, request.to_request()).await;
        if let Some(line) = response.headers().get("set-cookie") {
            line.to_str().unwrap().split(';').next().unwrap().clone_into(&mut cookie);
        }
        assert_eq!(actix_web::test::read_body(response).await, expected, "{path}");
    }
}
