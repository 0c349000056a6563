//! Sessions that their clients carry, and that end all the same: a log of revocations that servers share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStatus, SessionStore, StoreError, StoreErrorKind,
    keyring::{KeyRing, SecretKey},
    store::{
        EncryptedCookieStore, EndedBy, JwtStore, MemoryRevocationLog, MemoryStore, RevocableStore,
        RevocationLog, RevocationPage, Revoked, RevokedSessions, Scope, SignedCookieStore, StoreContext,
        VerifyingKey,
    },
    time::{Deadline, Timestamp},
};

use crate::browser::{Browser, HOUR, MINUTE, START, Server};

const SECOND: Duration = Duration::from_secs(1);

/// A log that can be down, and counts what it is asked.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    log: MemoryRevocationLog,
    is_down: AtomicBool,
    is_held: AtomicBool,
    reads: AtomicUsize,
    appends: AtomicUsize,
}

impl Log {
    fn is_down(&self, yes: bool) {
        self.0.is_down.store(yes, SeqCst);
    }

    fn counts(&self) -> (usize, usize) {
        (self.0.reads.load(SeqCst), self.0.appends.load(SeqCst))
    }

    /// Answers once all of these have come as far as they can.
    async fn after<T>(&self, requests: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        self.0.is_held.store(true, SeqCst);
        let release = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            self.0.is_held.store(false, SeqCst);
        };
        tokio::join!(futures_util::future::join_all(requests), release).0
    }

    async fn answer(&self) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        while self.0.is_held.load(SeqCst) {
            tokio::task::yield_now().await;
        }
        if self.0.is_down.load(SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the log is down"));
        }
        Ok(())
    }
}

#[async_trait]
impl RevocationLog for Log {
    fn scope(&self) -> Scope {
        self.0.log.scope()
    }

    fn survives_restart(&self) -> bool {
        self.0.log.survives_restart()
    }

    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError> {
        self.0.appends.fetch_add(1, SeqCst);
        self.answer().await?;
        self.0.log.append(entry, cx).await
    }

    async fn read(&self, after: u64, cx: StoreContext) -> Result<RevocationPage, StoreError> {
        self.0.reads.fetch_add(1, SeqCst);
        self.answer().await?;
        self.0.log.read(after, cx).await
    }
}

/// Two servers with one key and one log. Their clocks are one hour apart where that is asked for.
struct Site {
    log: Log,
    keys: KeyRing,
    one: Server,
    other: Server,
}

impl Site {
    fn new() -> Self {
        Self::with(|store| store)
    }

    fn with(options: impl Fn(Revocable) -> Revocable) -> Self {
        let (log, keys) = (Log::default(), KeyRing::new(SecretKey::generate().unwrap()));
        let server = || Server::new(options(revocable(&keys, &log)));
        let (one, other) = (server(), server());
        let clock = Arc::clone(&one.clock);
        let other = Server { clock: Arc::clone(&clock), ..other.with(|sessions| sessions.clock(clock)) };
        Self { log, keys, one, other }
    }

    fn advance(&self, time: Duration) {
        self.one.clock.advance(time);
    }
}

type Revocable = RevocableStore<EncryptedCookieStore>;

fn revocable(keys: &KeyRing, log: &Log) -> Revocable {
    RevocableStore::new(EncryptedCookieStore::new(keys), log.clone()).unwrap()
}

async fn logged_in(server: &Server) -> Browser {
    let mut browser = server.browser();
    assert!(browser.logs_in("alice").await.is_ok());
    browser
}

/// A browser with the same cookie at another server.
fn at(server: &Server, browser: &Browser) -> Browser {
    Browser { server: server.clone(), cookie: browser.cookie.clone() }
}

async fn is_alice(server: &Server, browser: &Browser) -> bool {
    at(server, browser).subject().await.is_some()
}

fn cx(now: Timestamp) -> StoreContext {
    StoreContext::new(now, Deadline::after(5 * SECOND))
}

