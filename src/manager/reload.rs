//! Looking again at a session that is open: what has become of it since it was loaded or last written.

use tracing::debug;

use super::{core::Core, in_doubt, store_calls::StoreCalls, turn::turn};
use crate::{
    error::{SessionError, StoreError},
    plan,
    record::Record,
    session::{Base, Session, conflict},
    store::{Absence, Found},
};

/// Bases a session on what is stored now. What was logged is applied to that.
pub(super) async fn reload(core: &Core, session: &Session) -> Result<(), SessionError> {
    let _turn = turn(core, session).await?;
    in_doubt::resolve(core, session).await.map_err(|failed| failed.error)?;
    look(core, session, Proof::Login).await
}

/// Like [`reload`], but a session that has ended, or that the secret of this request does not open any more, is an error.
pub(super) async fn revalidate(core: &Core, session: &Session) -> Result<(), SessionError> {
    let _turn = turn(core, session).await?;
    in_doubt::resolve(core, session).await.map_err(|failed| failed.error)?;
    look(core, session, Proof::Secret).await?;
    let mut state = session.lock();
    if state.is_lost() {
        return Err(conflict("the session was ended, or is another login's now"));
    }
    state.set_fresh();
    Ok(())
}

/// What proves that a stored session is the one that was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// The login. A renewal disturbs no handle.
    Login,
    /// The secret that was presented, as for another request.
    Secret,
}

/// Finds out whether a conflict means that the session has ended. The caller has the session's turn.
pub(super) async fn look_after_conflict(core: &Core, session: &Session) {
    if let Err(error) = look(core, session, Proof::Login).await {
        debug!(%error, "a session could not be looked at again after a conflict");
    }
}

/// The caller has the session's turn.
async fn look(core: &Core, session: &Session, proof: Proof) -> Result<(), SessionError> {
    let loaded = match session.lock().known() {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Ok(()),
        Err(error) => return Err(error),
    };
    let found = find(core, &loaded, proof).await?;
    let mut state = session.lock();
    match found {
        Ok(record) => state.reload(Base::written(record.opened_as(&loaded))),
        Err(absence) => {
            debug!(session = %loaded.id(), ?absence, "an open session has ended");
            state.lose(absence);
            Ok(())
        }
    }
}

/// What the session is now, or why it is no more.
async fn find(core: &Core, loaded: &Record, proof: Proof) -> Result<Result<Record, Absence>, StoreError> {
    let calls = StoreCalls::new(core);
    let (cx, now) = (calls.cx.fresh(), calls.cx.now);
    let found = if !core.guarantees.keeps_records {
        let ended = match core.store.revocations() {
            Some(revocations) => revocations.end_of(loaded, cx).await?,
            None => None,
        };
        ended.map_or_else(|| Found::Live(loaded.clone()), Found::Absent)
    } else {
        match calls.store.find(&loaded.id(), cx).await? {
            // Its client carries it until it is written.
            Found::Absent(Absence::Unknown) if loaded.was_carried() => Found::Live(loaded.clone()),
            found => found,
        }
    };
    Ok(match found {
        Found::Absent(absence) => Err(absence),
        Found::Live(record) if core.policy.has_expired(&record, now) => Err(Absence::Expired),
        Found::Live(record) if !record.is_resident() => Err(Absence::Migrated),
        Found::Live(record) if !plan::is_continued_by(loaded, &record) => {
            Err(Absence::Rotated { id: record.id(), at: now })
        }
        Found::Live(record) if proof == Proof::Secret && !record.honours_secret_of(loaded, now) => {
            Err(Absence::Rotated { id: record.id(), at: now })
        }
        Found::Live(record) => Ok(record),
    })
}
