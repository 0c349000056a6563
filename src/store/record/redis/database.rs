//! A Redis deployment and the names of its keys: [`Database`].

use std::sync::Arc;

use redis::{Cmd, Value};

use super::{
    client::{Client, Request},
    keys::Keys,
    reply::{self, ReplyError},
    script::{READ, ScriptCall},
};
use crate::{
    error::StoreError,
    id::SessionId,
    store::{StoreContext, Stored},
    time::Timestamp,
};

const GET: &str = "GET";

/// A Redis deployment and the names of its keys.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) keys: Keys,
    pub(super) client: Arc<Client>,
}

impl Database {
    /// What is stored under the key of a session.
    pub(super) async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let key = self.keys.session(id);
        let mut get = Cmd::with_capacity(2, GET.len() + key.len());
        get.arg(GET).arg(&key);
        let stored = self.command(get, cx, |parts| reply::get(parts, id)).await?;
        if stored.is_some() {
            return Ok(stored);
        }
        // "Nothing" names no session: it may be the reply to another call. A session must not seem to have ended for that.
        self.run(READ.on(&key, []), cx, |parts| reply::get(parts, id)).await
    }

    /// Whether Redis is available. It is asked even while the circuit breaker is open.
    pub(super) async fn ping(&self, cx: StoreContext) -> Result<(), StoreError> {
        const WORD: &str = "cloakroom";
        let mut ping = redis::cmd("PING");
        ping.arg(WORD);
        self.client.probe(&Request::Command(ping), cx, |parts, _| reply::ping(parts, WORD.as_bytes())).await
    }

    /// Sends a command that is idempotent.
    pub(super) async fn command<T>(
        &self,
        command: Cmd,
        cx: StoreContext,
        read: impl Fn(&[Value]) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        self.client.call(&Request::Command(command), cx, |parts, _| read(parts)).await
    }

    /// Runs a script that is idempotent.
    pub(super) async fn run<T>(
        &self,
        call: ScriptCall<'_>,
        cx: StoreContext,
        read: impl Fn(&[Value]) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        self.client.call(&Request::Script(call), cx, |parts, _| read(parts)).await
    }
}

pub(super) fn millis(at: Timestamp) -> String {
    at.as_millis().to_string()
}
