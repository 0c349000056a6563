//! Whole requests through actix-web in process, with encrypted cookies.

use std::hint::black_box;

use actix_session::storage::CookieSessionStore;
use actix_web::{
    App, Error,
    body::MessageBody,
    cookie::Key,
    dev::{Service, ServiceResponse},
    test::{TestRequest, init_service},
    web,
};
use cloakroom::{
    Session, SessionError, SessionManager,
    actix::SessionMiddleware,
    keyring::{KeyRing, SecretKey},
    store::EncryptedCookieStore,
};

use crate::{
    ours::untouched,
    payload::{Payload, VISITS},
    row::{Row, Work, again},
    visitors::now,
};

type Rows<'a> = dyn FnMut(&str, &dyn Fn(&mut Row)) + 'a;

pub(crate) fn rows(row: &mut Rows<'_>) {
    for payload in Payload::TWO {
        row(&format!("actix request, encrypted cookie: one key read, {}", payload.name()), &|row| {
            actix_web::rt::System::new().block_on(everybody(row, payload));
        });
    }
}

async fn everybody(row: &mut Row, payload: Payload) {
    let hello = async || "hello";
    row.limit(
        "limit: bare handler",
        requests(init_service(App::new().route("/", web::get().to(hello))).await, "/", "theme=dark"),
    );

    let keys = KeyRing::new(SecretKey::generate().expect("there is randomness"));
    let sessions = untouched(SessionManager::new(EncryptedCookieStore::new(&keys)));
    let fill = move |session: Session| async move {
        for (key, value) in payload.values() {
            session.insert(key, value).expect("it fits");
        }
        "filled"
    };
    let app = App::new().wrap(SessionMiddleware::new(sessions));
    let app = app.route("/read", web::get().to(read)).route("/fill", web::get().to(fill));
    let app = init_service(app).await;
    let cookies = filled(&app);
    row.add("cloakroom", requests(app, "/read", &cookies));

    let fill = move |session: actix_session::Session| async move {
        for (key, value) in payload.values() {
            session.insert(key, value).expect("it fits");
        }
        "filled"
    };
    let store = CookieSessionStore::default();
    let app = App::new().wrap(actix_session::SessionMiddleware::new(store, Key::generate()));
    let app = app.route("/read", web::get().to(read_other)).route("/fill", web::get().to(fill));
    let app = init_service(app).await;
    let cookies = filled(&app);
    row.add("actix-session, cookie store", requests(app, "/read", &cookies));
}

/// Our handlers; [`Session`] is the only part that differs.
pub(crate) async fn read(session: Session) -> Result<&'static str, SessionError> {
    let visits: Option<u32> = session.get(VISITS)?;
    black_box(visits.expect("it is there"));
    Ok("hello")
}

pub(crate) async fn read_other(session: actix_session::Session) -> &'static str {
    let visits: Option<u32> = session.get(VISITS).expect("it is a number");
    black_box(visits.expect("it is there"));
    "hello"
}

pub(crate) async fn write_other(session: actix_session::Session) -> &'static str {
    let visits: Option<u32> = session.get(VISITS).expect("it is a number");
    session.insert(VISITS, visits.expect("it is there") + 1).expect("it fits");
    "hello"
}

pub(crate) fn request(path: &str, cookies: &str) -> actix_http::Request {
    let request = TestRequest::get().uri(path).insert_header(("host", "shop.example"));
    request.insert_header(("cookie", cookies)).to_request()
}

/// A `Cookie` header of what the response sets.
pub(crate) fn cookies<B>(response: &ServiceResponse<B>) -> String {
    assert!(response.status().is_success(), "{}", response.status());
    let set = response.headers().get_all("set-cookie");
    let pairs = set.map(|cookie| cookie.to_str().expect("it is text").split(';').next().expect("a pair"));
    pairs.collect::<Vec<_>>().join("; ")
}

fn filled<S, B>(app: &S) -> String
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
{
    cookies(&now(app.call(request("/fill", ""))).expect("it never fails"))
}

fn requests<S, B>(app: S, path: &'static str, cookies: &str) -> Work
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    let cookies = cookies.to_owned();
    let one = move || now(app.call(request(path, &cookies))).expect("it never fails").status();
    assert_eq!(one(), 200);
    again(one)
}
