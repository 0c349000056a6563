//! Stores around other stores.
//!
//! | module | holds |
//! | --- | --- |
//! | `layer` | [`StoreLayer`]: what all layers share |
//! | `migrating` | [`MigratingStore`]: moves sessions from any store to any other while requests are served |
//! | `cached` | [`Cached`]: reads of the last moment, answered in this process |
//! | `circuit_breaker` | [`CircuitBreakerStore`]: fails at once while the store does not answer |
//! | `draining` | [`DrainingStore`]: a migration that a server performs by itself before it exits |
//! | `revocable` | [`RevocableStore`]: ends sessions that their clients carry, by a log that servers share |
//! | `write_behind` | [`WriteBehind`]: sessions in memory, whose changes are written to a store a moment later |
//! | `hybrid` | `Hybrid`: believes what the client holds for a while, then asks the store |
//! | `unsuitable` | [`UnsuitableStore`]: a layer does not fit the store below it |
//! | `workers` | doing many things at the same time |

mod cached;
mod circuit_breaker;
mod draining;
#[cfg(feature = "hybrid")]
mod hybrid;
mod layer;
mod migrating;
mod revocable;
mod unsuitable;
mod workers;
mod write_behind;

#[cfg(feature = "config")]
pub(crate) use self::cached::CacheOptions;
#[cfg(all(feature = "hybrid", feature = "config"))]
pub(crate) use self::hybrid::HybridOptions;
#[cfg(feature = "hybrid")]
pub use self::hybrid::{Hybrid, WhileDown};
#[cfg(feature = "config")]
pub(crate) use self::write_behind::WriteBehindConfig;
pub use self::{
    cached::{Cached, CachedOptions},
    circuit_breaker::CircuitBreakerStore,
    draining::{Drained, DrainingStore},
    layer::StoreLayer,
    migrating::{MigratingStore, Phase, Progress},
    revocable::{MemoryRevocationLog, RevocableStore},
    unsuitable::UnsuitableStore,
    write_behind::{WriteBehind, WriteBehindOptions},
};
