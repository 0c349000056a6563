//! Sends again what an earlier save left in doubt, before anything else is written.

use super::{
    Core,
    store_calls::{Call, Failed, Written, live},
};
use crate::{
    error::{SessionError, SessionErrorKind, StoreErrorKind},
    session::{Sent, Session},
    store::{Created, Replaced, Token},
};

/// What became of a record.
enum Fate {
    /// The store has it. The token, if the client has to be told one.
    Arrived(Option<Token>),
    /// The store does not have it and never will: its place is taken, or the session is gone.
    Lost,
}

/// Finds out what became of the record that an earlier save has sent, if there is one. Only whoever has the turn asks.
pub(super) async fn settle(core: &Core, session: &Session) -> Result<(), Failed> {
    let Some(sent) = session.in_doubt() else { return Ok(()) };
    let call = Call::new(core, session.request());
    // The sessions that were to end before it was sent have ended.
    let removes_cookie = session.logs_out() && call.request.holds_cookie;
    match call.resend(&sent).await {
        Ok(Fate::Arrived(token)) => {
            let Written { base, edits, token } =
                call.told(live(sent.record), token, session.wants_bearer(), removes_cookie)?;
            session.deposit(edits, token);
            session.settle(base).map_err(|error| Failed::new(core, error, call.request, false))
        }
        Ok(Fate::Lost) => {
            session.log_again();
            Ok(())
        }
        Err(error) => {
            if is_unknowable(&error) {
                session.give_up();
            }
            Err(Failed::new(core, error, call.request, removes_cookie))
        }
    }
}

/// Whether asking once more would bring the same answer. Then the changes are lost or done, and not made again.
fn is_unknowable(error: &SessionError) -> bool {
    error.kind() == SessionErrorKind::Store(StoreErrorKind::OutcomeUnknown)
}

impl Call<'_> {
    async fn resend(&self, sent: &Sent) -> Result<Fate, SessionError> {
        Ok(match sent.expected {
            Some(expected) => match self.try_replace(&sent.record, expected, &mut true).await? {
                Replaced::Done(token) => Fate::Arrived(token),
                Replaced::Conflict(_) | Replaced::Gone(_) => Fate::Lost,
            },
            None => match self.try_create(&sent.record, &mut true).await? {
                Created::Done(token) => Fate::Arrived(Some(token)),
                Created::Taken(_) | Created::Ended => Fate::Lost,
            },
        })
    }
}
