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
//! | [`RevocableStore`] | with their clients, and ended by a log that servers share | |
//! | [`Cached`] | in another store, and for a moment after each read in this process, too | |
//! | [`WriteBehind`] | in this process, and in another store a moment later | |
//! | `Hybrid` | in another store, and for a while in a sealed token | `hybrid` |
//! | [`CircuitBreakerStore`] | in another store, which is not asked while it does not answer | |
//!
//! All of them implement [`SessionStore`], and their [`Guarantees`] tell how they differ: whether a logout takes effect at
//! once, whether a user's sessions can be listed, how concurrent changes are resolved. A store turns a token into a
//! [`Record`](crate::record::Record) and a record into a token. The token of a store that keeps records refers to one; that
//! of the other stores contains it.
//!
//! # Writing a store
//!
//! Most stores implement one of two small traits: [`RecordBackend`] if the server keeps the records, or `Seal` if the client
//! carries the session. [`RecordStore::from_backend`] or `TokenStore::from_seal` makes a [`SessionStore`] of it. A store around
//! another store is a [`StoreLayer`]. The stores of this crate use nothing that you cannot use.
//!
//! The package `examples/custom_store` in the repository is a complete store on the embedded database `redb`, in 200 lines of
//! code. This is how it answers the calls of a backend:
//!
//! ```ignore
//! impl RecordBackend for RedbBackend {
//!     fn guarantees(&self) -> Guarantees {
//!         Guarantees::new("redb", TokenForm::Reference)
//!             .revocation(Revocation::AtOnce)
//!             .survives_restart(true)
//!             .updates(Updates::NeverLost)
//!             .index(Index::Process)
//!     }
//!
//!     async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
//!         let id = *id;
//!         self.call(cx, move |database| tables::get(database, &id)).await
//!     }
//!
//!     async fn compare_and_swap(
//!         &self,
//!         expected: Option<Version>,
//!         next: &Record,
//!         cx: StoreContext,
//!     ) -> Result<Swapped, StoreError> {
//!         let (id, next) = (next.id(), next.clone());
//!         let swap = move |stored: Option<Stored>| {
//!             let new = Stored::swap(stored.as_ref(), expected, &next, cx.now);
//!             let answer = if new.is_some() { Swapped::Done } else { Swapped::Found(stored) };
//!             (new, answer)
//!         };
//!         self.call(cx, move |database| tables::update(database, id, cx.now, swap)).await
//!     }
//!
//!     async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
//!         let bury = move |stored: Option<Stored>| {
//!             let (new, answer) = Stored::bury(stored.as_ref(), tombstone, cx.now);
//!             (Some(Stored::Tombstone(new)), answer)
//!         };
//!         self.call(cx, move |database| tables::update(database, tombstone.id, cx.now, bury)).await
//!     }
//!
//!     fn index(&self) -> Option<&dyn SessionIndex> {
//!         Some(self)
//!     }
//! }
//! ```
//!
//! The rules of a swap and of a tombstone are [`Stored::swap`] and [`Stored::bury`], for every store whose transactions can run
//! Rust code. What is left is to run them in a transaction, in which no other write takes place:
//!
//! ```ignore
//! /// Stores what `change` makes of what is stored under an ID, if it makes anything. No other write happens in between.
//! pub(crate) fn update<T>(
//!     database: &Database,
//!     id: SessionId,
//!     now: Timestamp,
//!     change: impl FnOnce(Option<Stored>) -> (Option<Stored>, T),
//! ) -> Result<T, Error> {
//!     let transaction = database.begin_write()?;
//!     let old = read(&transaction.open_table(SESSIONS)?, id.as_bytes())?;
//!     let (new, answer) = change(old.clone());
//!     if let Some(new) = new {
//!         if old.is_none() {
//!             sweep(&transaction, now)?;
//!         }
//!         replace(&transaction, id.as_bytes(), old.as_ref(), &new)?;
//!     }
//!     transaction.commit()?;
//!     Ok(answer)
//! }
//! ```
//!
//! Its database blocks the thread that calls it. So each call runs on a thread that may block, and ends at its deadline
//! whether the work is done by then or not:
//!
//! ```ignore
//!     async fn call<T: Send + 'static>(
//!         &self,
//!         cx: StoreContext,
//!         job: impl FnOnce(&Database) -> Result<T, Error> + Send + 'static,
//!     ) -> Result<T, StoreError> {
//!         let this = self.clone();
//!         let job = tokio::task::spawn_blocking(move || {
//!             // If the caller no longer waits, the job is not begun, so that a slow disk does no useless work.
//!             if cx.deadline.is_over() {
//!                 return Err(StoreError::new(StoreErrorKind::Timeout, "the session database was busy"));
//!             }
//!             this.run(job)
//!         });
//!         within(cx.deadline, async { job.await.map_err(|lost| failed(Error::Io(lost.into())))? }).await
//!     }
//! ```
//!
//! ## Questions that every author has
//!
//! - **What is stored?** [`Stored::encode`], or [`Record::encode`](crate::record::Record::encode) and the two times of a
//!   [`Tombstone`] where the database has to tell them apart. Neither contains a secret; a reader of the database can open no
//!   session. The data of the sessions are readable.
//! - **Does an expired record take its ID?** Yes, until it is removed: `compare_and_swap` with `None` leaves it, and the store
//!   answers [`Created::Taken`]. Nothing depends on it, because an ID is drawn at random and never used again.
//! - **Does `find` show expired sessions?** No. The backend returns what is stored, and the store over it answers
//!   [`Absence::Expired`]; or [`Absence::Unknown`], once the record was removed.
//! - **When may something be removed?** From [`Stored::removable_at`] on, and never before. A database that expires rows by
//!   itself is given this time. Otherwise remove a few with each creation, as the example does, rather than all at once: a
//!   clock that runs ahead for a moment then costs few sessions, and no background task is needed.
//! - **What if a write is repeated?** After an error the same record is written again. The backend then finds a version that
//!   it does not expect and returns it, and the store recognises the write in the record. The token in the answer is the one
//!   of the record that was passed, as it was the first time.
//! - **May the version of the next record be the expected one?** Yes: a touch changes the time of the last activity and
//!   leaves the version as it is.
//! - **What is "the newest first" by?** By [`created_at`](crate::record::Record::created_at), in every list of sessions.
//! - **When does the index change?** With the record, in one transaction. Where that is not possible,
//!   [`enlist`](RecordBackend::enlist) is called before the record is written, and lists check each record that they find.
//! - **What if the call is cancelled?** Its future is dropped. A write that has begun may still take effect later, but entirely
//!   or not at all.
//! - **Which error is it?** [`Corrupt`](crate::StoreErrorKind::Corrupt) if something stored cannot be read,
//!   [`Full`](crate::StoreErrorKind::Full) if there is no room, and [`Timeout`](crate::StoreErrorKind::Timeout) or
//!   [`Unavailable`](crate::StoreErrorKind::Unavailable) if the same call may succeed a moment later. The error that caused it
//!   is its [source](crate::StoreError::with_source). No message contains a token, a subject or data.
//! - **Who checks the size of the data?** The store over the backend, if the [`Guarantees`] declare a limit.
//!
//! ## Testing it
//!
//! Run the suite `cloakroom::conformance` (feature `conformance`) with a `Harness`: a fresh store for each check, and
//! what surrounds it. The example restarts its database, reads its file in search of secrets, and lets its disk fail. Declare
//! what your store can do, not what you would like it to do: the suite checks each guarantee, and what it cannot see counts as
//! a failure unless it is waived by name.

