//! One call of a store on its way to the thread that executes it: [`Job`].

use tokio::sync::oneshot;

use super::super::sql::{Row, Statement, Value};
use crate::{error::StoreError, time::Deadline};

/// What a call is answered.
pub(super) type Answer = Result<Vec<Row>, StoreError>;

/// A statement to execute, and who waits for its rows.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) statement: Statement,
    pub(super) arguments: Vec<Value>,
    pub(super) deadline: Deadline,
    reply: oneshot::Sender<Answer>,
}

impl Job {
    pub(super) fn new(
        statement: Statement,
        arguments: Vec<Value>,
        deadline: Deadline,
    ) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        (Self { statement, arguments, deadline, reply }, answer)
    }

    /// Whether anybody still waits for it. What nobody waits for is not begun, so that a slow disk does no useless work.
    pub(super) fn is_wanted(&self) -> bool {
        !self.reply.is_closed() && !self.deadline.is_over()
    }

    /// Answers the caller, who may have gone.
    pub(super) fn answer(self, answer: Answer) {
        let _ = self.reply.send(answer);
    }
}
