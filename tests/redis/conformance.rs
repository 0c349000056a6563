//! The public conformance suite.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use cloakroom::{
    SessionStore,
    conformance::{self, Harness, Outage},
    store::{CachedOptions, RedisStore, WriteBehind},
    time::Deadline,
};

use crate::{
    rig::{Proxy, RedisServer},
    scene::cached,
};

/// One server for all checks, each of which has a prefix of its own; the way to it can be cut.
struct Standalone {
    server: Arc<Mutex<RedisServer>>,
    proxy: Arc<Proxy>,
    cache: Option<CachedOptions>,
    prefix: String,
    handles: Mutex<Vec<RedisStore>>,
}

impl Standalone {
    /// Makes a harness for every check.
    fn each(cache: Option<CachedOptions>) -> impl Fn() -> Self {
        // What is written but not yet on the disk survives the end of the process.
        let server = RedisServer::builder().option("appendonly", "yes").start();
        let proxy = Arc::new(Proxy::before(server.address()));
        let (server, checks) = (Arc::new(Mutex::new(server)), AtomicUsize::new(0));
        move || Self {
            server: Arc::clone(&server),
            proxy: Arc::clone(&proxy),
            cache,
            prefix: format!("check-{}:", checks.fetch_add(1, Ordering::Relaxed)),
            handles: Mutex::default(),
        }
    }

    fn handle(&self) -> Arc<dyn SessionStore> {
        let store = self.through(&self.proxy);
        match self.cache {
            Some(options) => Arc::new(cached(store, options)),
            None => Arc::new(store),
        }
    }

    fn through(&self, proxy: &Proxy) -> RedisStore {
        let store = RedisStore::builder(&proxy.url()).unwrap().prefix(&self.prefix).build();
        self.handles.lock().unwrap().push(store.clone());
        store
    }
}

#[async_trait]
impl Harness for Standalone {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.handle()
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.handle())
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        let mut server = self.server.lock().unwrap();
        server.kill();
        server.restart();
        Some(self.handle())
    }

    async fn dump(&self) -> Option<Vec<u8>> {
        Some(dump(&self.server.lock().unwrap(), &self.prefix))
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        self.proxy.refuse();
        self.proxy.kill_connections();
        let handles = self.handles.lock().unwrap().clone();
        Some(Box::new(Cut { proxy: Arc::clone(&self.proxy), handles }))
    }

    async fn hang(&self) -> Option<Box<dyn Outage>> {
        self.proxy.hold();
        let handles = self.handles.lock().unwrap().clone();
        Some(Box::new(Held { proxy: Arc::clone(&self.proxy), handles }))
    }
}

/// The same, written behind. The first server has a way to Redis of its own, so that it alone is cut off when it crashes.
struct WrittenBehind {
    redis: Standalone,
    first: Arc<Proxy>,
}

impl WrittenBehind {
    fn each() -> impl Fn() -> Self {
        let redis = Standalone::each(None);
        let first = Arc::new(Proxy::before(redis().server.lock().unwrap().address()));
        move || Self { redis: redis(), first: Arc::clone(&first) }
    }

    fn other(&self) -> Arc<dyn SessionStore> {
        Arc::new(WriteBehind::new(self.redis.through(&self.redis.proxy)).unwrap())
    }
}

#[async_trait]
impl Harness for WrittenBehind {
    async fn store(&self) -> Arc<dyn SessionStore> {
        self.first.accept();
        Arc::new(WriteBehind::new(self.redis.through(&self.first)).unwrap())
    }

    async fn second_handle(&self) -> Option<Arc<dyn SessionStore>> {
        Some(self.other())
    }

    async fn restart(&self) -> Option<Arc<dyn SessionStore>> {
        self.redis.restart().await?;
        Some(self.other())
    }

    async fn crash(&self) -> Option<Arc<dyn SessionStore>> {
        self.first.refuse();
        self.first.kill_connections();
        Some(self.other())
    }

    async fn dump(&self) -> Option<Vec<u8>> {
        self.redis.dump().await
    }

    async fn cut(&self) -> Option<Box<dyn Outage>> {
        self.first.refuse();
        self.first.kill_connections();
        Some(Box::new(Both { first: Arc::clone(&self.first), other: self.redis.cut().await? }))
    }

    async fn hang(&self) -> Option<Box<dyn Outage>> {
        self.first.hold();
        Some(Box::new(Both { first: Arc::clone(&self.first), other: self.redis.hang().await? }))
    }
}

/// An outage of the first server's way, and of that of the others.
struct Both {
    first: Arc<Proxy>,
    other: Box<dyn Outage>,
}

#[async_trait]
impl Outage for Both {
    async fn over(self: Box<Self>) {
        self.first.heal();
        self.first.accept();
        self.other.over().await;
    }
}

/// All that a server holds under a prefix.
pub(crate) fn dump(server: &RedisServer, prefix: &str) -> Vec<u8> {
    let keys: Vec<Vec<u8>> = server.command(&["KEYS", &format!("{prefix}*")]);
    let mut dump = keys.concat();
    for key in keys {
        let key = String::from_utf8(key).unwrap();
        let bytes: Vec<u8> = match server.command::<String>(&["TYPE", &key]).as_str() {
            "string" => server.command(&["GET", &key]),
            _ => server.command::<Vec<Vec<u8>>>(&["ZRANGE", &key, "0", "-1"]).concat(),
        };
        dump.extend(bytes);
    }
    dump
}

struct Held {
    proxy: Arc<Proxy>,
    handles: Vec<RedisStore>,
}

#[async_trait]
impl Outage for Held {
    async fn over(self: Box<Self>) {
        self.proxy.heal();
        all_connect(&self.handles).await;
    }
}

struct Cut {
    proxy: Arc<Proxy>,
    handles: Vec<RedisStore>,
}

#[async_trait]
impl Outage for Cut {
    async fn over(self: Box<Self>) {
        self.proxy.accept();
        all_connect(&self.handles).await;
    }
}

/// After a failure to connect, a handle fails for a moment without trying.
pub(crate) async fn all_connect(handles: &[RedisStore]) {
    for handle in handles {
        while handle.ping(Deadline::after(Duration::from_secs(5))).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_passes() {
    conformance::check(Standalone::each(None)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_behind_a_cache_passes() {
    conformance::check(Standalone::each(Some(CachedOptions::default()))).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_written_behind_passes() {
    conformance::check(WrittenBehind::each()).await.assert();
}
