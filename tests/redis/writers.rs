//! Many writers of one large session: they wait for each other, instead of each sending it again and again.

use std::time::Duration;

use cloakroom::store::RedisStore;
use futures_util::future::join_all;

use crate::{
    browser::{Browser, Server, finish},
    scene::{Scene, add, at, look, site},
};

const LARGE: usize = 250_000;

fn patient(store: RedisStore) -> Server {
    site(store).with(|sessions| sessions.store_timeout(Duration::from_secs(20)))
}

/// A session of 250 kB.
async fn large(site: &Server) -> Browser {
    let mut browser = site.browser();
    let fill = |session: &cloakroom::Session| {
        session.insert("large", "x".repeat(LARGE))?;
        add(session, "n")
    };
    assert!(browser.does(fill).await.is_ok());
    browser
}

/// All load the session before the first one writes it; how often it travelled then.
async fn all_write(scene: &Scene, browsers: &[Browser]) -> usize {
    let visits = join_all(browsers.iter().map(Browser::visit)).await;
    scene.proxy.reset();
    let writes = visits.into_iter().map(|visit| {
        tokio::spawn(async move {
            add(&visit.session, "n").unwrap();
            finish(visit, 200).await.status()
        })
    });
    let statuses = join_all(writes).await;
    assert!(statuses.iter().all(|status| *status.as_ref().unwrap() == 200), "{statuses:?}");
    let bytes: usize = scene.proxy.seen().iter().map(|seen| seen.request_bytes + seen.reply_bytes).sum();
    bytes / LARGE
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_in_one_process_send_the_session_once_each() {
    const WRITERS: usize = 64;
    let scene = Scene::new();
    let site = patient(scene.store());
    let browser = large(&site).await;
    let sent = all_write(&scene, &vec![browser.clone(); WRITERS]).await;
    assert!(sent <= WRITERS + 2, "{WRITERS} writers sent it {sent} times");
    assert_eq!(look(&browser, "n").await, Ok(Some(1 + WRITERS as u64)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_on_several_nodes_give_way_to_each_other() {
    const NODES: usize = 4;
    const WRITERS: usize = 64;
    let scene = Scene::new();
    let sites: Vec<_> = (0..NODES).map(|_| patient(scene.store())).collect();
    let browser = large(&sites[0]).await;
    let browsers: Vec<_> = (0..WRITERS).map(|number| at(&sites[number % NODES], &browser)).collect();
    let sent = all_write(&scene, &browsers).await;
    // A conflict costs two: the session that was sent in vain, and the one in the reply.
    assert!(sent <= 6 * WRITERS, "{WRITERS} writers sent it {sent} times");
    assert_eq!(look(&browser, "n").await, Ok(Some(1 + WRITERS as u64)));
}

/// Who waits for a session waits for no other one.
#[tokio::test]
async fn a_writer_that_is_given_up_holds_up_nobody() {
    let scene = Scene::new();
    let site = patient(scene.store());
    let browser = large(&site).await;
    let visits = join_all([&browser; 3].map(Browser::visit)).await;
    let [one, two, three] = visits.try_into().map_err(|_| "three").unwrap();
    scene.proxy.hold();
    let stuck = tokio::spawn(async move {
        add(&one.session, "n").unwrap();
        one.session.save().await
    });
    let waiting = tokio::spawn(async move {
        add(&two.session, "n").unwrap();
        two.session.save().await
    });
    tokio::task::yield_now().await;
    waiting.abort();
    stuck.abort();
    assert!(waiting.await.is_err() && stuck.await.is_err());
    scene.proxy.heal();
    add(&three.session, "n").unwrap();
    assert_eq!(finish(three, 200).await.status(), 200);
}
