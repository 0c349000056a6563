//! The sessions of one subject: their entries, and entries without sessions, and sessions without entries.

use std::time::Duration;

use cloakroom::{
    OnTooManySessions, Session, SessionError,
    store::{MigratingStore, Phase, SessionInfo},
};

use crate::{
    browser::{Browser, MINUTE, START, Server, finish},
    rig::{Fault, eventually},
    scene::{Scene, add, at, look, site},
};

/// The key of the only page there is.
fn page(scene: &Scene) -> String {
    let keys: Vec<String> = scene.server.command(&["KEYS", "cloakroom:of:*"]);
    let [key] = &keys[..] else { panic!("there is one page, not {keys:?}") };
    key.clone()
}

/// How many entries it has.
fn entries(scene: &Scene) -> usize {
    scene.server.command(&["ZCARD", &page(scene)])
}

async fn logged_in(site: &Server, subject: &str) -> Browser {
    let mut browser = site.browser();
    assert!(browser.logs_in(subject).await.is_ok());
    browser
}

async fn listed(browser: &Browser) -> Vec<SessionInfo> {
    browser.visit().await.session.sessions().await.unwrap()
}

/// What a handler that waits for the store is answered.
async fn asks<T>(browser: &mut Browser, handler: impl AsyncFnOnce(&Session) -> Result<T, SessionError>) -> T {
    let visit = browser.visit().await;
    let answer = handler(&visit.session).await.unwrap();
    assert!(browser.receive(visit).await.is_ok());
    answer
}

#[tokio::test]
async fn an_entry_that_outlives_its_session_is_never_shown_and_goes_in_time() {
    let scene = Scene::new();
    let site = scene.site();
    let (one, gone) = (logged_in(&site, "alice").await, logged_in(&site, "alice").await);
    let id = gone.visit().await.session.id().unwrap();
    let () = scene.server.command(&["DEL", &format!("cloakroom:{id}")]);
    assert_eq!(listed(&one).await.len(), 1);
    assert_eq!(entries(&scene), 2, "it may be one that is about to be written");
    site.clock.advance(3 * MINUTE);
    assert_eq!(listed(&one).await.len(), 1);
    assert_eq!(entries(&scene), 1);
}

#[tokio::test]
async fn an_expired_session_is_not_shown_and_its_entry_goes() {
    let scene = Scene::new();
    let site = scene.site();
    let mut one = logged_in(&site, "alice").await;
    logged_in(&site, "alice").await;
    site.clock.advance(20 * MINUTE);
    one.does(|session| add(session, "n")).await;
    site.clock.advance(20 * MINUTE);
    assert_eq!(listed(&one).await.len(), 1);
    assert_eq!(entries(&scene), 1);
}

#[tokio::test]
async fn a_touch_brings_a_lost_entry_back() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = logged_in(&site, "alice").await;
    let () = scene.server.command(&["DEL", &page(&scene)]);
    assert_eq!(listed(&browser).await.len(), 0);
    site.clock.advance(2 * MINUTE);
    assert!(browser.does(|_| Ok(())).await.is_ok());
    assert_eq!(listed(&browser).await.len(), 1);
    assert!(asks(&mut browser, Session::end_all).await == 1);
    assert_eq!(browser.cookie, None);
}

/// The server takes the entry and then hears no more: the process that logs in has crashed.
#[tokio::test]
async fn a_crash_between_entry_and_session_leaves_an_entry_and_no_session() {
    let scene = Scene::new();
    let site = scene.site();
    let elsewhere = scene.direct_site(&site);
    let one = logged_in(&elsewhere, "alice").await;
    let mut unlucky = site.browser();
    scene.proxy.next("EVALSHA", Fault::Trickle);
    let swap = scene.proxy.always("EVALSHA", Fault::DropBefore);
    let response = unlucky.logs_in("alice").await;
    assert_eq!((response.status(), response.cookie()), (503, None));
    assert!(swap.count() > 0);
    scene.proxy.clear();
    assert_eq!(entries(&scene), 2);
    assert_eq!(listed(&one).await.len(), 1);
    assert!(unlucky.logs_in("alice").await.is_ok(), "the user tries again");
    assert_eq!(listed(&one).await.len(), 2);
    site.clock.advance(3 * MINUTE);
    assert_eq!(listed(&one).await.len(), 2);
    assert_eq!(entries(&scene), 2);
}

/// The other order would leave a session that its owner cannot end.
#[tokio::test]
async fn a_crash_before_the_entry_leaves_no_session() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = site.browser();
    browser.does(|session| add(session, "n")).await;
    scene.proxy.always("EVALSHA", Fault::DropBefore);
    assert_eq!(browser.logs_in("alice").await.status(), 503);
    assert_eq!(site.browser().logs_in("alice").await.status(), 503);
    scene.proxy.clear();
    assert_eq!(scene.server.command::<usize>(&["DBSIZE"]), 1);
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn a_thousand_logins_and_log_outs_leave_few_entries() {
    let scene = Scene::new();
    let site = scene.direct_site(&scene.site());
    let stays = logged_in(&site, "alice").await;
    for _ in 0..1000 {
        let mut browser = logged_in(&site, "alice").await;
        assert!(browser.does(Session::log_out).await.is_ok());
    }
    assert_eq!(entries(&scene), 1);
    assert_eq!(listed(&stays).await.len(), 1);
}

