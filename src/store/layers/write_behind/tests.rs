//! One or two nodes that write behind into the same store, whose connections can fail in every way.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use async_trait::async_trait;

use super::{WriteBehind, WriteBehindOptions, misfit};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionId, WriteId},
    record::{Data, Lifetime, Record, Rotation, Subject, Version},
    secret::Secret,
    store::{
        Absence, Created, End, Ended, EndedBy, Found, Guarantees, Loaded, MemoryStore, PresentedToken,
        Replaced, Revocation, Scope, SessionStore, StoreContext, Token, TokenForm, Touched, Updates, within,
    },
    time::{Deadline, Timestamp},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

/// One node's connection to the records.
#[derive(Debug, Default)]
struct Line {
    is_cut: AtomicBool,
    is_silent: AtomicBool,
    /// Calls are done, and end with an error.
    loses_replies: AtomicBool,
    writes: AtomicUsize,
    reads: AtomicUsize,
}

/// Records outside of the process, as one node sees them. Every call waits twice, so that it can be dropped before and after it is done.
#[derive(Debug, Clone)]
struct Shared(MemoryStore, Arc<Line>);

impl Shared {
    async fn call<T>(
        &self,
        count: &AtomicUsize,
        cx: StoreContext,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        if self.1.is_silent.load(SeqCst) {
            within(cx.deadline, std::future::pending::<Result<(), _>>()).await?;
        }
        let unavailable = || Err(StoreError::new(StoreErrorKind::Unavailable, "the line is cut"));
        if self.1.is_cut.load(SeqCst) {
            return unavailable();
        }
        count.fetch_add(1, SeqCst);
        let answer = call.await;
        tokio::task::yield_now().await;
        if self.1.loses_replies.load(SeqCst) { unavailable() } else { answer }
    }
}

#[async_trait]
impl crate::store::StoreLayer for Shared {
    fn inner(&self) -> &dyn SessionStore {
        &self.0
    }

    fn guarantees(&self) -> Guarantees {
        self.0.guarantees().name("shared").scope(Scope::AllNodes).survives_restart(true)
    }

    async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
        self.call(&self.1.reads, cx, self.0.load(presented, cx)).await
    }

    fn load_now(&self, _: PresentedToken<'_>, _: Timestamp) -> Option<Result<Loaded, StoreError>> {
        None
    }

    async fn create(&self, record: &Record, cx: StoreContext) -> Result<Created, StoreError> {
        self.call(&self.1.writes, cx, self.0.create(record, cx)).await
    }

    async fn replace(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Replaced, StoreError> {
        self.call(&self.1.writes, cx, self.0.replace(record, expected, cx)).await
    }

    async fn touch(
        &self,
        record: &Record,
        expected: Version,
        cx: StoreContext,
    ) -> Result<Touched, StoreError> {
        self.call(&self.1.writes, cx, self.0.touch(record, expected, cx)).await
    }

    async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
        self.call(&self.1.writes, cx, self.0.end(end, cx)).await
    }

    async fn find(&self, id: &SessionId, cx: StoreContext) -> Result<Found, StoreError> {
        self.call(&self.1.reads, cx, self.0.find(id, cx)).await
    }
}

/// A node, and its line.
struct Server {
    store: WriteBehind<Shared>,
    line: Arc<Line>,
}

impl Server {
    fn new(records: &MemoryStore) -> Self {
        Self::with(records, WriteBehindOptions::default())
    }

    fn with(records: &MemoryStore, options: WriteBehindOptions) -> Self {
        let line = Arc::<Line>::default();
        let shared = Shared(records.clone(), Arc::clone(&line));
        Self { store: WriteBehind::with_options(shared, options).unwrap(), line }
    }

    /// A new session, and the token that opens it.
    async fn begin(&self) -> (Record, Token) {
        let lifetime = Lifetime { idle: 60 * SECOND, absolute: 3600 * SECOND };
        let id = SessionId::from_bytes([1; 16]);
        let record = Record::new(id, Secret::from_bytes([2; 16]), WriteId::from_u64(1), lifetime, NOW);
        match self.store.create(&record, cx(NOW)).await.unwrap() {
            Created::Done(token) => (record, token),
            other => panic!("{other:?}"),
        }
    }

    /// Writes `n` and answers the new state.
    async fn save(&self, record: &Record, n: u64, now: Timestamp) -> Record {
        let next = next(record, n, now);
        let answer = self.store.replace(&next, record.version(), cx(now)).await.unwrap();
        assert!(matches!(answer, Replaced::Done(None)), "{answer:?}");
        next
    }

