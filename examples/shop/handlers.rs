//! The shop's routes, for axum. Handlers read and change a [`Session`] and do not know where it is stored.

use axum::{
    Form, Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect},
    routing::{get, post},
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

/// The whole shop, short of the layer that gives it sessions.
pub(crate) fn shop() -> Router {
    Router::new()
        .route("/", get(show_catalogue))
        .route("/cart", get(show_cart).post(change_cart))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/devices", get(show_devices))
        .route("/devices/end", post(end_device))
        .route("/devices/end-others", post(end_others))
        .route("/health", get(health))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .fallback(show_missing)
}

async fn show_catalogue(session: Session) -> Result<impl IntoResponse, SessionError> {
    Ok(page(views::catalogue(&Visit::of(&session)?)))
}

async fn show_cart(session: Session) -> Result<impl IntoResponse, SessionError> {
    Ok(page(views::cart(&Visit::of(&session)?)))
}

async fn show_devices(session: Session) -> Result<impl IntoResponse, SessionError> {
    let devices = Devices::of(&session).await?;
    Ok(page(views::devices(&Visit::of(&session)?, &devices)))
}

async fn show_missing(session: Session) -> Result<impl IntoResponse, SessionError> {
    Ok((StatusCode::NOT_FOUND, page(views::missing(&Visit::of(&session)?))))
}

async fn change_cart(session: Session, Form(change): Form<CartChange>) -> Result<Redirect, SessionError> {
    actions::change_cart(&session, &change).map(go)
}

async fn log_in(session: Session, Form(login): Form<Login>) -> Result<Redirect, SessionError> {
    actions::log_in(&session, &login).map(go)
}

async fn log_out(session: Session) -> Result<Redirect, SessionError> {
    actions::log_out(&session).map(go)
}

async fn end_device(session: Session, Form(device): Form<EndDevice>) -> Result<Redirect, SessionError> {
    actions::end_device(&session, &device).await.map(go)
}

async fn end_others(session: Session) -> Result<Redirect, SessionError> {
    actions::end_others(&session).await.map(go)
}

fn go(next: Next) -> Redirect {
    Redirect::to(&next)
}

/// For load balancers.
async fn health() -> StatusCode {
    if setup::is_leaving() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

/// These two extract no session, so they cost no store call, and caches may keep them.
async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", assets::STYLE)
}

async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", assets::ICON)
}

fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, assets::CACHE_CONTROL)], content)
}

fn page(html: String) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, views::POLICY)], Html(html))
}
