//! The operations on one session in Redis: [`Database`].

use std::sync::Arc;

use redis::Cmd;

use super::{
    client::{Client, IfLost, Request},
    keys::Keys,
    reply::{self, ReplyError},
    script::{BURY, SWAP, ScriptCall, TOUCH},
};
use crate::{
    error::StoreError,
    id::SessionId,
    record::{Record, Version},
    store::{Ended, StoreContext, Stored, Swapped, Tombstone, Touched},
    time::Timestamp,
};

const GET: &str = "GET";

/// A Redis deployment with the names of the keys.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) keys: Keys,
    client: Arc<Client>,
}

impl Database {
    pub(super) fn new(keys: Keys, client: Client) -> Self {
        Self { keys, client: Arc::new(client) }
    }

    /// What is stored under the key of a session.
    pub(super) async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let key = self.keys.session(id);
        let mut get = Cmd::with_capacity(2, GET.len() + key.len());
        get.arg(GET).arg(key);
        self.command(get, cx, |reply| reply::get(reply, id)).await
    }

    pub(super) async fn swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        let (id, now, blob) = (next.id(), millis(cx.now), next.encode());
        let key = self.keys.session(&id);
        let tag = next.version().write.as_u64().to_le_bytes();
        let expected = expected.map(version_bytes);
        let expected = expected.as_ref().map_or(&[][..], |bytes| bytes);
        let call = Request::Script(SWAP.on(&key, [&tag, now.as_bytes(), expected, &blob]));
        // A write whose reply was lost is for the engine to repeat: it knows what else may have been written since.
        self.client.call(&call, IfLost::Fail, cx, |reply| reply::swap(reply, &tag, &id)).await
    }

    pub(super) async fn touch(&self, record: &Record, cx: StoreContext) -> Result<Touched, StoreError> {
        let (id, now) = (record.id(), millis(cx.now));
        let key = self.keys.session(&id);
        let args: [&[u8]; 4] = [
            id.as_bytes(),
            now.as_bytes(),
            &record.epoch().to_le_bytes(),
            &stored_time(record.last_active()),
        ];
        self.run(TOUCH.on(&key, args), cx, |reply| reply::touch(reply, &id, cx.now)).await
    }

    /// Stores a tombstone, and returns the record that it replaces.
    pub(super) async fn bury(
        &self,
        id: &SessionId,
        tombstone: Tombstone,
        cx: StoreContext,
    ) -> Result<(Ended, Option<Record>), StoreError> {
        let (key, now) = (self.keys.session(id), millis(cx.now));
        let [at, until] = [tombstone.at, tombstone.until].map(stored_time);
        let call = BURY.on(&key, [id.as_bytes(), now.as_bytes(), id.as_bytes(), &at, &until]);
        self.run(call, cx, |reply| reply::bury(reply, id)).await
    }

    /// Sends a command that is idempotent.
    pub(super) async fn command<T>(
        &self,
        command: Cmd,
        cx: StoreContext,
        read: impl Fn(&redis::Value) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        self.client.call(&Request::Command(command), IfLost::Repeat, cx, read).await
    }

    /// Runs a script that is idempotent.
    pub(super) async fn run<T>(
        &self,
        call: ScriptCall<'_>,
        cx: StoreContext,
        read: impl Fn(&redis::Value) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        self.client.call(&Request::Script(call), IfLost::Repeat, cx, read).await
    }
}

pub(super) fn millis(at: Timestamp) -> String {
    at.as_millis().to_string()
}

fn stored_time(at: Timestamp) -> [u8; 8] {
    at.as_millis().to_le_bytes()
}

/// A version as the scripts compare it: the counter, then the write.
fn version_bytes(version: Version) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&version.counter.to_le_bytes());
    bytes[8..].copy_from_slice(&version.write.as_u64().to_le_bytes());
    bytes
}
