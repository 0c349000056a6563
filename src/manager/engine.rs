//! What a session asks of its manager.

use std::sync::Arc;

use super::{
    core::Core,
    reload::{reload, revalidate},
    save::save,
    store_calls::StoreCalls,
};
use crate::{
    error::SessionError,
    id::SessionId,
    policy::Policy,
    random,
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

    fn reload<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>> {
        Box::pin(reload(self, session))
    }

    fn revalidate<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), SessionError>> {
        Box::pin(revalidate(self, session))
    }

    fn draw_id(&self) -> Option<SessionId> {
        random::session_id(&*self.random).ok()
    }

    fn list<'a>(&'a self, subject: Option<&'a str>) -> BoxFuture<'a, Result<Vec<SessionInfo>, SessionError>> {
        Box::pin(async move {
            match subject {
                Some(subject) => Core::list(self, subject).await,
                None => Ok(StoreCalls::new(self).index().map(|_| Vec::new())?),
            }
        })
    }

    fn end_all<'a>(
        &'a self,
        subject: Option<&'a str>,
        but: Option<SessionId>,
    ) -> BoxFuture<'a, Result<usize, SessionError>> {
        Box::pin(async move {
            match subject {
                Some(subject) => Core::end_all(self, subject, but).await,
                None if self.store.revocations().is_some() => Ok(0),
                None => Ok(StoreCalls::new(self).index().map(|_| 0)?),
            }
        })
    }

    fn end(&self, end: End) -> BoxFuture<'_, Result<Ended, SessionError>> {
        Box::pin(async move { Ok(StoreCalls::new(self).end(end).await?) })
    }
}
