//! A store whose clients carry its latest answer with them.
//!
//! A token has three parts, sealed: the record as the store answered it, when the store was asked (`as_of`, by the clock of the
//! server that asked), and the secret that opens the record in the store. While it is believed, it answers a load without the
//! store. After that its reference is presented to the store, and the client gets another token with the write that the load
//! asks for.
//!
//! # Why no answer is older than `fresh_for`
//! Let the store be asked at `t` by a server whose clock shows `t + a`. The state in its answer was in place at `t` or later, so
//! every change that the answer lacks, an end included, was made after `t`. A server whose clock shows `u + b` at `u` believes the
//! token if `(u + b) - (t + a) ≤ fresh_for - leeway`. With clocks apart by at most the leeway, `a - b ≤ leeway`, so
//! `u - t ≤ fresh_for`: a change is seen at the latest that long after it was made.
//!
//! It remains that `as_of` is never later than `t`. After a load it is the time at which the load began. After a write it is the time
//! of the write in the record, or that of the call if that is earlier: a write that is sent once more, because its reply was lost, may
//! have taken effect long before. No token is made from another token alone.
//!
//! # Why nothing is lost and nothing comes back
//! The token is only ever read. Each write is a compare-and-swap in the store on the version that the token has, so one that was
//! based on an outdated state is refused, and the engine replays it on the latest. What has ended takes no writes there. So
//! tabs with tokens of different age do each other no harm.
//!
//! # Why a token gives its holder no more than the secret in it
//! A token is made for a client that has presented the current secret of the record (see [`Record::known_secret`]), and contains
//! that secret. Who presents an earlier one within its grace gets no token. What one request has written is compared
//! with the secret of the other before it goes on from it. The time of the last use is written by a compare-and-swap, too, so a
//! request that was sent before a login brings no token after it.
//!
//! | module | holds |
//! | --- | --- |
//! | `mod` | [`Hybrid`] |
//! | `tokens` | its tokens |
//! | `window` | how long they are believed |
//! | `recent` | what this node knows to be newer than a token |
//! | `while_down` | [`WhileDown`] |
//! | `options` | the same as a configuration has it |

#[cfg(feature = "config")]
mod options;
mod recent;
#[cfg(all(test, feature = "memory"))]
mod tests;
mod tokens;
mod while_down;
mod window;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tracing::debug;

#[cfg(feature = "config")]
pub(crate) use self::options::HybridOptions;
pub use self::while_down::WhileDown;
use self::{
    recent::Recent,
    tokens::{Content, Tokens},
    window::Window,
};
use super::{StoreLayer, UnsuitableStore};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    keyring::KeyRing,
    record::{Record, Version},
    store::{
        Absence, Cipher, Created, End, Ended, Found, Freshness, Guarantees, Loaded, PresentedToken,
        ReferenceToken, Replaced, ResponseReordering, Scope, SessionStore, StoreContext, Token, TokenForm,
        Touched, Upkeep, authenticate,
    },
    time::Timestamp,
};

/// A store whose clients carry its latest answer, sealed, so that most requests that only read do not ask the store.
///
/// A token is believed for [`fresh_for`](Self::fresh_for). Then the store is asked, and the client gets another one. Every write
/// goes to the store by compare-and-swap, so no change is lost, a user's sessions can be listed, and all keys of the store's
/// guarantees hold but two: an end and a change by another server are seen within `fresh_for` rather than at once, and a
/// response that overtakes another can bring an older state back for as long. A route that cannot wait asks for the state as of now
/// with [`Session::revalidate`](crate::Session::revalidate).
///
/// A session that does not fit into a token stays in the store alone, and its client holds a reference. Clients that come with
/// a reference of the store go on without a break, so this layer can be put around a store in use. To take it away, end all
/// sessions or wait until they have expired.
///
/// ```
/// # use std::time::Duration;
/// # use cloakroom::{SessionStore, store::UnsuitableStore};
/// # fn example(redis: impl SessionStore) -> Result<(), UnsuitableStore> {
/// use cloakroom::{SessionManager, keyring::{KeyRing, SecretKey}, store::Hybrid};
///
/// # let key = || SecretKey::generate().expect("randomness");
/// let keys = KeyRing::new(key()); // in production: KeyRing::from_env("SESSION_KEYS")?
/// let sessions = SessionManager::new(Hybrid::new(redis, &keys)?.fresh_for(Duration::from_secs(30)));
/// # Ok(()) }
/// ```
///
/// # Limits
/// - A token contains a secret, the hashes of those before and the last writes beside the session, so it is longer than one of an
///   `EncryptedCookieStore`.
/// - `fresh_for` should be less than the idle timeout. The store is asked more often where a session is in use by several
///   servers at once.
/// - A clock that differs by more than the [leeway](Self::leeway) makes the bound longer by the rest.
#[derive(Debug, Clone)]
pub struct Hybrid<S> {
    inner: S,
    tokens: Tokens,
    window: Window,
    while_down: WhileDown,
    recent: Arc<Recent>,
}

