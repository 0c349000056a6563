//! Web sessions with interchangeable storage: memory, Redis, PostgreSQL, SQLite, encrypted cookie, signed cookie or JWT.
//!
//! A handler holds a [`Session`], reads and changes it synchronously, and does not know where it is stored. The
//! [`SessionManager`] joins a store with the rules of its sessions: timeouts, the cookie, what happens in an outage. An
//! adapter for axum, tower or actix-web loads the session when a handler asks for it, and saves it when the response leaves.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use cloakroom::{Key, Session, SessionError, SessionManager, store::MemoryStore, tower::SessionLayer};
//!
//! const VISITS: Key<u32> = Key::new("visits");
//!
//! async fn hello(session: Session) -> Result<String, SessionError> {
//!     let visits = session.update(VISITS, |visits| {
//!         *visits += 1;
//!         *visits
//!     })?;
//!     Ok(format!("Hello, this is visit number {visits}"))
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let sessions = SessionManager::new(MemoryStore::new());
//!     let app = Router::new().route("/", get(hello)).layer(SessionLayer::new(sessions));
//!     axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await
//! }
//! ```
//!
//! The default cookie is `Secure`, so a browser sends it only over HTTPS. On your own machine use
//! [`Cookie::insecure_for_local_development`].
//!
//! # Where to look
//!
//! | you want to | look at |
//! | --- | --- |
//! | read and change a session in a handler | [`Session`], [`Key`] |
//! | log users in and out | [`Session::log_in`], [`Session::log_out`], [`Session::end_others`] |
//! | list and end sessions from a job | [`SessionManager::sessions_of`], [`SessionManager::end_sessions_of`] |
//! | let support act as a user | [`Session::act_as`] |
//! | serve a websocket or an event stream | [`Session::keep_open`], [`Session::reload`] |
//! | set timeouts, the cookie, what happens in an outage | [`SessionManager`], [`Cookie`] |
//! | serve non-browser clients | [`Bearer`], [`SessionManager::transports`] |
//! | choose a store | [`store`], [`store::Guarantees`] |
//! | choose it in a configuration file | [`config::Config`] |
//! | use axum, or any tower service | [`tower::SessionLayer`] |
//! | use actix-web | [`actix::SessionMiddleware`] |
//! | keep sessions in cookies | [`store::EncryptedCookieStore`], [`keyring`] |
//! | move live sessions to another store | [`store::MigratingStore`], [`store::DrainingStore`] |
//! | write a store | [`SessionStore`], [`store::RecordBackend`], [`conformance`] |
//! | write an adapter for another framework | [`manager::Exchange`] |
//! | allow requests of other sites | [`SessionManager::allow_cross_site`], [`SessionManager::trusted_origins`] |
//! | be told at the start what the store lacks | [`SessionManager::require`] |
//! | test an app without sleeping | [`time::ManualClock`], [`SessionManager::test_session`] |
//!
//! The repository has a cookbook (guards, CSRF tokens, flash messages, OAuth, websockets), and pages about testing, deployment, logs and
//! moving from tower-sessions and actix-session.
//!
//! # Guarantees of every store
//!
//! - Nothing is stored and no cookie is sent until a handler writes something.
//! - [`Session::log_in`] replaces the token, so a planted one opens nothing. [`Session::log_out`] removes the client's cookie, and
//!   no late write brings the session back where the store keeps records.
//! - Idle and absolute timeouts are both enforced on the server.
//! - An outage is an error, never "no session": no cookie is removed and nothing is overwritten.
//! - Responses that depend on a session are kept out of shared caches.
//! - A request that another site began cannot log a visitor out, nor log one in unless it has a safe method, as links have; and it
//!   never displaces a session whose cookie the browser kept back.
//!
//! What differs between stores is available as data: see [`store::Guarantees`].
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
//! | `postgres` | [`store::PostgresStore`], by TCP or a Unix socket |
//! | `postgres-tls` | encrypted connections to PostgreSQL (implies `postgres`) |
//! | `sqlite` | [`store::SqliteStore`] in a file; SQLite is compiled in |
//! | `cookie-store` | [`store::EncryptedCookieStore`], [`store::SignedCookieStore`] |
//! | `jwt` | [`store::JwtStore`] |
//! | `hybrid` | [`store::Hybrid`] |
//! | `sealed` | what `cookie-store`, `jwt` and `hybrid` share: [`keyring`], [`store::TokenStore`] (implied by each) |
//! | `tower` | [`tower::SessionLayer`] for any tower service that uses `http` 1.x |
//! | `axum` | extractors and responses for axum 0.8 (implies `tower`) |
//! | `actix` | [`actix::SessionMiddleware`] and extractors for actix-web 4 |
//! | `config` | [`config::Config`]: a store and a manager from a configuration file |
//! | `conformance` | the test suite for stores |
//! | `full` | all of these |
//!
// Without its feature an item does not exist: its links lead to the table of features instead.
#![cfg_attr(not(feature = "memory"), doc = "[`store::MemoryStore`]: crate#features")]
#![cfg_attr(not(feature = "redis"), doc = "[`store::RedisStore`]: crate#features")]
#![cfg_attr(not(feature = "postgres"), doc = "[`store::PostgresStore`]: crate#features")]
#![cfg_attr(not(feature = "sqlite"), doc = "[`store::SqliteStore`]: crate#features")]
#![cfg_attr(not(feature = "cookie-store"), doc = "[`store::EncryptedCookieStore`]: crate#features")]
#![cfg_attr(not(feature = "cookie-store"), doc = "[`store::SignedCookieStore`]: crate#features")]
#![cfg_attr(not(feature = "jwt"), doc = "[`store::JwtStore`]: crate#features")]
#![cfg_attr(not(feature = "hybrid"), doc = "[`store::Hybrid`]: crate#features")]
#![cfg_attr(not(feature = "sealed"), doc = "[`keyring`]: crate#features")]
#![cfg_attr(not(feature = "sealed"), doc = "[`store::TokenStore`]: crate#features")]
#![cfg_attr(not(feature = "tower"), doc = "[`tower::SessionLayer`]: crate#features")]
#![cfg_attr(not(feature = "actix"), doc = "[`actix::SessionMiddleware`]: crate#features")]
#![cfg_attr(not(feature = "config"), doc = "[`config::Config`]: crate#features")]
#![cfg_attr(not(feature = "conformance"), doc = "[`conformance`]: crate#features")]
// Names the features of each item on docs.rs, which sets this and has the compiler that it takes.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "each store uses what it needs"))]
mod options;
mod plan;
mod policy;
pub mod random;
pub mod record;
#[cfg(feature = "sealed")]
mod sealing;
mod secret;
mod session;
pub mod store;
#[cfg(test)]
mod testing;
pub mod time;
mod token;
mod transport;
mod value;

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
    session::{Session, SessionStatus},
    store::SessionStore,
    transport::{Bearer, Cookie, RequestHead, RequestHeaders, ResponseHeaders, SameSite, Transport},
};

// The code of the README and of these pages is compiled by `cargo test --doc`; the cookbook's is run by `tests/cookbook`.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}

    #[cfg(feature = "postgres")]
    #[doc = include_str!("../docs/postgres.md")]
    mod postgres {}

    #[doc = include_str!("../docs/redis.md")]
    mod redis {}

    #[doc = include_str!("../docs/revocable.md")]
    mod revocable {}

    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../docs/sqlite.md")]
    mod sqlite {}

    #[doc = include_str!("../docs/sticky.md")]
    mod sticky {}

    #[doc = include_str!("../docs/swap.md")]
    mod swap {}
}
