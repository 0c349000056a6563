//! Calls of Redis on the connection that all of them share.
//!
//! # One call
//! A call waits for the connection and for its reply, both within its deadline. What the server refused without executing it
//! is sent again a few times with growing pauses: the server is loading, or a primary is being replaced. A call that was
//! lost on the way is sent again once, over a new connection. So is a script that the server would refuse again: a refusal does
//! not name its call, so one that a faulty way has doubled could be taken for the reply to another write, which was done. Doing
//! it twice does no harm: a write that finds itself done is recognised.
//!
//! # Silence
//! Nothing tells a slow server from a connection that a firewall has dropped without a sign. So a call that has waited for
//! its reply for a quarter of its time gives up the connection, and is sent again over a new one; the first answer counts.
//!
//! # When a connection is given up
//! When it breaks, when it turns out to lead to a replica, when a reply belongs to another call, and when a call has waited
//! too long. The next call makes a new connection, which resolves names and asks Sentinels again. Calls that are under way
//! on the old one may still get their replies, unless replies are out of order: then all of them fail at once.

use std::{
    fmt,
    pin::{Pin, pin},
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::{
    super::announcements::Announcements,
    connect_options::ConnectOptions,
    connection::Connection,
    connector::{Connector, Numbered, pause},
    endpoint::Endpoint,
    error::{CallError, Retry},
    keys::Keys,
    replicas::Replicas,
    reply::{self, Repeated, ReplyError},
    script::ScriptCall,
    tag::{Tag, Tags},
};
use crate::{
    error::StoreError,
    store::{ChangeListener, CircuitBreaker, StoreContext, within},
    time::Deadline,
};

/// How often a call is made that the server refuses for the moment.
const MAX_ATTEMPTS: u32 = 6;

/// The pause after the first refusal; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// For how long a call waits for its reply, at least and at most, before it is sent over another connection.
const PATIENCE: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];

/// No connection has this number.
const NONE: u64 = 0;

/// A client that all handles of a store share.
pub(super) struct Client {
    connector: Arc<Connector>,
    announcements: Arc<Announcements>,
    breaker: Option<CircuitBreaker>,
    tags: Tags,
}

/// What is sent. Sending it twice does no harm.
pub(super) enum Request<'a> {
    Command(Cmd),
    Script(ScriptCall<'a>),
    /// A script whose effect must have reached so many replicas.
    Replicated(ScriptCall<'a>, &'a Replicas),
}

impl Request<'_> {
    const fn is_script(&self) -> bool {
        matches!(self, Self::Script(_) | Self::Replicated(..))
    }
}

/// What is known of a call that is under way.
struct Progress {
    /// The connection on which it was sent last.
    sent_on: AtomicU64,
    /// Whether it was sent more than once.
    is_repeated: AtomicBool,
}

impl Client {
    pub(super) fn new(
        endpoint: Endpoint,
        options: ConnectOptions,
        keys: Keys,
        breaker: Option<CircuitBreaker>,
    ) -> Self {
        let announcements = Arc::default();
        let connector = Arc::new(Connector::new(endpoint, options, keys, Arc::clone(&announcements)));
        Self { connector, announcements, breaker, tags: Tags::new() }
    }