impl<S: SessionStore> Hybrid<S> {
    /// A layer around `store` whose tokens are sealed under the ring's active key and opened under any of its keys.
    ///
    /// ```
    /// use cloakroom::{keyring::{KeyRing, SecretKey}, store::{Hybrid, MemoryStore}};
    ///
    /// let keys = KeyRing::new(SecretKey::generate()?);
    /// let error = Hybrid::new(MemoryStore::new(), &keys).unwrap_err();
    /// assert!(error.to_string().contains("in this process"));
    /// # Ok::<(), cloakroom::random::NoRandomness>(())
    /// ```
    ///
    /// # Errors
    /// If the store keeps no records, because its clients carry their sessions already; if it keeps them in this process, where
    /// asking is faster than opening a token; and if its sessions cannot be changed.
    pub fn new(store: S, keys: &KeyRing) -> Result<Self, UnsuitableStore> {
        let guarantees = store.guarantees();
        let flaw = if !guarantees.keeps_records {
            Some("its clients carry their sessions already; use it as it is")
        } else if guarantees.scope == Scope::Process {
            Some(
                "its sessions are in this process, where asking is faster than opening a token; use it as it is",
            )
        } else if !guarantees.writable {
            Some("its sessions cannot be changed")
        } else {
            None
        };
        if let Some(flaw) = flaw {
            return Err(UnsuitableStore::new("hybrid", guarantees.name, flaw));
        }
        Ok(Self {
            inner: store,
            tokens: Tokens::new(keys),
            window: Window { length: Duration::from_secs(60), leeway: Duration::from_secs(5) },
            while_down: WhileDown::default(),
            recent: Arc::default(),
        })
    }

    /// Sets for how long a token is believed without asking the store. Default: 60 seconds.
    ///
    /// A logout on another server, and a change there, is seen that much later at most. At or below the
    /// [leeway](Self::leeway) no token is believed.
    #[must_use]
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.window.length = time;
        self
    }

    /// Sets by how much the clocks of servers may differ. Default: 5 seconds.
    ///
    /// A token is believed for so much less than [`fresh_for`](Self::fresh_for), so that the bound holds in spite of it.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.window.leeway = leeway;
        self
    }

    /// Sets the longest sealed token, in bytes. Default: 2800, which one cookie holds and every common proxy lets pass.
    ///
    /// The client of a session that does not fit holds a reference, and each of its requests asks the store.
    #[must_use]
    pub fn max_token(mut self, bytes: usize) -> Self {
        self.tokens.limit_to(bytes);
        self
    }

    /// Sets what the tokens are for: a sealed token of one context is refused in every other. Default: empty.
    #[must_use]
    pub fn context(mut self, context: impl AsRef<str>) -> Self {
        self.tokens.set_context(context.as_ref());
        self
    }

    /// Sets the algorithm of new tokens. Default: AES-256-GCM.
    #[must_use]
    pub fn cipher(mut self, cipher: Cipher) -> Self {
        self.tokens.set_cipher(cipher);
        self
    }

    /// Sets what happens while the store does not answer. Default: [`WhileDown::Refuse`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{SessionStore, keyring::KeyRing, store::UnsuitableStore};
    /// use cloakroom::store::{Hybrid, WhileDown};
    ///
    /// # fn example(redis: impl SessionStore, keys: &KeyRing) -> Result<(), UnsuitableStore> {
    /// // Visitors stay logged in for reading while Redis restarts.
    /// let store = Hybrid::new(redis, keys)?.while_down(WhileDown::Read { up_to: Duration::from_secs(15 * 60) });
    /// # Ok(()) }
    /// ```
    ///
    /// Each request then waits for the store as long as its client does: put a
    /// [`CircuitBreakerStore`](crate::store::CircuitBreakerStore) below, unless the store has one of its own, as Redis has.
    #[must_use]
    pub fn while_down(mut self, choice: WhileDown) -> Self {
        self.while_down = choice;
        self
    }

    /// The longest time for which a token may be believed.
    fn longest(&self) -> Window {
        let length = match self.while_down {
            WhileDown::Refuse => self.window.length,
            WhileDown::Read { up_to } => self.window.length.max(up_to),
        };
        Window { length, ..self.window }
    }
}

