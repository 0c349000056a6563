//! Replies that are not one's own: doubled, lost and swapped bytes on the connection that all share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use cloakroom::Session;

use crate::{
    browser::{Browser, Server},
    rig::{Fault, RedisServer, proxy::ANY},
    scene::{Scene, add, breathes, look, recovers},
};

/// A visitor with a token that nothing is stored for.
fn stranger(site: &Server) -> Browser {
    Browser { cookie: Some("0".repeat(64)), ..site.browser() }
}

/// A stranger's request and another one, both under way when the stranger's "nothing" comes twice.
async fn with_a_doubled_nothing<T: Send + 'static>(
    scene: &Scene,
    site: &Server,
    other: impl Future<Output = T> + Send + 'static,
) -> T {
    // The connection is there, and the script known.
    assert_eq!(look(&stranger(site), "n").await, Ok(None));
    scene.proxy.hold();
    let doubled = scene.proxy.next("GET", Fault::Duplicate);
    let first = tokio::spawn({
        let stranger = stranger(site);
        async move { look(&stranger, "n").await }
    });
    tokio::task::yield_now().await;
    let second = tokio::spawn(other);
    tokio::task::yield_now().await;
    scene.proxy.heal();
    let answer = second.await.unwrap();
    assert!(matches!(first.await.unwrap(), Ok(None) | Err(503)), "nothing is stored for a stranger");
    assert_eq!(doubled.count(), 1);
    answer
}

#[tokio::test]
async fn nothing_that_was_said_to_another_ends_no_session() {
    let scene = Scene::new();
    let site = scene.site();
    let mut alice = site.browser();
    alice.logs_in("alice").await;
    let mut asks = alice.clone();
    let subject = with_a_doubled_nothing(&scene, &site, async move { asks.subject().await }).await;
    assert_eq!(subject.as_deref(), Some("alice"));
}

#[tokio::test]
async fn nothing_that_was_said_to_another_displaces_no_login() {
    let scene = Scene::new();
    let site = scene.site();
    let mut alice = site.browser();
    alice.logs_in("alice").await;
    let mut writes = alice.clone();
    let response =
        with_a_doubled_nothing(&scene, &site, async move { writes.does(|session| add(session, "n")).await });
    let response = response.await;
    assert_eq!(response.cookie(), None, "{:?}", response.status());
    assert_eq!(alice.subject().await.as_deref(), Some("alice"));
}

/// One visitor of the crowd, whose session holds a number of its own; none in a stranger's.
async fn looks_without_pause(browser: Browser, own: Option<u64>, over: Arc<AtomicBool>) -> u64 {
    let mut served = 0;
    while !over.load(SeqCst) {
        match look(&browser, "own").await {
            Ok(seen) => {
                assert_eq!(seen, own, "each sees what is theirs");
                served += 1;
            }
            Err(status) => {
                assert_eq!(status, 503);
                assert_eq!(recovers(&browser, "own").await, own);
            }
        }
    }
    served
}

