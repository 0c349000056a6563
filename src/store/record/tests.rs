//! What a [`RecordStore`] does by itself: the default methods of a backend, and writes whose replies were lost.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use super::{MemoryBackend, RecordBackend, RecordStore, Stored, Swapped, Tombstone};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionId, WriteId},
    record::{Lifetime, Record, Rotation, Subject, Version},
    secret::Secret,
    store::{
        Absence, Created, End, Ended, EndedBy, Found, Guarantees, Loaded, PresentedToken, Replaced,
        SessionStore as _, StoreContext, Token, Touched, Upkeep,
    },
    time::{Deadline, Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The required methods only, by those of the memory store.
#[derive(Debug, Default)]
struct Least {
    memory: MemoryBackend,
    /// What another request writes as soon as something was read.
    writes_next: Mutex<Option<(Version, Record)>>,
    loses_next_reply: AtomicBool,
}

impl Least {
    fn reply<T>(&self, answer: T) -> Result<T, StoreError> {
        if self.loses_next_reply.swap(false, SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the reply was lost"));
        }
        Ok(answer)
    }
}

impl RecordBackend for Least {
    fn guarantees(&self) -> Guarantees {
        self.memory.guarantees()
    }

    async fn get(&self, id: &SessionId, cx: StoreContext) -> Result<Option<Stored>, StoreError> {
        let stored = self.memory.get(id, cx).await?;
        let write = self.writes_next.lock().unwrap().take();
        if let Some((expected, next)) = write {
            self.memory.compare_and_swap(Some(expected), &next, cx).await?;
        }
        Ok(stored)
    }

    async fn compare_and_swap(
        &self,
        expected: Option<Version>,
        next: &Record,
        cx: StoreContext,
    ) -> Result<Swapped, StoreError> {
        self.reply(self.memory.compare_and_swap(expected, next, cx).await?)
    }

    async fn bury(&self, tombstone: Tombstone, cx: StoreContext) -> Result<Ended, StoreError> {
        self.reply(self.memory.bury(tombstone, cx).await?)
    }
}

fn at(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::NONE)
}

fn store() -> RecordStore<Least> {
    RecordStore::from_backend(Least::default())
}

fn record() -> Record {
    let lifetime = Lifetime { idle: MINUTE, absolute: HOUR };
    Record::new(
        SessionId::from_bytes([1; 16]),
        Secret::from_bytes([2; 16]),
        WriteId::from_u64(1),
        lifetime,
        NOW,
    )
}

async fn begun(store: &RecordStore<Least>) -> (Record, Token) {
    let record = record();
    match store.create(&record, at(NOW)).await.unwrap() {
        Created::Done(token) => (record, token),
        other => panic!("{other:?}"),
    }
}

async fn stored(store: &RecordStore<Least>, now: Timestamp) -> Record {
    store.find(&record().id(), at(now)).await.unwrap().live().expect("the session is live")
}

/// The record as a request that uses it later touches it.
fn used(record: &Record, at: Timestamp) -> Record {
    let mut used = record.clone();
    used.touch(at);
    used
}

#[tokio::test]
async fn the_default_touch_moves_the_time_forward_and_nothing_else() {
    let store = store();
    let (record, _) = begun(&store).await;
    let later = NOW + MINUTE / 2;
    for at_time in [later, NOW] {
        let used = used(&record, at_time);
        let touched = store.touch(&used, record.version(), at(later)).await.unwrap();
        assert!(matches!(touched, Touched::Done(None)));
        assert_eq!(stored(&store, later).await.last_active(), later, "never back");
    }
    assert_eq!(stored(&store, later).await.version(), record.version());
}

#[tokio::test]
async fn the_default_touch_leaves_what_another_request_writes_meanwhile() {
    let store = store();
    let (record, _) = begun(&store).await;
    let next = record.successor(WriteId::from_u64(2)).finish();
    *store.backend().writes_next.lock().unwrap() = Some((record.version(), next.clone()));
    let touched = store.touch(&used(&record, NOW + MINUTE / 2), record.version(), at(NOW)).await.unwrap();
    assert!(matches!(touched, Touched::Done(None)));
    assert_eq!(stored(&store, NOW).await.version(), next.version());
}

