//! What the Redis store adds to the trips that it makes.
//!
//! A real `redis-server` is started for it. The limit of a lookup is a bare `GET` of the same JSON over a connection of
//! the same client, that of a save a `GET` and a `SET`. Everything is measured one at a time and 64 in flight; a figure
//! is the time that one of them takes on average. `scripts/bench redis` prints the ratios,
//! `cargo bench -p cloakroom-benches --bench redis -- --memory` what a session takes in the server's memory.

#[path = "../shared/payload.rs"]
mod payload;
#[path = "../../tests/rig/mod.rs"]
mod rig;
#[path = "../shared/run.rs"]
mod run;
#[path = "../shared/visitors.rs"]
mod visitors;

mod memory;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use cloakroom::{
    Session, SessionManager, SessionStore,
    store::{Cached, CachedOptions, Loaded, PresentedToken, RedisStore, StoreContext},
    time::{Clock as _, Deadline, SystemClock},
};
use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Runtime;

use crate::{
    payload::{Payload, VISITS},
    rig::RedisServer,
    run::{Group, criterion},
    visitors::{serve, start},
};

/// How many sessions there are; they are visited in turn.
const SESSIONS: usize = 1000;

fn main() {
    if std::env::args().any(|arg| arg == "--memory") {
        return memory::print();
    }
    let runtime = Runtime::new().expect("there is a runtime");
    let server = RedisServer::start();
    let mut criterion = criterion();
    for payload in Payload::ALL {
        let filled = runtime.block_on(FilledStore::new(&server, payload));
        for in_flight in [1, 64] {
            let name = |work| format!("{work}/redis/{}/{in_flight} in flight", payload.name());
            filled.lookup(&mut criterion.benchmark_group(name("lookup")), &runtime, in_flight);
            filled.save(&mut criterion.benchmark_group(name("write")), &runtime, in_flight);
        }
    }
    criterion.final_summary();
}

/// Sessions in a server, the same JSON under bare keys, and their visitors.
struct FilledStore {
    bare: MultiplexedConnection,
    text: Vec<u8>,
    store: RedisStore,
    cached: Cached<RedisStore>,
    manager: SessionManager,
    cached_manager: SessionManager,
    cookies: Vec<Vec<u8>>,
    tokens: Vec<Vec<u8>>,
}

impl FilledStore {
    async fn new(server: &RedisServer, payload: Payload) -> Self {
        let mut bare = server.client().get_multiplexed_async_connection().await.expect("it connects");
        let text = payload.text().0;
        for n in 0..SESSIONS {
            set(&mut bare, n, &text).await;
        }
        let store = RedisStore::from_url(&server.url()).expect("it is a URL");
        let redis = RedisStore::from_url(&server.url()).expect("it is a URL");
        let options = CachedOptions { within: Duration::from_secs(3600), ..CachedOptions::default() };
        let cached = Cached::with_options(redis, options).expect("it is shared");
        let manager = managed(&store);
        let (mut cookies, mut tokens) = (Vec::new(), Vec::new());
        for _ in 0..SESSIONS {
            let (cookie, token) = start(&manager, &payload.values()).await;
            cookies.push(cookie);
            tokens.push(token);
        }
        Self { bare, text, cached_manager: managed(&cached), store, cached, manager, cookies, tokens }
    }

    /// Finds a session and reads one key.
    fn lookup(&self, group: &mut Group<'_>, runtime: &Runtime, in_flight: usize) {
        measure(group, "limit", runtime, in_flight, async |n| get(&mut self.bare.clone(), n).await.len());
        measure(group, "load, one key read", runtime, in_flight, async |n| {
            load(&self.store, &self.tokens[n]).await
        });
        measure(group, "manager, one key read", runtime, in_flight, async |n| {
            serve(&self.manager, &self.cookies[n], read).await.0
        });
        measure(group, "cached, one key read", runtime, in_flight, async |n| {
            load(&self.cached, &self.tokens[n]).await
        });
        measure(group, "manager, cached, one key read", runtime, in_flight, async |n| {
            serve(&self.cached_manager, &self.cookies[n], read).await.0
        });
    }

    /// Finds a session, changes one key and saves it.
    fn save(&self, group: &mut Group<'_>, runtime: &Runtime, in_flight: usize) {
        measure(group, "limit", runtime, in_flight, async |n| {
            let bare = &mut self.bare.clone();
            let found = get(bare, n).await.len();
            set(bare, n, &self.text).await;
            found
        });
        measure(group, "manager, update", runtime, in_flight, async |n| {
            serve(&self.manager, &self.cookies[n], update).await;
        });
    }
}

fn managed(store: &(impl SessionStore + Clone)) -> SessionManager {
    let day = Duration::from_secs(86_400);
    // No session is touched while it is measured.
    SessionManager::new(store.clone())
        .idle_timeout(day)
        .absolute_timeout(day)
        .touch_after(day)
        // What a loaded machine holds up is no outage.
        .store_timeout(Duration::from_secs(60))
}

/// Does something to all sessions in turn, so many at a time.
#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn measure<T>(
    group: &mut Group<'_>,
    name: &str,
    runtime: &Runtime,
    in_flight: usize,
    work: impl AsyncFn(usize) -> T,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let each = usize::try_from(times).expect("it fits").div_ceil(in_flight);
            let one_by_one = async |first: usize| {
                for n in 0..each {
                    black_box(work((first * each + n) % SESSIONS).await);
                }
            };
            let began = Instant::now();
            runtime.block_on(join_all((0..in_flight).map(one_by_one)));
            // More may have been done than was asked for.
            began.elapsed().mul_f64(times as f64 / (each * in_flight) as f64)
        });
    });
}

async fn get(bare: &mut MultiplexedConnection, n: usize) -> Vec<u8> {
    redis::Cmd::get(format!("bare:{n:032}")).query_async(bare).await.expect("it answers")
}

async fn set(bare: &mut MultiplexedConnection, n: usize, text: &[u8]) {
    redis::Cmd::set(format!("bare:{n:032}"), text).exec_async(bare).await.expect("it answers");
}

async fn load(store: &impl SessionStore, token: &[u8]) -> u32 {
    let (token, now) = (PresentedToken::new(token), SystemClock.now());
    let loaded = match store.load_now(token, now) {
        Some(loaded) => loaded,
        None => store.load(token, StoreContext::new(now, Deadline::NONE)).await,
    };
    let Ok(Loaded::Live { record, .. }) = loaded else { panic!("{loaded:?}") };
    serde_json::from_slice(record.data().get(VISITS).expect("it is there")).expect("it is a number")
}

fn read(session: &Session) -> u32 {
    session.get(VISITS).expect("it is a number").expect("it is there")
}

fn update(session: &Session) {
    session.update(VISITS, |visits: &mut u32| *visits += 1).expect("it is a number");
}
