//! The connection that all calls share: made when it is first needed, and again when it was lost.
//!
//! It is made and driven on [threads of its own](super::super::driver). While an attempt to make it is silent, further ones are
//! begun, since nothing tells a slow network from one that has lost a greeting; the first to succeed is used. Attempts end
//! when nobody waits for them any more, so none outlasts the deadlines of the calls that need it.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
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
    announcements::pass_on,
    connect_options::{ConnectOptions, OnPush},
    connection::Connection,
    endpoint::Endpoint,
    keys::Keys,
    reply_order::ReplyOrder,
};
use crate::error::{StoreError, StoreErrorKind};

/// How long all calls fail at once after a connection could not be made.
const CONNECT_BACKOFF: Duration = Duration::from_millis(100);

/// How long an attempt may be silent before another one is begun beside it.
const SILENCE: Duration = Duration::from_millis(500);

/// Makes connections, one at a time.
pub(super) struct Connector {
    endpoint: Endpoint,
    options: ConnectOptions,
    keys: Keys,
    announcements: Arc<Announcements>,
    connections: AtomicU64,
    state: Mutex<State>,
}

enum State {
    Disconnected,
    /// A task is connecting, or has just failed; its result is sent here.
    Connecting(watch::Receiver<ConnectResult>),
    Connected(Numbered),
}

type ConnectResult = Option<Result<Numbered, StoreError>>;

/// A connection and the number that tells it from others.
#[derive(Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) connection: Connection,
    pub(super) order: Arc<ReplyOrder>,
    /// Whether the server tells of changes on it.
    tracks: bool,
}

impl Connector {
    pub(super) fn new(
        endpoint: Endpoint,
        options: ConnectOptions,
        keys: Keys,
        announcements: Arc<Announcements>,
    ) -> Self {
        let state = Mutex::new(State::Disconnected);
        Self { endpoint, options, keys, announcements, connections: AtomicU64::new(1), state }
    }

    /// Whether the server can tell of changes on connections.
    pub(super) fn can_track(&self) -> bool {
        self.endpoint.can_track()
    }

    /// The connection, once there is one.
    pub(super) async fn connected(self: &Arc<Self>) -> Result<Numbered, StoreError> {
        let mut attempt = match self.join()? {
            Either::Left(connection) => return Ok(connection),
            Either::Right(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            _ => {
                *self.state() = State::Disconnected;
                Err(StoreError::new(StoreErrorKind::Unavailable, "connecting to Redis was aborted"))
            }
        }
    }

    /// Gives up a connection, unless it was replaced already.
    pub(super) fn give_up(&self, number: u64) {
        let mut state = self.state();
        if matches!(&*state, State::Connected(connection) if connection.number == number) {
            *state = State::Disconnected;
            self.announcements.follow(None);
        }
    }

    /// Gives up the connection, if there is one, for one that differs.
    pub(super) fn give_up_any(&self) {
        let number = match &*self.state() {
            State::Connected(connection) => connection.number,
            State::Connecting(_) | State::Disconnected => return,
        };
        self.give_up(number);
    }

    /// The connection, or the attempt to make one.
    fn join(self: &Arc<Self>) -> Result<Either<Numbered, watch::Receiver<ConnectResult>>, StoreError> {
        let mut state = self.state();
        match &*state {
            State::Connected(connection) => Ok(Either::Left(connection.clone())),
            State::Connecting(attempt) => Ok(Either::Right(attempt.clone())),
            State::Disconnected => {
                let driver = driver::runtime()?;
                let (result, attempt) = watch::channel(None);
                *state = State::Connecting(attempt.clone());
                // A task of its own: a caller whose deadline passes leaves the attempt to the others.
                driver.spawn(Arc::clone(self).establish(result));
                Ok(Either::Right(attempt))
            }
        }
    }

    async fn establish(self: Arc<Self>, result: watch::Sender<ConnectResult>) {
        let connecting = pin!(self.connect(&result));
        let outcome = tokio::time::timeout(self.options.timeout, connecting).await.unwrap_or_else(|_| {
            let message = "a connection to Redis could not be made in time";
            Some(Err(StoreError::new(StoreErrorKind::Unavailable, message)))
        });
        match outcome {
            None => {}
            Some(Ok(connection)) => {
                info!(endpoint = ?self.endpoint, "connected to Redis");
                let mut state = self.state();
                self.announcements.follow(connection.tracks.then_some(connection.number));
                *state = State::Connected(connection.clone());
                drop(state);
                result.send_replace(Some(Ok(connection)));
            }
            Some(Err(error)) => {
                warn!(endpoint = ?self.endpoint, %error, source = ?std::error::Error::source(&error), "no connection to Redis");
                let _disconnected = Backoff(&self);
                result.send_replace(Some(Err(error)));
                pause(CONNECT_BACKOFF).await;
            }
        }
    }

    /// Makes a connection by as many attempts as it takes; none if nobody waits for it any more.
    async fn connect(&self, result: &watch::Sender<ConnectResult>) -> Option<Result<Numbered, StoreError>> {
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

    async fn attempt(&self) -> Result<Numbered, StoreError> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let on_push = self.announcements.get().map(|_| -> OnPush {
            let (announcements, keys) = (Arc::clone(&self.announcements), self.keys.clone());
            Box::new(move |push| pass_on(&announcements, &keys, number, &push))
        });
        let tracks = on_push.is_some();
        let connection = self.endpoint.connect(&self.options, on_push).await?;
        Ok(Numbered { number, connection, order: Arc::default(), tracks })
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

/// The time in which no call connects again. Its end is noted on drop, so that it ends even if the runtime does.
struct Backoff<'a>(&'a Connector);

impl Drop for Backoff<'_> {
    fn drop(&mut self) {
        *self.0.state() = State::Disconnected;
    }
}

#[expect(clippy::disallowed_methods, reason = "a server is given time here, no test waits for anything")]
pub(super) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}
