//! The pages: plain data in, HTML out. Whatever people entered goes through `format::Escaped`.

mod cart;
mod catalogue;
mod devices;
mod format;
mod layout;
mod ticket;

pub(crate) use self::{cart::cart, catalogue::catalogue, devices::devices, layout::missing};
