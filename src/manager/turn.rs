//! The turn to write a session through one of its handles.

use tokio::sync::MutexGuard;

use super::core::Core;
use crate::{error::StoreError, session::Session, store::within};

/// Waits until no other handle writes the session.
pub(super) async fn turn<'a>(core: &Core, session: &'a Session) -> Result<MutexGuard<'a, ()>, StoreError> {
    match session.try_turn() {
        Some(turn) => Ok(turn),
        // Hardly ever is there another one, so a deadline is computed only here.
        None => within(core.cx().deadline, async { Ok(session.turn().await) }).await,
    }
}
