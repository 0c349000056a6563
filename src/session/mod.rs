//! The session as a handler sees it.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Session`]: its values |
//! | `identity` | log in, log out, renew, remember, forget |
//! | `acting` | one subject acts as another |
//! | `devices` | the other sessions of the same subject |
//! | `handle` | a handle that outlives its request |
//! | `typed` | values and updates with their types |
//! | `state` | the state of a session, and what its calls and saves do to it |
//! | `base`, `changes` | what it is based on; what of it is to be written |
//! | `status` | what a handle knows of its session |
//! | `log`, `op` | the operation log and its replay; one change in it |
//! | `view` | the session with its log applied |
//! | `read_set` | which stored values were looked at |
//! | `in_doubt` | a write whose reply never came |
//! | `engine` | what a session asks of the engine |
//!
//! Nothing here does I/O: a handler's calls are synchronous, and what they log is written once, when the response is about to
//! leave.

mod acting;
mod base;
mod changes;
mod devices;
mod engine;
mod handle;
mod identity;
mod in_doubt;
mod log;
mod op;
mod read_set;
mod state;
mod status;
mod typed;
mod view;

use std::{
    convert::Infallible,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

pub use self::status::SessionStatus;
pub(crate) use self::{
    base::Base,
    changes::{Changes, Delivery, Logout, Phase, Unsaved},
    engine::{BoxFuture, Engine},
    identity::valid_subject,
    in_doubt::Sent,
    log::Log,
    op::conflict,
    state::State,
    view::View,
};
use self::{
    op::{Guard, Op, panicked},
    typed::{erase, read},
};
use crate::{
    error::{SessionError, StoreError},
    key::{AsKey, KeyName},
    policy::OnStaleWrite,
    record::Data,
    store::Token,
    value::encode,
};

/// A visitor's session: values under typed keys, and who is logged in.
///
/// A handler gets it as an extractor, and reads and changes it synchronously. Clones are handles of the same session. The
/// changes are written when the response is about to leave. If another request of the same session was faster, they are
/// applied again to what that one has written, so that neither is lost.
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
/// Every change fails with [`Closed`](crate::SessionErrorKind::Closed) once the response was sent (see
/// [`keep_open`](Self::keep_open)), and with [`Store`](crate::SessionErrorKind::Store) while the store is unavailable and the
/// manager [serves anonymously](crate::OnOutage::ServeAnonymous).
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
        match self.try_turn() {
            Some(turn) => turn,
            None => self.turn.lock().await,
        }
    }

    /// The turn, unless a load or save is under way.
    pub(crate) fn try_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.turn.try_lock().ok()
    }
}

impl<E: Engine + 'static> From<Arc<Shared<E>>> for Session {
    fn from(shared: Arc<Shared<E>>) -> Self {
        Self(shared)
    }
}

impl Session {
    /// Returns the value under `key`, or `None` if there is none.
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const THEME: Key<String> = Key::new("theme");
    ///
    /// fn stylesheet(session: &Session) -> Result<String, SessionError> {
    ///     let theme = session.get(THEME)?.unwrap_or_else(|| "light".to_owned());
    ///     Ok(format!("/{theme}.css"))
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Undecodable`](crate::SessionErrorKind::Undecodable), with the [key](SessionError::key), if the stored value is not a `T`, for
    /// example because an older release stored another type. The value stays as it is: [`insert`](Self::insert) another,
    /// [`remove`](Self::remove) it, read it as a `serde_json::Value` and convert it, or let the key
    /// [discard](crate::Key::discard_undecodable) such values.
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        let data = self.lock().look(key.name());
        read(&data, &key)
    }

    /// Whether there is a value under `key`.
    ///
    /// The value is not decoded, so this works whatever its type is.
    ///
    /// ```
    /// # use cloakroom::{Key, Session};
    /// const CART: Key<Vec<u32>> = Key::new("cart");
    ///
    /// fn cart_link(session: &Session) -> &'static str {
    ///     if session.contains(CART) { "Your cart" } else { "Start shopping" }
    /// }
    /// ```
    #[must_use]
    pub fn contains(&self, key: impl KeyName) -> bool {
        self.lock().look(key.name()).get(key.name()).is_some()
    }

