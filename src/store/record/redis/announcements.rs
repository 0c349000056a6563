//! The changes that the server tells of.
//!
//! It remembers which keys a connection has read (client tracking, RESP3), and tells it when one of them changes, before it answers any
//! later call.

use redis::{PushInfo, PushKind, Value};

use super::{super::announcements::Announcements, keys::Keys};

/// Passes on what the server tells on a connection.
pub(super) fn pass_on(announcements: &Announcements, keys: &Keys, connection: u64, push: &PushInfo) {
    if push.kind != PushKind::Invalidate {
        return;
    }
    match push.data.first() {
        Some(Value::Array(changed)) => {
            for key in changed {
                if let Value::BulkString(key) = key
                    && let Some(id) = keys.id(key)
                {
                    announcements.changed(connection, Some(&id));
                }
            }
        }
        // An announcement without keys concerns all of them.
        _ => announcements.changed(connection, None),
    }
}
