//! The public conformance suite.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness, Outage},
    store::{Cached, PostgresStore},
};

use crate::{
    rig::{PgBouncer, PostgresServer, Wire},
    scene::soon,
};

/// One server for all checks, each of which has a table of its own; the way to it can be cut.
struct Checked {
    server: Arc<Mutex<PostgresServer>>,
    wire: Arc<Wire>,
    is_named: bool,
    is_cached: bool,
    table: String,
    handles: Mutex<Vec<PostgresStore>>,
}

impl Checked {
    /// Makes a harness for every check.
    fn each(server: PostgresServer, wire: Wire, is_named: bool, is_cached: bool) -> impl Fn() -> Self {
        let (server, wire, checks) = (Arc::new(Mutex::new(server)), Arc::new(wire), AtomicUsize::new(0));
        move || Self {
            server: Arc::clone(&server),
            wire: Arc::clone(&wire),
            is_named,
            is_cached,
            table: format!("check_{}", checks.fetch_add(1, Ordering::Relaxed)),
            handles: Mutex::default(),
        }
    }

    async fn handle(&self) -> Arc<dyn SessionStore> {
        let store = PostgresStore::builder(&self.wire.postgres_url()).unwrap();
        let store = store
            .table(&self.table)
            .unwrap()
            .named_statements(self.is_named)
            .announce_changes(self.is_cached);
        let store = store.build();
        store.create_table(soon()).await.unwrap();
        self.handles.lock().unwrap().push(store.clone());
        if self.is_cached { Arc::new(Cached::new(store).unwrap()) } else { Arc::new(store) }
    }

    fn outage(&self) -> Option<Box<dyn Outage>> {
        let handles = self.handles.lock().unwrap().clone();
        Some(Box::new(Out { wire: Arc::clone(&self.wire), handles }))
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

    async fn dump(&self) -> Option<Vec<u8>> {
        let server = self.server.lock().unwrap();
        let rows = server.sql(&format!("SELECT to_json(stored) FROM {} AS stored", self.table));
        let records = server.sql(&format!("SELECT encode(record, 'hex') FROM {}", self.table));
        let bytes = records.lines().flat_map(from_hex).collect::<Vec<_>>();
        Some([rows.into_bytes(), bytes].concat())
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        self.wire.cut();
        self.outage()
    }

    async fn hang(&self) -> Option<Box<dyn Outage>> {
        self.wire.hold();
        self.outage()
    }
}

fn from_hex(line: &str) -> Vec<u8> {
    let digits = (0..line.len()).step_by(2).map(|at| &line[at..at + 2]);
    digits.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

struct Out {
    wire: Arc<Wire>,
    handles: Vec<PostgresStore>,
}

#[async_trait]
impl Outage for Out {
    async fn over(self: Box<Self>) {
        self.wire.heal();
        for handle in &self.handles {
            while handle.ping(soon()).await.is_err() {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_passes() {
    let server = PostgresServer::start();
    let wire = Wire::before(server.address());
    conformance::check(Checked::each(server, wire, true, false)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_behind_a_cache_passes() {
    let server = PostgresServer::start();
    let wire = Wire::before(server.address());
    conformance::check(Checked::each(server, wire, true, true)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbouncer_in_transaction_mode_passes_without_named_statements() {
    let server = PostgresServer::start();
    let pooler = PgBouncer::before(server.address(), 4);
    let wire = Wire::before(pooler.address());
    conformance::check(Checked::each(server, wire, false, false)).await.assert();
    drop(pooler);
}
