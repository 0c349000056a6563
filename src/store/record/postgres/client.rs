//! Calls of PostgreSQL: [`Client`].
//!
//! # One call
//! A call waits for a connection and for its answer, both within its deadline. What the server refused without executing it is
//! sent again a few times with growing pauses. A call that was lost on the way is sent again once, over a new connection. Each
//! statement may be executed twice.
//!
//! # Silence
//! Nothing tells a slow server from a connection that a firewall has dropped without a sign. So a call that has waited for a
//! quarter of its time on a connection on which nothing was answered meanwhile gives up the connection, and is sent again over a
//! new one; the first answer counts.

use std::{
    fmt,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};

use super::{
    super::{
        announcements::Announcements,
        sql::{Outcome, Row, Statement, Statements, Value},
    },
    connector::Connector,
    error::{CallError, Retry},
    slot::{Listening, Numbered, Slot, pause},
};
use crate::{
    error::StoreError,
    store::{ChangeListener, CircuitBreaker, StoreContext, within},
    time::{Deadline, Timestamp},
};

/// How often a call is made that the server refuses for the moment.
const MAX_ATTEMPTS: u32 = 6;

/// The pause after the first refusal; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// For how long a call waits for its answer, at least and at most, before it is sent over another connection.
const PATIENCE: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];

type Rows = Vec<Row>;

/// The connections that all handles of a store share.
pub(super) struct Client {
    connector: Arc<Connector>,
    /// One connection for all that is read.
    reads: Arc<Slot>,
    writes: Box<[Arc<Slot>]>,
    statements: Statements,
    /// Whether each connection prepares the statements, by name.
    is_named: bool,
    /// The statements that create the table when it is found to be missing, if they shall.
    creation: Option<String>,
    breaker: Option<CircuitBreaker>,
    announcements: Arc<Announcements>,
}

/// A statement and its arguments.
#[derive(Clone, Copy)]
struct Call<'a> {
    statement: Statement,
    arguments: &'a [Value],
    deadline: Deadline,
    /// When it was sent, or earlier.
    sent: Timestamp,
}

impl<'a> Call<'a> {
    const fn new(statement: Statement, arguments: &'a [Value], cx: StoreContext) -> Self {
        Self { statement, arguments, deadline: cx.deadline, sent: cx.now }
    }
}

/// The connection on which a call was sent last, if it was, and how often it was sent.
#[derive(Default)]
struct Sent(Mutex<(Option<Numbered>, u32)>);

impl Sent {
    fn on(&self, connection: &Numbered) {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sent = (Some(connection.clone()), sent.1 + 1);
    }

    /// Another attempt begins, which has no connection yet.
    fn again(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
    }

    fn is_repeated(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 > 1
    }

    /// The connection's number, and how many answers have come on it.
    fn progress(&self) -> Option<(u64, u64)> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.0.as_ref().map(|sent| (sent.number, sent.connection.answers()))
    }
}

impl Client {
    pub(super) fn new(
        connector: Connector,
        writes: usize,
        statements: Statements,
        is_named: bool,
        creation: Option<String>,
        listen: String,
        breaker: Option<CircuitBreaker>,
    ) -> Self {
        let connector = Arc::new(connector);
        let slot = |listening| Arc::new(Slot::new(Arc::clone(&connector), listening));
        let announcements = Arc::default();
        let reads = slot(Some(Listening { announcements: Arc::clone(&announcements), listen }));
        let writes = (0..writes.max(1)).map(|_| slot(None)).collect();
        Self { connector, reads, writes, statements, is_named, creation, breaker, announcements }
    }

