//! Sessions in Redis: what a lookup takes beside a bare `GET`, and the commands of whole requests.
//!
//! One thread drives everything, the clients' own tasks too. The server is a process of its own.

use std::{collections::BTreeMap, hint::black_box, rc::Rc, sync::Arc, time::Instant};

use actix_session::storage::{RedisSessionStore, SessionStore as _};
use actix_web::{App, test::init_service, web};
use axum::{Router, body::Body};
use axum_session::SessionConfig;
use axum_session_redispool::SessionRedisPool;
use cloakroom::{
    SessionManager, SessionStore as _,
    store::{PresentedToken, RedisStore, StoreContext},
    time::{Clock as _, Deadline, SystemClock},
};
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tower::Service as _;
use tower_sessions_14::{
    SessionManagerLayer, SessionStore as _,
    session::{Id, Record},
};
use tower_sessions_redis_store::{
    RedisStore as TowerRedisStore,
    fred::prelude::{ClientLike as _, Config, Pool},
};

use crate::{
    actix_requests, axum_requests,
    ours::{number, read, untouched},
    payload::{Payload, VISITS},
    row::{Row, Work},
    server::Server,
    visitors::{serve, start},
};

type Rows<'a> = dyn FnMut(&str, &dyn Fn(&mut Row)) + 'a;

/// How many sessions there are; they are visited in turn.
const SESSIONS: usize = 1000;

pub(crate) fn rows(row: &mut Rows<'_>) {
    for in_flight in [1, 64] {
        row(&format!("Redis: load and read one key, cart, {in_flight} in flight"), &|row| {
            lookup(row, in_flight);
        });
    }
}

fn runtime() -> Rc<Runtime> {
    Rc::new(Builder::new_current_thread().enable_all().build().expect("there is a runtime"))
}

fn lookup(row: &mut Row, in_flight: usize) {
    let (runtime, payload) = (runtime(), Payload::Cart);
    // Kept by every contender, so that it outlives the last.
    let server = Rc::new(Server::start());
    let works = Works { runtime: Rc::clone(&runtime), server: Rc::clone(&server), in_flight };

    let client = redis::Client::open(server.url()).expect("it is a URL");
    let bare = runtime.block_on(client.get_multiplexed_async_connection()).expect("it connects");
    let text = payload.text().0;
    runtime.block_on(async {
        for n in 0..SESSIONS {
            let set = redis::Cmd::set(bare_key(n), &text);
            set.exec_async(&mut bare.clone()).await.expect("it answers");
        }
    });
    row.limit(
        "limit: a bare GET",
        works.work(async move |n| {
            let found: Vec<u8> =
                redis::Cmd::get(bare_key(n)).query_async(&mut bare.clone()).await.expect("it answers");
            found.len()
        }),
    );

    let store = RedisStore::from_url(&server.url()).expect("it is a URL");
    let manager = untouched(SessionManager::new(store.clone()));
    let (cookies, tokens): (Vec<_>, Vec<_>) = runtime.block_on(async {
        let mut visitors = Vec::new();
        for _ in 0..SESSIONS {
            visitors.push(start(&manager, &payload.values()).await);
        }
        visitors.into_iter().unzip()
    });
    row.add(
        "cloakroom: the store",
        works.work(async move |n| {
            let cx = StoreContext::new(SystemClock.now(), Deadline::NONE);
            number(store.load(PresentedToken::new(&tokens[n]), cx).await.expect("it answers"))
        }),
    );
    row.add(
        "cloakroom: whole request",
        works.work(async move |n| serve(&manager, &cookies[n], read).await.0),
    );

    let store = Arc::new(TowerRedisStore::new(runtime.block_on(pool(&server))));
    let ids = runtime.block_on(async {
        let mut ids = Vec::new();
        for _ in 0..SESSIONS {
            ids.push(tower_session(&store, payload).await);
        }
        ids
    });
    row.add(
        "tower-sessions 0.14, Redis store",
        works.work(async move |n| {
            let session = tower_sessions_14::Session::new(Some(ids[n]), Arc::clone(&store) as Arc<_>, None);
            session.get::<u32>(VISITS).await.expect("it is a number").expect("it is there")
        }),
    );

    let store = runtime.block_on(RedisSessionStore::new(server.url())).expect("it connects");
    let keys: Vec<_> = runtime.block_on(async {
        let mut keys = Vec::new();
        for _ in 0..SESSIONS {
            let values = payload.values().into_iter();
            let state = values.map(|(key, value)| (key.to_owned(), value.to_string())).collect();
            keys.push(store.save(state, &time::Duration::days(1)).await.expect("it answers"));
        }
        keys
    });
    row.add(
        "actix-session, Redis store",
        works.work(async move |n| {
            let state = store.load(&keys[n]).await.expect("it answers").expect("it is there");
            serde_json::from_str::<u32>(&state[VISITS]).expect("it is a number")
        }),
    );
}

struct Works {
    runtime: Rc<Runtime>,
    server: Rc<Server>,
    in_flight: usize,
}