    /// Sets `key` to `value`, replacing any existing value.
    ///
    /// If this request has read the existing value, and another request changes it before this one is saved, the client is
    /// answered `409 Conflict`, to a `GET` as well: two tabs that load at the same time are enough. To compute a new value from the
    /// old one use [`update`](Self::update), which never conflicts; to let the last request win declare the key
    /// [`last_writer_wins`](crate::Key::last_writer_wins), or all of them with
    /// [`OnStaleWrite::Overwrite`](crate::OnStaleWrite::Overwrite). The log names the key of a conflict.
    ///
    /// The value is stored as JSON. It is read back exactly or refused here, the same on every store: numbers that are infinite
    /// or not a number, `Some(None)` and `Some(())`, maps whose keys are neither texts, numbers nor variants without content, and
    /// lists and objects nested more than 100 deep cannot be stored.
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const LANGUAGE: Key<String> = Key::new("language");
    ///
    /// async fn choose_language(session: Session, language: String) -> Result<(), SessionError> {
    ///     session.insert(LANGUAGE, language)?;
    ///     session.insert("chosen_by_hand", true) // a plain name works too
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Unencodable`](crate::SessionErrorKind::Unencodable) if the value cannot be stored as JSON so that it is read back exactly,
    /// [`TooLarge`](crate::SessionErrorKind::TooLarge) if the session would outgrow its store,
    /// [`Conflict`](crate::SessionErrorKind::Conflict) if a [`save`](Self::save) has replaced the value that was read, and those that
    /// every change has; see [`Session`].
    pub fn insert<T: Serialize>(&self, key: impl AsKey<T>, value: T) -> Result<(), SessionError> {
        let name = key.name();
        let value = encode(&value).map_err(|error| error.of_key(name))?.into_boxed_slice();
        let mut state = self.lock();
        let guard = self.guard(&state, &key)?;
        state.change(Op::Set { key: name.into(), value, guard })
    }

    /// Changes the value under `key` in place; a missing value starts as its default.
    ///
    /// The closure runs now, and again on what another request has written meanwhile, so that two requests which both update
    /// never lose each other's change. It must have no side effects. What it returns is provisional until the session is saved.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use cloakroom::{Key, Session, SessionError};
    /// const CART: Key<BTreeMap<String, u32>> = Key::new("cart");
    ///
    /// async fn add(session: Session, item: String) -> Result<String, SessionError> {
    ///     let quantity = session.update(CART, move |cart| {
    ///         let quantity = cart.entry(item.clone()).or_default();
    ///         *quantity += 1;
    ///         *quantity
    ///     })?;
    ///     Ok(format!("You have {quantity} of them in your cart."))
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`get`](Self::get) and [`insert`](Self::insert), and
    /// [`UpdatePanicked`](crate::SessionErrorKind::UpdatePanicked) if the closure panics.
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

    /// Like [`update`](Self::update), but the closure may refuse: then nothing changes and its error is returned.
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
    /// Those of `update`. If the closure accepts now but refuses what another request has written meanwhile, the client is
    /// answered `409 Conflict`.
    pub fn try_update<T, R, E>(
        &self,
        key: impl AsKey<T>,
        change: impl Fn(&mut T) -> Result<R, E> + Send + 'static,
    ) -> Result<Result<R, E>, SessionError>
    where
        T: Default + Serialize + DeserializeOwned,
    {
        let name = key.name();
        for _ in 0..MOST_RUNS {
            // The closure is the application's: it runs outside the lock, and again if a clone was faster.
            let (generation, data) = self.snapshot(name)?;
            let mut value: T = read(&data, &key)?.unwrap_or_default();
            let result = catch_unwind(AssertUnwindSafe(|| change(&mut value)));
            let result = result.map_err(|_| panicked().of_key(name))?;
            let Ok(result) = result else { return Ok(result) };
            let text = encode(&value).map_err(|error| error.of_key(name))?;

            let mut state = self.lock();
            if state.generation() == generation {
                state.updated(name, &text, erase(change, key.discards_undecodable()))?;
                return Ok(Ok(result));
            }
        }
        let message =
            "the session changed each time that an update ran; does its closure change the session itself?";
        Err(conflict(message).of_key(name))
    }

    /// Removes the value under `key` and returns it: for values that may be used once.
    ///
    /// Of two requests that take the same value at the same time, the one that is saved later is answered `409 Conflict`. Where
    /// that is too strict, as for a flash message, declare the key [`last_writer_wins`](crate::Key::last_writer_wins).
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const NOTICE: Key<String> = Key::new("notice").last_writer_wins();
    ///
    /// async fn page(session: Session) -> Result<String, SessionError> {
    ///     let notice = session.take(NOTICE)?.unwrap_or_default();
    ///     Ok(format!("<p>{notice}</p>"))
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`get`](Self::get), in which case the value stays, and those that every change has; see [`Session`].
    pub fn take<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        loop {
            let (generation, data) = self.snapshot(key.name())?;
            if data.get(key.name()).is_none() {
                return Ok(None);
            }
            let value = read(&data, &key)?;
            let mut state = self.lock();
            if state.generation() == generation {
                let guard = self.guard(&state, &key)?;
                state.change(Op::Remove { key: key.name().into(), guard })?;
                return Ok(value);
            }
        }
    }

    /// Removes the value under `key`, if there is one.
    ///
    /// ```
    /// # use cloakroom::{Key, Session, SessionError};
    /// const COUPON: Key<String> = Key::new("coupon");
    ///
    /// async fn drop_coupon(session: Session) -> Result<(), SessionError> {
    ///     session.remove(COUPON)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Conflict`](crate::SessionErrorKind::Conflict) as for [`insert`](Self::insert), and those that every change has; see
    /// [`Session`].
    pub fn remove(&self, key: impl KeyName) -> Result<(), SessionError> {
        let mut state = self.lock();
        let guard = self.guard(&state, &key)?;
        state.change(Op::Remove { key: key.name().into(), guard })
    }