/// What was presented.
enum Form {
    /// A genuine token of this layer.
    Sealed(Content),
    /// A token of the store, or none at all.
    Reference,
    /// A token of this layer's form that opens nothing.
    Nothing(Absence),
    /// A genuine token of a newer version.
    Unreadable,
}

/// Reading.
impl<S: SessionStore> Hybrid<S> {
    fn form(&self, presented: PresentedToken<'_>) -> Form {
        if !self.tokens.recognises(presented.bytes()) {
            return Form::Reference;
        }
        match self.tokens.open(presented.bytes()) {
            Ok(Ok(content)) => Form::Sealed(content),
            Ok(Err(_)) => Form::Unreadable,
            Err(absence) => Form::Nothing(absence),
        }
    }

    /// What a token opens, if it is believed. That it opens nothing is never believed: the store may know more.
    fn believed(&self, content: &Content, window: Window, now: Timestamp) -> Option<Loaded> {
        if !window.believes(content.as_of, now) || !self.recent.allows(&content.record, content.as_of) {
            return None;
        }
        match authenticate(&content.record, &content.reference, now) {
            Loaded::Absent(_) => None,
            live => Some(live),
        }
    }

    /// What the store makes of the reference in a token.
    async fn ask(&self, content: &Content, cx: StoreContext) -> Result<Loaded, StoreError> {
        let reference = content.reference.to_token();
        let presented = PresentedToken::new(reference.expose().as_bytes());
        let known = content.record.version().counter;
        match self.inner.load(presented, cx).await {
            Ok(Loaded::Live { record, upkeep }) => {
                if record.version().counter > known {
                    self.note(&record.id(), record.version().counter, cx.now);
                }
                let is_due = !self.window.believes(content.as_of, cx.now)
                    || record.version() != content.record.version();
                Ok(self.live(record, upkeep, &content.reference, is_due))
            }
            Ok(absent) => {
                self.note(&content.record.id(), known.saturating_add(1), cx.now);
                Ok(absent)
            }
            Err(error) => self.read_while_down(content, error, cx.now),
        }
    }

    /// A record that the store has opened for a reference; `is_due` says whether its client needs a sealed token.
    fn live(&self, record: Record, upkeep: Upkeep, reference: &ReferenceToken, is_due: bool) -> Loaded {
        let record = record.opened(reference.secret());
        let due = match record.known_secret() {
            Some(_) if is_due && self.tokens.fits(&record) => Upkeep::Touch,
            _ => Upkeep::None,
        };
        Loaded::Live { record, upkeep: upkeep.max(due) }
    }

    fn read_while_down(
        &self,
        content: &Content,
        error: StoreError,
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        match self.while_down {
            WhileDown::Read { .. } if error.is_outage() => {
                let answer = self.believed(content, self.longest(), now);
                answer.inspect(|_| debug!(%error, "a session was read from its token alone")).ok_or(error)
            }
            _ => Err(error),
        }
    }

    /// What the store makes of a reference that was presented as such.
    fn opened(&self, presented: PresentedToken<'_>, loaded: Loaded) -> Loaded {
        match (loaded, self.inner.reference_token(presented)) {
            (Loaded::Live { record, upkeep }, Some(reference)) => self.live(record, upkeep, &reference, true),
            (loaded, _) => loaded,
        }
    }
}

/// Writing.
impl<S: SessionStore> Hybrid<S> {
    fn note(&self, id: &SessionId, counter: u64, now: Timestamp) {
        self.recent.note(id, counter, self.longest(), now);
    }

