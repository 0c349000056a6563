//! Who is told of the changes that a server announces: [`Announcements`].

use std::sync::{Arc, OnceLock};

use crate::{id::SessionId, store::ChangeListener, time::Timestamp};

/// The listener of a store, if there is one.
#[derive(Debug, Default)]
pub(super) struct Announcements(OnceLock<Arc<dyn ChangeListener>>);

impl Announcements {
    /// Takes the listener; whether there was none.
    pub(super) fn begin(&self, listener: Arc<dyn ChangeListener>) -> bool {
        self.0.set(listener).is_ok()
    }

    /// The listener, if there is one.
    pub(super) fn get(&self) -> Option<&dyn ChangeListener> {
        self.0.get().map(|listener| &**listener)
    }

    pub(super) fn follow(&self, connection: Option<u64>) {
        if let Some(listener) = self.get() {
            listener.follow(connection);
        }
    }

    pub(super) fn confirm(&self, connection: u64, sent: Timestamp) {
        if let Some(listener) = self.get() {
            listener.confirm(connection, sent);
        }
    }

    pub(super) fn changed(&self, connection: u64, session: Option<&SessionId>) {
        if let Some(listener) = self.get() {
            listener.changed(connection, session);
        }
    }
}
