//! Servers that share a store, and what a client holds that goes from one to another.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Hybrid, WhileDown};
use crate::{
    error::{StoreError, StoreErrorKind},
    id::{SessionId, WriteId},
    keyring::{KeyRing, SecretKey},
    record::{Data, Lifetime, Record, Rotation},
    secret::Secret,
    store::{
        Absence, Created, End, Ended, EndedBy, Freshness, Index, Loaded, MemoryStore, PresentedToken,
        ReferenceToken, Replaced, Revocation, SessionStore as _, StoreContext, Token, TokenForm, Touched,
        Updates, Upkeep,
    },
    time::{Deadline, Timestamp},
};

const SECOND: Duration = Duration::from_secs(1);
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// A store that all servers share, as if it was in none of them.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<SharedStore>);

#[derive(Debug, Default)]
struct SharedStore {
    memory: MemoryStore,
    loads: AtomicUsize,
    is_down: AtomicBool,
    /// Whether its circuit breaker has noticed that it is.
    is_open: AtomicBool,
}

impl Shared {
    fn check(&self) -> Result<(), StoreError> {
        match (self.0.is_down.load(SeqCst), self.0.is_open.load(SeqCst)) {
            (false, _) => Ok(()),
            (true, false) => Err(StoreError::new(StoreErrorKind::Unavailable, "down")),
            (true, true) => Err(StoreError::new(StoreErrorKind::CircuitOpen, "not asked")),
        }
    }

    /// How often it was asked since the last time.
    fn loads(&self) -> usize {
        self.0.loads.swap(0, SeqCst)
    }
}

mod layer {
    use std::sync::atomic::Ordering::SeqCst;

    use async_trait::async_trait;

    use super::Shared;
    use crate::{
        SessionStore, StoreError,
        record::{Record, Version},
        store::{End, Ended, Guarantees, Loaded, PresentedToken, Replaced, Scope, StoreContext, StoreLayer},
        time::Timestamp,
    };

    #[async_trait]
    impl StoreLayer for Shared {
        fn inner(&self) -> &dyn SessionStore {
            &self.0.memory
        }

        fn guarantees(&self) -> Guarantees {
            SessionStore::guarantees(&self.0.memory).scope(Scope::AllNodes)
        }

        async fn load(&self, presented: PresentedToken<'_>, cx: StoreContext) -> Result<Loaded, StoreError> {
            self.0.loads.fetch_add(1, SeqCst);
            self.check()?;
            self.inner().load(presented, cx).await
        }

        fn load_now(&self, _: PresentedToken<'_>, _: Timestamp) -> Option<Result<Loaded, StoreError>> {
            None
        }

        async fn replace(
            &self,
            record: &Record,
            expected: Version,
            cx: StoreContext,
        ) -> Result<Replaced, StoreError> {
            self.check()?;
            self.inner().replace(record, expected, cx).await
        }

        async fn end(&self, end: End, cx: StoreContext) -> Result<Ended, StoreError> {
            self.check()?;
            self.inner().end(end, cx).await
        }
    }
}

/// A server with its clock.
#[derive(Clone)]
struct Server {
    hybrid: Hybrid<Shared>,
    now: Timestamp,
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::from_bytes(&(0..32).collect::<Vec<_>>()).unwrap())
}

/// Another server of the same sessions.
fn server(shared: &Shared) -> Server {
    Server { hybrid: Hybrid::new(shared.clone(), &keys()).unwrap(), now: START }
}

/// Everything here is ready at its first poll.
fn ready<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("nothing here waits"),
    }
}

impl Server {
    fn at(&self, seconds: i64) -> Self {
        Self { now: Timestamp::from_millis(START.as_millis() + 1000 * seconds), ..self.clone() }
    }

    fn cx(&self) -> StoreContext {
        StoreContext::new(self.now, Deadline::after(SECOND))
    }

    fn load(&self, token: &Token) -> Result<Loaded, StoreError> {
        let presented = PresentedToken::new(token.expose().as_bytes());
        // As the engine asks.
        self.hybrid.load_now(presented, self.now).unwrap_or_else(|| self.load_as(token, self.cx()))
    }

    fn load_as(&self, token: &Token, cx: StoreContext) -> Result<Loaded, StoreError> {
        ready(self.hybrid.load(PresentedToken::new(token.expose().as_bytes()), cx))
    }

    fn live(&self, token: &Token) -> (Record, Upkeep) {
        match self.load(token).unwrap() {
            Loaded::Live { record, upkeep } => (record, upkeep),
            Loaded::Absent(absence) => panic!("{absence:?}"),
        }
    }

