//! Connections that go silent, that are not made, and whose maker is busy.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use actix_web::{App, HttpServer, web};
use cloakroom::{Session, SessionManager, actix::SessionMiddleware, store::RedisStore};

use crate::{
    browser::Server,
    rig::{Fault, RedisServer, eventually},
    scene::{Scene, add, look},
};

/// A site whose requests wait as long as they do by default.
fn patient_site(scene: &Scene) -> Server {
    Server::new(scene.store())
}

/// A firewall forgets an idle connection: what is sent is lost, and nobody says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_gone_silent_costs_no_request() {
    let scene = Scene::new();
    let site = patient_site(&scene);
    let mut browser = site.browser();
    assert!(browser.logs_in("alice").await.is_ok());
    assert!(browser.does(|session| add(session, "n")).await.is_ok());

    scene.proxy.next("GET", Fault::Stall);
    assert_eq!(look(&browser, "n").await, Ok(Some(1)), "a look");
    let visit = browser.visit().await;
    add(&visit.session, "n").unwrap();
    scene.proxy.next("EVALSHA", Fault::Stall);
    assert!(browser.receive(visit).await.is_ok(), "a change");
    assert_eq!(look(&browser, "n").await, Ok(Some(2)), "it is counted once");
    let visit = browser.visit().await;
    visit.session.log_in("alice").unwrap();
    scene.proxy.next("EVALSHA", Fault::Stall);
    assert!(browser.receive(visit).await.is_ok(), "a login");
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    scene.proxy.next("EVALSHA", Fault::Stall);
    let left = browser.clone();
    assert!(browser.receive(visit).await.is_ok(), "a logout");
    assert_eq!(look(&left, "n").await, Ok(None));
}

/// The kernel asks whether the other end is there: `02` in the column of timers.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_connection_is_kept_alive() {
    let server = RedisServer::start();
    let site = Server::new(RedisStore::from_url(&server.url()).unwrap());
    assert!(site.browser().does(|session| add(session, "n")).await.is_ok());
    let remote = format!("0100007F:{:04X}", server.port());
    eventually("the socket has a timer for keep-alive", async || {
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
        let mut sockets = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        sockets.any(|socket| socket.get(2) == Some(&&*remote) && socket[5].starts_with("02"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_is_lost_delays_a_request_and_fails_none() {
    let scene = Scene::new();
    let site = patient_site(&scene);
    let lost = scene.proxy.next("CLIENT", Fault::Swallow);
    assert!(site.browser().does(|session| add(session, "n")).await.is_ok());
    assert_eq!(lost.count(), 1);
}

/// The network swallows everything for three seconds, greetings included.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
async fn connections_are_made_as_soon_as_the_network_is_back() {
    let scene = Scene::new();
    let site = patient_site(&scene);
    let mut browser = site.browser();
    assert!(browser.does(|session| add(session, "n")).await.is_ok());
    scene.proxy.kill_connections();
    scene.proxy.always("CLIENT", Fault::Swallow);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(look(&browser, "n").await, Err(503));
    }
    scene.proxy.clear();
    let back = Instant::now();
    eventually("requests are served", async || look(&browser, "n").await == Ok(Some(1))).await;
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "real servers follow no clock of ours")]
async fn connecting_ends_when_nobody_waits_for_it() {
    let scene = Scene::new();
    let site = scene.site();
    scene.proxy.always("CLIENT", Fault::Swallow);
    let browser = crate::browser::Browser { cookie: Some("0".repeat(64)), ..site.browser() };
    assert_eq!(look(&browser, "n").await, Err(503));
    let began = Instant::now();
    eventually("no attempt is under way", async || scene.proxy.open_connections() == 0).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

async fn blocks(session: Session) -> String {
    session.get::<u64>("n").unwrap();
    #[expect(clippy::disallowed_methods, reason = "a handler that should not")]
    thread::sleep(Duration::from_secs(3));
    "blocked".to_owned()
}

async fn counts(session: Session) -> String {
    session.update("n", |n: &mut u64| *n += 1).unwrap();
    "counted".to_owned()
}

/// An actix-web server of several workers, each of which has a runtime of its own.
fn serve(url: &str) -> SocketAddr {
    let sessions = SessionManager::new(RedisStore::from_url(url).unwrap());
    let (tells, told) = mpsc::channel();
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || {
                let app = App::new().wrap(SessionMiddleware::new(sessions.clone()));
                app.route("/blocks", web::get().to(blocks)).route("/counts", web::get().to(counts))
            };
            let server = HttpServer::new(app).workers(4).disable_signals();
            let server = server.bind(("127.0.0.1", 0)).unwrap();
            tells.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    told.recv().unwrap()
}

/// The status line and the headers of one request on a connection of its own.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// The request that opens the connection to Redis goes to a worker whose handler then blocks.
#[test]
fn a_worker_that_blocks_harms_only_its_own_requests() {
    let redis = RedisServer::start();
    let address = serve(&redis.url());
    // The worker that opened the connection is one of those that block.
    assert!(get(address, "/counts").starts_with("HTTP/1.1 200"));
    let blocking: Vec<_> = (0..3).map(|_| thread::spawn(move || get(address, "/blocks"))).collect();
    eventually_blocked();
    let answers: Vec<_> = (0..12).map(|_| thread::spawn(move || get(address, "/counts"))).collect();
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")), "{answers:?}");
    for blocked in blocking {
        assert!(blocked.join().unwrap().starts_with("HTTP/1.1 200"));
    }
}

#[expect(clippy::disallowed_methods, reason = "handlers of a real server begin when they like")]
fn eventually_blocked() {
    thread::sleep(Duration::from_millis(300));
}
