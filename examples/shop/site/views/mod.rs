//! The pages: plain data in, HTML out. Whatever people entered goes through `format::Escaped`.

mod cart;
mod catalogue;
mod devices;
mod format;
mod layout;
mod ticket;

pub(crate) use self::{cart::cart, catalogue::catalogue, devices::devices, layout::missing};

/// What every page is sent with: it may load our own style sheet and icon, and no script at all. A second fence behind the
/// escaping.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                                 base-uri 'none'; frame-ancestors 'none'";