    /// The token of what was just written. Its last use was written with it, and shows when it was first sent.
    fn written(&self, record: &Record, now: Timestamp) -> Option<Token> {
        self.note(&record.id(), record.version().counter, now);
        self.tokens.mint(record, now.min(record.last_active()))
    }
}

#[async_trait]
impl<S: SessionStore> StoreLayer for Hybrid<S> {
    fn inner(&self) -> &dyn SessionStore {
        &self.inner
    }

    fn guarantees(&self) -> Guarantees {
        let inner = self.inner.guarantees();
        inner
            .name("hybrid")
            .token(TokenForm::Encrypted)
            .revocation(inner.revocation.later_by(self.longest().length))
            .response_reordering(ResponseReordering::MayRevert)
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        self.tokens.recognises(presented.bytes()) || self.inner.recognises(presented)
    }

    fn reference_token(&self, presented: PresentedToken<'_>) -> Option<ReferenceToken> {
        match self.form(presented) {
            Form::Sealed(content) => Some(content.reference),
            Form::Reference => self.inner.reference_token(presented),
            Form::Nothing(_) | Form::Unreadable => None,
        }
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        match self.form(presented) {
            Form::Sealed(content) => {
                let believed = match cx.freshness {
                    Freshness::Now => None,
                    Freshness::Guaranteed => self.believed(&content, self.window, cx.now),
                };
                match believed {
                    Some(live) => Ok(live),
                    None => self.ask(&content, cx).await,
                }
            }
            Form::Reference => Ok(self.opened(presented, self.inner.load(presented, cx).await?)),
            Form::Nothing(absence) => Ok(Loaded::Absent(absence)),
            Form::Unreadable => Err(unreadable()),
        }
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        match self.form(presented) {
            Form::Sealed(content) => self.believed(&content, self.window, now).map(Ok),
            Form::Reference => {
                let answer = self.inner.load_now(presented, now)?;
                Some(answer.map(|loaded| self.opened(presented, loaded)))
            }
            Form::Nothing(absence) => Some(Ok(Loaded::Absent(absence))),
            Form::Unreadable => Some(Err(unreadable())),
        }
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        Ok(match self.inner.create(record, cx).await? {
            Created::Done(token) => Created::Done(self.written(record, cx.now).unwrap_or(token)),
            Created::Taken(stored) => Created::Taken(stored.opened_as(record)),
            Created::Ended => Created::Ended,
        })
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        Ok(match self.inner.replace(record, expected, cx).await? {
            Replaced::Done(token) => Replaced::Done(self.written(record, cx.now).or(token)),
            Replaced::Conflict(stored) => {
                self.note(&stored.id(), stored.version().counter, cx.now);
                Replaced::Conflict(stored.opened_as(record))
            }
            Replaced::Gone(absence) => {
                self.note(&record.id(), record.version().counter, cx.now);
                Replaced::Gone(absence)
            }
        })
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        let ended = self.inner.end(end, cx).await;
        // An end whose reply was lost has perhaps taken effect, and then the store is asked.
        self.note(&end.id, u64::MAX, cx.now);
        ended
    }

    /// By a compare-and-swap, so that the state in the token is the latest; if another request has written meanwhile, then what
    /// that one has left.
    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        if record.known_secret().is_none() || !self.tokens.fits(record) {
            return self.inner.touch(record, expected, cx).await;
        }
        Ok(match StoreLayer::replace(self, record, expected, cx).await? {
            Replaced::Done(token) => Touched::Done(token),
            Replaced::Conflict(stored) => Touched::Done(self.tokens.mint(&stored, cx.now)),
            Replaced::Gone(absence) => Touched::Gone(absence),
        })
    }

    /// No client has presented a secret, so none is handed out.
    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        Ok(match self.inner.find(id, cx).await? {
            Found::Live(record) => {
                self.note(id, record.version().counter, cx.now);
                Found::Live(record.without_secret())
            }
            absent => {
                self.note(id, u64::MAX, cx.now);
                absent
            }
        })
    }
}

fn unreadable() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "a genuine token holds a session of a format that this version does not read; upgrade this server",
    )
}
