//! The secret of a record, where this process knows it and not only its hash.
//!
//! A layer whose clients hold more than a reference needs it to make another token for a client. Only the client that presented
//! the secret may be told it, so whatever is handed from one client's request to another's is [compared](Record::opened_as) again.

use std::sync::Arc;

use super::{Record, credentials::Kept};
use crate::secret::Secret;

impl Record {
    /// The current secret, if this process knows it and not only its hash: it has drawn the secret, or a client has
    /// [presented](Self::opened) it.
    ///
    /// It is a credential: send it to the client of the session and nowhere else.
    #[must_use]
    pub fn known_secret(&self) -> Option<&Secret> {
        match &self.0.credentials.current {
            Kept::Plain(secret) => Some(secret),
            Kept::Nothing | Kept::Hashed(_) => None,
        }
    }

    /// The record as a client with this secret may know it.
    ///
    /// Its [secret](Self::known_secret) is known afterwards if the presented one is the current one. If that is an earlier one, the
    /// current secret is not for this client, and only its hash is kept. The record [encodes](Self::encode) as before, and what
    /// follows from it knows the same.
    #[must_use]
    pub fn opened(self, presented: &Secret) -> Self {
        if self.is_current_secret(presented) { self.carried_with(presented) } else { self.without_secret() }
    }

    /// The record as a client may know it that has opened `other`, an earlier or later state of the session.
    #[must_use]
    pub fn opened_as(self, other: &Self) -> Self {
        match other.known_secret() {
            Some(secret) => self.opened(secret),
            None => self.without_secret(),
        }
    }

    /// The record with its current secret beside it, as a sealed token carries both: what is not compared here was compared when
    /// they were sealed.
    #[must_use]
    pub fn carried_with(mut self, secret: &Secret) -> Self {
        Arc::make_mut(&mut self.0).credentials.current = Kept::Plain(secret.clone());
        self
    }

    /// The record with the hash of its secret in place of the secret: for a client that has presented none.
    #[must_use]
    pub fn without_secret(mut self) -> Self {
        if self.known_secret().is_some()
            && let Some(hash) = self.0.credentials.current.hash()
        {
            Arc::make_mut(&mut self.0).credentials.current = Kept::Hashed(hash);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        id::{SessionId, WriteId},
        record::{Lifetime, Rotation},
        time::Timestamp,
    };

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn secret(byte: u8) -> Secret {
        Secret::from_bytes([byte; 16])
    }

    /// A renewed record as it comes from a store outside of the process.
    fn stored() -> Record {
        let lifetime = Lifetime { idle: Duration::MAX, absolute: Duration::MAX };
        let record =
            Record::new(SessionId::from_bytes([1; 16]), secret(1), WriteId::from_u64(1), lifetime, NOW);
        let rotation = Rotation::with_grace(NOW, Duration::from_secs(30));
        let renewed = record.successor(WriteId::from_u64(2)).rotated(secret(2), rotation).finish();
        Record::decode(&renewed.encode()).unwrap()
    }

    #[test]
    fn the_secret_is_known_to_who_presents_the_current_one_and_to_no_other() {
        assert!(stored().known_secret().is_none());
        let opened = stored().opened(&secret(2));
        assert_eq!(opened.known_secret().map(Secret::expose), Some(&[2; 16]));
        assert_eq!(opened.encode(), stored().encode(), "it is stored as before");
        for record in [stored(), opened] {
            let by_previous = record.opened(&secret(1));
            assert!(by_previous.known_secret().is_none());
            assert_eq!(by_previous.encode(), stored().encode());
        }
    }

    #[test]
    fn what_follows_knows_as_much_and_the_state_of_another_secret_nothing() {
        let opened = stored().opened(&secret(2));
        let next = opened.successor(WriteId::from_u64(3)).finish();
        assert!(next.known_secret().is_some());
        assert!(stored().opened_as(&next).known_secret().is_some());
        let rotation = Rotation::without_grace(NOW);
        let renewed = opened.successor(WriteId::from_u64(4)).rotated(secret(3), rotation).finish();
        assert!(renewed.known_secret().is_some(), "it was drawn here");
        assert!(renewed.clone().opened_as(&next).known_secret().is_none());
        assert!(stored().opened_as(&renewed).known_secret().is_none());
        assert!(opened.opened_as(&stored()).known_secret().is_none());
    }
}
