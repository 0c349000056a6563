//! Thin shells around the engine, one for each framework. No policy lives here.
//!
//! | module | framework |
//! | --- | --- |
//! | `tower` | any tower service that speaks `http` 1.x |
//! | `axum` | extractors and responses for axum 0.8, on top of `tower` |

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower")]
pub mod tower;
