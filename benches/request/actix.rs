//! The same in actix-web: its router, a handler, no network.

use std::hint::black_box;

use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    test::{TestRequest, init_service},
    web,
};

use cloakroom::{Session, SessionError, SessionManager, actix::SessionMiddleware};

use crate::{
    Group,
    payload::{Payload, VISITS},
    visitors::{begin, now},
};

async fn bare() -> &'static str {
    "hello"
}

async fn read(session: Session) -> Result<&'static str, SessionError> {
    black_box(session.get::<u32>(VISITS)?);
    Ok("hello")
}

async fn write(session: Session) -> Result<&'static str, SessionError> {
    session.update(VISITS, |visits: &mut u32| *visits += 1)?;
    Ok("hello")
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/", web::get().to(bare));
    app.route("/read", web::get().to(read));
    app.route("/write", web::get().to(write));
}

fn requests<R, B: MessageBody>(
    group: &mut Group<'_>,
    name: &str,
    app: &impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    request: impl Fn() -> R,
) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let response = now(app.call(request())).expect("it never fails");
            assert!(response.status().is_success(), "{name}");
        });
    });
}

/// Measures requests that come with a session.
pub(crate) fn used(group: &mut Group<'_>, sessions: &SessionManager, payload: Payload) {
    let (cookies, _) = begin(sessions, &payload.values());
    let cookies = &*cookies;
    let get = |path| move || TestRequest::get().uri(path).insert_header(("cookie", cookies)).to_request();
    let plain = now(init_service(App::new().configure(routes)));
    requests(group, "limit", &plain, get("/"));
    let with_sessions = App::new().configure(routes).wrap(SessionMiddleware::new(sessions.clone()));
    let with_sessions = now(init_service(with_sessions));
    requests(group, "unused", &with_sessions, get("/"));
    requests(group, "one key read", &with_sessions, get("/read"));
    requests(group, "one key written", &with_sessions, get("/write"));
}
