//! Sessions in the memory of this process: the fastest store, and one that a restart empties.
//!
//! | module | holds |
//! | --- | --- |
//! | `backend` | [`MemoryStore`] and its [backend](crate::store::RecordBackend) |
//! | `options` | [`MemoryOptions`] |
//! | `state` | the shared state: beginning, reading and ending a session |
//! | `swap` | changing a session that is stored |
//! | `slots` | the map, in shards that have a lock each |
//! | `slot` | what is stored under one ID: a record or a tombstone |
//! | `subjects` | the index of sessions by subject |
//! | `budget` | [`Budget`], [`Usage`], and the two accounts that are never overdrawn |
//! | `sweep_queue` | the queues in which slots wait to be inspected |
//! | `sweep` | inspecting: how expired sessions go without a background task |
//! | `evict` | making room when a budget is used up |
//!
//! # Untrusted input
//! How many sessions begin is up to clients. A flood of new sessions displaces other anonymous sessions at most, never a
//! logged-in one.
//!
//! # Locks
//! They are taken in this order, each held for a bounded number of steps and none across an await:
//!
//! 1. **the sweep queues**, by every call that adds or removes a slot. Under this lock there is exactly one ticket per slot.
//! 2. **a page of the subject index**, never two at a time.
//! 3. **a shard of the map.** No other lock is taken under it.
//!
//! A load and an ordinary change take only the third.

mod backend;
mod budget;
mod evict;
mod options;
mod slot;
mod slots;
mod state;
mod subjects;
mod swap;
mod sweep;
mod sweep_queue;

#[cfg(test)]
mod tests;

pub use self::{
    backend::{MemoryBackend, MemoryStore},
    budget::{Budget, Usage},
    options::MemoryOptions,
};