    /// Tells `listener` of changes from the next connection for reads on; whether there can be such connections.
    ///
    /// Behind PgBouncer in transaction mode, where statements have no names, no connection listens: it may be another one each time.
    pub(super) fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        let begins = self.is_named && self.connector.is_own() && self.announcements.begin(listener);
        if begins {
            self.reads.give_up_any();
        }
        begins
    }

    /// Runs a statement, and ends at the deadline.
    pub(super) async fn call(
        &self,
        statement: Statement,
        arguments: &[Value],
        cx: StoreContext,
    ) -> Result<Outcome, StoreError> {
        // Pinned here: a future that is passed on by value takes its space twice.
        let call = pin!(self.call_repeatedly(Call::new(statement, arguments, cx)));
        let call = within(cx.deadline, call);
        match &self.breaker {
            Some(breaker) => breaker.call(cx.deadline, call).await,
            None => call.await,
        }
    }

    /// As [`call`](Self::call), even while the circuit breaker is open.
    pub(super) async fn probe(
        &self,
        statement: Statement,
        arguments: &[Value],
        cx: StoreContext,
    ) -> Result<Outcome, StoreError> {
        let call = pin!(self.call_repeatedly(Call::new(statement, arguments, cx)));
        let call = within(cx.deadline, call);
        match &self.breaker {
            Some(breaker) => breaker.probe(cx.deadline, call).await,
            None => call.await,
        }
    }

    /// Runs statements that have neither arguments nor rows, once.
    pub(super) async fn run_script(&self, script: &str, cx: StoreContext) -> Result<(), StoreError> {
        let run = self.run_script_once(script);
        within(cx.deadline, async { run.await.map_err(|error| error.error) }).await
    }

    async fn run_script_once(&self, script: &str) -> Result<(), CallError> {
        let slot = self.slot(false);
        let Numbered { number, connection, .. } = slot.connected().await?;
        connection.run_script(script).await.inspect_err(|error| {
            if error.ends_connection {
                slot.give_up(number);
            }
        })
    }

    async fn call_repeatedly(&self, call: Call<'_>) -> Result<Outcome, StoreError> {
        let sent = Sent::default();
        let mut attempts = 1;
        loop {
            let error = match self.call_patiently(call, &sent).await {
                Ok(rows) => return Ok(Outcome { rows, is_repeated: sent.is_repeated() }),
                Err(error) => error,
            };
            match (error.retry, &self.creation) {
                (Retry::WithTable, Some(creation)) if attempts == 1 => {
                    self.run_script_once(creation).await.map_err(|error| error.error)?;
                }
                (Retry::AfterPause, _) if attempts < MAX_ATTEMPTS => {
                    pause(FIRST_PAUSE * (1 << (attempts - 1))).await;
                }
                (Retry::OverNewConnection, _) if attempts == 1 => {}
                _ => return Err(error.error),
            }
            attempts += 1;
        }
    }

    /// One call; if its connection stays silent, another one over a new connection may overtake it.
    async fn call_patiently(&self, call: Call<'_>, sent: &Sent) -> Result<Rows, CallError> {
        sent.again();
        let slot = self.slot(call.statement.only_reads());
        let mut first = pin!(self.call_once(slot, call, sent));
        let mut before = None;
        loop {
            match select(first.as_mut(), pin!(pause(patience(call.deadline)))).await {
                Either::Left((answer, _)) => return answer,
                Either::Right(_) => {}
            }
            // While there is no connection, nothing was sent that could be overtaken.
            let now = sent.progress();
            if let (Some((number, _)), true) = (now, before == now) {
                slot.give_up(number);
                // Elsewhere, because it is rare: calls are small.
                let second = Box::pin(self.call_once(slot, call, sent));
                return first_answer(first, second).await;
            }
            before = now;
        }
    }

    async fn call_once(&self, slot: &Arc<Slot>, call: Call<'_>, sent: &Sent) -> Result<Rows, CallError> {
        let _in_flight = slot.enter();
        let connected = slot.connected().await?;
        sent.on(&connected);
        let Numbered { number, connection, .. } = connected;
        let mut pending = PendingCall { slot, number, deadline: call.deadline, is_answered: false };
        let text = self.statements.text(call.statement);
        let answer = connection.run(call.statement, text, self.is_named, call.arguments).await;
        pending.is_answered = true;
        match &answer {
            Ok(_) => slot.confirm(number, call.sent),
            Err(error) if error.ends_connection => slot.give_up(number),
            Err(_) => {}
        }
        answer
    }

    /// The connection for a read, or the one for writes that has the least to do.
    fn slot(&self, is_read: bool) -> &Arc<Slot> {
        let least = self.writes.iter().min_by_key(|slot| slot.load());
        least.filter(|_| !is_read).unwrap_or(&self.reads)
    }
}

/// For how long a call waits for its answer before it is sent again: twice half of it, so that it is seen whether others are
/// answered.
fn patience(deadline: Deadline) -> Duration {
    let [least, most] = PATIENCE;
    deadline.remaining().map_or(most, |left| (left / 4).clamp(least, most)) / 2
}

/// The first answer to one of two calls. An error counts only if the other one fails, too.
async fn first_answer(
    first: Pin<&mut impl Future<Output = Result<Rows, CallError>>>,
    second: Pin<Box<impl Future<Output = Result<Rows, CallError>>>>,
) -> Result<Rows, CallError> {
    match select(first, second).await {
        Either::Left((Err(_), second)) => second.await,
        Either::Right((Err(_), first)) => first.await,
        Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
    }
}

/// A call that waits for its answer. If it is dropped because its deadline has passed, the connection is given up.
struct PendingCall<'a> {
    slot: &'a Slot,
    number: u64,
    deadline: Deadline,
    is_answered: bool,
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.deadline.is_over() {
            self.slot.give_up(self.number);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.connector).finish()
    }
}