/// One who writes: what is acknowledged is there, and counted once.
async fn counts_without_pause(mut browser: Browser, over: Arc<AtomicBool>) {
    let (mut counted, mut in_doubt) = (0, 0);
    while !over.load(SeqCst) {
        if let Ok(visit) = browser.try_visit(&browser.request()).await {
            add(&visit.session, "n").unwrap();
            let response = browser.receive(visit).await;
            assert_eq!(response.cookie(), None, "no cookie displaces the login");
            if response.is_ok() { counted += 1 } else { in_doubt += 1 }
        }
        let seen = recovers(&browser, "n").await.expect("the session is there");
        assert!((counted..=counted + in_doubt).contains(&seen), "{seen} of {counted} and {in_doubt}");
        (counted, in_doubt) = (seen, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shifted_replies_show_nobody_anothers_session_or_none() {
    let scene = Scene::before(RedisServer::start());
    let store = scene.builder().build();
    let site = Server::new(store).with(|sessions| sessions.store_timeout(Duration::from_secs(2)));
    let elsewhere = scene.direct_site(&site);
    let over = Arc::new(AtomicBool::new(false));
    let mut crowd = Vec::new();
    for number in 0..6_u64 {
        let mut browser = elsewhere.browser();
        let begins = |session: &Session| {
            session.log_in(number.to_string()).and_then(|()| session.insert("own", number))
        };
        assert!(browser.does(begins).await.is_ok());
        let browser = crate::scene::at(&site, &browser);
        crowd.push(tokio::spawn(looks_without_pause(browser, Some(number), Arc::clone(&over))));
    }
    for _ in 0..3 {
        crowd.push(tokio::spawn(looks_without_pause(stranger(&site), None, Arc::clone(&over))));
    }
    let mut browser = elsewhere.browser();
    assert!(browser.does(|session| session.log_in("counting")).await.is_ok());
    assert!(browser.does(|session| session.insert("n", 0)).await.is_ok());
    let counting = tokio::spawn(counts_without_pause(crate::scene::at(&site, &browser), Arc::clone(&over)));

    for round in 0..30 {
        for fault in [Fault::Duplicate, Fault::Swap, Fault::Swallow, Fault::Reply(b"$-1\r\n".to_vec())] {
            let command = ["GET", "EVALSHA", ANY][round % 3];
            let hits = scene.proxy.next(command, fault);
            crate::rig::eventually("the fault is met", async || hits.count() > 0).await;
        }
    }
    scene.proxy.clear();
    over.store(true, SeqCst);
    counting.await.expect("what was acknowledged is there, once");
    for visitor in crowd {
        assert!(visitor.await.expect("everybody saw what was theirs") > 0);
    }
}

/// Two refusals where one was asked for: the second comes in the place of another call's reply.
fn refused_twice(words: &str) -> Fault {
    Fault::Reply(format!("-{words}\r\n").repeat(2).into_bytes())
}

/// Counts in the browser's session while another call is refused twice; whether that was acknowledged.
async fn counts_beside_a_doubled_refusal(
    scene: &Scene,
    site: &Server,
    browser: &Browser,
    words: &str,
) -> bool {
    assert!(recovers(browser, "n").await.is_some(), "the connection is there");
    let visit = browser.visit().await;
    add(&visit.session, "n").unwrap();
    scene.proxy.hold();
    let refused = scene.proxy.next("EVALSHA", refused_twice(words));
    let mut other = site.browser();
    let first = tokio::spawn(async move { other.does(|session| session.insert("own", 1)).await });
    breathes().await;
    let mut browser = browser.clone();
    let second = tokio::spawn(async move { browser.receive(visit).await });
    breathes().await;
    scene.proxy.heal();
    first.await.unwrap();
    let response = second.await.unwrap();
    assert_eq!(refused.count(), 1);
    assert!(response.is_ok() || response.status() == 503, "{words}: {}", response.status());
    response.is_ok()
}

/// A site behind the proxy, and a browser there whose session holds a number.
async fn a_count(scene: &Scene) -> (Server, Browser) {
    let site = scene.site();
    let mut browser = scene.direct_site(&site).browser();
    assert!(browser.does(|session| session.insert("n", 0)).await.is_ok());
    let browser = crate::scene::at(&site, &browser);
    (site, browser)
}

const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const LOADING: &str = "LOADING Redis is loading the dataset in memory";

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_was_said_to_another_is_not_believed() {
    for words in [OUT_OF_MEMORY, LOADING] {
        let scene = Scene::new();
        let (site, browser) = a_count(&scene).await;
        for n in 1..10 {
            assert!(counts_beside_a_doubled_refusal(&scene, &site, &browser, words).await, "{words}");
            assert_eq!(recovers(&browser, "n").await, Some(n), "{words}");
        }
    }
}

/// Others write so often that the record soon forgets a write.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_read_anothers_refusal_counts_once_among_busy_writers() {
    let scene = Scene::new();
    let (site, browser) = a_count(&scene).await;
    let over = Arc::new(AtomicBool::new(false));
    let busy = tokio::spawn({
        let mut elsewhere = crate::scene::at(&scene.direct_site(&site), &browser);
        let over = Arc::clone(&over);
        async move {
            while !over.load(SeqCst) {
                for _ in 0..8 {
                    elsewhere.does(|session| add(session, "elsewhere")).await;
                }
                breathes().await;
            }
        }
    });
    let mut counted = 0;
    for _ in 0..30 {
        let is_counted = counts_beside_a_doubled_refusal(&scene, &site, &browser, LOADING).await;
        let seen = recovers(&browser, "n").await.expect("the session is there");
        assert!((counted + u64::from(is_counted)..=counted + 1).contains(&seen), "{seen} after {counted}");
        counted = seen;
    }
    over.store(true, SeqCst);
    busy.await.unwrap();
}
