//! All sessions of a subject end, in whichever of two stores they are.

use async_trait::async_trait;

use super::{MigratingStore, pair::Side};
use crate::{
    error::StoreError,
    id::SessionId,
    record::Record,
    store::{Absence, End, EndedBy, MOST_LISTED, Revocations, SessionIndex, SessionStore, StoreContext},
    time::Timestamp,
};

impl MigratingStore {
    /// Whether one of the stores that are read ends sessions by one write.
    pub(super) fn has_revocations(&self) -> bool {
        self.0.read_sides().iter().any(|side| self.0.at(*side).revocations().is_some())
    }

    /// Ends the sessions that a store lists, one by one.
    async fn end_listed(
        &self,
        index: &dyn SessionIndex,
        subject: &str,
        except: Option<SessionId>,
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        loop {
            let listed = index.list(subject, cx).await?;
            let others = listed.iter().filter(|session| Some(session.id()) != except);
            for session in others {
                let (id, until) = (session.id(), session.as_end().until);
                self.end(End { id, until, by: EndedBy::Other }, cx).await?;
            }
            if listed.len() < MOST_LISTED {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Revocations for MigratingStore {
    /// Counted by the new store, if it counts: sessions move there.
    async fn sequence(&self, is_login: bool, cx: StoreContext) -> Result<u64, StoreError> {
        for side in [Side::New, Side::Old] {
            if let Some(revocations) = self.0.at(side).revocations() {
                return revocations.sequence(is_login, cx).await;
            }
        }
        Ok(0)
    }

    async fn end_of(&self, record: &Record, cx: StoreContext) -> Result<Option<Absence>, StoreError> {
        for &side in self.0.read_sides() {
            if let Some(revocations) = self.0.at(side).revocations()
                && let Some(absence) = revocations.end_of(record, cx).await?
            {
                return Ok(Some(absence));
            }
        }
        Ok(None)
    }

    async fn end_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        until: Timestamp,
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        for &side in self.0.read_sides() {
            let store = self.0.at(side);
            match (store.revocations(), store.index()) {
                (Some(revocations), _) => revocations.end_subject(subject, except, until, cx).await?,
                (None, Some(index)) => self.end_listed(index, subject, except, cx).await?,
                (None, None) => return Err(StoreError::unsupported("end the sessions of a subject")),
            }
        }
        Ok(())
    }
}
