//! A log of revocations in PostgreSQL, and sessions in cookies that it ends.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use cloakroom::{
    SessionId, SessionStore, StoreErrorKind,
    conformance::{self, Harness, RevocationLogHarness},
    keyring::{KeyRing, SecretKey},
    store::{
        EncryptedCookieStore, EndedBy, PostgresRevocationLog, PostgresStore, RevocableStore, RevocationLog,
        Revoked, RevokedSessions, StoreContext,
    },
    time::Timestamp,
};

use crate::{rig::PostgresServer, scene::soon};

/// One server for all checks, each of which has a table of its own.
struct Checked {
    server: Arc<Mutex<PostgresServer>>,
    keys: KeyRing,
    table: String,
}

impl Checked {
    fn each() -> impl Fn() -> Self {
        let (server, checks) = (Arc::new(Mutex::new(PostgresServer::start())), AtomicUsize::new(0));
        move || Self {
            server: Arc::clone(&server),
            keys: KeyRing::new(SecretKey::generate().unwrap()),
            table: format!("check_{}", checks.fetch_add(1, Ordering::Relaxed)),
        }
    }

    async fn open(&self) -> PostgresRevocationLog {
        let url = self.server.lock().unwrap().url();
        let store = PostgresStore::builder(&url).unwrap().table(&self.table).unwrap().build();
        let log = PostgresRevocationLog::of(&store);
        log.create_table(soon()).await.unwrap();
        log
    }

    async fn handle(&self) -> Arc<dyn SessionStore> {
        let cookies = EncryptedCookieStore::new(&self.keys);
        Arc::new(RevocableStore::new(cookies, self.open().await).unwrap())
    }
}

#[async_trait]
impl Harness for Checked {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle().await
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle().await)
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        self.server.lock().unwrap().restart();
        Some(self.handle().await)
    }
}

#[async_trait]
impl RevocationLogHarness for Checked {
    async fn log(&self) -> Arc<dyn RevocationLog> {
        Arc::new(self.open().await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_with_a_log_in_postgresql_pass_the_suite() {
    conformance::check(Checked::each()).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_passes_its_own_suite() {
    conformance::check_revocation_log(Checked::each()).await.assert();
}

fn cx() -> StoreContext {
    StoreContext::new(Timestamp::from_millis(1_790_000_000_000), soon())
}

fn entry() -> Revoked {
    let what = RevokedSessions::One { id: SessionId::from_bytes([1; 16]), by: EndedBy::Client };
    Revoked { what, at: cx().now, keep_until: Timestamp::MAX }
}

/// Where commits take long, and not equally long.
struct Slow(Checked, Mutex<bool>);

#[async_trait]
impl RevocationLogHarness for Slow {
    async fn log(&self) -> Arc<dyn RevocationLog> {
        let log = self.0.open().await;
        if !std::mem::replace(&mut *self.1.lock().unwrap(), true) {
            let table = &self.0.table;
            self.0.server.lock().unwrap().sql(&format!(
                "CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger AS
                 'BEGIN PERFORM pg_sleep(random() * 0.004); RETURN NEW; END' LANGUAGE plpgsql;
                 CREATE TRIGGER dawdle AFTER INSERT ON {table}_revocations FOR EACH ROW EXECUTE FUNCTION dawdle()"
            ));
        }
        Arc::new(log)
    }
}

/// A number that is committed after a higher one would be missed by a reader.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_commits_take_long_passes_its_suite() {
    let each = Checked::each();
    conformance::check_revocation_log(|| Slow(each(), Mutex::new(false))).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_missing_is_named_and_made_where_that_is_allowed() {
    let server = PostgresServer::start();
    let log = PostgresRevocationLog::of(&PostgresStore::from_url(&server.url()).unwrap());
    let error = log.append(&entry(), cx()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unsupported);
    assert!(error.to_string().contains("create_table()"), "{error}");
    let made = PostgresStore::builder(&server.url()).unwrap().create_missing_table().build();
    assert!(PostgresRevocationLog::of(&made).append(&entry(), cx()).await.is_ok());
    assert_eq!(log.read(0, cx()).await.unwrap().entries.len(), 1);
}
