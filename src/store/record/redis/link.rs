//! The connection to Redis: made when it is first needed, made again when it was lost, and shared by all calls.
//!
//! # One call
//! A call waits for the connection and for its reply, both within its deadline, which whoever asks holds. What the
//! server refused without carrying it out is asked again a few times, with growing pauses: it is loading, or a primary is
//! being replaced. What was lost on the way is asked again once, over a new connection, if it may be: a read, or a write
//! that ends up the same. The outcome of any other write is for the caller to find out.
//!
//! # When the connection is given up
//! When it breaks, when it turns out to lead to a replica, when a reply belongs to another call, and when a deadline
//! passes without a reply: nothing tells a server that is slow from one that is gone. The next call makes a new one, which
//! resolves names and asks Sentinels again. Calls that are under way on the old one may still get their replies, unless
//! these belong to others: then all of them are lost at once.

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
    fault::{Fate, Fault},
    place::{OnPush, Place, Way},
    script::Call,
    stored::Unread,
    wire::Wire,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::StoreContext,
    time::Deadline,
};

/// How often a call is made that the server refuses for the moment.
const MOST_REFUSALS: u32 = 6;

/// How long the first of them waits; each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// How long all calls fail at once after a connection could not be made.
const RESPITE: Duration = Duration::from_millis(100);

/// The way to Redis that all handles of a store share.
pub(super) struct Link {
    place: Place,
    way: Way,
    cache: Option<Arc<Cache>>,
    connections: AtomicU64,
    state: Mutex<State>,
}

enum State {
    Idle,
    /// Somebody is at it, or has just failed; the outcome will be seen here.
    Connecting(watch::Receiver<Outcome>),
    Up(Live),
}

type Outcome = Option<Result<Live, StoreError>>;

#[derive(Debug, Clone)]
struct Live {
    number: u64,
    wire: Wire,
    steps: Arc<Steps>,
}

/// Whether replies on a connection still belong to their calls.
#[derive(Debug, Default)]
struct Steps {
    are_lost: AtomicBool,
    lost: Notify,
}

/// What is asked.
pub(super) enum Question<'a> {
    Command(Cmd),
    Script(Call<'a>),
}

/// Whether a question may be asked again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfLost {
    AskAgain,
    LeaveOpen,
}

impl Link {
    pub(super) fn new(place: Place, way: Way, cache: Option<Arc<Cache>>) -> Self {
        Self { place, way, cache, connections: AtomicU64::new(1), state: Mutex::new(State::Idle) }
    }

    /// Asks a question; `read` tells whether the reply belongs to it and what it means.
    pub(super) async fn ask<T>(
        self: &Arc<Self>,
        question: &Question<'_>,
        if_lost: IfLost,
        cx: StoreContext,
        read: impl Fn(Value) -> Result<T, Unread>,
    ) -> Result<T, StoreError> {
        let mut attempts = 1;
        loop {
            let fault = match self.ask_once(question, cx, &read).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            match fault.fate {
                Fate::Refused if attempts < MOST_REFUSALS => pause(FIRST_PAUSE * (1 << (attempts - 1))).await,
                Fate::Lost if if_lost == IfLost::AskAgain && attempts == 1 => {}
                _ => return Err(fault.error),
            }
            attempts += 1;
        }
    }

    async fn ask_once<T>(
        self: &Arc<Self>,
        question: &Question<'_>,
        cx: StoreContext,
        read: impl Fn(Value) -> Result<T, Unread>,
    ) -> Result<T, Fault> {
        let Live { number, mut wire, steps } = self.live().await?;
        let mut waiting = Waiting { link: self, number, deadline: cx.deadline, answered: false };
        let call = pin!(send(&mut wire, question));
        let reply = steps.keep(call).await;
        waiting.answered = true;
        let answer = reply.and_then(|reply| read(reply).map_err(|unread| misread(unread, &steps)));
        match &answer {
            Ok(_) => self.heard(number, cx),
            Err(fault) if fault.ends_connection => self.lose(number),
            Err(_) => {}
        }
        answer
    }

    /// What was answered in step proves that the server has told of all changes before.
    fn heard(&self, number: u64, cx: StoreContext) {
        if let Some(cache) = &self.cache {
            cache.heard(number, cx.now);
        }
    }

