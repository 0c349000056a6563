//! The shop's routes. Handlers read and change a [`Session`]; where it lives is not their business.

use axum::{
    Form, Router,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect},
    routing::{get, post},
};
use cloakroom::{Session, SessionError};
use serde::Deserialize;

use crate::site::{
    assets, catalogue,
    devices::Devices,
    views,
    visit::{CART, Visit, tell},
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

/// Sets how many of an item are wanted; without a quantity, one more.
#[derive(Deserialize)]
struct CartChange {
    item: String,
    quantity: Option<u32>,
}

async fn change_cart(session: Session, Form(change): Form<CartChange>) -> Result<Redirect, SessionError> {
    let Some(item) = catalogue::find(&change.item) else {
        tell(&session, "We do not sell that.")?;
        return Ok(Redirect::to("/"));
    };
    let Some(quantity) = change.quantity else {
        session.update(CART, move |cart| cart.add(item))?;
        tell(&session, format!("Added: {}", item.name))?;
        return Ok(Redirect::to(&format!("/#{}", item.slug)));
    };
    session.update(CART, move |cart| cart.set(item, quantity))?;
    if quantity == 0 {
        tell(&session, format!("Removed: {}", item.name))?;
    }
    Ok(Redirect::to("/cart"))
}

#[derive(Deserialize)]
struct Login {
    name: String,
}

/// A real shop would ask for a proof first. The cart that was filled before stays with whoever logs in.
async fn log_in(session: Session, Form(login): Form<Login>) -> Result<Redirect, SessionError> {
    let name: String = login.name.trim().chars().take(40).collect();
    if name.is_empty() {
        tell(&session, "Please tell us your name.")?;
    } else {
        session.log_in(&name)?;
        tell(&session, format!("Welcome, {name}"))?;
    }
    Ok(Redirect::to("/"))
}

/// Ends the session with everything in it; the goodbye already stands in a new one.
async fn log_out(session: Session) -> Result<Redirect, SessionError> {
    session.log_out()?;
    tell(&session, "Goodbye. Your cart is empty again.")?;
    Ok(Redirect::to("/"))
}

#[derive(Deserialize)]
struct EndDevice {
    id: String,
}

async fn end_device(session: Session, Form(device): Form<EndDevice>) -> Result<Redirect, SessionError> {
    let ended = match device.id.parse() {
        Ok(id) => session.end(id).await?,
        Err(_) => false,
    };
    tell(&session, if ended { "That device is signed out." } else { "That device was signed out already." })?;
    Ok(Redirect::to("/devices"))
}

async fn end_others(session: Session) -> Result<Redirect, SessionError> {
    let ended = session.end_others().await?;
    tell(&session, format!("Other devices signed out: {ended}"))?;
    Ok(Redirect::to("/devices"))
}

/// These two extract no session, so they cost no call to the store and caches may keep them.
async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", assets::STYLE)
}

async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", assets::ICON)
}

fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, assets::CACHE_CONTROL)], content)
}

/// A page that may load our own style sheet and icon, and no script at all: a second fence behind the escaping.
fn page(html: String) -> impl IntoResponse {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html))
}