impl Works {
    /// Does it to all sessions in turn, so many at a time.
    fn work<T>(&self, one: impl AsyncFn(usize) -> T + 'static) -> Work {
        let (runtime, server, in_flight) =
            (Rc::clone(&self.runtime), Rc::clone(&self.server), self.in_flight);
        Box::new(move |times| {
            let _ = &server;
            let each = times.div_ceil(in_flight);
            let one_by_one = async |first: usize| {
                for n in 0..each {
                    black_box(one((first * each + n) % SESSIONS).await);
                }
            };
            let began = Instant::now();
            runtime.block_on(join_all((0..in_flight).map(one_by_one)));
            // More may have been done than was asked for.
            began.elapsed().mul_f64(times as f64 / (each * in_flight) as f64)
        })
    }
}

fn bare_key(n: usize) -> String {
    format!("bare:{n:032}")
}

/// As the documentation of tower-sessions-redis-store has it, six connections.
async fn pool(server: &Server) -> Pool {
    let config = Config::from_url(&server.url()).expect("it is a URL");
    let pool = Pool::new(config, None, None, None, 6).expect("six are some");
    pool.connect();
    pool.wait_for_connect().await.expect("it connects");
    pool
}

async fn tower_session(store: &TowerRedisStore<Pool>, payload: Payload) -> Id {
    let data = payload.values().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let expiry_date = time::OffsetDateTime::now_utc() + time::Duration::days(1);
    let mut record = Record { id: Id::default(), data, expiry_date };
    store.create(&mut record).await.expect("it answers");
    record.id
}

/// Who, then the commands of a request that reads and of one that writes.
pub fn commands() -> Vec<[String; 3]> {
    let runtime = runtime();
    let server = Server::start();
    let payload = Payload::Cart;
    runtime.block_on(async {
        let mut all = Vec::new();
        let store = RedisStore::from_url(&server.url()).expect("it is a URL");
        let app = axum_requests::ours(SessionManager::new(store), payload);
        all.push(through_axum("cloakroom", app, &server).await);
        let layer = SessionManagerLayer::new(TowerRedisStore::new(pool(&server).await));
        let app = axum_requests::tower_14(payload).layer(layer);
        all.push(through_axum("tower-sessions 0.14, Redis store", app, &server).await);
        all.push(through_actix(&server, payload).await);
        let client = redis::Client::open(server.url()).expect("it is a URL");
        let pool = SessionRedisPool::from(redis_pool::RedisPool::from(client));
        let store = axum_session::SessionStore::new(Some(pool), SessionConfig::default()).await;
        let app = axum_requests::other(store.expect("it connects"), payload);
        all.push(through_axum("axum_session, Redis pool", app, &server).await);
        all
    })
}

/// How often each request is made.
const TIMES: usize = 100;

async fn through_axum(name: &str, app: Router, server: &Server) -> [String; 3] {
    let mut app = app.with_state(()).into_service::<Body>();
    let mut call = async |path: &'static str, cookies: &str| {
        let response = app.call(axum_requests::request(path, cookies)).await.expect("it never fails");
        axum_requests::cookies(&response)
    };
    let cookies = call("/fill", "").await;
    let mut counted = Vec::new();
    for path in ["/read", "/write"] {
        // What only the first request of a connection does is not counted.
        call(path, &cookies).await;
        let monitor = server.monitor();
        for _ in 0..TIMES {
            call(path, &cookies).await;
        }
        counted.push(shown(&monitor.commands()));
    }
    [name.to_owned(), counted.remove(0), counted.remove(0)]
}

async fn through_actix(server: &Server, payload: Payload) -> [String; 3] {
    let store = RedisSessionStore::new(server.url()).await.expect("it connects");
    let key = actix_web::cookie::Key::generate();
    let fill = move |session: actix_session::Session| async move {
        for (key, value) in payload.values() {
            session.insert(key, value).expect("it fits");
        }
        "filled"
    };
    let app = App::new().wrap(actix_session::SessionMiddleware::new(store, key));
    let app =
        app.route("/fill", web::get().to(fill)).route("/read", web::get().to(actix_requests::read_other));
    let app = init_service(app.route("/write", web::get().to(actix_requests::write_other))).await;
    let call = async |path: &'static str, cookies: &str| {
        let request = actix_requests::request(path, cookies);
        let response = actix_web::dev::Service::call(&app, request).await.expect("it never fails");
        actix_requests::cookies(&response)
    };
    let cookies = call("/fill", "").await;
    let mut counted = Vec::new();
    for path in ["/read", "/write"] {
        call(path, &cookies).await;
        let monitor = server.monitor();
        for _ in 0..TIMES {
            call(path, &cookies).await;
        }
        counted.push(shown(&monitor.commands()));
    }
    ["actix-session, Redis store".to_owned(), counted.remove(0), counted.remove(0)]
}

/// What clients say to get a connection ready, or to see whether it is still there.
const SETUP: [&str; 6] = ["CLIENT", "HELLO", "INFO", "MONITOR", "PING", "UNWATCH"];

/// The commands of one request as `2: GET, SET`; what a script does within the server is no command of its client.
fn shown(seen: &[String]) -> String {
    let mut times = BTreeMap::new();
    for name in seen.iter().filter(|name| !SETUP.contains(&name.as_str())) {
        *times.entry(name.as_str()).or_insert(0_usize) += 1;
    }
    let sum: usize = times.values().sum();
    let one = |(name, &times): (&&str, &usize)| {
        if times == TIMES { (*name).to_owned() } else { format!("{} {name}", times as f64 / TIMES as f64) }
    };
    let names: Vec<_> = times.iter().map(one).collect();
    format!("{}: {}", sum as f64 / TIMES as f64, names.join(", "))
}
