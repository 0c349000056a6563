//! What a session asks of its manager.

use std::sync::Arc;

use super::{core::Core, save::save, store_calls::StoreCalls};
use crate::{
    error::SessionError,
    policy::Policy,
    session::{BoxFuture, Engine, Session},
    store::{End, Ended, Guarantees, SessionInfo},
    time::Timestamp,
};

impl Engine for Arc<Core> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    fn has_bearer(&self) -> bool {
        self.bearer().is_some()
    }

    fn save<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>> {
        Box::pin(save(self, session))
    }

    fn list<'a>(&'a self, subject: Option<&'a str>) -> BoxFuture<'a, Result<Vec<SessionInfo>, SessionError>> {
        Box::pin(async move {
            let calls = StoreCalls::new(self);
            calls.index()?;
            match subject {
                Some(subject) => Ok(calls.list(subject).await?),
                None => Ok(Vec::new()),
            }
        })
    }

    fn end(&self, end: End) -> BoxFuture<'_, Result<Ended, SessionError>> {
        Box::pin(async move { Ok(StoreCalls::new(self).end(end).await?) })
    }
}