#[tokio::test]
async fn the_default_touch_says_why_there_is_no_session() {
    let store = store();
    let gone = |touched| match touched {
        Touched::Gone(absence) => absence,
        Touched::Done(_) => panic!("there is no session"),
    };
    let touch =
        async |record: &Record, now| gone(store.touch(record, record.version(), at(now)).await.unwrap());
    assert_eq!(touch(&record(), NOW).await, Absence::Unknown);
    let (record, _) = begun(&store).await;
    assert_eq!(touch(&record, NOW + MINUTE).await, Absence::Expired);
    let login = record.successor(WriteId::from_u64(2)).logged_in(Subject::new("alice"), NOW).finish();
    store.replace(&login, record.version(), at(NOW)).await.unwrap();
    assert_eq!(touch(&record, NOW).await, Absence::Rotated { id: record.id(), at: NOW });
    store.end(End::of(&record, EndedBy::Client), at(NOW)).await.unwrap();
    assert_eq!(touch(&login, NOW).await, Absence::Ended { id: login.id(), at: NOW, by: EndedBy::Client });
}

#[tokio::test]
async fn a_token_opens_what_the_backend_gets() {
    let store = store();
    let load = async |token: &str, now| {
        let presented = PresentedToken::new(token.as_bytes());
        assert!(store.load_now(presented, now).is_none(), "the default answers nothing at once");
        store.load(presented, at(now)).await.unwrap()
    };
    let (id, secret, other) = ("01".repeat(16), "02".repeat(16), "03".repeat(16));
    let unknown = load(&format!("{id}{secret}"), NOW).await;
    assert!(matches!(unknown, Loaded::Absent(Absence::Unknown)));
    let (record, token) = begun(&store).await;
    assert!(matches!(load(token.expose(), NOW).await, Loaded::Live { upkeep: Upkeep::None, .. }));
    assert!(matches!(load(&format!("{id}{other}"), NOW).await, Loaded::Absent(Absence::Forged)));
    assert!(matches!(load(token.expose(), NOW + MINUTE).await, Loaded::Absent(Absence::Expired)));
    store.end(End::of(&record, EndedBy::Client), at(NOW)).await.unwrap();
    assert!(matches!(load(token.expose(), NOW).await, Loaded::Absent(Absence::Ended { at: NOW, .. })));
    assert!(matches!(store.find(&record.id(), at(NOW)).await.unwrap(), Found::Absent(Absence::Ended { .. })));
}

#[tokio::test]
async fn a_call_whose_reply_was_lost_is_answered_as_the_first_time() {
    let store = store();
    let lose_reply = || store.backend().loses_next_reply.store(true, SeqCst);
    let first = record();
    lose_reply();
    assert!(store.create(&first, at(NOW)).await.is_err());
    let Created::Done(token) = store.create(&first, at(NOW)).await.unwrap() else { panic!("it is stored") };
    assert!(token.expose().starts_with(&format!("{}{}", "01".repeat(16), "02".repeat(16))));

    let rotated = first.successor(WriteId::from_u64(2));
    let rotated = rotated.rotated(Secret::from_bytes([3; 16]), Rotation::without_grace(NOW)).finish();
    lose_reply();
    assert!(store.replace(&rotated, first.version(), at(NOW)).await.is_err());
    let replaced = store.replace(&rotated, first.version(), at(NOW)).await.unwrap();
    let Replaced::Done(Some(token)) = replaced else { panic!("{replaced:?}") };
    assert!(token.expose().ends_with(&"03".repeat(16)), "the token of the record that was written again");

    lose_reply();
    assert!(store.end(End::of(&first, EndedBy::Client), at(NOW)).await.is_err());
    assert_eq!(store.end(End::of(&first, EndedBy::Client), at(NOW)).await.unwrap(), Ended::Already);
}
