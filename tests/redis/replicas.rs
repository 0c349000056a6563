//! Logins and log-outs that count only once replicas have them.

use std::time::Duration;

use cloakroom::{Session, store::RedisStore};

use crate::{
    browser::Browser,
    rig::{Fault, Proxy, RedisServer, eventually},
    scene::{at, site},
};

/// A primary with a replica that has caught up, and a browser at a site that waits for it.
async fn scene() -> (RedisServer, RedisServer, Browser) {
    let primary = RedisServer::start();
    let replica = RedisServer::builder().replica_of(&primary).start();
    eventually("the replica follows", async || replica.has_caught_up_with(&primary)).await;
    let store = RedisStore::builder(&primary.url()).unwrap().replicas(1).build();
    (primary, replica, site(store).browser())
}

/// The same browser once the replica is the only server left.
fn after_failover(primary: RedisServer, replica: &RedisServer, browser: &Browser) -> Browser {
    drop(primary);
    let () = replica.command(&["REPLICAOF", "NO", "ONE"]);
    at(&site(RedisStore::from_url(&replica.url()).unwrap()), browser)
}

#[tokio::test]
async fn a_login_that_was_confirmed_survives_a_failover() {
    let (primary, replica, mut browser) = scene().await;
    assert!(browser.does(|session| session.log_in("alice")).await.is_ok());
    let mut browser = after_failover(primary, &replica, &browser);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_log_out_that_was_confirmed_survives_a_failover() {
    let (primary, replica, mut browser) = scene().await;
    assert!(browser.does(|session| session.log_in("alice")).await.is_ok());
    let copy = browser.clone();
    assert!(browser.does(Session::log_out).await.is_ok());
    let mut copy = after_failover(primary, &replica, &copy);
    assert_eq!(copy.subject().await, None);
}

/// What replicas do not confirm is not acknowledged, and other writes do not wait for them.
#[tokio::test]
async fn without_its_replica_a_login_and_a_log_out_are_not_acknowledged() {
    let (_primary, replica, mut browser) = scene().await;
    assert!(browser.does(|session| session.log_in("alice")).await.is_ok());
    replica.pause();
    let mut other = Browser { cookie: None, ..browser.clone() };
    assert_eq!(other.does(|session| session.log_in("bob")).await.status(), 503);
    assert!(browser.does(|session| session.insert("cart", 1)).await.is_ok());
    assert_eq!(browser.clone().does(Session::log_out).await.status(), 503);
    replica.resume();
    eventually("logins are confirmed again", async || {
        other.clone().does(|session| session.log_in("bob")).await.is_ok()
    })
    .await;
}

/// A repeated call finds its write done: the server has nothing new to tell its replicas, and waits for them all the same.
#[tokio::test]
async fn a_login_whose_reply_was_lost_waits_for_its_replica_too() {
    let (primary, replica, browser) = scene().await;
    let proxy = Proxy::before(primary.address());
    let store = RedisStore::builder(&proxy.url()).unwrap().replicas(1).build();
    let mut browser = at(&site(store), &browser);
    assert!(browser.does(|session| session.insert("n", 1)).await.is_ok());
    replica.pause();
    // After the entry in the list of alice's sessions, which is written first.
    proxy.next("EVALSHA", Fault::Delay(Duration::ZERO));
    let lost = proxy.next("EVALSHA", Fault::DropAfter);
    assert_eq!(browser.does(|session| session.log_in("alice")).await.status(), 503);
    assert_eq!(lost.count(), 1);
}
