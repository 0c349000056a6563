//! actix-web's shell.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    App as ActixApp, Error, HttpRequest, HttpResponse, HttpServer, Responder, Route,
    body::{BodySize, BodyStream, BoxBody, MessageBody},
    dev::{Service as _, ServiceRequest, ServiceResponse},
    error::InternalError,
    guard,
    http::{Method, StatusCode},
    middleware::{Next, from_fn},
    rt,
    web::{self, Bytes, Data, Payload, ServiceConfig},
};
use cloakroom::{
    Session, SessionError,
    actix::{ExistingSession, SessionMiddleware},
};
use tokio::sync::mpsc::{self, Receiver};

use super::{Served, listener};
use crate::app::{Answer, App, FAIL_LATER, Failure, ORDER, Order, ROUTES, compare, glance, plain, sum_up};

pub(crate) fn serve(app: App) -> Served {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(move || {
        let watching = app.clone();
        ActixApp::new()
            .app_data(Data::new(app.clone()))
            .configure(routes)
            .wrap(from_fn(fail_later))
            .wrap(SessionMiddleware::new(app.sessions.clone()))
            .wrap_fn(move |request, next| {
                let (app, answer) = (watching.clone(), next.call(request));
                async move { app.gate.watch(answer).await }
            })
    })
    .workers(2)
    .disable_signals()
    // Otherwise a handler goes on although its client is gone, and nothing is dropped.
    .h1_allow_half_closed(false)
    .listen(listener)
    .unwrap()
    .run();
    Served { address, task: tokio::spawn(async move { server.await.unwrap() }) }
}

fn routes(app: &mut ServiceConfig) {
    app.service(web::resource("/plain").route(get().to(async || plain())))
        .service(web::resource("/glance").route(get().to(look)))
        .service(web::resource("/thrice").route(get().to(thrice)))
        .service(web::resource("/sum").route(get().to(upgrade)));
    for (method, path, deed) in ROUTES {
        let route = if *method == "GET" { get() } else { web::method(method.parse::<Method>().unwrap()) };
        app.service(web::resource(*path).route(route.to(
            async move |app: Data<App>, session: Session, request: HttpRequest, body: Bytes| {
                let order = request.headers().get(ORDER).map(|value| value.as_bytes());
                app.perform(*deed, &session, Order::read(order, &body)).await
            },
        )));
    }
}

/// What can be got can be asked for without its body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn look(ExistingSession(session): ExistingSession) -> Answer {
    glance(session.as_ref())
}

async fn thrice(one: Session, two: Session, ExistingSession(three): ExistingSession) -> Answer {
    compare(&one, &two, three.as_ref())
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.status).unwrap());
        for header in self.headers {
            response.append_header(header);
        }
        response.body(self.body)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Session(error) => error.into(),
            Failure::Own(status) => InternalError::new("own", StatusCode::from_u16(status).unwrap()).into(),
        }
    }
}

/// A middleware between session and handler.
async fn fail_later(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let wanted = request.headers().get(FAIL_LATER).map(|status| status.to_str().unwrap().parse().unwrap());
    let response = next.call(request).await?;
    wanted.map_or(Ok(response), |status| Err(Failure::Own(status).into()))
}

async fn upgrade(session: Session, payload: Payload) -> Result<HttpResponse, SessionError> {
    session.keep_open()?;
    let (sender, receiver) = mpsc::channel(1);
    rt::spawn(async move {
        let mut payload = BodyStream::new(payload);
        while let Some(Ok(bytes)) = poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await {
            for byte in bytes {
                sender.send(sum_up(&session, byte).await).await.unwrap();
            }
        }
    });
    let mut response = HttpResponse::SwitchingProtocols();
    Ok(response.upgrade("websocket").body(Sums(receiver)))
}

/// What goes back over a connection that has left HTTP.
struct Sums(Receiver<u8>);

impl MessageBody for Sums {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.poll_recv(cx).map(|sum| sum.map(|sum| Ok(Bytes::copy_from_slice(&[sum]))))
    }
}
