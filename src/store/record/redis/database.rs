//! A Redis deployment and the names of its keys: [`Database`].

use std::sync::Arc;

use redis::{Cmd, Value};

use super::{
    client::{Client, IfLost, Request},
    keys::Keys,
    reply::{self, ReplyError},
    script::ScriptCall,
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
        get.arg(GET).arg(key);
        self.command(get, cx, |reply| reply::get(reply, id)).await
    }

    /// Sends a command that is idempotent.
    pub(super) async fn command<T>(
        &self,
        command: Cmd,
        cx: StoreContext,
        read: impl Fn(&Value) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        self.client.call(&Request::Command(command), IfLost::Repeat, cx, read).await
    }

    /// Runs a script that is idempotent.
    pub(super) async fn run<T>(
        &self,
        call: ScriptCall<'_>,
        cx: StoreContext,
        read: impl Fn(&Value) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        self.client.call(&Request::Script(call), IfLost::Repeat, cx, read).await
    }
}

pub(super) fn millis(at: Timestamp) -> String {
    at.as_millis().to_string()
}