    fn absence(&self, token: &Token) -> Absence {
        match self.load(token).unwrap() {
            Loaded::Absent(absence) => absence,
            Loaded::Live { .. } => panic!("it is live"),
        }
    }

    fn create(&self, record: &Record) -> Token {
        match ready(self.hybrid.create(record, self.cx())).unwrap() {
            Created::Done(token) => token,
            other => panic!("{other:?}"),
        }
    }

    fn replace(&self, next: &Record, loaded: &Record) -> Replaced {
        ready(self.hybrid.replace(next, loaded.version(), self.cx())).unwrap()
    }

    fn save(&self, loaded: &Record, write: u64, value: &[u8]) -> Token {
        match self.replace(&changed(loaded, write, value, self.now), loaded) {
            Replaced::Done(Some(token)) => token,
            other => panic!("{other:?}"),
        }
    }

    fn touch(&self, loaded: &Record, write: u64) -> Option<Token> {
        let next = loaded.successor(WriteId::from_u64(write)).active(self.now).finish();
        match ready(self.hybrid.touch(&next, loaded.version(), self.cx())).unwrap() {
            Touched::Done(token) => token,
            Touched::Gone(absence) => panic!("{absence:?}"),
        }
    }

    fn log_out(&self, record: &Record) {
        let ended = ready(self.hybrid.end(End::of(record, EndedBy::Client), self.cx()));
        assert_eq!(ended.unwrap(), Ended::Done);
    }
}

fn record() -> Record {
    let lifetime = Lifetime { idle: 3600 * SECOND, absolute: 7200 * SECOND };
    let (id, secret) = (SessionId::from_bytes([7; 16]), Secret::from_bytes([1; 16]));
    Record::new(id, secret, WriteId::from_u64(1), lifetime, START)
}

fn changed(loaded: &Record, write: u64, value: &[u8], now: Timestamp) -> Record {
    let data = Data::default().with("n", value).unwrap();
    loaded.successor(WriteId::from_u64(write)).data(data).active(now).finish()
}

fn is_sealed(token: &Token) -> bool {
    !ReferenceToken::recognises(token.expose().as_bytes())
}

fn value(record: &Record) -> Option<&[u8]> {
    record.data().get("n")
}

#[test]
fn it_declares_what_it_weakens_and_refuses_what_it_does_not_fit() {
    let guarantees = server(&Shared::default()).hybrid.guarantees();
    assert_eq!((guarantees.name, guarantees.token), ("hybrid", TokenForm::Encrypted));
    assert!(guarantees.keeps_records);
    assert_eq!((guarantees.updates, guarantees.index), (Updates::NeverLost, Index::Process));
    assert_eq!(guarantees.revocation, Revocation::Within(60 * SECOND));
    let reads = WhileDown::Read { up_to: 600 * SECOND };
    let longer = server(&Shared::default()).hybrid.while_down(reads).guarantees();
    assert_eq!(longer.revocation, Revocation::Within(600 * SECOND));
    assert!(Hybrid::new(MemoryStore::new(), &keys()).is_err());
    let twice = server(&Shared::default()).hybrid;
    assert_eq!(
        Hybrid::new(twice, &keys()).unwrap().guarantees().revocation,
        Revocation::Within(120 * SECOND)
    );
}

#[test]
fn a_read_within_the_window_asks_nobody_and_later_ones_once_a_window() {
    let shared = Shared::default();
    let server = server(&shared);
    let mut token = server.create(&record());
    for seconds in 0..=55 {
        assert_eq!(server.at(seconds).live(&token).1, Upkeep::None);
    }
    assert_eq!(shared.loads(), 0);
    for seconds in [56, 112, 168] {
        let later = server.at(seconds);
        let (record, upkeep) = later.live(&token);
        assert_eq!((upkeep, shared.loads()), (Upkeep::Touch, 1));
        token = later.touch(&record, 100 + u64::try_from(seconds).unwrap()).unwrap();
        let (record, upkeep) = server.at(seconds + 55).live(&token);
        assert_eq!((upkeep, shared.loads()), (Upkeep::None, 0));
        assert_eq!(record.last_active(), later.now);
    }
}

#[test]
fn tabs_with_tokens_of_different_age_lose_nothing() {
    let shared = Shared::default();
    let (one, other) = (server(&shared), server(&shared).at(1));
    let token = one.create(&record());
    let [(in_one, _), (in_other, _)] = [one.live(&token), other.live(&token)];
    one.save(&in_one, 2, b"1");
    let Replaced::Conflict(stored) = other.replace(&changed(&in_other, 3, b"2", other.now), &in_other) else {
        panic!("a state that is outdated was overwritten")
    };
    assert_eq!(value(&stored), Some(&b"1"[..]));
    let replayed = other.save(&stored, 4, b"12");
    for server in [one, other] {
        assert_eq!(value(&server.live(&replayed).0), Some(&b"12"[..]));
    }
}