    async fn load(&self, token: &Token, now: Timestamp) -> Result<Loaded, StoreError> {
        let presented = PresentedToken::new(token.expose().as_bytes());
        match self.store.load_now(presented, now) {
            Some(loaded) => loaded,
            None => self.store.load(presented, cx(now)).await,
        }
    }

    async fn live(&self, token: &Token, now: Timestamp) -> Record {
        match self.load(token, now).await.unwrap() {
            Loaded::Live { record, .. } => record,
            other => panic!("{other:?}"),
        }
    }

    fn writes(&self) -> usize {
        self.line.writes.load(SeqCst)
    }

    fn reads(&self) -> usize {
        self.line.reads.load(SeqCst)
    }
}

fn cx(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::after(2 * SECOND))
}

fn next(record: &Record, n: u64, now: Timestamp) -> Record {
    let data = Data::default().with("n", n.to_string().as_bytes()).unwrap();
    record.successor(WriteId::from_u64(100 + n)).data(data).active(now).finish()
}

/// The next state after a login.
fn login(record: &Record, now: Timestamp) -> Record {
    let next = record.successor(WriteId::from_u64(7)).logged_in(Subject::new("alice"), now);
    next.rotated(Secret::from_bytes([9; 16]), Rotation::without_grace(now)).finish()
}

fn n(record: &Record) -> u64 {
    std::str::from_utf8(record.data().get("n").unwrap_or(b"0")).unwrap().parse().unwrap()
}

async fn stored(records: &MemoryStore) -> Record {
    let id = SessionId::from_bytes([1; 16]);
    records.find(&id, cx(NOW)).await.unwrap().live().unwrap()
}

/// Lets what waits be saved. The clock of the test is paused.
async fn settle() {
    let _ = tokio::time::timeout(SECOND, std::future::pending::<()>()).await;
}

