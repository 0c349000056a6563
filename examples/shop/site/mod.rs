//! The shop itself, without a web framework: what it sells, what it keeps in a session, how it looks.
//!
//! | module | holds |
//! | --- | --- |
//! | `catalogue` | the things on sale |
//! | `cart` | what a customer wants to buy |
//! | `visit` | what the shop keeps in a session, and what every page shows of it |
//! | `devices` | the sessions of one customer |
//! | `actions` | what a customer can do |
//! | `views` | plain data in, HTML out |
//! | `assets` | the style sheet and the icon |
//!
//! No framework type and no session store is named here.

pub(crate) mod actions;
pub(crate) mod assets;
pub(crate) mod cart;
pub(crate) mod catalogue;
pub(crate) mod devices;
pub(crate) mod views;
pub(crate) mod visit;