/// Of a thousand sessions that nobody ends, those that are over do not heap up on the page.
#[tokio::test]
async fn a_thousand_forgotten_sessions_leave_few_entries() {
    let scene = Scene::new();
    let site = scene.direct_site(&scene.site());
    for _ in 0..1000 {
        logged_in(&site, "alice").await;
        site.clock.advance(MINUTE);
    }
    let left = entries(&scene);
    assert!(left < 100, "{left} entries for the 30 sessions that live");
    let last = logged_in(&site, "alice").await;
    assert!((30..=31).contains(&listed(&last).await.len()));
}

#[tokio::test]
async fn all_sessions_of_a_subject_end_and_nobody_elses() {
    let scene = Scene::new();
    // Long enough for a thousand sessions to be ended on a machine that is busy with other tests.
    let patience = Duration::from_secs(20);
    let site = site(scene.direct_store()).with(|sessions| {
        sessions.store_timeout(patience).sessions_per_subject(usize::MAX, OnTooManySessions::EndOldest)
    });
    let mut alices = Vec::new();
    for _ in 0..1100 {
        alices.push(logged_in(&site, "alice").await);
    }
    let bob = logged_in(&site, "bob").await;
    let mut last = alices.pop().unwrap();
    assert_eq!(asks(&mut last, Session::end_others).await, 1099);
    assert_eq!(listed(&last).await.len(), 1);
    alices.push(last.clone());
    assert_eq!(asks(&mut last, Session::end_all).await, 1);
    assert_eq!(last.cookie, None);
    for mut alice in alices {
        assert_eq!(alice.subject().await, None);
    }
    assert_eq!(listed(&bob).await.len(), 1);
}

#[tokio::test]
async fn one_session_is_ended_by_its_name_and_no_others() {
    let scene = Scene::new();
    let site = scene.site();
    let (mut one, mut other) = (logged_in(&site, "alice").await, logged_in(&site, "alice").await);
    let bob = logged_in(&site, "bob").await;
    let id = other.visit().await.session.id().unwrap();
    let bobs = bob.visit().await.session.id().unwrap();
    assert!(asks(&mut one, async |session: &Session| session.end(id).await).await);
    assert!(!asks(&mut one, async |session: &Session| session.end(id).await).await, "it has ended");
    assert!(!asks(&mut one, async |session: &Session| session.end(bobs).await).await, "not hers");
    assert_eq!((other.subject().await, one.subject().await.as_deref()), (None, Some("alice")));
    assert_eq!(listed(&one).await.len(), 1);
}

#[tokio::test]
async fn a_subject_may_be_called_anything() {
    let scene = Scene::new();
    let site = scene.site();
    let long = "x".repeat(255);
    let names = ["a b", "*", "{a}b", "a:b", "ä…\u{1F36A}", "\0\r\n", "cloakroom:of:x", "%s", "[a-z]", &long];
    let mut visitors = Vec::new();
    for name in names {
        visitors.push((name, logged_in(&site, name).await, logged_in(&site, name).await));
    }
    for (name, mut one, mut other) in visitors {
        assert_eq!(one.subject().await.as_deref(), Some(name));
        assert_eq!(listed(&one).await.len(), 2, "{name:?}");
        assert_eq!(asks(&mut one, Session::end_others).await, 1);
        assert_eq!(other.subject().await, None);
        assert_eq!(listed(&one).await.len(), 1);
    }
    let keys: Vec<String> = scene.server.command(&["KEYS", "*"]);
    assert!(keys.iter().all(|key| key.starts_with("cloakroom:")), "{keys:?}");
}

/// Whoever logs in as somebody else in the same browser is no longer on the first one's page.
#[tokio::test]
async fn a_session_that_changes_hands_is_only_its_new_owners() {
    let scene = Scene::new();
    let site = scene.site();
    let alice = logged_in(&site, "alice").await;
    let mut browser = logged_in(&site, "alice").await;
    assert!(browser.logs_in("bob").await.is_ok());
    assert_eq!(listed(&alice).await.len(), 1);
    assert_eq!(listed(&browser).await.len(), 1);
}

/// A session that cannot be read is no reason to refuse its owner's next login.
#[tokio::test]
async fn damage_among_the_oldest_of_many_sessions_hinders_no_login() {
    let scene = Scene::new();
    let site = scene.site();
    let damaged = logged_in(&site, "alice").await;
    let id = damaged.visit().await.session.id().unwrap();
    for _ in 0..70 {
        site.clock.advance(std::time::Duration::from_secs(1));
        logged_in(&site, "alice").await;
    }
    let () = scene.server.command(&["SET", &format!("cloakroom:{id}"), "damaged"]);
    let mut browser = logged_in(&site, "alice").await;
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(look(&at(&site, &damaged), "n").await, Err(500), "it is an error and never overwritten");
}

