//! Writes that count only once replicas have them: [`Replicas`].

use redis::Value;

use super::{connection::Connection, error::CallError};
use crate::error::{StoreError, StoreErrorKind};

/// For how long replicas are waited for, in milliseconds: less than the time after which a silent connection is given up.
const LONGEST: u32 = 150;

/// How many replicas must have a write before it counts.
///
/// `WAIT` is about the last write of its own connection. So a key is written first: what was asked for may have been done earlier,
/// over a connection that was lost, and replicas execute everything in the order of their primary.
#[derive(Debug, Clone)]
pub(super) struct Replicas {
    pub(super) least: u32,
    /// The key that is written.
    pub(super) key: String,
}

impl Replicas {
    /// Waits until enough replicas have all that was written so far.
    pub(super) async fn confirm(&self, connection: &mut Connection) -> Result<(), CallError> {
        if !matches!(connection, Connection::Server(_)) {
            let message = "replicas can only be waited for with one server or with Sentinel";
            return Err(StoreError::new(StoreErrorKind::Unsupported, message).into());
        }
        connection.send(redis::cmd("SET").arg(&self.key).arg("").arg("PX").arg(60_000)).await?;
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.least).arg(LONGEST);
        match connection.send(&wait).await? {
            Value::Int(have) if have >= i64::from(self.least) => Ok(()),
            _ => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "a login, a logout or the like was not confirmed by as many replicas of Redis as are asked for",
            )
            .into()),
        }
    }
}