#[tokio::test]
async fn a_copied_token_is_refused_here_at_once_and_elsewhere_within_a_second() {
    let site = Site::new();
    let mut alice = logged_in(&site.one).await;
    let thief = alice.clone();
    assert!(is_alice(&site.other, &thief).await);
    alice.does(|session| session.log_out()).await;
    assert!(!is_alice(&site.one, &thief).await);
    site.advance(SECOND);
    assert!(!is_alice(&site.other, &thief).await);
}

#[tokio::test]
async fn all_sessions_of_a_subject_end_by_one_write_and_a_login_right_after_counts_everywhere() {
    let site = Site::new();
    let (phone, laptop) = (logged_in(&site.one).await, logged_in(&site.other).await);
    let mut bob = site.other.browser();
    bob.logs_in("bob").await;
    let (_, before) = site.log.counts();
    site.one.sessions.end_sessions_of("alice").await.unwrap();
    assert_eq!(site.log.counts().1, before + 1);
    // This server has not heard of it yet.
    let again = logged_in(&site.other).await;
    for time in [Duration::ZERO, SECOND, MINUTE] {
        site.advance(time);
        for server in [&site.one, &site.other] {
            assert!(is_alice(server, &again).await, "after {time:?}");
        }
    }
    for old in [phone, laptop] {
        assert!(!is_alice(&site.one, &old).await);
        assert!(!is_alice(&site.other, &old).await);
    }
    assert_eq!(bob.subject().await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_login_counts_after_an_end_whatever_the_clocks_say() {
    let site = Site::new();
    let late = Server::new(revocable(&site.keys, &site.log));
    late.clock.set(START - HOUR);
    let old = logged_in(&site.one).await;
    site.one.sessions.end_sessions_of("alice").await.unwrap();
    let new = logged_in(&late).await;
    assert!(!is_alice(&late, &old).await);
    assert!(is_alice(&late, &new).await);
}

#[tokio::test]
async fn a_changed_password_ends_the_others_and_spares_the_tabs_of_this_one() {
    let site = Site::new();
    let (mut here, other) = (logged_in(&site.one).await, logged_in(&site.other).await);
    let second_tab = here.clone();
    let visit = here.visit().await;
    visit.session.end_others().await.unwrap();
    visit.session.log_in("alice").unwrap();
    assert!(here.receive(visit).await.is_ok());
    site.advance(SECOND);
    for server in [&site.one, &site.other] {
        assert!(is_alice(server, &here).await);
        assert!(is_alice(server, &second_tab).await);
        assert!(!is_alice(server, &other).await);
    }
}

#[tokio::test]
async fn a_token_that_was_issued_anew_stays_as_revoked_as_it_was() {
    let site = Site::new();
    let mut thief = at(&site.other, &logged_in(&site.one).await);
    assert!(thief.subject().await.is_some());
    site.one.sessions.end_sessions_of("alice").await.unwrap();
    // The other server does not know it yet, and writes.
    let response = thief.does(|session| session.insert("loot", 1)).await;
    assert!(response.is_ok() && response.cookie().is_some());
    site.advance(SECOND);
    assert!(!is_alice(&site.other, &thief).await);
    assert!(!is_alice(&site.one, &thief).await);
}

#[tokio::test]
async fn a_request_that_was_under_way_when_its_session_ended_writes_nothing() {
    let site = Site::new();
    let mut alice = logged_in(&site.one).await;
    let visit = alice.visit().await;
    visit.session.insert("cart", 1).unwrap();
    site.one.sessions.end_sessions_of("alice").await.unwrap();
    let response = alice.receive(visit).await;
    assert_eq!(response.status(), 409);
    assert!(!is_alice(&site.one, &alice).await);
}

#[tokio::test]
async fn a_handle_that_looks_again_learns_of_an_end() {
    let site = Site::new();
    let mut alice = logged_in(&site.one).await;
    let visit = alice.visit().await;
    let socket = visit.session.clone();
    alice.receive(visit).await;
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Live);
    let mut later = alice.clone();
    let checked = at(&site.one, &alice).visit().await;
    site.other.sessions.end_sessions_of("alice").await.unwrap();
    // At once, although what this server knows of the log is young.
    assert!(checked.session.revalidate().await.is_err());
    assert_eq!(socket.reload().await.unwrap(), SessionStatus::Ended);
    assert!(later.subject().await.is_none());
    assert_eq!(socket.subject(), None);
}

#[tokio::test]
async fn everyone_can_be_logged_out_and_one_session_by_its_id() {
    let (log, keys) = (Log::default(), KeyRing::new(SecretKey::generate().unwrap()));
    let store = Arc::new(revocable(&keys, &log));
    let server = Server::new(Arc::clone(&store));
    let (alice, mut visitor) = (logged_in(&server).await, server.browser());
    visitor.does(|session| session.insert("cart", 1)).await;
    let id = alice.visit().await.session.id().unwrap();
    assert!(server.sessions.end_session(id).await.unwrap());
    assert!(!server.sessions.end_session(id).await.unwrap());
    assert!(!is_alice(&server, &alice).await);

    let again = logged_in(&server).await;
    store.end_everyone(START + 12 * HOUR, cx(START)).await.unwrap();
    assert!(!is_alice(&server, &again).await);
    assert_eq!(visitor.sees::<i64>("cart").await, None);
    assert!(is_alice(&server, &logged_in(&server).await).await);
}

/// Three stores that name their keys, each with a ring of these.
fn rings(ring: &KeyRing, log: &Log) -> [Arc<dyn SessionStore>; 3] {
    [
        Arc::new(revocable(ring, log)),
        Arc::new(RevocableStore::new(SignedCookieStore::new(ring), log.clone()).unwrap()),
        Arc::new(RevocableStore::new(JwtStore::from_ring(ring), log.clone()).unwrap()),
    ]
}

#[tokio::test]
async fn a_compromised_key_opens_nothing_any_more_whoever_uses_it() {
    let (old, new) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let (stolen, next) = (KeyRing::new(old.clone()), KeyRing::new(new).accepting(old.clone()));
    for n in 0..3 {
        let log = Log::default();
        let [before, after] = [&stolen, &next].map(|ring| Server::new(rings(ring, &log)[n].clone()));
        let (held, kept) = (logged_in(&before).await, logged_in(&after).await);
        assert!(is_alice(&after, &held).await);
        revocable(&next, &log).end_key(old.id(), START + 12 * HOUR, cx(START)).await.unwrap();
        let forged = logged_in(&before).await;
        after.clock.advance(SECOND);
        assert!(!is_alice(&after, &held).await, "store {n}");
        assert!(!is_alice(&after, &forged).await, "store {n}: made later, under the same key");
        assert!(is_alice(&after, &kept).await, "store {n}");
    }
}

#[tokio::test]
async fn while_the_log_is_down_tokens_count_for_a_moment_and_nothing_is_said_to_have_ended() {
    let site = Site::new();
    let (alice, mut leaving) = (logged_in(&site.one).await, logged_in(&site.one).await);
    site.log.is_down(true);
    assert!(is_alice(&site.one, &alice).await, "what is known is young");
    let login = site.one.browser().logs_in("alice").await;
    assert_eq!(login.status(), 503);
    assert!(site.one.sessions.end_sessions_of("alice").await.is_err());
    let response = leaving.does(|session| session.log_out()).await;
    assert_eq!(response.status(), 503, "a log-out is confirmed or an error");
    site.advance(SECOND);
    let error = alice.try_visit(&alice.request()).await.map(drop).unwrap_err();
    assert_eq!(error.status(), 503, "an outage is never \"no session\"");
    site.log.is_down(false);
    assert!(is_alice(&site.one, &alice).await);
}

#[tokio::test]
async fn tokens_may_be_believed_for_longer_while_the_log_is_down_and_that_is_declared() {
    let site = Site::with(|store| store.accept_while_down(MINUTE));
    let declared = site.one.sessions.guarantees().revocation;
    assert_eq!(declared, cloakroom::store::Revocation::Within(MINUTE));
    let alice = logged_in(&site.one).await;
    site.log.is_down(true);
    site.advance(MINUTE - SECOND);
    assert!(is_alice(&site.one, &alice).await);
    assert!(site.one.browser().logs_in("bob").await.is_ok());
    site.advance(SECOND);
    assert_eq!(alice.try_visit(&alice.request()).await.map(drop).unwrap_err().status(), 503);
}

#[tokio::test]
async fn a_server_that_starts_knows_every_revocation_before_its_first_answer() {
    let site = Site::new();
    let mut alice = logged_in(&site.one).await;
    let thief = alice.clone();
    alice.does(|session| session.log_out()).await;
    for n in 0..100_000_u128 {
        let id = SessionId::from_bytes(n.to_le_bytes());
        let what = RevokedSessions::One { id, by: EndedBy::Other };
        site.log
            .0
            .log
            .append(&Revoked { what, at: START, keep_until: START + HOUR }, cx(START))
            .await
            .unwrap();
    }
    let fresh = Server::new(revocable(&site.keys, &site.log));
    assert!(!is_alice(&fresh, &thief).await);
    site.log.is_down(true);
    let unable = Server::new(revocable(&site.keys, &site.log));
    let thief = at(&unable, &thief);
    assert_eq!(thief.try_visit(&thief.request()).await.map(drop).unwrap_err().status(), 503);
}

#[tokio::test]
async fn the_log_is_read_by_one_request_at_a_time_and_a_few_times_a_second() {
    let site = Site::new();
    let alice = logged_in(&site.one).await;
    site.advance(HOUR / 4);
    let (before, _) = site.log.counts();
    site.log.after((0..1000).map(|_| alice.visit())).await;
    assert_eq!(site.log.counts().0, before + 1);
    for _ in 0..100 {
        site.advance(SECOND / 100);
        alice.visit().await;
    }
    assert!(site.log.counts().0 <= before + 1 + 4, "{:?}", site.log.counts());

    site.advance(MINUTE);
    site.log.is_down(true);
    let (before, _) = site.log.counts();
    let requests = (0..1000).map(|_| async { alice.try_visit(&alice.request()).await.map(drop) });
    let answers = site.log.after(requests).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.status() == 503)));
    assert_eq!(site.log.counts().0, before + 1, "those who wait share the failure");
}

