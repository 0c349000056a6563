//! The one store behind all that keep records: [`RecordStore`].

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{RecordBackend, Stored, Swapped, Tombstone};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::SessionId,
    record::{Record, Version},
    store::{
        Absence, ChangeListener, Created, End, Ended, Found, Guarantees, Loaded, PresentedToken,
        ReferenceToken, Replaced, SessionIndex, SessionStore, StoreContext, Touched,
    },
    time::Timestamp,
};

/// A store that keeps records and whose clients hold [reference tokens](ReferenceToken).
///
/// What it stores them in is its [backend](RecordBackend). `MemoryStore`, `RedisStore`, `PostgresStore` and `SqliteStore` are
/// such stores.
#[derive(Clone, Default)]
pub struct RecordStore<B> {
    backend: B,
}

impl<B: RecordBackend> RecordStore<B> {
    /// A store that keeps its records in `backend`.
    #[must_use]
    pub const fn from_backend(backend: B) -> Self {
        Self { backend }
    }

    /// What the records are stored in.
    #[must_use]
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// Refuses data that are larger than the backend declares to store.
    fn check_size(&self, record: &Record) -> Result<(), StoreError> {
        let size = record.data().len();
        match self.backend.guarantees() {
            Guarantees { name, max_data: Some(limit), .. } if size > limit => Err(StoreError::new(
                StoreErrorKind::TooLarge { size, limit },
                format!("the session holds {size} bytes, but the {name} store takes at most {limit}"),
            )),
            _ => Ok(()),
        }
    }
}

/// As its backend, which is what the store differs in from others.
impl<B: fmt::Debug> fmt::Debug for RecordStore<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backend.fmt(f)
    }
}

#[async_trait]
impl<B: RecordBackend> SessionStore for RecordStore<B> {
    fn guarantees(&self) -> Guarantees {
        self.backend.guarantees()
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        ReferenceToken::recognises(presented.bytes())
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        match ReferenceToken::parse(presented.bytes()) {
            None => Ok(Loaded::Absent(Absence::Malformed)),
            Some(token) => match self.backend.open_now(&token, cx.now) {
                Some(loaded) => Ok(loaded),
                None => {
                    let stored = self.backend.get(&token.id(), cx).await?;
                    Ok(stored.map_or(Loaded::Absent(Absence::Unknown), |stored| stored.open(&token, cx.now)))
                }
            },
        }
    }

    fn load_now(&self, presented: PresentedToken<'_>, now: Timestamp) -> Option<Result<Loaded, StoreError>> {
        match ReferenceToken::parse(presented.bytes()) {
            None => Some(Ok(Loaded::Absent(Absence::Malformed))),
            Some(token) => self.backend.open_now(&token, now).map(Ok),
        }
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        let token = ReferenceToken::issue(record, self.backend.node()).ok_or_else(no_secret)?;
        self.check_size(record)?;
        self.backend.enlist(record, cx).await?;
        Ok(match self.backend.compare_and_swap(None, record, cx).await? {
            Swapped::Done => Created::Done(token),
            Swapped::Found(Some(Stored::Record(stored))) if stored.remembers(record.version().write) => {
                Created::Done(token)
            }
            Swapped::Found(Some(Stored::Record(stored))) => Created::Taken(stored),
            Swapped::Found(_) => Created::Ended,
        })
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        let token = ReferenceToken::issue(record, self.backend.node());
        self.check_size(record)?;
        if record.is_to_be_listed() {
            self.backend.enlist(record, cx).await?;
        }
        let found = match self.backend.compare_and_swap(Some(expected), record, cx).await? {
            Swapped::Done => return Ok(Replaced::Done(token)),
            Swapped::Found(found) => found,
        };
        Ok(match live(found, cx.now) {
            Ok(stored) if stored.remembers(record.version().write) => Replaced::Done(token),
            Ok(stored) => Replaced::Conflict(stored),
            Err(absence) => Replaced::Gone(absence),
        })
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.backend.bury(Tombstone::of(end, cx.now), cx).await
    }

    /// Moves the time in place, which other writers of the session do not notice.
    async fn touch(&self, record: &Record, _: Version, cx: StoreContext) -> Result<Touched, StoreError> {
        self.backend.touch(record, cx).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        Ok(match live(self.backend.get(id, cx).await?, cx.now) {
            Ok(record) => Found::Live(record),
            Err(absence) => Found::Absent(absence),
        })
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.backend.index()
    }

    fn announce_to(&self, listener: Arc<dyn ChangeListener>) -> bool {
        self.backend.announce_to(listener)
    }
}

/// The live record, or why there is none.
fn live(stored: Option<Stored>, now: Timestamp) -> Result<Record, Absence> {
    stored.map_or(Err(Absence::Unknown), |stored| stored.live(now))
}

/// A session that no client could ever open is a defect of the caller, not a session.
fn no_secret() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "a session was not created because its record has no new secret; make the record with Record::new",
    )
}