#[test]
fn an_end_on_another_server_counts_after_the_window_and_here_at_once() {
    let shared = Shared::default();
    let (here, there) = (server(&shared), server(&shared));
    let token = here.create(&record());
    there.log_out(&record());
    assert!(matches!(there.absence(&token), Absence::Ended { .. }), "where it ended");
    here.at(55).live(&token);
    assert!(matches!(here.at(61).absence(&token), Absence::Ended { .. }));
    assert!(matches!(here.at(55).absence(&token), Absence::Ended { .. }), "now it is known here, too");
}

#[test]
fn who_asks_for_now_is_answered_as_of_now() {
    let shared = Shared::default();
    let (here, there) = (server(&shared), server(&shared));
    let token = here.create(&record());
    there.save(&record(), 2, b"1");
    assert_eq!(value(&here.live(&token).0), None);
    let fresh = here.cx().fresh();
    assert_eq!(fresh.freshness, Freshness::Now);
    let Loaded::Live { record, upkeep } = here.load_as(&token, fresh).unwrap() else { panic!() };
    assert_eq!((value(&record), upkeep), (Some(&b"1"[..]), Upkeep::Touch));
    assert_eq!(value(&here.live(&token).0), Some(&b"1"[..]), "from now on it is known here");
    there.log_out(&record);
    assert!(matches!(here.load_as(&token, fresh).unwrap(), Loaded::Absent(Absence::Ended { .. })));
    assert!(matches!(here.absence(&token), Absence::Ended { .. }));
}

#[test]
fn however_far_the_clocks_are_apart_within_the_leeway_the_bound_holds() {
    for [ahead, behind] in [[5, 0], [0, 5], [0, 0]] {
        let shared = Shared::default();
        let (here, there) = (server(&shared), server(&shared));
        // What happens at second 100 by the true clock.
        let token = there.at(100 + ahead).create(&record());
        there.at(100 + ahead).log_out(&record());
        for second in 161..180 {
            assert!(matches!(here.at(second + behind).absence(&token), Absence::Ended { .. }));
        }
    }
}

#[test]
fn a_session_that_does_not_fit_stays_in_the_store_and_comes_back() {
    let shared = Shared::default();
    let server = server(&shared);
    let token = server.create(&record());
    assert!(is_sealed(&token));
    let large = [b'1'; 3000];
    let reference = server.save(&server.live(&token).0, 2, &large);
    assert!(!is_sealed(&reference));
    assert_eq!(shared.loads(), 0);
    let (loaded, upkeep) = server.at(1).live(&reference);
    assert_eq!((value(&loaded), upkeep, shared.loads()), (Some(&large[..]), Upkeep::None, 1));
    assert!(server.touch(&loaded, 3).is_none(), "its client keeps the reference");
    let (outdated, upkeep) = server.at(1).live(&token);
    assert_eq!((value(&outdated), upkeep), (Some(&large[..]), Upkeep::None));
    let small = server.at(2).save(&loaded, 4, b"1");
    assert!(is_sealed(&small));
    // The client has not received it: the reference is exchanged when it is used.
    let (loaded, upkeep) = server.at(3).live(&reference);
    assert_eq!(upkeep, Upkeep::Touch);
    assert!(is_sealed(&server.at(3).touch(&loaded, 5).unwrap()));
}

#[test]
fn who_presents_an_earlier_secret_gets_no_token() {
    let shared = Shared::default();
    let (here, there) = (server(&shared), server(&shared));
    let old = here.create(&record());
    let (loaded, _) = there.live(&old);
    let rotation = Rotation::with_grace(START, 30 * SECOND);
    let renewed =
        loaded.successor(WriteId::from_u64(2)).rotated(Secret::from_bytes([2; 16]), rotation).finish();
    let Replaced::Done(Some(new)) = there.replace(&renewed, &loaded) else { panic!() };
    // By now the old one is believed nowhere but here.
    let (stale, _) = here.live(&old);
    assert!(here.touch(&stale, 3).is_none(), "the store has another secret");
    let (by_old, upkeep) = there.live(&old);
    assert!(by_old.known_secret().is_none());
    assert_eq!(upkeep, Upkeep::None);
    assert!(there.touch(&by_old, 4).is_none());
    let answer = there.replace(&changed(&by_old, 5, b"1", START), &by_old);
    assert!(matches!(answer, Replaced::Done(None)), "{answer:?}");
    assert_eq!(value(&there.live(&new).0), Some(&b"1"[..]));
    assert_eq!(
        there.hybrid.reference_token(PresentedToken::new(old.expose().as_bytes())).unwrap().secret().expose(),
        &[1; 16]
    );
}

