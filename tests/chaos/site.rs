//! Servers of one site, whose clocks differ and which reach one Redis each through a proxy of its own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use cloakroom::{
    Cookie, SessionId, SessionManager, SessionStore as _,
    store::{Found, RedisStore, StoreContext},
    time::{Clock as _, Deadline, SystemClock},
};

use crate::{
    app::{App, COUNTS, Gates, KEY, MARKER},
    clocks::{WrongClock, rest},
    dice::Dice,
    history::Remains,
    http::Connection,
    rig::{Proxy, RedisServer},
    shells::{self, Served},
};

/// What serves, for each server.
const SHELLS: [fn(App) -> Served; 4] = [shells::axum, shells::actix, shells::axum, shells::actix];

/// How many servers there are.
pub(crate) const SERVERS: usize = SHELLS.len();

/// How far a clock may be off, in milliseconds; less than half the leeway of a minute.
const WRONG: i64 = 29_500;

/// How long a request waits for the store.
const PATIENCE: Duration = Duration::from_millis(300);

/// No session ends by time.
const LONG: Duration = Duration::from_secs(12 * 60 * 60);

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) proxies: Arc<Vec<Proxy>>,
    pub(crate) gates: Gates,
    /// By how much the servers' clocks are off, in milliseconds.
    pub(crate) clocks: [i64; SERVERS],
    servers: Vec<Server>,
    /// A way to the store that nothing happens to.
    store: RedisStore,
    requests: AtomicU64,
}

#[derive(Debug)]
struct Server {
    served: Served,
    /// Connections that are open and unused.
    idle: Mutex<Vec<Connection>>,
}

impl Site {
    pub(crate) fn open(redis: &RedisServer, dice: &Dice) -> Self {
        let gates = Gates::default();
        let clocks = std::array::from_fn(|_| wrong(dice));
        let proxies: Vec<_> = clocks.iter().map(|_| Proxy::before(redis.address())).collect();
        let servers = SHELLS.iter().zip(&proxies).zip(clocks).map(|((serve, proxy), clock)| {
            let app = App { sessions: sessions(proxy, clock), gates: gates.clone() };
            Server { served: serve(app), idle: Mutex::default() }
        });
        Self {
            servers: servers.collect(),
            proxies: Arc::new(proxies),
            gates,
            clocks,
            store: RedisStore::from_url(&redis.url()).unwrap(),
            requests: AtomicU64::new(0),
        }
    }

    /// The number of the next request.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed) + 1
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// A connection to a server.
    pub(crate) async fn connect(&self, server: usize) -> Connection {
        let server = &self.servers[server];
        let idle = server.idle.lock().unwrap().pop();
        match idle {
            Some(connection) => connection,
            None => Connection::open(server.served.address).await,
        }
    }

    /// Takes back a connection whose request was answered.
    pub(crate) fn put_back(&self, server: usize, connection: Connection) {
        self.servers[server].idle.lock().unwrap().push(connection);
    }

    /// What the store has of a session. It is asked again until it is there.
    pub(crate) async fn remains(&self, session: &str) -> Remains {
        let id: SessionId = session.parse().unwrap();
        loop {
            let cx = StoreContext::new(SystemClock.now(), Deadline::after(Duration::from_secs(5)));
            match self.store.find(&id, cx).await {
                Ok(Found::Live(record)) => return remains(&record),
                Ok(Found::Absent(_)) => return Remains::Gone,
                Err(_) => rest(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Between −`WRONG` and `WRONG`.
fn wrong(dice: &Dice) -> i64 {
    i64::try_from(dice.below(2 * WRONG.unsigned_abs() + 1)).unwrap() - WRONG
}

fn sessions(proxy: &Proxy, clock: i64) -> SessionManager {
    SessionManager::new(RedisStore::from_url(&proxy.url()).unwrap())
        .idle_timeout(LONG)
        .absolute_timeout(LONG)
        .store_timeout(PATIENCE)
        .cookie(Cookie::named(crate::browser::COOKIE))
        .clock(WrongClock(clock))
}

fn remains(record: &cloakroom::record::Record) -> Remains {
    let value = |name: &str| record.data().get(name);
    let read = |json: Option<&[u8]>| json.map(|json| serde_json::from_slice(json).unwrap());
    let keys = record.data().iter().filter_map(|(name, _)| name.strip_prefix(KEY)?.parse().ok());
    Remains::Live {
        subject: record.subject().map(str::to_owned),
        marker: read(value(MARKER)).unwrap_or_default(),
        counts: value(COUNTS).map(|json| serde_json::from_slice(json).unwrap()).unwrap_or_default(),
        keys: keys.collect(),
    }
}
