//! The shop's routes, for actix-web. Handlers read and change a [`Session`] and do not know where it is stored.

use actix_web::{
    HttpResponse, Responder, Result, Route, guard,
    http::{StatusCode, header},
    web::{self, Form, Redirect, ServiceConfig, post, resource},
};
use cloakroom::{Session, SessionError};

use crate::{
    setup,
    site::{
        actions::{self, CartChange, EndDevice, Login, Next},
        assets,
        devices::Devices,
        views,
        visit::Visit,
    },
};

/// The whole shop, short of the middleware that gives it sessions.
pub(crate) fn shop(app: &mut ServiceConfig) {
    app.service(resource("/").route(get().to(show_catalogue)))
        .service(resource("/cart").route(get().to(show_cart)).route(post().to(change_cart)))
        .service(resource("/login").route(post().to(log_in)))
        .service(resource("/logout").route(post().to(log_out)))
        .service(resource("/devices").route(get().to(show_devices)))
        .service(resource("/devices/end").route(post().to(end_device)))
        .service(resource("/devices/end-others").route(post().to(end_others)))
        .service(resource("/health").route(get().to(health)))
        .service(resource("/style.css").route(get().to(style)))
        .service(resource("/icon.svg").route(get().to(icon)))
        .default_service(web::to(show_missing));
}

/// What can be got can be asked for without its body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn show_catalogue(session: Session) -> Result<impl Responder, SessionError> {
    Ok(page(views::catalogue(&Visit::of(&session)?)))
}

async fn show_cart(session: Session) -> Result<impl Responder, SessionError> {
    Ok(page(views::cart(&Visit::of(&session)?)))
}

async fn show_devices(session: Session) -> Result<impl Responder, SessionError> {
    let devices = Devices::of(&session).await?;
    Ok(page(views::devices(&Visit::of(&session)?, &devices)))
}

async fn show_missing(session: Session) -> Result<impl Responder, SessionError> {
    Ok(page(views::missing(&Visit::of(&session)?)).customize().with_status(StatusCode::NOT_FOUND))
}

async fn change_cart(session: Session, change: Form<CartChange>) -> Result<Redirect, SessionError> {
    actions::change_cart(&session, &change).map(go)
}

async fn log_in(session: Session, login: Form<Login>) -> Result<Redirect, SessionError> {
    actions::log_in(&session, &login).map(go)
}

async fn log_out(session: Session) -> Result<Redirect, SessionError> {
    actions::log_out(&session).map(go)
}

async fn end_device(session: Session, device: Form<EndDevice>) -> Result<Redirect, SessionError> {
    actions::end_device(&session, &device).await.map(go)
}

async fn end_others(session: Session) -> Result<Redirect, SessionError> {
    actions::end_others(&session).await.map(go)
}

fn go(next: Next) -> Redirect {
    Redirect::to(next).see_other()
}

/// For load balancers.
async fn health() -> HttpResponse {
    let status = if setup::is_leaving() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT };
    HttpResponse::new(status)
}

/// These two extract no session, so they cost no call to the store and caches may keep them.
async fn style() -> impl Responder {
    asset("text/css; charset=utf-8", assets::STYLE)
}

async fn icon() -> impl Responder {
    asset("image/svg+xml", assets::ICON)
}

fn asset(kind: &'static str, content: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header((header::CACHE_CONTROL, assets::CACHE_CONTROL))
        .body(content)
}

fn page(html: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, views::POLICY))
        .body(html)
}
