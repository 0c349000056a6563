//! Chooses where sessions live. No other file of the shop knows a store.

use std::sync::Arc;

use cloakroom::store::{MemoryStore, SessionStore};

type Open = fn() -> Arc<dyn SessionStore>;

/// Every store that `SESSION_STORE` may name, and how to open it.
const STORES: [(&str, Open); 1] = [("memory", || Arc::new(MemoryStore::new()))];

/// The store that `SESSION_STORE` names; the first one where it names none.
pub(crate) fn open(name: Option<&str>) -> Result<Arc<dyn SessionStore>, String> {
    let (first, _) = STORES[0];
    let wanted = name.unwrap_or(first);
    match STORES.iter().find(|(known, _)| *known == wanted) {
        Some((_, open)) => Ok(open()),
        None => Err(format!("SESSION_STORE={wanted:?} names no session store; known are: {}", known())),
    }
}

fn known() -> String {
    STORES.map(|(name, _)| name).join(", ")
}