    /// The connection, once there is one.
    async fn live(self: &Arc<Self>) -> Result<Live, StoreError> {
        let mut attempt = match self.join() {
            Ok(live) => return Ok(live),
            Err(attempt) => attempt,
        };
        match attempt.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => {
                // Whoever was at it is gone, and so is its runtime.
                *self.state() = State::Idle;
                Err(StoreError::new(StoreErrorKind::Unavailable, "connecting to Redis was given up"))
            }
        }
    }

    /// The connection, or the attempt to make one.
    fn join(self: &Arc<Self>) -> Result<Live, watch::Receiver<Outcome>> {
        let mut state = self.state();
        match &*state {
            State::Up(live) => Ok(live.clone()),
            State::Connecting(attempt) => Err(attempt.clone()),
            State::Idle => {
                let (tell, attempt) = watch::channel(None);
                *state = State::Connecting(attempt.clone());
                // A task of its own: a caller whose deadline passes leaves the others their attempt.
                tokio::spawn(Arc::clone(self).establish(tell));
                Err(attempt)
            }
        }
    }

    async fn establish(self: Arc<Self>, tell: watch::Sender<Outcome>) {
        match self.connect().await {
            Ok(live) => {
                info!(place = ?self.place, "connected to Redis");
                *self.state() = State::Up(live.clone());
                tell.send_replace(Some(Ok(live)));
            }
            Err(error) => {
                warn!(place = ?self.place, %error, source = ?std::error::Error::source(&error), "no connection to Redis");
                let _over = Respite(&self);
                tell.send_replace(Some(Err(error)));
                pause(RESPITE).await;
            }
        }
    }

    async fn connect(&self) -> Result<Live, StoreError> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let on_push = self.cache.as_ref().map(|cache| -> OnPush {
            cache.follow(number);
            let cache = Arc::clone(cache);
            Box::new(move |push| cache.told(number, &push))
        });
        let connecting = tokio::time::timeout(self.way.timeout, self.place.connect(&self.way, on_push));
        match connecting.await {
            Ok(Ok(wire)) => Ok(Live { number, wire, steps: Arc::default() }),
            Ok(Err(error)) => Err(Fault::from(error).error),
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "a connection to Redis could not be made in time",
            )),
        }
    }

    /// Gives up a connection; a newer one stays.
    fn lose(&self, number: u64) {
        let mut state = self.state();
        if matches!(&*state, State::Up(live) if live.number == number) {
            *state = State::Idle;
            if let Some(cache) = &self.cache {
                cache.stop_following();
            }
        }
    }

    /// Nothing that is done with it panics halfway, so one who panicked elsewhere has left it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "a server is given time here, no test waits for anything")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn send(wire: &mut Wire, question: &Question<'_>) -> RedisResult<Value> {
    match question {
        Question::Command(command) => wire.send(command).await,
        Question::Script(call) => match wire.send(&call.by_hash()).await {
            Err(error) if is_unknown_script(&error) => wire.send(&call.by_text()).await,
            reply => reply,
        },
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

impl Steps {
    /// The reply to a call, as long as replies belong to their calls.
    async fn keep(&self, call: impl Future<Output = RedisResult<Value>> + Unpin) -> Result<Value, Fault> {
        // From here on it hears of a loss.
        let lost = pin!(self.lost.notified());
        if self.are_lost.load(Ordering::SeqCst) {
            return Err(Fault::out_of_step());
        }
        match select(call, lost).await {
            Either::Left((reply, _)) => reply.map_err(Fault::from),
            Either::Right(_) => Err(Fault::out_of_step()),
        }
    }

    fn lose(&self) {
        self.are_lost.store(true, Ordering::SeqCst);
        self.lost.notify_waiters();
    }
}

fn misread(unread: Unread, steps: &Steps) -> Fault {
    match unread {
        Unread::Foreign => {
            steps.lose();
            Fault::out_of_step()
        }
        Unread::Corrupt(why) => {
            let message = "what Redis holds of this session is no record that this version reads";
            StoreError::new(StoreErrorKind::Corrupt, message).with_source(why).into()
        }
    }
}

/// The time in which nobody tries again. Dropped, it is over, even if the runtime ends meanwhile.
struct Respite<'a>(&'a Link);

impl Drop for Respite<'_> {
    fn drop(&mut self) {
        *self.0.state() = State::Idle;
    }
}

/// A call that waits for its reply. If it is dropped because its deadline has passed, the connection is given up.
struct Waiting<'a> {
    link: &'a Link,
    number: u64,
    deadline: Deadline,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered && self.deadline.is_over() {
            self.link.lose(self.number);
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Link").field(&self.place).finish()
    }
}
