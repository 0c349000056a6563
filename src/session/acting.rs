//! One subject acts as another: support looks at an account as its user sees it.

use super::{Op, Session, valid_subject};
use crate::{
    error::{SessionError, SessionErrorKind},
    record::MAX_SUBJECT_LEN,
};

/// The most bytes that the names of the two subjects have together: both have to fit where one does.
const MAX_LEN: usize = MAX_SUBJECT_LEN - 15;

impl Session {
    /// Lets the subject who is logged in act as another one: support sees what that user sees.
    ///
    /// Whether they may is for the caller to check. [`subject`](Self::subject) then returns `subject`, and [`actor`](Self::actor) who
    /// really is logged in. The session stays the actor's: it appears in the actor's list of devices, counts against the actor's
    /// limit, and ends with the actor's sessions; those of `subject` are not affected. [`authenticated_at`](Self::authenticated_at)
    /// is `None` and [`require_login_within`](Self::require_login_within) does not pass, because `subject` has not logged in.
    ///
    /// As with a login the client gets a new token, the old one is refused at once, and the values of the session are removed.
    /// [`stop_acting`](Self::stop_acting) ends it, a [`log_out`](Self::log_out) ends the actor's session. The timeouts stay as they
    /// are.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError, SessionErrorKind};
    /// # fn may_act_as(support: &str, user: &str) -> bool { false }
    /// # fn audit(line: &str) {}
    /// async fn look_as(session: Session, user: String) -> Result<&'static str, SessionError> {
    ///     let Some(support) = session.subject() else { return Ok("Please log in") };
    ///     if !may_act_as(&support, &user) {
    ///         return Ok("You may not do that");
    ///     }
    ///     session.act_as(&user)?;
    ///     audit(&format!("{support} acts as {user}"));
    ///     Ok("You now see what they see")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`FreshLoginRequired`](SessionErrorKind::FreshLoginRequired) if nobody is logged in,
    /// [`InvalidSubject`](SessionErrorKind::InvalidSubject) if `subject` is empty or the names of both have more than 240 bytes
    /// together, and those that every change has; see [`Session`].
    pub fn act_as(&self, subject: impl AsRef<str>) -> Result<(), SessionError> {
        let subject = valid_subject(subject.as_ref())?;
        let mut state = self.lock();
        let Some(actor) = &state.view().subject else {
            let message = "only a subject who is logged in can act as another one";
            return Err(SessionError::new(SessionErrorKind::FreshLoginRequired, message));
        };
        if actor.as_str().len() + subject.as_str().len() > MAX_LEN {
            let message =
                format!("the names of an actor and a subject have at most {MAX_LEN} bytes together");
            return Err(SessionError::new(SessionErrorKind::InvalidSubject, message));
        }
        state.change(Op::Act(Some(subject)))
    }

    /// Ends what [`act_as`](Self::act_as) began: the actor is the subject again, with a new token and without the values of the
    /// session. Does nothing if nobody acts.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn back_to_the_desk(session: Session) -> Result<(), SessionError> {
    ///     session.stop_acting()
    /// }
    /// ```
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn stop_acting(&self) -> Result<(), SessionError> {
        let mut state = self.lock();
        if state.view().acting_as.is_none() {
            return Ok(());
        }
        state.change(Op::Act(None))
    }

    /// Returns who acts as the [`subject`](Self::subject), or `None` if the subject itself is logged in.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// fn banner(session: &Session) -> String {
    ///     match (session.actor(), session.subject()) {
    ///         (Some(actor), Some(user)) => format!("{actor}, you see what {user} sees."),
    ///         _ => String::new(),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn actor(&self) -> Option<String> {
        let mut state = self.lock();
        let view = state.view();
        view.acting_as.as_ref().and(view.subject.as_ref()).map(|actor| actor.as_str().to_owned())
    }
}
