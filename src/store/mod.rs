//! The stores, the layers around them, and the traits to write your own.
//!
//! | store | sessions are kept | feature |
//! | --- | --- | --- |
//! | `MemoryStore` | in the memory of this process | `memory` |
//! | `RedisStore` | in Redis: one server, Sentinel or Cluster | `redis` |
//! | `EncryptedCookieStore` | in a cookie that the client cannot read | `cookie-store` |
//! | `SignedCookieStore` | in a cookie that the client can read but not change | `cookie-store` |
//! | `JwtStore` | in a JSON Web Token, which other programs can read | `jwt` |
//! | [`MigratingStore`] | on their way from one store to another, while requests are served | |
//! | [`DrainingStore`] | in one store, and moved to another when the process ends | |
//!
//! All of them implement [`SessionStore`], and their [`Guarantees`] tell how they differ: whether a logout takes effect at
//! once, whether a user's sessions can be listed, how concurrent changes are resolved. A store turns a token into a
//! [`Record`](crate::record::Record) and a record into a token. The token of a store that keeps records refers to one; that
//! of the other stores contains it.
//!
//! # Writing a store
//!
//! Implement [`RecordBackend`] for a database, or `Seal` for a new form of token, declare honest [`Guarantees`], and run the
//! conformance suite (feature `conformance`). A wrapper of other stores is a [`StoreLayer`]. The package
//! `examples/custom_store` in the repository is a complete store on an embedded database.

// What is where: `session_store` has the contract, `context` what a call is given, `answer` what it returns, `authenticate` what
// a presented reference token opens, `guarantees` what a store guarantees, `index` the sessions of one subject, `enumerate`
// stores that can list what they keep. Below `record` are the stores that keep records, below `token` those whose clients carry
// the session, below `layers` those around other stores.

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
