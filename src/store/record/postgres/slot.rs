//! The place of one connection, which is made when it is first needed, and again when it was lost: [`Slot`].
//!
//! It is made and driven on [threads of its own](super::super::driver). While an attempt to make it is silent, further ones are
//! begun; the first to succeed is used. Attempts end when nobody waits for them any more.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{
    future::{Either, select},
    stream::{FuturesUnordered, StreamExt as _},
};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    super::{announcements::Announcements, driver},
    connection::{Connection, Told},
    connector::Connector,
    error::CallError,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    time::{Deadline, Timestamp},
};

/// How long all calls fail at once after a connection could not be made.
const CONNECT_BACKOFF: Duration = Duration::from_millis(100);

/// How long an attempt may be silent before another one is begun beside it.
const SILENCE: Duration = Duration::from_millis(500);

/// The place of one connection.
pub(super) struct Slot {
    connector: Arc<Connector>,
    state: Mutex<State>,
    connections: AtomicU64,
    in_flight: AtomicUsize,
    listening: Option<Listening>,
}

/// How the connections of a slot are told of changes.
pub(super) struct Listening {
    pub(super) announcements: Arc<Announcements>,
    /// The statements that begin it.
    pub(super) listen: String,
}

enum State {
    Disconnected,
    /// A task is connecting; its result is sent here.
    Connecting(watch::Receiver<ConnectResult>),
    Connected(Numbered),
    /// No call connects again until then.
    Failed(Deadline, CallError),
}

type ConnectResult = Option<Result<Numbered, CallError>>;

/// A connection and the number that tells it from others.
#[derive(Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) connection: Arc<Connection>,
    /// Whether all changes are announced on it.
    listens: bool,
}

