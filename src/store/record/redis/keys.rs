//! The names of keys in Redis.
//!
//! ```text
//! prefix | session ID (32 hex digits)                        what is stored of one session
//! prefix | "of:" | hash of the subject (32 hex digits)       the IDs of one subject's sessions
//! prefix | "revocations"                                     the log of revocations
//! prefix | "replicated"                                      nothing: written before replicas are waited for
//! ```
//!
//! A subject's name is hashed so that keys are of one length and slow logs name no subject. Each key is in a slot of
//! its own: nothing assumes that two of them share one.

use std::sync::Arc;

use ring::digest::{SHA256, digest};

use crate::{hex, id::SessionId};

/// Makes the names of keys.
#[derive(Debug, Clone)]
pub(super) struct Keys(Arc<str>);

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self(prefix.into())
    }

    /// The key of a session.
    pub(super) fn session(&self, id: &SessionId) -> String {
        self.name("", id.as_bytes())
    }

    /// The key of the set of a subject's sessions.
    pub(super) fn subject(&self, subject: &str) -> String {
        let hash = digest(&SHA256, subject.as_bytes());
        self.name("of:", &hash.as_ref()[..16])
    }

    /// The key that is written before replicas are waited for.
    pub(super) fn replicated(&self) -> String {
        format!("{}replicated", self.0)
    }

    /// The key of the log of revocations.
    pub(super) fn revocations(&self) -> String {
        format!("{}revocations", self.0)
    }

    /// The session whose key this is.
    pub(super) fn id(&self, key: &[u8]) -> Option<SessionId> {
        hex::parse(key.strip_prefix(self.0.as_bytes())?).map(SessionId::from_bytes)
    }

    fn name(&self, kind: &str, bytes: &[u8]) -> String {
        let mut name = String::with_capacity(self.0.len() + kind.len() + 2 * bytes.len());
        name.push_str(&self.0);
        name.push_str(kind);
        hex::push(&mut name, bytes);
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_key_leads_back_to_it_and_a_subjects_leads_nowhere() {
        let keys = Keys::new("shop:");
        let id = SessionId::from_bytes([7; 16]);
        assert_eq!(keys.session(&id), format!("shop:{id}"));
        assert_eq!(keys.id(keys.session(&id).as_bytes()), Some(id));
        assert_eq!(keys.id(keys.subject("alice").as_bytes()), None);
        assert!(!keys.subject("alice").contains("alice"));
    }
}
