//! What a customer can do. Each action changes the session and says where to go next.

use std::borrow::Cow;

use cloakroom::{Session, SessionError};
use serde::Deserialize;

use super::{
    catalogue,
    visit::{CART, tell},
};

/// The address that the browser goes to next.
pub(crate) type Next = Cow<'static, str>;

/// Sets how many of an item are wanted; without a quantity, one more.
#[derive(Deserialize)]
pub(crate) struct CartChange {
    item: String,
    quantity: Option<u32>,
}

pub(crate) fn change_cart(session: &Session, change: &CartChange) -> Result<Next, SessionError> {
    let Some(item) = catalogue::find(&change.item) else {
        tell(session, "We do not sell that.")?;
        return Ok("/".into());
    };
    let Some(quantity) = change.quantity else {
        session.update(CART, move |cart| cart.add(item))?;
        tell(session, format!("Added: {}", item.name))?;
        return Ok(format!("/#{}", item.slug).into());
    };
    session.update(CART, move |cart| cart.set(item, quantity))?;
    if quantity == 0 {
        tell(session, format!("Removed: {}", item.name))?;
    }
    Ok("/cart".into())
}

#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
}

/// A real shop would ask for a password first. The cart that was filled before the login is kept.
pub(crate) fn log_in(session: &Session, login: &Login) -> Result<Next, SessionError> {
    let name: String = login.name.trim().chars().take(40).collect();
    if name.is_empty() {
        tell(session, "Please tell us your name.")?;
    } else {
        session.log_in(&name)?;
        tell(session, format!("Welcome, {name}"))?;
    }
    Ok("/".into())
}

/// Ends the session with everything in it; the goodbye is stored in a new one.
pub(crate) fn log_out(session: &Session) -> Result<Next, SessionError> {
    session.log_out()?;
    tell(session, "Goodbye. Your cart is empty again.")?;
    Ok("/".into())
}

#[derive(Deserialize)]
pub(crate) struct EndDevice {
    id: String,
}

pub(crate) async fn end_device(session: &Session, device: &EndDevice) -> Result<Next, SessionError> {
    let ended = match device.id.parse() {
        Ok(id) => session.end(id).await?,
        Err(_) => false,
    };
    tell(session, if ended { "That device is signed out." } else { "That device was signed out already." })?;
    Ok("/devices".into())
}

pub(crate) async fn end_others(session: &Session) -> Result<Next, SessionError> {
    let ended = session.end_others().await?;
    tell(session, format!("Other devices signed out: {ended}"))?;
    Ok("/devices".into())
}
