//! Nanoseconds of whole requests, from their headers to what their response needs.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use cloakroom::{
    SessionManager,
    store::{Budget, MemoryStore, RedisStore},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    carried,
    limit::{Map, SharedMap},
    line, managed,
    payload::Payload,
    read,
    rig::RedisServer,
    update,
    visitors::{CookieHeader, begin, id, request, serve, start, token, visitor},
};

const PAYLOAD: Payload = Payload::Small;

/// What Redis' keys of sessions begin with.
const PREFIX: &str = "growth:";

/// How long one turn takes, so short that the system seldom takes the processor away within it, and how many there are: the works
/// of a size take turns.
const TURN: Duration = Duration::from_millis(1);
const ROUNDS: usize = 301;

/// What is measured: the name of a quantity, of a store, and the work, which is done about so many times and says how many it were.
type Work<'a> = (&'static str, &'static str, Box<dyn FnMut(usize) -> usize + 'a>);

pub(crate) fn print(measuring: bool) {
    let (in_memory, in_redis) = if measuring { (3..=7, 3..=6) } else { (1..=2, 1..=1) };
    for sessions in in_memory.map(|digits| 10_usize.pow(digits)) {
        memory(sessions, measuring);
    }
    let mut works = Vec::new();
    let managers = carried();
    for (name, manager) in &managers {
        let (cookies, _) = begin(manager, &PAYLOAD.values());
        let again = cookies.clone();
        let mut add = |quantity, work: Box<dyn FnMut(usize) -> usize>| works.push((quantity, *name, work));
        let (reader, writer) = (manager.clone(), manager.clone());
        add(
            "lookup_ns",
            Box::new(move |times| repeat(times, || request(&reader, black_box(&cookies), read).0)),
        );
        add(
            "save_ns",
            Box::new(move |times| repeat(times, || request(&writer, black_box(&again), update).0)),
        );
    }
    measure(works, 1, measuring);
    redis(in_redis.map(|digits| 10_usize.pow(digits)), measuring);
}

fn memory(sessions: usize, measuring: bool) {
    let store =
        MemoryStore::builder().anonymous(Budget { sessions: sessions.max(1000), bytes: usize::MAX }).build();
    let manager = managed(store);
    let values = PAYLOAD.values();
    let mut cookies: Vec<CookieHeader> = (0..sessions).map(|_| visitor(&manager, &values)).collect();
    // A cookie begins with a random ID, so this is another order than that of their creation.
    cookies.sort_unstable();
    let ids: Vec<_> = cookies.iter().map(id).collect();
    let map = Map::new(&ids, PAYLOAD);
    let works: Vec<Work<'_>> = vec![
        ("lookup_ns", "bare map", Box::new(visit(&ids, |id| map.number(&map.get(id))))),
        ("lookup_ns", "memory", Box::new(visit(&cookies, |cookie| request(&manager, cookie, read).0))),
        ("save_ns", "memory", Box::new(visit(&cookies, |cookie| request(&manager, cookie, update).0))),
    ];
    measure(works, sessions, measuring);
    drop(map);
    let map = SharedMap::new(&ids, PAYLOAD);
    let works: Vec<Work<'_>> =
        vec![("save_ns", "bare map", Box::new(visit(&ids, |id| map.count_at_once(id))))];
    measure(works, sessions, measuring);
}

fn redis(sizes: impl Iterator<Item = usize>, measuring: bool) {
    let server = RedisServer::start();
    let runtime = Builder::new_current_thread().enable_all().build().expect("there is a runtime");
    let store = RedisStore::builder(&server.url()).expect("it is a URL").prefix(PREFIX).build();
    let manager = managed(store);
    let bare = runtime.block_on(server.client().get_multiplexed_async_connection()).expect("it connects");
    let mut cookies: Vec<CookieHeader> = Vec::new();
    for sessions in sizes {
        runtime.block_on(fill(&manager, &mut cookies, sessions));
        for (n, in_flight) in [1, 64].into_iter().enumerate() {
            let names = [["Redis", "Redis (64 in flight)"], ["bare GET", "bare GET (64 in flight)"]];
            let bare = bare.clone();
            // The same keys, and all the bytes that stand under them.
            let get = async |cookie: &CookieHeader| {
                let key = [PREFIX.as_bytes(), &token(cookie)[..32]].concat();
                let found: redis::RedisResult<Option<Vec<u8>>> =
                    redis::Cmd::get(key).query_async(&mut bare.clone()).await;
                u32::from(found.expect("it answers").expect("it is there")[0])
            };
            let read = async |cookie: &CookieHeader| serve(&manager, cookie, read).await.0;
            let update = async |cookie: &CookieHeader| serve(&manager, cookie, update).await.0;
            let works: Vec<Work<'_>> = vec![
                ("lookup_ns", names[1][n], Box::new(flights(&runtime, &cookies, in_flight, get))),
                ("lookup_ns", names[0][n], Box::new(flights(&runtime, &cookies, in_flight, read))),
                ("save_ns", names[0][n], Box::new(flights(&runtime, &cookies, in_flight, update))),
            ];
            measure(works, sessions, measuring);
        }
    }
}

