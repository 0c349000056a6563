//! Errors of inner middleware: they leave as errors, and their responses carry what the session has to say.

use actix_web::{
    App, Error, HttpResponse, ResponseError,
    body::MessageBody,
    dev::{Service as _, ServiceRequest, ServiceResponse},
    error::{ErrorBadGateway, ErrorForbidden, ErrorImATeapot},
    middleware::{Next, from_fn},
    test::init_service,
    web,
};
use cloakroom::{Session, SessionError, SessionErrorKind, actix::SessionMiddleware};

use crate::{cookie, count, cross_site, get, manager, text};

async fn log_out(session: Session) -> Result<(), SessionError> {
    session.log_out()
}

/// Lets the handler answer, and fails where the query says so.
async fn fail_afterwards(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let wanted = request.query_string().to_owned();
    let response = next.call(request).await?;
    match &*wanted {
        "teapot" => Err(ErrorImATeapot("short and stout")),
        "gateway" => Err(ErrorBadGateway("nobody there")),
        _ => Ok(response),
    }
}

/// An app whose middleware fails where it is told to.
macro_rules! app {
    ($sessions:expr) => {
        init_service(
            App::new()
                .route("/", web::get().to(count))
                .route("/", web::post().to(count))
                .route("/log-out", web::get().to(log_out))
                .wrap(from_fn(fail_afterwards))
                .wrap($sessions),
        )
        .await
    };
}

/// The error that the app leaves with.
macro_rules! fails {
    ($app:expr, $request:expr) => {
        $app.call($request.to_request()).await.err().expect("the middleware fails")
    };
}

#[actix_web::test]
async fn what_is_no_server_error_keeps_its_changes_and_gets_its_cookie() {
    let app = app!(SessionMiddleware::new(manager()));
    let error = fails!(app, get("/?teapot", None));
    assert_eq!(error.to_string(), "short and stout");
    assert_eq!(error.as_response_error().status_code(), 418);
    let response = error.error_response();
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
    assert_eq!(response.headers().get("vary").unwrap(), "Cookie");
    let held = cookie(&response);
    assert_eq!(text(response).await, "short and stout");
    assert_eq!(text(send!(app, get("/", held.as_deref()))).await, "2");
}

#[actix_web::test]
async fn a_server_error_keeps_no_change_but_a_log_out_whose_cookie_goes() {
    let app = app!(SessionMiddleware::new(manager()));
    let held = cookie(&send!(app, get("/", None)));
    let error = fails!(app, get("/?gateway", held.as_deref()));
    assert_eq!(cookie(&error.error_response()), None);
    assert_eq!(text(send!(app, get("/", held.as_deref()))).await, "2");
    let error = fails!(app, get("/log-out?gateway", held.as_deref()));
    assert_eq!(cookie(&error.error_response()).as_deref(), Some("__Host-id="));
    assert_eq!(send!(app, get("/", held.as_deref())).status(), 409, "it has ended");
}

/// actix-web has two ways to make a response of an error.
#[actix_web::test]
async fn the_cookie_goes_however_the_response_is_made() {
    let app = app!(SessionMiddleware::new(manager()));
    let held = cookie(&send!(app, get("/", None)));
    let error = fails!(app, get("/log-out?gateway", held.as_deref()));
    assert_eq!(cookie(&HttpResponse::from_error(error)).as_deref(), Some("__Host-id="));
}

#[actix_web::test]
async fn a_session_that_cannot_be_saved_is_told_in_place_of_the_error() {
    let page = |_: &SessionError| ErrorForbidden("<h1>no</h1>").error_response();
    let app = app!(SessionMiddleware::new(manager()).refuse_with(page));
    let error = fails!(app, cross_site("/?teapot"));
    assert_eq!(error.as_response_error().status_code(), 403);
    let response = error.error_response();
    assert_eq!((response.status().as_u16(), cookie(&response)), (403, None));
    assert_eq!(text(response).await, "<h1>no</h1>");
}

#[actix_web::test]
async fn an_error_whose_session_nobody_asked_for_is_left_as_it_is() {
    /// An error of the application's own.
    #[derive(Debug)]
    struct Closed;

    impl std::fmt::Display for Closed {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("closed for lunch")
        }
    }

    impl ResponseError for Closed {}

    let app = App::new()
        .wrap_fn(|_, _| async { Err::<ServiceResponse, Error>(Closed.into()) })
        .wrap(SessionMiddleware::new(manager()));
    let error = fails!(init_service(app).await, get("/", None));
    assert!(error.as_error::<Closed>().is_some());
}

#[actix_web::test]
async fn a_session_that_could_not_be_had_is_such_an_error() {
    async fn ask(
        mut request: ServiceRequest,
        next: Next<impl MessageBody>,
    ) -> Result<ServiceResponse<impl MessageBody>, Error> {
        request.extract::<Session>().await?;
        next.call(request).await
    }
    let app = init_service(App::new().route("/", web::get().to(count)).wrap(from_fn(ask))).await;
    let error = fails!(app, get("/", None));
    assert_eq!(error.as_error::<SessionError>().unwrap().kind(), SessionErrorKind::LayerMissing);
}
