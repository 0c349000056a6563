//! Sessions that clients carry and a log ends: the real layer passes, one with a flaw does not.

use std::sync::Arc;

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreError,
    conformance::{self, Outcome, Report},
    keyring::{KeyRing, SecretKey},
    record::Record,
    store::{
        Absence, EncryptedCookieStore, JwtStore, MemoryRevocationLog, RevocableStore, RevocationLog,
        RevocationPage, Revocations, Revoked, Scope, SignedCookieStore, StoreContext, StoreLayer,
    },
    time::Timestamp,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Every session comes before every revocation.
    ForgetsSequences,
    /// The session that asks ends with the others.
    SparesNothing,
    /// Every session comes after every revocation.
    RaisesSequences,
}

#[derive(Debug)]
pub(crate) struct Flawed {
    inner: RevocableStore<EncryptedCookieStore>,
    flaw: Flaw,
}

fn keys() -> KeyRing {
    KeyRing::new(SecretKey::generate().unwrap())
}

fn revocable<S: SessionStore>(inner: S) -> RevocableStore<S> {
    RevocableStore::new(inner, MemoryRevocationLog::new()).unwrap()
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { inner: revocable(EncryptedCookieStore::new(&keys())), flaw }
    }
}

impl StoreLayer for Flawed {
    fn inner(&self) -> &dyn SessionStore {
        &self.inner
    }

    fn revocations(&self) -> Option<&dyn Revocations> {
        Some(self)
    }
}

#[async_trait]
impl Revocations for Flawed {
    async fn sequence(&self, is_login: bool, cx: StoreContext) -> Result<u64, StoreError> {
        match self.flaw {
            Flaw::ForgetsSequences => Ok(0),
            Flaw::RaisesSequences => Ok(u64::MAX),
            _ => self.inner.sequence(is_login, cx).await,
        }
    }

    async fn end_of(&self, record: &Record, cx: StoreContext) -> Result<Option<Absence>, StoreError> {
        self.inner.end_of(record, cx).await
    }

    async fn end_subject(
        &self,
        subject: &str,
        except: Option<SessionId>,
        until: Timestamp,
        cx: StoreContext,
    ) -> Result<(), StoreError> {
        let except = except.filter(|_| self.flaw != Flaw::SparesNothing);
        self.inner.end_subject(subject, except, until, cx).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_store_whose_clients_carry_their_sessions_passes_with_a_log() {
    let stores: [fn() -> Arc<dyn SessionStore>; 3] = [
        || Arc::new(revocable(EncryptedCookieStore::new(&keys()))),
        || Arc::new(revocable(SignedCookieStore::new(&keys()))),
        || Arc::new(revocable(JwtStore::from_ring(&keys()))),
    ];
    for store in stores {
        let report = conformance::check(store).await;
        report.assert();
        for check in ["an_ended_session_is_refused", "a_log_out_counts_although_its_reply_is_lost"] {
            assert_eq!(report.outcome(check), Some(&Outcome::Passed), "{check}");
        }
    }
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy)]
enum LogFlaw {
    /// It returns what it has not kept.
    ForgetsEverySecond,
    /// A number is one that readers have passed.
    CountsBackwards,
    /// It begins anew with every read.
    ReadsFromTheBeginning,
    /// It removes all whose time has passed, and those whose time is near.
    KeepsNothing,
}

#[derive(Debug, Clone)]
struct FlawedLog(MemoryRevocationLog, LogFlaw);

#[async_trait]
impl RevocationLog for FlawedLog {
    fn scope(&self) -> Scope {
        self.0.scope()
    }

    fn survives_restart(&self) -> bool {
        false
    }

    async fn append(&self, entry: &Revoked, cx: StoreContext) -> Result<u64, StoreError> {
        let number = self.0.append(entry, cx).await?;
        Ok(if matches!(self.1, LogFlaw::CountsBackwards) { u64::MAX - number } else { number })
    }

    async fn read(&self, after: u64, cx: StoreContext) -> Result<RevocationPage, StoreError> {
        let from = if matches!(self.1, LogFlaw::ReadsFromTheBeginning) { 0 } else { after };
        let mut page = self.0.read(from, cx).await?;
        match self.1 {
            LogFlaw::ForgetsEverySecond => page.entries.retain(|(number, _)| number % 2 == 0),
            LogFlaw::KeepsNothing => page.entries.clear(),
            _ => {}
        }
        Ok(page)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_memory_passes_and_flawed_ones_do_not() {
    conformance::check_revocation_log(MemoryRevocationLog::new).await.assert();
    for (flaw, checks) in [
        (
            LogFlaw::ForgetsEverySecond,
            &["a_reader_misses_no_entry_of_many_writers", "entries_are_what_was_written"][..],
        ),
        (LogFlaw::CountsBackwards, &["entries_are_read_in_order_and_once"]),
        (LogFlaw::ReadsFromTheBeginning, &["entries_are_read_in_order_and_once"]),
        (
            LogFlaw::KeepsNothing,
            &["entries_are_kept_for_their_time", "a_clock_that_jumps_ahead_removes_little"],
        ),
    ] {
        let report: Report =
            conformance::check_revocation_log(|| FlawedLog(MemoryRevocationLog::new(), flaw)).await;
        let failures: Vec<_> = report.failures().collect();
        assert!(checks.iter().all(|check| failures.contains(check)), "{flaw:?}\n{report}");
    }
}
