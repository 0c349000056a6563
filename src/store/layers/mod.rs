//! Stores around other stores.

mod draining;
mod migrating;

pub use self::{
    draining::{Drained, DrainingStore},
    migrating::{MigratingStore, Phase, Progress},
};
