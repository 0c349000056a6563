//! A plain, good store that promises everything: a map behind a lock, with hashed secrets, that stands for a server
//! outside of the process. It is what the broken stores are built on.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError, StoreErrorKind,
    conformance::{Harness, Outage},
    record::{Record, Version},
    store::{
        Absence, Created, Ended, Found, Guarantees, Index, Loaded, PresentedToken, ReferenceToken, Replaced,
        Revocation, Scope, SessionIndex, SessionInfo, StoreContext, TokenForm, Updates, authenticate,
    },
    time::Timestamp,
};

/// The largest session data that it takes, in bytes.
pub(crate) const MAX_DATA: usize = 4096;

/// What stands under one ID.
#[derive(Clone)]
pub(crate) enum Slot {
    /// A session, as it is written down.
    Live(Vec<u8>),
    /// The tombstone of one.
    Ended { at: Timestamp, until: Timestamp },
}

/// What a server outside of the process would hold.
#[derive(Default)]
pub(crate) struct SharedState {
    slots: Mutex<HashMap<SessionId, Slot>>,
    cut: AtomicBool,
}

/// A handle of the store.
#[derive(Clone, Default)]
pub(crate) struct Plain(pub(crate) Arc<SharedState>);

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain")
    }
}

impl Plain {
    /// The slots, if they can be reached.
    pub(crate) fn slots(&self) -> Result<MutexGuard<'_, HashMap<SessionId, Slot>>, StoreError> {
        if self.0.cut.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the plain store was cut off"));
        }
        Ok(self.0.slots.lock().unwrap())
    }

    /// What stands under an ID, or why there is no session.
    pub(crate) fn standing(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Result<Record, Absence>, StoreError> {
        Ok(standing(self.slots()?.get(id), now))
    }

    /// Puts a record where it belongs, whatever stands there.
    pub(crate) fn put(&self, record: &Record) -> Result<(), StoreError> {
        self.slots()?.insert(record.id(), Slot::Live(record.encode()));
        Ok(())
    }

    fn dump(&self) -> Vec<u8> {
        let slots = self.0.slots.lock().unwrap();
        slots
            .values()
            .flat_map(|slot| if let Slot::Live(bytes) = slot { bytes.clone() } else { vec![] })
            .collect()
    }

    /// What a new process finds.
    fn restarted(&self) -> Self {
        let slots = self.0.slots.lock().unwrap().clone();
        Self(Arc::new(SharedState { slots: Mutex::new(slots), cut: AtomicBool::new(false) }))
    }
}

fn standing(slot: Option<&Slot>, now: Timestamp) -> Result<Record, Absence> {
    match slot {
        None => Err(Absence::Unknown),
        Some(Slot::Ended { at, until }) if now < *until => Err(Absence::Ended { at: *at }),
        Some(Slot::Ended { .. }) => Err(Absence::Unknown),
        Some(Slot::Live(bytes)) => {
            let record = Record::decode(bytes).expect("the plain store wrote it");
            if record.is_expired(now) { Err(Absence::Expired) } else { Ok(record) }
        }
    }
}

fn check_size(record: &Record) -> Result<(), StoreError> {
    let (size, limit) = (record.data().len(), MAX_DATA);
    if size <= limit {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::TooLarge { size, limit }, "too much for the plain store"))
}

#[async_trait]
impl SessionStore for Plain {
    fn guarantees(&self) -> Guarantees {
        Guarantees::new("plain", TokenForm::Reference)
            .revocation(Revocation::AtOnce)
            .survives_restart(true)
            .scope(Scope::AllNodes)
            .updates(Updates::NeverLost)
            .index(Index::AllNodes)
            .max_data(Some(MAX_DATA))
    }

    fn recognises(&self, presented: PresentedToken<'_>) -> bool {
        ReferenceToken::parse(presented.bytes()).is_some()
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        let slots = self.slots()?;
        let Some(token) = ReferenceToken::parse(presented.bytes()) else {
            return Ok(Loaded::Absent(Absence::Malformed));
        };
        Ok(match standing(slots.get(&token.id()), cx.now) {
            Ok(record) => authenticate(&record, &token, cx.now),
            Err(absence) => Loaded::Absent(absence),
        })
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        check_size(record)?;
        let mut slots = self.slots()?;
        let token = ReferenceToken::issue(record, None).expect("a new record has a new secret");
        Ok(match standing(slots.get(&record.id()), cx.now) {
            Ok(stored) if stored.remembers(record.version().write) => Created::Done(token),
            Ok(stored) => Created::Taken(stored),
            Err(Absence::Ended { .. }) => Created::Ended,
            Err(_) => {
                slots.insert(record.id(), Slot::Live(record.encode()));
                Created::Done(token)
            }
        })
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        check_size(record)?;
        let mut slots = self.slots()?;
        let token = ReferenceToken::issue(record, None);
        Ok(match standing(slots.get(&record.id()), cx.now) {
            Err(absence) => Replaced::Gone(absence),
            Ok(stored) if stored.remembers(record.version().write) => Replaced::Done(token),
            Ok(stored) if stored.version() != expected => Replaced::Conflict(stored),
            Ok(_) => {
                slots.insert(record.id(), Slot::Live(record.encode()));
                Replaced::Done(token)
            }
        })
    }

    async fn end(&self, id: &SessionId, until: Timestamp, cx: StoreContext) -> Result<Ended, StoreError> {
        let mut slots = self.slots()?;
        if let Some(Slot::Ended { until: stands, .. }) = slots.get_mut(id)
            && cx.now < *stands
        {
            *stands = until.max(*stands);
            return Ok(Ended::Already);
        }
        slots.insert(*id, Slot::Ended { at: cx.now, until });
        Ok(Ended::Done)
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        Ok(self.standing(id, cx.now)?.map_or_else(Found::Absent, Found::Live))
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

#[async_trait]
impl SessionIndex for Plain {
    async fn list(&self, subject: &str, cx: StoreContext) -> Result<Vec<SessionInfo>, StoreError> {
        let slots = self.slots()?;
        let live = slots.values().filter_map(|slot| standing(Some(slot), cx.now).ok());
        let mut records: Vec<_> = live.filter(|record| record.subject() == Some(subject)).collect();
        records.sort_by_key(|record| Reverse(record.created_at()));
        Ok(records.iter().map(SessionInfo::of).collect())
    }
}

/// The plain store with its surroundings, seen through `front`: itself, or something broken around it.
pub(crate) struct Surroundings<F> {
    plain: Plain,
    front: F,
}

impl<F> Surroundings<F> {
    pub(crate) fn new(front: F) -> Self {
        Self { plain: Plain::default(), front }
    }
}

impl<F, S> Surroundings<F>
where
    F: Fn(Plain) -> S + Send + Sync,
    S: SessionStore,
{
    fn handle(&self, plain: Plain) -> Arc<dyn SessionStore> {
        Arc::new((self.front)(plain))
    }
}

#[async_trait]
impl<F, S> Harness for Surroundings<F>
where
    F: Fn(Plain) -> S + Send + Sync,
    S: SessionStore,
{
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle(self.plain.clone())
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle(self.plain.clone()))
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle(self.plain.restarted()))
    }

    async fn dump(&self) -> Option<Vec<u8>> {
        Some(self.plain.dump())
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        self.plain.0.cut.store(true, Ordering::SeqCst);
        Some(Box::new(Cut(self.plain.clone())))
    }
}

struct Cut(Plain);

#[async_trait]
impl Outage for Cut {
    async fn over(self: Box<Self>) {
        self.0.0.cut.store(false, Ordering::SeqCst);
    }
}