#[tokio::test]
async fn an_answer_as_of_now_asks_the_log() {
    let (log, keys) = (Log::default(), KeyRing::new(SecretKey::generate().unwrap()));
    let store = Arc::new(revocable(&keys, &log));
    let server = Server::new(Arc::clone(&store));
    let alice = logged_in(&server).await;
    let token = alice.cookie.clone().unwrap();
    let token = cloakroom::store::PresentedToken::new(token.as_bytes());
    let (before, _) = log.counts();
    store.load(token, cx(START)).await.unwrap();
    assert_eq!(log.counts().0, before);
    store.load(token, cx(START).fresh()).await.unwrap();
    assert_eq!(log.counts().0, before + 1);
}

#[tokio::test]
async fn a_clock_that_was_ahead_forgets_nothing_that_is_needed_again() {
    let site = Site::new();
    let mut alice = logged_in(&site.one).await;
    let thief = alice.clone();
    alice.does(|session| session.log_out()).await;
    site.one.clock.set(START + 100 * 24 * HOUR);
    let visitor = site.one.browser();
    visitor.visit().await;
    at(&site.one, &logged_in(&site.one).await).subject().await;
    site.one.clock.set(START);
    assert!(!is_alice(&site.one, &thief).await);
}

#[test]
fn a_store_that_revokes_by_itself_or_cannot_write_is_refused() {
    let log = MemoryRevocationLog::new;
    let error = RevocableStore::new(MemoryStore::new(), log()).unwrap_err();
    assert!(error.to_string().contains("revokes sessions itself"), "{error}");
    let key = cloakroom::store::SigningKey::generate_ed25519().unwrap();
    let reader = JwtStore::verify_only([VerifyingKey::from(key)]);
    let error = RevocableStore::new(reader, log()).unwrap_err();
    assert!(error.to_string().contains("only reads tokens"), "{error}");
}
