//! Thin adapters around the engine, one for each framework. They contain no policy.
//!
//! | module | holds |
//! | --- | --- |
//! | `tower` | any tower service that speaks `http` 1.x |
//! | `axum` | extractors and responses for axum 0.8, on top of `tower` |
//! | `actix` | middleware and extractors for actix-web 4 |
//! | `exchange` | what they share: waiting for the handler, then for the commit |
//! | `nested` | what they share: layers inside each other |
//! | `headers` | what they share: a map of headers, as the engine reads it |
//! | `refusal` | what they share: the text of a refusal, for the client and for the log |

#[cfg(feature = "actix")]
pub mod actix;
#[cfg(feature = "axum")]
mod axum;
mod exchange;
mod headers;
mod nested;
mod refusal;
#[cfg(feature = "tower")]
pub mod tower;