#[test]
fn a_write_that_is_sent_again_brings_a_token_of_its_time() {
    let shared = Shared::default();
    let (here, there) = (server(&shared), server(&shared));
    let token = here.create(&record());
    let (loaded, _) = here.live(&token);
    let next = changed(&loaded, 2, b"1", START);
    // Its reply is lost; another server writes on; half a minute later it is sent again.
    assert!(matches!(here.replace(&next, &loaded), Replaced::Done(Some(_))));
    there.save(&next, 3, b"2");
    let again = match here.at(30).replace(&next, &loaded) {
        Replaced::Done(Some(token)) => token,
        other => panic!("{other:?}"),
    };
    let (seen, upkeep) = server(&shared).at(56).live(&again);
    assert_eq!((value(&seen), upkeep), (Some(&b"2"[..]), Upkeep::Touch), "a minute after the other write");
}

#[test]
fn a_touch_behind_another_write_brings_what_that_has_left() {
    let shared = Shared::default();
    let (here, there) = (server(&shared), server(&shared));
    let token = here.create(&record());
    let (loaded, _) = here.at(60).live(&token);
    there.at(60).save(&loaded, 2, b"1");
    let minted = here.at(60).touch(&loaded, 3).unwrap();
    assert_eq!(value(&here.at(61).live(&minted).0), Some(&b"1"[..]));
    assert_eq!(shared.loads(), 1);
}

#[test]
fn a_token_with_a_flipped_bit_opens_nothing_and_asks_nobody() {
    let shared = Shared::default();
    let server = server(&shared);
    let token = server.create(&record());
    for at in 0..token.expose().len() {
        let mut bytes = token.expose().as_bytes().to_vec();
        bytes[at] ^= 1;
        let Some(flipped) = String::from_utf8(bytes).ok().and_then(Token::new) else { continue };
        // The engine loads nothing else.
        if !crate::SessionStore::recognises(&server.hybrid, PresentedToken::new(flipped.expose().as_bytes()))
        {
            continue;
        }
        assert!(matches!(server.at(120).load(&flipped).unwrap(), Loaded::Absent(_)), "{at}");
    }
    assert_eq!(shared.loads(), 0);
    let other = Hybrid::new(shared, &keys()).unwrap().context("another app");
    let answer = other.load_now(PresentedToken::new(token.expose().as_bytes()), START).unwrap().unwrap();
    assert!(matches!(answer, Loaded::Absent(Absence::Forged)));
}

#[test]
fn while_the_store_is_down_tokens_are_read_as_long_as_it_was_chosen_and_nothing_is_written() {
    let shared = Shared::default();
    let refuses = server(&shared);
    let reads = Server {
        hybrid: server(&shared).hybrid.while_down(WhileDown::Read { up_to: 600 * SECOND }),
        ..refuses.clone()
    };
    let token = refuses.create(&record());
    shared.0.is_down.store(true, SeqCst);
    refuses.at(55).live(&token);
    assert_eq!(refuses.at(56).load(&token).unwrap_err().kind(), StoreErrorKind::Unavailable);
    let (loaded, upkeep) = reads.at(595).live(&token);
    assert_eq!(upkeep, Upkeep::None);
    assert!(reads.at(596).load(&token).is_err());
    shared.0.is_open.store(true, SeqCst);
    reads.at(595).live(&token);
    shared.0.is_open.store(false, SeqCst);
    let next = changed(&loaded, 2, b"1", START);
    assert!(ready(reads.hybrid.replace(&next, loaded.version(), reads.cx())).is_err());
    assert!(ready(reads.hybrid.end(End::of(&loaded, EndedBy::Client), reads.cx())).is_err());
    // The end may have taken effect, so the token is not believed here any more without an answer.
    assert!(reads.at(1).load(&token).is_err());
    shared.0.is_down.store(false, SeqCst);
    assert!(matches!(reads.at(1).live(&token), (_, Upkeep::None | Upkeep::Touch)));
}

#[test]
fn debug_shows_no_secret_and_no_key() {
    let server = server(&Shared::default());
    let token = server.create(&record());
    let text = format!("{:?} {:?}", server.hybrid, server.load(&token));
    assert!(!text.contains("010101") && !text.contains("1, 1, 1"), "{text}");
}
