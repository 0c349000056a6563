//! Stores around other stores.
//!
//! | module | holds |
//! | --- | --- |
//! | `layer` | [`StoreLayer`]: what all layers share |
//! | `migrating` | [`MigratingStore`]: moves sessions from any store to any other while requests are served |
//! | `draining` | [`DrainingStore`]: a migration that a server performs by itself before it exits |

mod draining;
mod layer;
mod migrating;

pub use self::{
    draining::{Drained, DrainingStore},
    layer::StoreLayer,
    migrating::{MigratingStore, Phase, Progress},
};