    /// Removes all values. The subject stays logged in; to end the session use [`log_out`](Self::log_out).
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn start_over(session: Session) -> Result<&'static str, SessionError> {
    ///     session.clear()?;
    ///     Ok("Your cart and your filters are empty again; you are still logged in.")
    /// }
    /// ```
    ///
    /// # Errors
    /// Only those that every change has; see [`Session`].
    pub fn clear(&self) -> Result<(), SessionError> {
        self.lock().change(Op::Clear)
    }

    /// Writes the changes made so far, without waiting for the response.
    ///
    /// Ordinary handlers need not call it: their session is saved when the response leaves. Call it to use what was written
    /// within the same request, such as its [`token`](Self::token), or, after [`keep_open`](Self::keep_open), once the
    /// response has been sent. After a change was written, the session shows what is stored, including the changes of other
    /// requests; with nothing to write, the store is not asked, which [`reload`](Self::reload) does. Saves of several clones happen one
    /// after the other.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// # fn audit(line: &str) {}
    /// async fn log_in(session: Session, user: String) -> Result<(), SessionError> {
    ///     session.log_in(&user)?;
    ///     session.save().await?;
    ///     audit(&format!("{user} is logged in")); // the login is stored
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`TokenUndeliverable`](crate::SessionErrorKind::TokenUndeliverable), before anything is written, if the response has been sent
    /// and the client would have to be given a new token: for a session that is not stored yet, after a login or renewal, and
    /// always on a store whose clients carry the session. After [`issue_bearer`](Self::issue_bearer) it is for the handler to
    /// deliver the [`token`](Self::token), and the save goes on. Otherwise those of the store, and
    /// [`Conflict`](crate::SessionErrorKind::Conflict). Changes that could not be written stay logged until they are
    /// [discarded](Self::discard), apart from a renewal whose token cannot be delivered. Those that may have been written, but whose
    /// reply was lost, are sent again with the next save or the response, and take effect once.
    ///
    /// Once a handler that [outlives its response](Self::keep_open) has learned that its session has ended, every save is a
    /// conflict, with nothing to write, too; [`status`](Self::status) tells why.
    pub async fn save(&self) -> Result<(), SessionError> {
        self.lock().check_open()?;
        self.0.engine.save(self).await
    }

    /// Gives this session's token to a non-browser client: in a response header instead of a cookie.
    ///
    /// The handler can read the token too, through [`token`](Self::token) after a [`save`](Self::save). A session that is stored
    /// already gets a new secret, as by [`renew`](Self::renew).
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// /// The login of a mobile client, which keeps the token from the header `Session-Token`.
    /// async fn log_in_app(session: Session, user: String) -> Result<(), SessionError> {
    ///     session.log_in(user)?;
    ///     session.issue_bearer()
    /// }
    /// ```
    ///
    /// # Errors
    /// `Store(Unsupported)` if the manager has no [`Bearer`](crate::Bearer) among its
    /// [transports](crate::SessionManager::transports), and those that every change has; see [`Session`].
    pub fn issue_bearer(&self) -> Result<(), SessionError> {
        if !self.0.engine.has_bearer() {
            return Err(StoreError::unsupported(
                "hand out bearer tokens: add Bearer to the manager's transports",
            )
            .into());
        }
        self.lock().issue_bearer()
    }

    /// Returns the token that the last [`save`](Self::save) of this request brought.
    ///
    /// It is a credential: send it to this client and nowhere else.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// /// An API that answers a login with the token in its body.
    /// async fn log_in_api(session: Session, user: String) -> Result<String, SessionError> {
    ///     session.log_in(user)?;
    ///     session.issue_bearer()?;
    ///     session.save().await?;
    ///     let token = session.token().map(|token| token.expose().to_owned());
    ///     Ok(format!(r#"{{"access_token":"{}"}}"#, token.unwrap_or_default()))
    /// }
    /// ```
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
        state.guard(key.name()).map_err(|error| error.of_key(key.name()))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn().await
    }

    pub(crate) fn try_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.0.try_turn()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.lock().id()).finish_non_exhaustive()
    }
}
