//! The session as a handler sees it.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Session`]: its values |
//! | `identity` | log in, log out, renew, remember |
//! | `devices` | the other sessions of the same subject |
//! | `state` | what the session is based on, what was logged, and whether it may still change |
//! | `log` | the operation log and its replay |
//! | `read_set` | which stored values were looked at |
//! | `in_doubt` | a write whose reply never came |
//! | `engine` | what a session asks of the engine |
//!
//! Nothing here does I/O: a handler's calls are synchronous, and what they log is written once, when the response is about to
//! leave.

mod devices;
mod engine;
mod identity;
mod in_doubt;
mod log;
mod read_set;
mod state;

use std::{
    convert::Infallible,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::{
    engine::{BoxFuture, Engine},
    in_doubt::Sent,
    log::{Log, View, conflict},
    state::{Base, Changes, Delivery, EndRequest, Logout, Phase, State, Unsaved},
};
use self::log::{Change, Guard, Op, panicked};
use crate::{
    error::{SessionError, SessionErrorKind, StoreError},
    key::{AsKey, KeyName},
    policy::OnStaleWrite,
    record::Data,
    store::Token,
};

/// A visitor's session, wherever it lives.
///
/// A handler gets it as an extractor, reads and changes it synchronously, and never asks where it is kept. Clones are
/// handles of the same session. What was changed is written when the response is about to leave; if another request
/// of the same session was faster, the changes are replayed on what it left, so that neither is lost.
///
/// ```
/// use cloakroom::{Key, Session, SessionError};
///
/// const VISITS: Key<u32> = Key::new("visits");
///
/// async fn count(session: Session) -> Result<String, SessionError> {
///     let visits = session.update(VISITS, |visits| {
///         *visits += 1;
///         *visits
///     })?;
///     Ok(format!("visit number {visits}"))
/// }
/// ```
///
/// # Errors
/// Every change fails with [`Closed`](SessionErrorKind::Closed) once the response was sent (see
/// [`keep_open`](Self::keep_open)), and with [`Store`](SessionErrorKind::Store) while the store is out of reach and the
/// manager carries on without it.
#[derive(Clone)]
pub struct Session(Arc<Shared<dyn Engine>>);

/// What all handles of a session share. The engine comes last, so that the manager, which knows its own type, and a handler,
/// which does not, can hold the same allocation.
pub(crate) struct Shared<E: ?Sized> {
    /// Held while the session is loaded or written: what one save has taken is not part of the next one.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    engine: E,
}

/// How often an update runs before it gives way to whatever is faster each time.
const MOST_RUNS: u32 = 100;

impl<E: Engine> Shared<E> {
    /// A session that is still to be loaded, and may hold so much data.
    pub(crate) fn new(engine: E, max_data: usize) -> Self {
        Self { turn: tokio::sync::Mutex::new(()), state: Mutex::new(State::new(max_data)), engine }
    }

    pub(crate) fn engine(&self) -> &E {
        &self.engine
    }
}

impl<E: ?Sized> Shared<E> {
    /// The state. No application code runs under the lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the load or the save under way; the next one begins when the guard is dropped.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl<E: Engine + 'static> From<Arc<Shared<E>>> for Session {
    fn from(shared: Arc<Shared<E>>) -> Self {
        Self(shared)
    }
}

impl Session {
    /// The value under `key`, or `None`.
    ///
    /// # Errors
    /// [`Undecodable`](SessionErrorKind::Undecodable) if what stands there is not a `T`. The value stays as it is.
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        let data = self.lock().look(key.name());
        decode(data.get(key.name()))
    }

    /// Whether there is a value under `key`.
    #[must_use]
    pub fn contains(&self, key: impl KeyName) -> bool {
        self.lock().look(key.name()).get(key.name()).is_some()
    }

    /// Sets `key` to `value`, whatever stood there.
    ///
    /// If this request has seen the value that stood there, and another request changes it before this one is saved, the
    /// client is answered `409 Conflict`; see [`Key::last_writer_wins`](crate::Key::last_writer_wins) and, better,
    /// [`update`](Self::update).
    ///
    /// # Errors
    /// [`Unencodable`](SessionErrorKind::Unencodable) if the value cannot be JSON, [`TooLarge`](SessionErrorKind::TooLarge)
    /// if the session would outgrow its store, [`Conflict`](SessionErrorKind::Conflict) if a [`save`](Self::save) has
    /// brought another value than the one that was read.
    pub fn insert<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<(), SessionError> {
        let value = encode(&value)?.into_boxed_slice();
        let mut state = self.lock();
        let guard = self.guard(&state, &key)?;
        state.change(Op::Set { key: key.name().into(), value, guard })
    }

    /// Changes the value under `key` in place; a missing one begins as its default.
    ///
    /// The closure runs now and again on whatever another request has written meanwhile, so two requests that both
    /// update never lose each other's change. It must have no side effects. What it returns is provisional until the
    /// session is saved.
    ///
    /// # Errors
    /// Those of [`get`](Self::get) and [`insert`](Self::insert), and
    /// [`UpdatePanicked`](SessionErrorKind::UpdatePanicked) if the closure panics.
    pub fn update<T, R>(
        &self,
        key: impl AsKey<T>,
        change: impl Fn(&mut T) -> R + Send + 'static,
    ) -> Result<R, SessionError>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let Ok(result) = self.try_update(key, move |value: &mut T| Ok::<R, Infallible>(change(value)))?;
        Ok(result)
    }

    /// Like [`update`](Self::update) with a closure that may refuse: then nothing changes and the refusal comes back.
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const CREDIT: Key<u32> = Key::new("credit");
    ///
    /// fn spend(session: &Session, amount: u32) -> Result<bool, SessionError> {
    ///     let left = session.try_update(CREDIT, move |credit| {
    ///         *credit = credit.checked_sub(amount).ok_or("too little credit")?;
    ///         Ok::<u32, &str>(*credit)
    ///     })?;
    ///     Ok(left.is_ok())
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of `update`. If the closure accepts now but refuses on what another request has written meanwhile, the
    /// client is answered `409 Conflict`.
    pub fn try_update<T, R, E>(
        &self,
        key: impl AsKey<T>,
        change: impl Fn(&mut T) -> Result<R, E> + Send + 'static,
    ) -> Result<Result<R, E>, SessionError>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let key = key.name();
        for _ in 0..MOST_RUNS {
            // The closure is the application's: it runs outside the lock, and again if a clone was faster.
            let (generation, data) = self.snapshot(key)?;
            let mut value: T = decode(data.get(key))?.unwrap_or_default();
            let result = catch_unwind(AssertUnwindSafe(|| change(&mut value))).map_err(|_| panicked())?;
            let Ok(result) = result else { return Ok(result) };
            let text = encode(&value)?;

            let mut state = self.lock();
            if state.generation() == generation {
                state.updated(key, &text, erase(change))?;
                return Ok(Ok(result));
            }
        }
        Err(conflict(
            "the session changed each time that an update ran; does its closure change the session itself?",
        ))
    }

    /// Removes the value under `key` and returns it: for what may be used once, like a login attempt's state.
    ///
    /// Of two requests that take the same value at the same time the one that is saved later is answered `409 Conflict`. Where
    /// that is too strict, as for a flash message, declare the key [`last_writer_wins`](crate::Key::last_writer_wins).
    ///
    /// # Errors
    /// Those of [`get`](Self::get); the value then stays.
    pub fn take<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        loop {
            let (generation, data) = self.snapshot(key.name())?;
            let Some(value) = decode(data.get(key.name()))? else { return Ok(None) };
            let mut state = self.lock();
            if state.generation() == generation {
                let guard = self.guard(&state, &key)?;
                state.change(Op::Remove { key: key.name().into(), guard })?;
                return Ok(Some(value));
            }
        }
    }

    /// Removes the value under `key`, if there is one.
    ///
    /// # Errors
    /// [`Conflict`](SessionErrorKind::Conflict) as for [`insert`](Self::insert), and those that every change has; see
    /// [`Session`].
    pub fn remove(&self, key: impl KeyName) -> Result<(), SessionError> {
        let mut state = self.lock();
        let guard = self.guard(&state, &key)?;
        state.change(Op::Remove { key: key.name().into(), guard })
    }

    /// Removes every value. Who is logged in stays logged in; see [`log_out`](Self::log_out).
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn clear(&self) -> Result<(), SessionError> {
        self.lock().change(Op::Clear)
    }

    /// Writes what has changed so far, now.
    ///
    /// Ordinary handlers need not call it: their session is saved when the response leaves. A handler that outlives
    /// its response, like a websocket's, calls [`keep_open`](Self::keep_open) first and then this after each change.
    /// After a change was written the session shows what is stored, other requests' changes included; with nothing to
    /// write it asks nobody. Saves of several clones happen one after the other.
    ///
    /// # Errors
    /// [`TokenUndeliverable`](SessionErrorKind::TokenUndeliverable), before anything is written, if the response is
    /// gone and the client would have to be told a new token: for a session that does not exist yet, after a
    /// login or renewal, and on a store whose clients carry the session. Otherwise what a commit answers: conflict,
    /// outage. What could not be written stays logged; what may have been written, but whose replies were lost, is sent
    /// again with the next save or the response, and counts once.
    pub async fn save(&self) -> Result<(), SessionError> {
        self.lock().check_open()?;
        self.0.engine.save(self).await
    }

    /// Lets this session change after the response was sent; whoever calls it has to [`save`](Self::save).
    ///
    /// # Errors
    /// [`Closed`](SessionErrorKind::Closed) if the response was sent already.
    pub fn keep_open(&self) -> Result<(), SessionError> {
        self.lock().keep_open()
    }

    /// Hands this session's token to a client that is no browser: in a response header instead of a cookie, and to the
    /// handler through [`token`](Self::token) after a [`save`](Self::save).
    ///
    /// A session that exists already gets a new secret, as by [`renew`](Self::renew).
    ///
    /// # Errors
    /// `Store(Unsupported)` if the manager has no [`Bearer`](crate::Bearer) among its transports, and those that every
    /// change has; see [`Session`].
    pub fn issue_bearer(&self) -> Result<(), SessionError> {
        if !self.0.engine.has_bearer() {
            return Err(StoreError::unsupported(
                "hand out bearer tokens: add Bearer to the manager's transports",
            )
            .into());
        }
        self.lock().issue_bearer()
    }

    /// The token that the last [`save`](Self::save) of this request brought: a credential, for the client and nobody else.
    #[must_use]
    pub fn token(&self) -> Option<Token> {
        self.lock().token().cloned()
    }

    /// What a change of the value under `key` begins with, if no other change is faster.
    fn snapshot(&self, key: &str) -> Result<(u64, Data), SessionError> {
        let mut state = self.lock();
        state.check_open()?;
        Ok((state.generation(), state.look(key)))
    }

    /// What a blind write of the value under `key` has to respect.
    fn guard(&self, state: &State, key: &impl KeyName) -> Result<Guard, SessionError> {
        if key.last_writer_wins() || self.0.engine.policy().on_stale_write == OnStaleWrite::Overwrite {
            return Ok(Guard::Blind);
        }
        state.guard(key.name())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn().await
    }
}

fn decode<T: DeserializeOwned>(value: Option<&[u8]>) -> Result<Option<T>, SessionError> {
    let Some(text) = value else { return Ok(None) };
    serde_json::from_slice(text).map(Some).map_err(|error| {
        // The decoder's own words may quote the value; the place is enough.
        let place = format!("at line {} column {}", error.line(), error.column());
        SessionError::new(
            SessionErrorKind::Undecodable,
            format!("the session value is not of the type that was asked for ({place})"),
        )
    })
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, SessionError> {
    serde_json::to_vec(value).map_err(|error| {
        SessionError::new(SessionErrorKind::Unencodable, "the value cannot be written as JSON")
            .with_source(error)
    })
}

/// A typed closure as the log keeps it.
fn erase<T, R, E>(change: impl Fn(&mut T) -> Result<R, E> + Send + 'static) -> Change
where
    T: Default + Serialize + DeserializeOwned,
{
    Box::new(move |current| {
        let mut value: T = decode(current)?.unwrap_or_default();
        change(&mut value).map_err(|_| conflict("an update refused what another request has written"))?;
        encode(&value)
    })
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).finish_non_exhaustive()
    }
}