/// A touch that arrives after its session's end confirms an entry that nobody is shown.
#[tokio::test]
async fn a_late_touch_revives_nothing() {
    let scene = Scene::new();
    let site = scene.site();
    let alice = logged_in(&site, "alice").await;
    let mut late = logged_in(&site, "alice").await;
    site.clock.advance(2 * MINUTE);
    let visit = late.visit().await;
    assert!(late.clone().does(Session::log_out).await.is_ok());
    assert!(finish(visit, 200).await.is_ok());
    assert_eq!(listed(&alice).await.len(), 1);
    assert_eq!(late.subject().await, None);
}

/// Whoever reads the page finds no session behind an old entry; before the entry is struck out, the session is there.
#[tokio::test]
async fn an_entry_that_was_confirmed_meanwhile_is_not_struck_out() {
    let scene = Scene::new();
    let site = scene.direct_site(&scene.site());
    let (one, mut other) = (logged_in(&site, "alice").await, logged_in(&site, "alice").await);
    let key = format!("cloakroom:{}", other.visit().await.session.id().unwrap());
    assert_eq!(listed(&one).await.len(), 2, "the scripts are known now");
    let () = scene.server.command(&["RENAME", &key, "elsewhere"]);
    site.clock.advance(3 * MINUTE);

    let slow = Server::new(scene.store()).with(|sessions| {
        sessions.clock(std::sync::Arc::clone(&site.clock)).store_timeout(std::time::Duration::from_secs(20))
    });
    let one = at(&slow, &one);
    // Less than the time after which a call is sent again.
    scene.proxy.always("EVALSHA", Fault::Delay(std::time::Duration::from_millis(300)));
    let list = tokio::spawn(async move { listed(&one).await.len() });
    let answered = |name: &str| {
        let seen = scene.proxy.seen();
        seen.iter().filter(|seen| seen.command.name() == name && seen.reply_bytes > 0).count()
    };
    eventually("the page was read", async || answered("EVALSHA") > 2).await;
    let () = scene.server.command(&["RENAME", "elsewhere", &key]);
    assert!(other.does(|_| Ok(())).await.is_ok(), "a touch");
    let seen = list.await.unwrap();
    assert_eq!((seen, entries(&scene)), (1, 2));
}

/// Entries outlive their sessions, so a page may begin with more of them than are read at once.
#[tokio::test]
async fn a_session_behind_a_thousand_that_are_over_is_listed_and_ended() {
    let scene = Scene::new();
    let site = scene.site().with(|sessions| sessions.store_timeout(MINUTE));
    let stolen = logged_in(&site, "alice").await;
    let mut own = logged_in(&site, "alice").await;
    let later = (START.as_millis() + 1000).to_string();
    for n in 0..1500 {
        let () = scene.server.command(&["ZADD", &page(&scene), &later, &format!("{n:032x}")]);
    }
    for minutes in [1, 2] {
        site.clock.advance(minutes * MINUTE);
        assert_eq!(listed(&own).await.len(), 2);
    }
    assert_eq!(asks(&mut own, Session::end_others).await, 1);
    assert!(stolen.visit().await.session.is_new());
}

/// What an earlier move has left there is nobody's; the copy that takes its place is somebody's.
#[tokio::test]
async fn a_session_that_comes_back_with_a_subject_is_entered_on_its_page() {
    let scene = Scene::new();
    let [one, other] = ["one:", "other:"].map(|prefix| scene.builder().prefix(prefix).build());
    let there = Server::new(MigratingStore::new(one.clone(), other.clone(), Phase::Move));
    let back = Server::new(MigratingStore::new(other, one.clone(), Phase::Move));
    let plain = site(one);
    let mut browser = plain.browser();
    browser.does(|session| add(session, "n")).await;
    let mut browser = at(&there, &browser);
    browser.does(|session| add(session, "n")).await;
    assert!(browser.logs_in("alice").await.is_ok());
    let mut browser = at(&back, &browser);
    browser.does(|session| add(session, "n")).await;
    let browser = at(&plain, &browser);
    assert_eq!(look(&browser, "n").await, Ok(Some(3)));
    assert_eq!(listed(&browser).await.len(), 1);
}

/// The request comes with the token from before a renewal, so it gets no new one: still, the list lives as long as the session.
#[tokio::test]
async fn a_list_lives_as_long_as_a_session_that_is_remembered() {
    let scene = Scene::new();
    let site = scene.site();
    let mut browser = logged_in(&site, "alice").await;
    let mut other_tab = browser.clone();
    browser.does(Session::renew).await;
    let remembered = other_tab.does(|session| session.remember(20 * 24 * 60 * MINUTE)).await;
    assert!(remembered.is_ok() && remembered.cookie().is_none(), "{remembered:?}");
    let lives: u64 = scene.server.command(&["PTTL", &page(&scene)]);
    assert!(Duration::from_millis(lives) > 19 * 24 * 60 * MINUTE, "{lives} ms");
}
