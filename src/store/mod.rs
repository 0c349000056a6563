//! Where sessions are stored: the [`SessionStore`] trait, the stores, and the layers around them.
//!
//! | module | holds |
//! | --- | --- |
//! | `session_store` | [`SessionStore`]: the contract |
//! | `context` | [`StoreContext`], [`PresentedToken`], [`within`]: what a call is given |
//! | `answer` | [`Loaded`] and the other answers |
//! | `authenticate` | [`authenticate`]: what a presented reference token opens |
//! | `guarantees` | [`Guarantees`]: what a store guarantees, as data |
//! | `index` | [`SessionIndex`]: the sessions of one subject |
//! | `enumerate` | [`EnumerateSessions`]: stores that can list what they keep |
//! | `record/` | [`RecordStore`]: stores that keep records |
//! | `token/` | `TokenStore`: stores whose clients carry the session |
//! | `layers/` | [`StoreLayer`]: stores around other stores |
//!
//! A store turns a token into a [`Record`](crate::record::Record) and a record into a token: a reference for a stateful store,
//! the sealed record itself for a stateless one. Nothing above a store asks which it is.
//!
//! # Writing a store
//!
//! Implement [`RecordBackend`] for a database, or `Seal` for a new form of token, declare honest [`Guarantees`], and run the
//! conformance suite (feature `conformance`). The package `examples/custom_store` in the repository is a complete store on an
//! embedded database.

mod answer;
mod authenticate;
mod context;
mod enumerate;
mod guarantees;
mod index;
mod layers;
mod record;
mod session_store;
#[cfg(feature = "sealed")]
mod token;

#[cfg(all(feature = "redis", feature = "config"))]
pub(crate) use self::record::RedisOptions;
#[cfg(feature = "memory")]
pub use self::record::{Budget, MemoryBackend, MemoryOptions, MemoryStore, Usage};
#[cfg(feature = "redis")]
pub use self::record::{InvalidRedisUrl, LocalCache, RedisBackend, RedisStore, RedisStoreBuilder};
#[cfg(all(feature = "jwt", feature = "config"))]
pub(crate) use self::token::JwtOptions;
#[cfg(feature = "cookie-store")]
pub use self::token::{Cipher, Encrypted, EncryptedCookieStore, Signed, SignedCookieStore};
#[cfg(all(feature = "cookie-store", feature = "config"))]
pub(crate) use self::token::{EncryptedCookieOptions, SignedCookieOptions};
#[cfg(feature = "jwt")]
pub use self::token::{InvalidJwtKey, Jwt, JwtStore, SigningKey, VerifyingKey};
#[cfg(feature = "sealed")]
pub use self::token::{Seal, TokenStore, Unopened};
pub use self::{
    answer::{Absence, Created, Ended, Found, Loaded, Replaced, Touched},
    authenticate::authenticate,
    context::{PresentedToken, StoreContext, within},
    enumerate::EnumerateSessions,
    guarantees::{Guarantees, Index, ResponseReordering, Revocation, Scope, TokenForm, Updates},
    index::{MOST_LISTED, SessionIndex, SessionInfo},
    layers::{Drained, DrainingStore, MigratingStore, Phase, Progress, StoreLayer},
    record::{RecordBackend, RecordStore, Stored, Swapped, Tombstone},
    session_store::SessionStore,
};
pub use crate::token::{InvalidNodeName, NodeName, ReferenceToken, Token};
