//! Web sessions whose home is one line of configuration.
//!
//! An application holds a [`Session`]. Where the session lives between requests is the store that its
//! [`SessionManager`] was given; no handler knows. In a cloakroom you hand your coat in and carry a ticket, or you keep
//! your coat on: the app must never notice which.
//!
//! ```no_run
#![doc = include_str!("../examples/memory.rs")]
//! ```
//!
//! # Where to look
//!
//! | you want to | look at |
//! | --- | --- |
//! | read and change a session in a handler | [`Session`], [`Key`] |
//! | set timeouts, the cookie, what happens in an outage | [`SessionManager`], [`Cookie`] |
//! | serve clients that are no browsers | [`Bearer`], [`SessionManager::transports`] |
//! | keep sessions at the client | [`store::EncryptedCookieStore`], [`keyring`] |
//! | use it with axum, or any tower service | [`tower::SessionLayer`] |
//! | use it with actix-web | [`actix::SessionMiddleware`] |
//! | choose where sessions live | [`store`], [`store::Guarantees`] |
//! | choose it in a configuration file | [`config::Config`] |
//! | move them elsewhere while requests are served | [`store::MigratingStore`], [`store::DrainingStore`] |
//! | write a store of your own | [`SessionStore`], [`conformance`] |
//! | write an adapter for another framework | [`manager::Exchange`] |
//! | test your app without sleeping | [`time::ManualClock`] |
//!
//! # What holds whatever the store
//!
//! - Nothing is stored and no cookie is sent until a handler writes something.
//! - [`Session::log_in`] changes the secret, so a planted token is worth nothing; [`Session::log_out`] is final.
//! - Idle and absolute timeouts are enforced on the server, both at once.
//! - An outage is an error, never "no session": nothing is cleared and nothing overwritten.
//! - Responses that depend on a session are kept out of shared caches.
//! - A request that another site began can neither log a visitor in nor out.
//!
//! What differs from store to store is data: see [`store::Guarantees`].
//!
//! # Features
//!
//! Features only add. `memory` is on by default.
//!
//! | feature | brings |
//! | --- | --- |
//! | `memory` | [`store::MemoryStore`] |
//! | `redis` | [`store::RedisStore`] on one server, by TCP or a Unix socket |
//! | `redis-tls` | encrypted connections to Redis (implies `redis`) |
//! | `redis-sentinel` | Redis with Sentinel (implies `redis`) |
//! | `redis-cluster` | Redis Cluster (implies `redis`) |
//! | `cookie-store` | [`store::EncryptedCookieStore`], [`store::SignedCookieStore`] |
//! | `jwt` | [`store::JwtStore`] |
//! | `sealed` | what those two share: [`keyring`], [`store::TokenStore`] (implied by them) |
//! | `tower` | [`tower::SessionLayer`] for any tower service that speaks `http` 1.x |
//! | `axum` | extractors and responses for axum 0.8 (implies `tower`) |
//! | `actix` | [`actix::SessionMiddleware`] and extractors for actix-web 4 |
//! | `config` | [`config::Config`]: a store and a manager from a configuration |
//! | `conformance` | the suite that checks a store against what it declares |
//! | `full` | all of these |

#[cfg(any(feature = "tower", feature = "actix"))]
mod adapter;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod data;
mod error;
mod hex;
mod id;
mod key;
#[cfg(feature = "sealed")]
pub mod keyring;
pub mod manager;
#[cfg(feature = "config")]
mod options;
mod plan;
mod policy;
pub mod random;
pub mod record;
mod secret;
mod session;
pub mod store;
pub mod time;
mod token;
mod transport;

#[cfg(feature = "actix")]
pub use crate::adapter::actix;
#[cfg(feature = "tower")]
pub use crate::adapter::tower;
pub use crate::{
    error::{SessionError, SessionErrorKind, StoreError, StoreErrorKind},
    id::{InvalidSessionId, SessionId, WriteId},
    key::{AsKey, Key, KeyName, MAX_KEY_LEN},
    manager::SessionManager,
    policy::{OnOutage, OnStaleWrite, OnTooManySessions, SaveOn},
    secret::{Secret, SecretHash},
    session::Session,
    store::SessionStore,
    transport::{Bearer, Cookie, RequestHead, RequestHeaders, ResponseHeaders, SameSite, Transport},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../docs/swap.md")]
mod swap {}