// What is where: `session_store` has the contract, `context` what a call is given, `answer` what it returns, `authenticate` what
// a presented reference token opens, `changes` who is told of changes, `freshness_proof` for how long what is known counts,
// `circuit_breaker` what stops asking a store that does not answer, `guarantees` what a store guarantees, `index` the sessions of one subject, `enumerate`
// stores that can list what they keep, `revocations` stores that end the sessions of a subject by one write, `revocation_log` where
// servers share such ends. Below `record` are the stores that keep records, below `token` those whose clients carry
// the session, below `layers` those around other stores.

mod answer;
mod authenticate;
mod changes;
mod circuit_breaker;
mod context;
mod end;
mod enumerate;
mod freshness_proof;
mod guarantees;
mod index;
mod layers;
mod record;
mod requirement;
mod revocation_log;
mod revocations;
mod session_store;
#[cfg(feature = "sealed")]
mod token;

#[cfg(all(feature = "hybrid", feature = "config"))]
pub(crate) use self::layers::HybridOptions;
#[cfg(feature = "config")]
pub(crate) use self::layers::{CacheOptions, WriteBehindConfig};
#[cfg(feature = "hybrid")]
pub use self::layers::{Hybrid, WhileDown};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use self::record::InvalidTableName;
#[cfg(all(feature = "postgres", feature = "config"))]
pub(crate) use self::record::PostgresOptions;
#[cfg(all(feature = "redis", feature = "config"))]
pub(crate) use self::record::RedisOptions;
#[cfg(all(feature = "sqlite", feature = "config"))]
pub(crate) use self::record::SqliteOptions;
#[cfg(feature = "memory")]
pub use self::record::{Budget, MemoryBackend, MemoryOptions, MemoryStore, Usage};
#[cfg(any(feature = "postgres", feature = "redis"))]
pub use self::record::{Credentials, CredentialsProvider, PasswordFile, PasswordVariable};
#[cfg(feature = "postgres")]
pub use self::record::{
    InvalidPostgresUrl, PostgresBackend, PostgresRevocationLog, PostgresStore, PostgresStoreBuilder,
};
#[cfg(feature = "redis")]
pub use self::record::{InvalidRedisUrl, RedisBackend, RedisRevocationLog, RedisStore, RedisStoreBuilder};
#[cfg(feature = "sqlite")]
pub use self::record::{SqliteBackend, SqliteStore, SqliteStoreBuilder, Synchronous};
#[cfg(all(feature = "jwt", feature = "config"))]
pub(crate) use self::token::JwtOptions;
#[cfg(feature = "cookie-store")]
pub use self::token::{Encrypted, EncryptedCookieStore, Signed, SignedCookieStore};
#[cfg(all(feature = "cookie-store", feature = "config"))]
pub(crate) use self::token::{EncryptedCookieOptions, SignedCookieOptions};
#[cfg(feature = "jwt")]
pub use self::token::{InvalidJwtKey, Jwt, JwtStore, SigningKey, VerifyingKey};
#[cfg(feature = "sealed")]
pub use self::token::{Seal, TokenStore, Unopened};
pub use self::{
    answer::{Absence, Created, Ended, Found, Loaded, Replaced, Touched, Upkeep},
    authenticate::authenticate,
    changes::ChangeListener,
    circuit_breaker::{CircuitBreaker, CircuitBreakerOptions},
    context::{Freshness, PresentedToken, StoreContext, within},
    end::{End, EndedBy},
    enumerate::EnumerateSessions,
    freshness_proof::FreshnessProof,
    guarantees::{Durability, Guarantees, Index, ResponseReordering, Revocation, Scope, TokenForm, Updates},
    index::{MOST_LISTED, SessionIndex, SessionInfo},
    layers::{
        Cached, CachedOptions, CircuitBreakerStore, Drained, DrainingStore, MemoryRevocationLog,
        MigratingStore, Phase, Progress, RevocableStore, StoreLayer, UnsuitableStore, WriteBehind,
        WriteBehindOptions,
    },
    record::{RecordBackend, RecordStore, Stored, Swapped, Tombstone},
    requirement::{Requirement, UnmetRequirement},
    revocation_log::{RevocationLog, RevocationPage, Revoked, RevokedSessions, SubjectHash, next_sequence},
    revocations::Revocations,
    session_store::SessionStore,
};
pub use crate::id::KeyId;
#[cfg(feature = "sealed")]
pub use crate::sealing::DEFAULT_MAX_TOKEN;
#[cfg(any(feature = "cookie-store", feature = "hybrid"))]
pub use crate::sealing::cipher::Cipher;
pub use crate::token::{InvalidNodeName, NodeName, ReferenceToken, Token};