/// Until there are so many.
async fn fill(manager: &SessionManager, cookies: &mut Vec<CookieHeader>, sessions: usize) {
    let values = PAYLOAD.values();
    while cookies.len() < sessions {
        let begun = (0..sessions.min(64)).map(|_| start(manager, &values));
        let begun = futures_util::future::join_all(begun).await.into_iter();
        cookies.extend(begun.map(|(cookie, _)| *cookie.first_chunk().expect("a session was begun")));
    }
    cookies.sort_unstable();
}

fn repeat<T>(times: usize, mut work: impl FnMut() -> T) -> usize {
    (0..times).for_each(|_| drop(black_box(work())));
    times
}

/// Visits all in turn. Who comes next depends on the answer, as far as the processor can tell.
fn visit<'v, V>(visitors: &'v [V], work: impl Fn(&V) -> u32 + 'v) -> impl FnMut(usize) -> usize + 'v {
    let mut next = 0;
    move |times| {
        for _ in 0..times {
            let answer = black_box(work(black_box(&visitors[next])));
            next = (next + 1 + usize::from(answer == u32::MAX)) % visitors.len();
        }
        times
    }
}

/// The same, so many at a time.
fn flights<'v>(
    runtime: &'v Runtime,
    visitors: &'v [CookieHeader],
    in_flight: usize,
    one: impl AsyncFn(&CookieHeader) -> u32 + 'v,
) -> impl FnMut(usize) -> usize + 'v {
    let mut next = 0;
    move |times| {
        let each = times.div_ceil(in_flight);
        let one_by_one = async |first: usize| {
            for n in 0..each {
                black_box(one(&visitors[(next + first * each + n) % visitors.len()]).await);
            }
        };
        runtime.block_on(futures_util::future::join_all((0..in_flight).map(one_by_one)));
        next = (next + each * in_flight) % visitors.len();
        // More than were asked for, where that is no multiple.
        each * in_flight
    }
}

/// Works take turns; the median of each is a line.
fn measure(mut works: Vec<Work<'_>>, sessions: usize, measuring: bool) {
    let (turn, rounds) = if measuring { (TURN, ROUNDS) } else { (TURN / 20, 1) };
    let times: Vec<_> = works.iter_mut().map(|(_, _, work)| calibrated(work, turn)).collect();
    let mut figures = vec![Vec::new(); works.len()];
    for _ in 0..rounds {
        for (((_, _, work), &times), figures) in works.iter_mut().zip(&times).zip(&mut figures) {
            figures.push(timed(work, times).0 * 1e9);
        }
    }
    for ((quantity, store, _), mut figures) in works.into_iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        line(quantity, store, PAYLOAD, sessions, figures[figures.len() / 2]);
    }
}

/// How often it can be done in a turn.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small positive number")]
fn calibrated(work: &mut dyn FnMut(usize) -> usize, turn: Duration) -> usize {
    let mut times = 1;
    loop {
        let (each, took) = timed(work, times);
        if took >= turn / 2 {
            return ((turn.as_secs_f64() / each) as usize).max(1);
        }
        times *= 2;
    }
}

/// The seconds that one takes, and the time of all.
#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn timed(work: &mut dyn FnMut(usize) -> usize, times: usize) -> (f64, Duration) {
    let began = Instant::now();
    let done = work(times);
    let took = began.elapsed();
    (took.as_secs_f64() / done as f64, took)
}
