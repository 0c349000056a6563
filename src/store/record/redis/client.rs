//! The connection that all calls share: made when it is first needed, and again when it was lost.
//!
//! # One call
//! A call waits for the connection and for its reply, both within its deadline. What the server refused without executing it
//! is sent again a few times with growing pauses: the server is loading, or a primary is being replaced. A call that was
//! lost on the way is sent again once, over a new connection, if it is idempotent. Whether any other write took effect is for
//! the caller to find out.
//!
//! # When a connection is given up
//! When it breaks, when it turns out to lead to a replica, when a reply belongs to another call, and when a deadline
//! passes without a reply, because nothing tells a slow server from a dead one. The next call makes a new connection, which
//! resolves names and asks Sentinels again. Calls that are under way on the old one may still get their replies, unless
//! replies are out of order: then all of them fail at once.

use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use super::{
    cache::Cache,
    connect_options::{ConnectOptions, OnPush},
    connection::Connection,
    endpoint::Endpoint,
    error::{CallError, Retry},
    reply::ReplyError,
    script::ScriptCall,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::{StoreContext, within},
    time::Deadline,
};

/// How often a call is made that the server refuses for the moment.
const MAX_ATTEMPTS: u32 = 6;

/// The pause after the first refusal; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long all calls fail at once after a connection could not be made.
const CONNECT_BACKOFF: Duration = Duration::from_millis(100);

/// A client that all handles of a store share.
pub(super) struct Client {
    endpoint: Endpoint,
    options: ConnectOptions,
    cache: Option<Arc<Cache>>,
    connections: AtomicU64,
    state: Mutex<ClientState>,
}

enum ClientState {
    Disconnected,
    /// A task is connecting, or has just failed; its result is sent here.
    Connecting(watch::Receiver<ConnectResult>),
    Connected(Numbered),
}

type ConnectResult = Option<Result<Numbered, StoreError>>;

#[derive(Clone)]
struct Numbered {
    number: u64,
    connection: Connection,
    order: Arc<ReplyOrder>,
}

/// Whether replies on a connection still belong to their calls.
#[derive(Default)]
struct ReplyOrder {
    is_lost: AtomicBool,
    lost: Notify,
}

/// What is sent.
pub(super) enum Request<'a> {
    Command(Cmd),
    Script(ScriptCall<'a>),
}

/// What happens to a call of which it is unknown whether it took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfLost {
    /// It is idempotent, and made again once.
    Repeat,
    /// It fails.
    Fail,
}

impl Client {
    pub(super) fn new(endpoint: Endpoint, options: ConnectOptions, cache: Option<Arc<Cache>>) -> Self {
        let state = Mutex::new(ClientState::Disconnected);
        Self { endpoint, options, cache, connections: AtomicU64::new(1), state }
    }

    /// Sends a request, and ends at the deadline. `read` checks that the reply belongs to it, and reads it.
    pub(super) async fn call<T>(
        self: &Arc<Self>,
        request: &Request<'_>,
        if_lost: IfLost,
        cx: StoreContext,
        read: impl Fn(&Value) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        // Pinned here: a future that is passed on by value takes its space twice.
        let call = pin!(self.call_repeatedly(request, if_lost, cx, read));
        within(cx.deadline, call).await
    }