/// A call that uses a slot.
pub(super) struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    pub(super) fn new(connector: Arc<Connector>, listening: Option<Listening>) -> Self {
        let (connections, in_flight) = (AtomicU64::new(1), AtomicUsize::new(0));
        Self { connector, state: Mutex::new(State::Disconnected), connections, in_flight, listening }
    }

    /// Notes that a call was answered which was sent on this connection at `sent`.
    pub(super) fn confirm(&self, connection: u64, sent: Timestamp) {
        if let Some(Listening { announcements, .. }) = &self.listening {
            announcements.confirm(connection, sent);
        }
    }

    /// Gives up the connection, if there is one, for one that differs.
    pub(super) fn give_up_any(&self) {
        let number = match &*self.state() {
            State::Connected(connection) => connection.number,
            State::Connecting(_) | State::Failed(..) | State::Disconnected => return,
        };
        self.give_up(number);
    }

    /// Counts a call until what is returned is dropped.
    pub(super) fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    /// How little it is to be preferred: whether no connection could be made a moment ago, and how many calls it has.
    pub(super) fn load(&self) -> (bool, usize) {
        let has_failed = matches!(&*self.state(), State::Failed(until, _) if !until.is_over());
        (has_failed, self.in_flight.load(Ordering::Relaxed))
    }

    /// The connection, once there is one.
    pub(super) async fn connected(self: &Arc<Self>) -> Result<Numbered, CallError> {
        let mut attempt = match self.join()? {
            Either::Left(connection) => return Ok(connection),
            Either::Right(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            _ => {
                *self.state() = State::Disconnected;
                Err(StoreError::new(StoreErrorKind::Unavailable, "connecting to PostgreSQL was aborted")
                    .into())
            }
        }
    }

    /// Gives up a connection, unless it was replaced already. Calls that are under way on it may still be answered.
    pub(super) fn give_up(&self, number: u64) {
        let mut state = self.state();
        if matches!(&*state, State::Connected(connection) if connection.number == number) {
            *state = State::Disconnected;
            self.follow(None);
        }
    }

    fn follow(&self, connection: Option<u64>) {
        if let Some(Listening { announcements, .. }) = &self.listening {
            announcements.follow(connection);
        }
    }

    /// The connection, or the attempt to make one.
    fn join(self: &Arc<Self>) -> Result<Either<Numbered, watch::Receiver<ConnectResult>>, CallError> {
        let mut state = self.state();
        match &*state {
            State::Connected(connection) if !connection.connection.is_closed() => {
                return Ok(Either::Left(connection.clone()));
            }
            State::Connecting(attempt) => return Ok(Either::Right(attempt.clone())),
            State::Failed(until, error) if !until.is_over() => return Err(error.clone()),
            State::Connected(_) | State::Failed(..) | State::Disconnected => {}
        }
        let driver = driver::runtime()?;
        let (result, attempt) = watch::channel(None);
        *state = State::Connecting(attempt.clone());
        // A task of its own: a caller whose deadline passes leaves the attempt to the others.
        driver.spawn(Arc::clone(self).establish(result));
        Ok(Either::Right(attempt))
    }

    async fn establish(self: Arc<Self>, result: watch::Sender<ConnectResult>) {
        let connecting = pin!(self.connect(&result));
        let outcome = tokio::time::timeout(self.connector.timeout, connecting).await.unwrap_or_else(|_| {
            let message = "a connection to PostgreSQL could not be made in time";
            Some(Err(StoreError::new(StoreErrorKind::Unavailable, message).into()))
        });
        let Some(outcome) = outcome else { return };
        let state = match &outcome {
            Ok(connection) => {
                info!(endpoint = ?self.connector, "connected to PostgreSQL");
                State::Connected(connection.clone())
            }
            Err(CallError { error, .. }) => {
                warn!(endpoint = ?self.connector, %error, "no connection to PostgreSQL");
                let failed = outcome.as_ref().err().cloned();
                failed.map_or(State::Disconnected, |error| {
                    State::Failed(Deadline::after(CONNECT_BACKOFF), error)
                })
            }
        };
        let mut current = self.state();
        if let State::Connected(connection) = &state {
            self.follow(connection.listens.then_some(connection.number));
        }
        *current = state;
        drop(current);
        result.send_replace(Some(outcome));
    }

    /// Makes a connection by as many attempts as it takes; none if nobody waits for it any more.
    async fn connect(&self, result: &watch::Sender<ConnectResult>) -> Option<Result<Numbered, CallError>> {
        let mut attempts = FuturesUnordered::new();
        loop {
            attempts.push(self.attempt());
            let mut silence = pin!(pause(SILENCE));
            while let Either::Left((Some(outcome), _)) = select(attempts.next(), &mut silence).await {
                match outcome {
                    Err(error) if attempts.is_empty() => return Some(Err(error)),
                    // Another one may still succeed.
                    Err(_) => {}
                    connected => return Some(connected),
                }
            }
            if self.is_abandoned(result) {
                return None;
            }
        }
    }

    async fn attempt(&self) -> Result<Numbered, CallError> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let wanted = self.listening.as_ref().filter(|listening| listening.announcements.get().is_some());
        let told = wanted.map(|listening| Told {
            announcements: Arc::clone(&listening.announcements),
            connection: number,
        });
        let connection = self.connector.connect(told).await.map_err(CallError::of_connecting)?;
        let listens = match wanted {
            Some(Listening { listen, .. }) => {
                connection.finds(listen).await.map_err(CallError::of_connecting)?
            }
            None => false,
        };
        Ok(Numbered { number, connection: Arc::new(connection), listens })
    }

    /// Whether nobody waits for an attempt. Then the next call begins another one.
    fn is_abandoned(&self, result: &watch::Sender<ConnectResult>) -> bool {
        let mut state = self.state();
        // The state itself holds one receiver.
        let is_abandoned = result.receiver_count() <= 1;
        if is_abandoned {
            *state = State::Disconnected;
        }
        is_abandoned
    }

    /// Nothing that is done under the lock panics halfway, so a poisoned lock guards a whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "a server is given time here, no test waits for anything")]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
