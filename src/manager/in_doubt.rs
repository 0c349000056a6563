//! Sends again what an earlier save left in doubt, before anything else is written.

use super::{
    core::Core,
    delivery::{Client, SaveError, Saved},
    store_calls::{Effect, StoreCalls, WriteError},
};
use crate::{
    error::StoreErrorKind,
    session::{Base, Sent, Session},
    store::{Created, Replaced, Token},
};

/// Finds out what became of the record that an earlier save has sent, if there is one. The caller has the session's turn.
pub(super) async fn resolve(core: &Core, session: &Session) -> Result<(), SaveError> {
    let (sent, client, removes_cookie) = {
        let state = session.lock();
        let Some(sent) = state.in_doubt() else { return Ok(()) };
        let client = Client::new(core, state.request(), state.delivery());
        // The sessions that were to end before it was sent have ended.
        (sent, client, state.logs_out() && client.request.removes_cookie())
    };
    let calls = StoreCalls::new(core);
    match resend(&calls, &sent).await {
        Ok(Arrival::Stored(token)) => {
            let Saved { base, edits, token } =
                client.tell(Base::written(sent.record), token, removes_cookie, calls.cx.now)?;
            let mut state = session.lock();
            state.deposit(edits, token);
            state.confirm(base).map_err(|error| client.failed(error, false))
        }
        Ok(Arrival::Lost) => {
            session.lock().log_again();
            Ok(())
        }
        Err(WriteError { error, .. }) => {
            // Asked again, the store would give the same answer: the changes are lost or done, and not made again.
            if error.kind() == StoreErrorKind::OutcomeUnknown {
                session.lock().give_up();
            }
            Err(client.failed(error.into(), removes_cookie))
        }
    }
}

/// What became of a record.
enum Arrival {
    /// The store has it. The token, if the client has to be told one.
    Stored(Option<Token>),
    /// The store does not have it and never will: another record has its place, or the session has ended.
    Lost,
}

async fn resend(calls: &StoreCalls<'_>, sent: &Sent) -> Result<Arrival, WriteError> {
    Ok(match sent.expected {
        Some(expected) => match calls.replace(&sent.record, expected, Effect::InDoubt).await? {
            Replaced::Done(token) => Arrival::Stored(token),
            Replaced::Conflict(_) | Replaced::Gone(_) => Arrival::Lost,
        },
        None => match calls.create(&sent.record, Effect::InDoubt).await? {
            Created::Done(token) => Arrival::Stored(Some(token)),
            Created::Taken(_) | Created::Ended => Arrival::Lost,
        },
    })
}
