//! Stores around other stores.
//!
//! | module | holds |
//! | --- | --- |
//! | `layer` | [`StoreLayer`]: what all layers share |
//! | `migrating` | [`MigratingStore`]: moves sessions from any store to any other while requests are served |
//! | `circuit_breaker` | [`CircuitBreakerStore`]: fails at once while the store does not answer |
//! | `draining` | [`DrainingStore`]: a migration that a server performs by itself before it exits |
//! | `revocable` | [`RevocableStore`]: ends sessions that their clients carry, by a log that servers share |
//! | `unsuitable` | [`UnsuitableStore`]: a layer does not fit the store below it |

mod circuit_breaker;
mod draining;
mod layer;
mod migrating;
mod revocable;
mod unsuitable;

pub use self::{
    circuit_breaker::CircuitBreakerStore,
    draining::{Drained, DrainingStore},
    layer::StoreLayer,
    migrating::{MigratingStore, Phase, Progress},
    revocable::{MemoryRevocationLog, RevocableStore},
    unsuitable::UnsuitableStore,
};