    async fn call_repeatedly<T>(
        self: &Arc<Self>,
        request: &Request<'_>,
        if_lost: IfLost,
        cx: StoreContext,
        read: impl Fn(&Value) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        let mut attempts = 1;
        loop {
            let error = match self.call_once(request, cx, &read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.retry {
                Retry::AfterPause if attempts < MAX_ATTEMPTS => {
                    pause(FIRST_PAUSE * (1 << (attempts - 1))).await;
                }
                Retry::IfIdempotent if if_lost == IfLost::Repeat && attempts == 1 => {}
                _ => return Err(error.error),
            }
            attempts += 1;
        }
    }

    async fn call_once<T>(
        self: &Arc<Self>,
        request: &Request<'_>,
        cx: StoreContext,
        read: impl Fn(&Value) -> Result<T, ReplyError>,
    ) -> Result<T, CallError> {
        let Numbered { number, mut connection, order } = self.connected().await?;
        let mut pending = PendingCall { client: self, number, deadline: cx.deadline, is_answered: false };
        let reply = order.keep(pin!(send(&mut connection, request))).await;
        pending.is_answered = true;
        let answer = reply.and_then(|reply| order.check(read(&reply)));
        match &answer {
            // A reply in order proves that the server has announced all changes before it.
            Ok(_) => {
                if let Some(cache) = &self.cache {
                    cache.confirm(number, cx.now);
                }
            }
            Err(error) if error.ends_connection => self.give_up(number),
            Err(_) => {}
        }
        answer
    }

    /// The connection, once there is one.
    async fn connected(self: &Arc<Self>) -> Result<Numbered, StoreError> {
        let mut attempt = match self.join() {
            Ok(connection) => return Ok(connection),
            Err(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            _ => {
                // The task that was connecting is gone, and so is its runtime.
                *self.state() = ClientState::Disconnected;
                Err(StoreError::new(StoreErrorKind::Unavailable, "connecting to Redis was aborted"))
            }
        }
    }

    /// The connection, or the attempt to make one.
    fn join(self: &Arc<Self>) -> Result<Numbered, watch::Receiver<ConnectResult>> {
        let mut state = self.state();
        match &*state {
            ClientState::Connected(connection) => Ok(connection.clone()),
            ClientState::Connecting(attempt) => Err(attempt.clone()),
            ClientState::Disconnected => {
                let (result, attempt) = watch::channel(None);
                *state = ClientState::Connecting(attempt.clone());
                // A task of its own: a caller whose deadline passes leaves the attempt to the others.
                tokio::spawn(Arc::clone(self).establish(result));
                Err(attempt)
            }
        }
    }

    async fn establish(self: Arc<Self>, result: watch::Sender<ConnectResult>) {
        match self.connect().await {
            Ok(connection) => {
                info!(endpoint = ?self.endpoint, "connected to Redis");
                *self.state() = ClientState::Connected(connection.clone());
                result.send_replace(Some(Ok(connection)));
            }
            Err(error) => {
                warn!(endpoint = ?self.endpoint, %error, source = ?std::error::Error::source(&error), "no connection to Redis");
                let _disconnected = Backoff(&self);
                result.send_replace(Some(Err(error)));
                pause(CONNECT_BACKOFF).await;
            }
        }
    }

    async fn connect(&self) -> Result<Numbered, StoreError> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let on_push = self.cache.as_ref().map(|cache| -> OnPush {
            cache.follow(number);
            let cache = Arc::clone(cache);
            Box::new(move |push| cache.invalidate(number, &push))
        });
        let connecting =
            tokio::time::timeout(self.options.timeout, self.endpoint.connect(&self.options, on_push));
        match connecting.await {
            Ok(Ok(connection)) => Ok(Numbered { number, connection, order: Arc::default() }),
            Ok(Err(error)) => Err(CallError::from(error).error),
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "a connection to Redis could not be made in time",
            )),
        }
    }

    /// Gives up a connection, unless it was replaced already.
    fn give_up(&self, number: u64) {
        let mut state = self.state();
        if matches!(&*state, ClientState::Connected(connection) if connection.number == number) {
            *state = ClientState::Disconnected;
            if let Some(cache) = &self.cache {
                cache.stop_following();
            }
        }
    }

    /// Nothing that is done under the lock panics halfway, so a poisoned lock guards a whole state.
    fn state(&self) -> MutexGuard<'_, ClientState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "a server is given time here, no test waits for anything")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn send(connection: &mut Connection, request: &Request<'_>) -> RedisResult<Value> {
    match request {
        Request::Command(command) => connection.send(command).await,
        Request::Script(call) => match connection.send(&call.by_hash()).await {
            Err(error) if is_unknown_script(&error) => connection.send(&call.by_text()).await,
            reply => reply,
        },
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

impl ReplyOrder {
    /// The reply to a call, unless the order is lost meanwhile.
    async fn keep(&self, call: impl Future<Output = RedisResult<Value>> + Unpin) -> Result<Value, CallError> {
        // A loss after this line is noticed by `select`, an earlier one by the flag.
        let lost = pin!(self.lost.notified());
        if self.is_lost.load(Ordering::SeqCst) {
            return Err(ReplyError::Mismatched.into());
        }
        match select(call, lost).await {
            Either::Left((reply, _)) => reply.map_err(CallError::from),
            Either::Right(_) => Err(ReplyError::Mismatched.into()),
        }
    }

    /// Makes all calls fail once a reply has turned out to be another call's.
    fn check<T>(&self, answer: Result<T, ReplyError>) -> Result<T, CallError> {
        if let Err(ReplyError::Mismatched) = &answer {
            self.is_lost.store(true, Ordering::SeqCst);
            self.lost.notify_waiters();
        }
        answer.map_err(CallError::from)
    }
}

/// The time in which no call connects again. Its end is noted on drop, so that it ends even if the runtime does.
struct Backoff<'a>(&'a Client);

impl Drop for Backoff<'_> {
    fn drop(&mut self) {
        *self.0.state() = ClientState::Disconnected;
    }
}

/// A call that waits for its reply. If it is dropped because its deadline has passed, the connection is given up.
struct PendingCall<'a> {
    client: &'a Client,
    number: u64,
    deadline: Deadline,
    is_answered: bool,
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.deadline.is_over() {
            self.client.give_up(self.number);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.endpoint).finish()
    }
}