/// Polls `call` so often, and drops it unless it is done.
async fn drop_after<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    for _ in 0..polls {
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_one_write_and_no_read() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let (mut record, token) = server.begin().await;
    for change in 1..=20 {
        record = server.save(&server.live(&token, NOW).await, change, NOW).await;
    }
    assert_eq!((server.writes(), server.reads(), server.store.unsaved()), (1, 0, 1));
    assert_eq!(n(&stored(&records).await), 0);
    settle().await;
    assert_eq!(stored(&records).await.version(), record.version());
    assert_eq!((server.writes(), server.reads(), server.store.unsaved()), (2, 0, 0));
    assert_eq!(
        server.store.0.sessions.with(&record.id(), |entry| entry.saver),
        Some(0),
        "its task has ended"
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_goes_first_and_takes_earlier_changes_with_it() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let record = server.save(&server.begin().await.0, 1, NOW).await;
    let next = login(&record, NOW);
    let answer = server.store.replace(&next, record.version(), cx(NOW)).await.unwrap();
    let Replaced::Done(Some(token)) = answer else { panic!("{answer:?}") };
    assert_eq!((stored(&records).await.subject(), n(&stored(&records).await)), (Some("alice"), 1));
    assert!(stored(&records).await.remembers(record.version().write));
    assert_eq!(server.live(&token, NOW).await.version(), next.version());
    let repeated = server.store.replace(&next, record.version(), cx(NOW)).await.unwrap();
    assert!(matches!(repeated, Replaced::Done(Some(again)) if again.expose() == token.expose()));
}

/// Its first change goes first, and stands on what the first node has saved.
#[tokio::test(start_paused = true)]
async fn another_node_takes_over_without_a_loss_once_changes_are_saved() {
    let records = MemoryStore::new();
    let (one, other) = (Server::new(&records), Server::new(&records));
    let (record, token) = one.begin().await;
    one.save(&record, 1, NOW).await;
    settle().await;
    let seen = other.live(&token, NOW).await;
    assert_eq!(n(&seen), 1);
    let second = other.save(&seen, 2, NOW).await;
    assert_eq!((other.writes(), n(&stored(&records).await)), (1, 2), "it went first");
    other.save(&second, 3, NOW).await;
    assert_eq!(other.writes(), 1, "it owns the session by now");
    settle().await;
    assert_eq!(n(&one.live(&token, NOW + SECOND).await), 3);
    assert_eq!((one.store.lost(), other.store.lost()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_former_owner_never_overwrites_and_counts_what_is_lost() {
    let records = MemoryStore::new();
    let (one, other) = (Server::new(&records), Server::new(&records));
    let (record, token) = one.begin().await;
    one.save(&record, 1, NOW).await;
    other.save(&other.live(&token, NOW).await, 2, NOW).await;
    settle().await;
    assert_eq!(n(&stored(&records).await), 2);
    assert_eq!((one.store.lost(), one.store.unsaved()), (1, 0));
    assert_eq!(n(&one.live(&token, NOW).await), 2, "it is asked for again, although the proof is young");
}

#[tokio::test(start_paused = true)]
async fn a_log_out_on_another_node_counts_within_the_bound_and_is_never_undone() {
    let records = MemoryStore::new();
    let (one, other) = (Server::new(&records), Server::new(&records));
    let (record, token) = one.begin().await;
    let record = one.save(&record, 1, NOW).await;
    other.store.end(End::of(&record, EndedBy::Client), cx(NOW)).await.unwrap();
    assert_eq!(n(&one.live(&token, NOW).await), 1, "it is not known yet");
    let late = NOW + SECOND;
    let absent = one.load(&token, late).await.unwrap();
    assert!(matches!(absent, Loaded::Absent(Absence::Ended { .. })), "{absent:?}");
    let answer = one.store.replace(&next(&record, 2, late), record.version(), cx(late)).await.unwrap();
    assert!(matches!(answer, Replaced::Gone(Absence::Ended { .. })), "{answer:?}");
    settle().await;
    assert!(records.find(&record.id(), cx(NOW)).await.unwrap().live().is_none());
    assert_eq!(one.store.lost(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_end_on_this_node_counts_at_once() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let (record, token) = server.begin().await;
    let record = server.save(&record, 1, NOW).await;
    server.store.end(End::of(&record, EndedBy::Client), cx(NOW)).await.unwrap();
    assert!(matches!(server.load(&token, NOW).await.unwrap(), Loaded::Absent(Absence::Ended { .. })));
    settle().await;
    assert!(records.find(&record.id(), cx(NOW)).await.unwrap().live().is_none());
    assert_eq!(server.store.lost(), 0, "the client wanted it");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_as_of_now_is_not_answered_from_memory() {
    let records = MemoryStore::new();
    let (one, other) = (Server::new(&records), Server::new(&records));
    let (record, token) = one.begin().await;
    let record = one.save(&record, 1, NOW).await;
    let presented = PresentedToken::new(token.expose().as_bytes());
    let loaded = one.store.load(presented, cx(NOW).fresh()).await.unwrap();
    assert!(
        matches!(loaded, Loaded::Live { record, .. } if n(&record) == 1),
        "what waits stands on the answer"
    );
    let found = one.store.find(&record.id(), cx(NOW).fresh()).await.unwrap();
    assert_eq!((found.live().map(|found| n(&found)), one.reads()), (Some(1), 2));
    other.store.end(End::of(&record, EndedBy::Other), cx(NOW)).await.unwrap();
    let loaded = one.store.load(presented, cx(NOW).fresh()).await.unwrap();
    assert!(matches!(loaded, Loaded::Absent(Absence::Ended { .. })), "{loaded:?}");
}

#[tokio::test(start_paused = true)]
async fn a_use_waits_too_unless_the_session_would_expire_before() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let (_, token) = server.begin().await;
    // It expires a minute after its last use.
    for (seconds, writes_at_once) in [(30, 0), (89, 1)] {
        let (now, before) = (NOW + seconds * SECOND, server.writes());
        let mut record = server.live(&token, now).await;
        record.touch(now);
        let answer = server.store.touch(&record, record.version(), cx(now)).await.unwrap();
        assert!(matches!(answer, Touched::Done(None)), "{answer:?}");
        assert_eq!(server.writes() - before, writes_at_once);
        settle().await;
        assert_eq!(stored(&records).await.last_active(), now);
        assert_eq!(server.writes() - before, 1);
    }
}

#[tokio::test]
async fn while_the_store_does_not_answer_changes_wait_for_as_long_as_declared() {
    let records = MemoryStore::new();
    let at_most = Duration::from_millis(60);
    let server = Server::with(&records, WriteBehindOptions { at_most, ..WriteBehindOptions::default() });
    let (record, token) = server.begin().await;
    server.line.is_cut.store(true, SeqCst);
    let record = server.save(&record, 1, NOW).await;
    let _ = within::<()>(Deadline::after(2 * at_most), std::future::pending()).await;
    let refused = server.store.replace(&next(&record, 2, NOW), record.version(), cx(NOW)).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    server.line.is_cut.store(false, SeqCst);
    let record = server.live(&token, NOW).await;
    let record = server.save(&record, 3, NOW).await;
    assert_eq!(stored(&records).await.version(), record.version(), "it took the first change with it");
    server.save(&record, 4, NOW).await;
    assert_eq!(n(&stored(&records).await), 3, "changes wait again");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_an_error_unless_it_is_to_be_bridged() {
    let late = NOW + 2 * SECOND;
    for bridge in [Duration::ZERO, 5 * SECOND] {
        let server =
            Server::with(&MemoryStore::new(), WriteBehindOptions { bridge, ..WriteBehindOptions::default() });
        let (record, token) = server.begin().await;
        server.line.is_cut.store(true, SeqCst);
        assert_eq!(server.live(&token, NOW).await.version(), record.version());
        match bridge.is_zero() {
            true => {
                let error = server.load(&token, late).await.unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            }
            false => {
                server.save(&server.live(&token, late).await, 1, late).await;
                assert_eq!(n(&server.live(&token, late).await), 1);
                server.load(&token, NOW + 6 * SECOND).await.unwrap_err();
            }
        }
        server.store.end(End::of(&record, EndedBy::Client), cx(late)).await.unwrap_err();
        server.load(&token, late).await.unwrap_err();
        server.line.is_cut.store(false, SeqCst);
        server.live(&token, late).await;
    }
}

#[tokio::test(start_paused = true)]
async fn changes_that_must_not_wait_and_those_of_more_sessions_than_may_are_written_first() {
    for options in [
        WriteBehindOptions { unsaved: 0, ..WriteBehindOptions::default() },
        WriteBehindOptions { at_most: Duration::ZERO, ..WriteBehindOptions::default() },
    ] {
        let records = MemoryStore::new();
        let server = Server::with(&records, options);
        let (record, _) = server.begin().await;
        server.save(&record, 1, NOW).await;
        assert_eq!(n(&stored(&records).await), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_that_have_no_room_are_served_by_the_store() {
    let records = MemoryStore::new();
    let server = Server::with(&records, WriteBehindOptions { sessions: 0, ..WriteBehindOptions::default() });
    let (record, token) = server.begin().await;
    server.save(&record, 1, NOW).await;
    assert_eq!(n(&stored(&records).await), 1);
    assert_eq!(n(&server.live(&token, NOW).await), 1);
    assert_eq!(server.store.0.sessions.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_saves_everything_and_from_then_on_nothing_waits() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let (record, _) = server.begin().await;
    let record = server.save(&record, 1, NOW).await;
    server.line.is_cut.store(true, SeqCst);
    server.store.drain(cx(NOW)).await.unwrap_err();
    server.line.is_cut.store(false, SeqCst);
    server.store.drain(cx(NOW)).await.unwrap();
    assert_eq!(n(&stored(&records).await), 1);
    server.save(&record, 2, NOW).await;
    assert_eq!(n(&stored(&records).await), 2);
}

/// More writes than a record remembers lie between what was sent and what is sent next.
#[tokio::test(start_paused = true)]
async fn a_save_whose_reply_is_lost_is_recognised() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let (mut record, _) = server.begin().await;
    record = server.save(&record, 1, NOW).await;
    server.line.loses_replies.store(true, SeqCst);
    server.store.0.save(record.id(), cx(NOW).deadline).await.unwrap_err();
    assert_eq!(n(&stored(&records).await), 1);
    for change in 2..=9 {
        record = server.save(&record, change, NOW).await;
    }
    server.line.loses_replies.store(false, SeqCst);
    settle().await;
    assert_eq!((n(&stored(&records).await), server.store.lost()), (9, 0));
    record = server.save(&record, 10, NOW).await;
    server.line.loses_replies.store(true, SeqCst);
    server.store.0.save(record.id(), cx(NOW).deadline).await.unwrap_err();
    server.line.loses_replies.store(false, SeqCst);
    record = server.save(&record, 11, NOW).await;
    let answer = server.store.replace(&login(&record, NOW), record.version(), cx(NOW)).await.unwrap();
    assert!(matches!(answer, Replaced::Done(Some(_))), "{answer:?}");
    assert_eq!(server.store.lost(), 0);
}

/// Its caller has given it up; what the node has in memory does not know of it.
#[tokio::test(start_paused = true)]
async fn a_login_whose_reply_is_lost_is_never_undone() {
    for waits in [false, true] {
        let records = MemoryStore::new();
        let server = Server::new(&records);
        let (mut record, token) = server.begin().await;
        if waits {
            record = server.save(&record, 1, NOW).await;
        }
        server.line.loses_replies.store(true, SeqCst);
        let next_record = login(&record, NOW);
        server.store.replace(&next_record, record.version(), cx(NOW)).await.unwrap_err();
        server.line.loses_replies.store(false, SeqCst);
        let change = next(&record, 2, NOW);
        let answer = server.store.replace(&change, record.version(), cx(NOW)).await.unwrap();
        assert!(
            matches!(&answer, Replaced::Conflict(found) if found.subject() == Some("alice")),
            "{answer:?}"
        );
        settle().await;
        assert_eq!(stored(&records).await.version(), next_record.version());
        assert!(matches!(server.load(&token, NOW).await.unwrap(), Loaded::Absent(Absence::Rotated { .. })));
        assert_eq!(server.store.lost(), 0, "the login has taken the change with it");
    }
}

/// The same, when a change that waited is saved before anything else happens.
#[tokio::test(start_paused = true)]
async fn a_save_does_not_take_a_login_of_unknown_fate_for_its_own() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let (record, token) = server.begin().await;
    let record = server.save(&record, 1, NOW).await;
    server.line.loses_replies.store(true, SeqCst);
    server.store.replace(&login(&record, NOW), record.version(), cx(NOW)).await.unwrap_err();
    server.line.loses_replies.store(false, SeqCst);
    settle().await;
    assert_eq!(stored(&records).await.subject(), Some("alice"));
    assert!(matches!(server.load(&token, NOW).await.unwrap(), Loaded::Absent(Absence::Rotated { .. })));
    assert_eq!((server.store.unsaved(), server.store.lost()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_await_takes_full_effect_or_none() {
    for polls in 0..6 {
        let records = MemoryStore::new();
        let (server, other) = (Server::new(&records), Server::new(&records));
        let (record, old) = server.begin().await;
        let record = server.save(&record, 1, NOW).await;
        let next_record = login(&record, NOW);
        let login = server.store.replace(&next_record, record.version(), cx(NOW));
        drop(drop_after(polls, login).await);
        settle().await;
        let is_done = stored(&records).await.subject().is_some();
        assert_eq!(is_done, polls >= 2, "{polls}");
        let seen = [server.load(&old, NOW).await.unwrap(), other.load(&old, NOW).await.unwrap()];
        let opens = seen.map(|loaded| matches!(loaded, Loaded::Live { .. }));
        assert_eq!(opens, [!is_done; 2], "{polls}");
        assert!(stored(&records).await.remembers(record.version().write), "{polls}: no change is lost");

        let end = server.store.end(End::of(&record, EndedBy::Client), cx(NOW));
        drop(drop_after(polls, end).await);
        let is_ended = records.find(&record.id(), cx(NOW)).await.unwrap().live().is_none();
        let here = server.store.find(&record.id(), cx(NOW)).await.unwrap().live();
        assert_eq!(here.is_none(), is_ended, "{polls}");
        drop(drop_after(polls, server.store.find(&record.id(), cx(NOW).fresh())).await);
        drop(drop_after(polls, server.load(&old, NOW + 2 * SECOND)).await);
        drop(drop_after(polls, server.store.0.save(record.id(), cx(NOW).deadline)).await);
        settle().await;
        assert_eq!(server.store.unsaved(), 0, "{polls}");
    }
}

#[test]
fn a_store_that_does_not_fit_is_refused() {
    let message = WriteBehind::new(MemoryStore::new()).unwrap_err().to_string();
    assert!(message.contains("a crash takes both"), "{message}");
    let fits = Shared(MemoryStore::new(), Arc::default()).guarantees();
    assert_eq!(misfit(&fits), None);
    for unfit in [
        fits.token(TokenForm::Encrypted),
        fits.survives_restart(false),
        fits.updates(Updates::LastWriterWins),
        fits.writable(false),
        fits.revocation(Revocation::AtExpiry),
    ] {
        assert!(misfit(&unfit).is_some(), "{unfit:?}");
    }
}

/// There is no task to save a change without a runtime, so none waits.
#[test]
fn without_a_runtime_changes_are_written_first() {
    let records = MemoryStore::new();
    let server = Server::new(&records);
    let mut begun = pin!(async {
        let (record, _) = server.begin().await;
        server.save(&record, 1, NOW).await;
        n(&stored(&records).await)
    });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let n = loop {
        if let Poll::Ready(n) = begun.as_mut().poll(&mut cx) {
            break n;
        }
    };
    assert_eq!(n, 1);
}