    /// Tells `listener` of changes from the next connection on; whether there can be such connections.
    pub(super) fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        let begins = self.connector.can_track() && self.announcements.begin(listener);
        if begins {
            self.connector.give_up_any();
        }
        begins
    }

    /// Sends a request, and ends at the deadline. `read` checks that what the reply contains belongs to the request, and reads
    /// it.
    pub(super) async fn call<T>(
        &self,
        request: &Request<'_>,
        cx: StoreContext,
        read: impl Fn(&[Value], Repeated) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        // Pinned here: a future that is passed on by value takes its space twice.
        let call = pin!(self.call_repeatedly(request, cx, read));
        let call = within(cx.deadline, call);
        match &self.breaker {
            Some(breaker) => breaker.call(cx.deadline, call).await,
            None => call.await,
        }
    }

    /// As [`call`](Self::call), even while the circuit breaker is open.
    pub(super) async fn probe<T>(
        &self,
        request: &Request<'_>,
        cx: StoreContext,
        read: impl Fn(&[Value], Repeated) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        let call = pin!(self.call_repeatedly(request, cx, read));
        let call = within(cx.deadline, call);
        match &self.breaker {
            Some(breaker) => breaker.probe(cx.deadline, call).await,
            None => call.await,
        }
    }

    async fn call_repeatedly<T>(
        &self,
        request: &Request<'_>,
        cx: StoreContext,
        read: impl Fn(&[Value], Repeated) -> Result<T, ReplyError>,
    ) -> Result<T, StoreError> {
        let progress = Progress { sent_on: AtomicU64::new(NONE), is_repeated: AtomicBool::new(false) };
        let read = |parts: &[Value]| read(parts, Repeated(progress.is_repeated.load(Ordering::SeqCst)));
        let mut attempts = 1;
        loop {
            let error = match self.call_patiently(request, cx, &read, &progress).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.retry {
                Retry::AfterPause if attempts < MAX_ATTEMPTS => {
                    pause(FIRST_PAUSE * (1 << (attempts - 1))).await;
                }
                Retry::OverNewConnection if attempts == 1 => {}
                Retry::Once if attempts == 1 && request.is_script() => {}
                _ => return Err(error.error),
            }
            progress.is_repeated.store(true, Ordering::SeqCst);
            attempts += 1;
        }
    }

    /// One call; if it stays silent, another one over a new connection may overtake it.
    async fn call_patiently<T>(
        &self,
        request: &Request<'_>,
        cx: StoreContext,
        read: impl Fn(&[Value]) -> Result<T, ReplyError>,
        progress: &Progress,
    ) -> Result<T, CallError> {
        let mut first = pin!(self.call_once(request, cx, &read, progress));
        loop {
            match select(first.as_mut(), pin!(pause(patience(cx.deadline)))).await {
                Either::Left((answer, _)) => return answer,
                Either::Right(_) => {}
            }
            // While there is no connection, nothing was sent that could be overtaken.
            let silent = progress.sent_on.load(Ordering::SeqCst);
            if silent != NONE {
                self.connector.give_up(silent);
                progress.is_repeated.store(true, Ordering::SeqCst);
                // Elsewhere, because it is rare: calls are small.
                let second = Box::pin(self.call_once(request, cx, &read, progress));
                return first_answer(first, second).await;
            }
        }
    }

    async fn call_once<T>(
        &self,
        request: &Request<'_>,
        cx: StoreContext,
        read: impl Fn(&[Value]) -> Result<T, ReplyError>,
        progress: &Progress,
    ) -> Result<T, CallError> {
        let Numbered { number, mut connection, order, .. } = self.connector.connected().await?;
        progress.sent_on.store(number, Ordering::SeqCst);
        let mut pending =
            PendingCall { connector: &self.connector, number, deadline: cx.deadline, is_answered: false };
        let tag = self.tags.next();
        let reply = order.keep(pin!(send(&mut connection, request, tag))).await;
        pending.is_answered = true;
        let answer = reply.and_then(|reply| order.check(parts(request, &reply, tag).and_then(&read)));
        match &answer {
            // A reply in order proves that the server has announced all changes before it.
            Ok(_) => self.announcements.confirm(number, cx.now),
            Err(error) if error.ends_connection => self.connector.give_up(number),
            Err(_) => {}
        }
        answer
    }
}

/// For how long a call waits for its reply before it is sent again.
fn patience(deadline: Deadline) -> Duration {
    let [least, most] = PATIENCE;
    deadline.remaining().map_or(most, |left| (left / 4).clamp(least, most))
}

/// The first answer to one of two calls. An error counts only if the other one fails, too.
async fn first_answer<T>(
    first: Pin<&mut impl Future<Output = Result<T, CallError>>>,
    second: Pin<Box<impl Future<Output = Result<T, CallError>>>>,
) -> Result<T, CallError> {
    match select(first, second).await {
        Either::Left((Err(_), second)) => second.await,
        Either::Right((Err(_), first)) => first.await,
        Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
    }
}

async fn send(connection: &mut Connection, request: &Request<'_>, tag: Tag) -> Result<Value, CallError> {
    Ok(match request {
        Request::Command(command) => connection.send(command).await?,
        Request::Script(call) => run(connection, call, tag).await?,
        Request::Replicated(call, replicas) => {
            let reply = run(connection, call, tag).await?;
            // Elsewhere, because it is rare: calls are small.
            Box::pin(replicas.confirm(connection)).await?;
            reply
        }
    })
}

async fn run(connection: &mut Connection, call: &ScriptCall<'_>, tag: Tag) -> RedisResult<Value> {
    match connection.send(&call.by_hash(tag)).await {
        Err(error) if is_unknown_script(&error) => connection.send(&call.by_text(tag)).await,
        reply => reply,
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// What the reply to a request contains, if it names it.
fn parts<'a>(request: &Request<'_>, reply: &'a Value, tag: Tag) -> Result<&'a [Value], ReplyError> {
    match request {
        Request::Command(_) => Ok(slice::from_ref(reply)),
        Request::Script(_) | Request::Replicated(..) => reply::tagged(reply, tag),
    }
}

/// A call that waits for its reply. If it is dropped because its deadline has passed, the connection is given up.
struct PendingCall<'a> {
    connector: &'a Connector,
    number: u64,
    deadline: Deadline,
    is_answered: bool,
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.deadline.is_over() {
            self.connector.give_up(self.number);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.connector).finish()
    }
}
