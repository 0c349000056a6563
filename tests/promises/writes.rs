//! Promises 2 and 5: no lost update; nothing stored or sent before a write.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Waker},
};

use cloakroom::{
    Key, OnStaleWrite, OnTooManySessions, SaveOn, SessionErrorKind, StoreError, store::MemoryStore,
};

use crate::{
    browser::{Server, finish},
    hooked::{Call, Hook, Hooked},
    probe::Probe,
};

#[tokio::test]
async fn promise_2_two_writers_of_one_session_lose_nothing() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.does(|session| session.insert("count", 0)).await;

    let (one, two) = (browser.visit().await, browser.visit().await);
    for visit in [&one, &two] {
        visit.session.update("count", |count: &mut i64| *count += 1).unwrap();
    }
    one.session.insert("one", 1).unwrap();
    two.session.insert("two", 2).unwrap();
    assert!(browser.receive(two).await.is_ok());
    assert!(browser.receive(one).await.is_ok());

    assert_eq!(browser.sees::<i64>("count").await, Some(2));
    assert_eq!(browser.sees::<i64>("one").await, Some(1));
    assert_eq!(browser.sees::<i64>("two").await, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_sixty_four_writers_count_exactly() {
    let server = Server::new(Probe::default());
    let mut browser = server.browser();
    browser.does(|session| session.insert("count", 0)).await;

    let writers = (0..64).map(|_| {
        let mut browser = browser.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                let response =
                    browser.does(|session| session.update("count", |count: &mut u32| *count += 1)).await;
                assert!(response.is_ok(), "{response:?}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(browser.sees::<u32>("count").await, Some(64 * 20));
}

#[tokio::test]
async fn promise_2_a_write_based_on_a_stale_read_is_a_conflict_and_writes_nothing() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("count", 1)).await;

    let stale = browser.visit().await;
    let read = stale.session.get::<i64>("count").unwrap().unwrap();
    browser.does(|session| session.insert("count", 10)).await;
    stale.session.insert("count", read + 1).unwrap();
    stale.session.insert("other", true).unwrap();

    let response = browser.receive(stale).await;
    assert_eq!((response.status(), response.cookie()), (409, None));
    assert_eq!(browser.sees::<i64>("count").await, Some(10));
    assert_eq!(browser.sees::<bool>("other").await, None);
}

#[tokio::test]
async fn promise_2_a_missing_key_that_was_looked_for_counts_as_read() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("some", 1)).await;

    let stale = browser.visit().await;
    assert_eq!(stale.session.get::<i64>("count").unwrap(), None);
    browser.does(|session| session.insert("count", 10)).await;
    stale.session.insert("count", 1).unwrap();
    assert_eq!(browser.receive(stale).await.status(), 409);
}

#[tokio::test]
async fn promise_2_the_last_writer_wins_only_by_choice() {
    const PAGE: Key<String> = Key::new("page").last_writer_wins();
    let by_manager =
        Server::new(Probe::default()).with(|sessions| sessions.on_stale_write(OnStaleWrite::Overwrite));
    for (server, key) in [(Server::new(Probe::default()), PAGE), (by_manager, Key::new("page"))] {
        let mut browser = server.browser();
        browser.does(|session| session.insert(key, "a".into())).await;
        let stale = browser.visit().await;
        stale.session.get(key).unwrap();
        browser.does(|session| session.insert(key, "b".into())).await;
        stale.session.insert(key, "c".into()).unwrap();
        assert!(browser.receive(stale).await.is_ok());
        assert_eq!(browser.sees::<String>("page").await.as_deref(), Some("c"));
    }
}

#[tokio::test]
async fn promise_2_what_may_be_used_once_is_used_once() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("nonce", 7)).await;
    let (one, two) = (browser.visit().await, browser.visit().await);
    assert_eq!(one.session.take::<i64>("nonce").unwrap(), Some(7));
    assert_eq!(two.session.take::<i64>("nonce").unwrap(), Some(7));
    assert!(browser.receive(one).await.is_ok());
    assert_eq!(browser.receive(two).await.status(), 409);
}

#[tokio::test]
async fn promise_2_an_update_that_no_longer_applies_is_a_conflict() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("left", 1)).await;
    let buy = |left: &mut u32| -> Result<(), &str> {
        *left = left.checked_sub(1).ok_or("sold out")?;
        Ok(())
    };
    let (one, two) = (browser.visit().await, browser.visit().await);
    for visit in [&one, &two] {
        assert_eq!(visit.session.try_update("left", buy).unwrap(), Ok(()));
    }
    assert!(browser.receive(one).await.is_ok());
    assert_eq!(browser.receive(two).await.status(), 409);
    let visit = browser.visit().await;
    assert_eq!(visit.session.try_update("left", buy).unwrap(), Err("sold out"));
    assert_eq!(browser.sees::<u32>("left").await, Some(0));
}

#[tokio::test]
async fn promise_2_a_lost_reply_counts_once() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    probe.lose_replies(1);
    let response = browser.does(|session| session.insert("count", 0)).await;
    assert!(response.cookie().is_some(), "the repeated creation still tells the token");
    for _ in 0..3 {
        probe.lose_replies(2);
        assert!(browser.does(|session| session.update("count", |count: &mut i64| *count += 1)).await.is_ok());
    }
    assert_eq!(browser.sees::<i64>("count").await, Some(3));
    probe.lose_replies(1);
    assert!(browser.logs_in("alice").await.cookie().is_some());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_5_reading_stores_nothing_and_sends_no_cookie() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    for cookie in [None, Some("nonsense".to_owned()), Some("0".repeat(64))] {
        browser.cookie = cookie;
        let response = browser
            .does(|session| {
                session.get::<String>("a")?;
                session.remove("a")?;
                session.clear()?;
                session.renew()
            })
            .await;
        assert_eq!(response.cookie(), None);
    }
    assert_eq!(probe.store.usage().anonymous_sessions, 0);
}

#[tokio::test]
async fn promise_5_a_session_that_nobody_asks_for_costs_no_call() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 1)).await;
    probe.calls();
    let finished = browser.server.sessions.exchange("/").finish(200);
    assert!(matches!(finished, cloakroom::manager::Finish::Ready(_)));
    assert_eq!(probe.calls(), 0);
}

#[tokio::test]
async fn a_request_costs_one_call_to_read_and_two_to_write() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 1)).await;
    assert_eq!(probe.calls(), 1, "a first write has nothing to read");
    browser.sees::<i64>("a").await;
    assert_eq!(probe.calls(), 1);
    browser.does(|session| session.insert("a", 2)).await;
    assert_eq!(probe.calls(), 2);
    browser.does(|session| session.insert("a", 2)).await;
    assert_eq!(probe.calls(), 1, "what changes nothing is not written");
}

#[tokio::test]
async fn a_server_error_keeps_no_change_but_a_log_out() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.logs_in("alice").await;
    let visit = browser.visit().await;
    visit.session.insert("half", "done").unwrap();
    finish(visit, 500).await;
    assert_eq!(browser.sees::<String>("half").await, None);

    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    let response = finish(visit, 500).await;
    assert_eq!(response.cookie(), Some(""));
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn which_statuses_keep_changes_is_a_setting() {
    for (save_on, status, kept) in [
        (SaveOn::ExceptServerErrors, 404, true),
        (SaveOn::Success, 404, false),
        (SaveOn::Success, 303, true),
        (SaveOn::Everything, 500, true),
    ] {
        let mut browser = Server::new(Probe::default()).with(|sessions| sessions.save_on(save_on)).browser();
        let visit = browser.visit().await;
        visit.session.insert("a", 1).unwrap();
        let response = finish(visit, status).await;
        browser.keep(&response);
        assert_eq!(browser.sees::<i64>("a").await.is_some(), kept, "{save_on:?} {status}");
    }
}

#[tokio::test]
async fn a_finished_request_refuses_late_changes_loudly() {
    let mut browser = Server::new(Probe::default()).browser();
    let visit = browser.visit().await;
    let late = visit.session.clone();
    visit.session.insert("a", 1).unwrap();
    browser.receive(visit).await;
    assert_eq!(late.insert("b", 2).unwrap_err().kind(), SessionErrorKind::Closed);
    assert_eq!(late.log_out().unwrap_err().kind(), SessionErrorKind::Closed);
    assert_eq!(late.save().await.unwrap_err().kind(), SessionErrorKind::Closed);
}

#[tokio::test]
async fn a_handler_that_lives_long_saves_for_itself() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("count", 0)).await;
    let visit = browser.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    browser.receive(visit).await;

    browser.does(|session| session.update("count", |count: &mut i64| *count += 1)).await;
    socket.update("count", |count: &mut i64| *count += 10).unwrap();
    socket.save().await.unwrap();
    assert_eq!(socket.get::<i64>("count").unwrap(), Some(11), "it shows what others wrote");
    assert_eq!(browser.sees::<i64>("count").await, Some(11));

    socket.log_in("alice").unwrap();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::TokenUndeliverable);
    assert_eq!(browser.subject().await, None, "nothing was written");
}

#[tokio::test]
async fn a_save_before_the_response_is_told_with_the_response() {
    let mut browser = Server::new(Probe::default()).browser();
    let visit = browser.visit().await;
    visit.session.insert("a", 1).unwrap();
    visit.session.save().await.unwrap();
    visit.session.insert("b", 2).unwrap();
    assert!(browser.receive(visit).await.cookie().is_some());
    assert_eq!(browser.sees::<i64>("a").await, Some(1));
    assert_eq!(browser.sees::<i64>("b").await, Some(2));
}

#[tokio::test]
async fn a_save_that_fails_or_is_dropped_loses_nothing() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 1)).await;
    let visit = browser.visit().await;
    visit.session.insert("a", 2).unwrap();
    probe.set_down(true);
    assert!(visit.session.save().await.is_err());
    probe.set_down(false);
    probe.set_silent(true);
    let save = visit.session.save();
    let mut save = Box::pin(save);
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(save.as_mut().poll(cx).is_pending())).await);
    drop(save);
    probe.set_silent(false);
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.sees::<i64>("a").await, Some(2));
}

#[tokio::test]
async fn a_panicking_closure_fails_its_call_and_nothing_else() {
    let mut browser = Server::new(Probe::default()).browser();
    let visit = browser.visit().await;
    let error = visit.session.update("a", |_: &mut i64| panic!("in the application")).unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::UpdatePanicked);
    visit.session.insert("b", 1).unwrap();
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.sees::<i64>("b").await, Some(1));
}

#[tokio::test]
async fn a_closure_that_changes_its_own_session_is_an_error_and_no_endless_loop() {
    let visit = Server::new(Probe::default()).browser().visit().await;
    let session = visit.session.clone();
    let change = move |_: &mut i64| session.update("b", |b: &mut i64| *b += 1).is_ok();
    assert_eq!(visit.session.update("a", change).unwrap_err().kind(), SessionErrorKind::Conflict);
}

#[tokio::test]
async fn the_log_and_the_data_are_bounded() {
    let server = Server::new(Probe::default()).with(|sessions| sessions.max_data(1000));
    let visit = server.browser().visit().await;
    let error = visit.session.insert("a", "x".repeat(1000)).unwrap_err();
    assert!(matches!(error.kind(), SessionErrorKind::TooLarge { size: 1008, limit: 1000 }), "{error:?}");
    for _ in 0..5000 {
        visit.session.insert("a", 1).unwrap();
    }
    let mut updates = std::iter::repeat_with(|| visit.session.update("a", |a: &mut i64| *a += 1));
    let refused = updates.by_ref().take(2000).find_map(Result::err).unwrap();
    assert_eq!(refused.kind(), SessionErrorKind::TooManyChanges);
    for _ in 0..3 {
        visit.session.log_in("alice").unwrap();
        visit.session.renew().unwrap();
    }
    let mut browser = server.browser();
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"), "promise 7: a login is never dropped");
}

#[tokio::test]
async fn promise_2_what_is_taken_is_used_once_even_if_everything_is_cleared_after_it() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("nonce", 7)).await;
    let (one, two) = (browser.visit().await, browser.visit().await);
    for visit in [&one, &two] {
        assert_eq!(visit.session.take::<i64>("nonce").unwrap(), Some(7));
        visit.session.clear().unwrap();
    }
    assert!(browser.receive(one).await.is_ok());
    assert_eq!(browser.receive(two).await.status(), 409);
}

#[tokio::test]
async fn promise_2_whatever_shows_a_value_guards_the_write_that_follows() {
    type Look = fn(&cloakroom::Session) -> Option<i64>;
    let looks: [(&str, Look); 5] = [
        ("get", |session| session.get("count").unwrap()),
        ("contains", |session| session.contains("count").then_some(1)),
        ("take", |session| session.take("missing").unwrap()),
        ("update", |session| Some(session.update("count", |count: &mut i64| *count).unwrap())),
        ("try_update", |session| {
            session.try_update("count", |count: &mut i64| Err::<i64, _>(*count)).unwrap().err()
        }),
    ];
    for (name, look) in looks {
        let key = if name == "take" { "missing" } else { "count" };
        let mut browser = Server::new(Probe::default()).browser();
        browser.does(|session| session.insert("count", 1)).await;
        let stale = browser.visit().await;
        let seen = look(&stale.session).unwrap_or_default();
        browser.does(|session| session.insert(key, 10)).await;
        stale.session.insert(key, seen + 1).unwrap();
        assert_eq!(browser.receive(stale).await.status(), 409, "{name}");
        assert_eq!(browser.sees::<i64>(key).await, Some(10), "{name}");
    }
}

#[tokio::test]
async fn a_value_that_this_request_wrote_itself_may_be_read_and_overwritten() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("count", 1)).await;
    let visit = browser.visit().await;
    visit.session.insert("count", 5).unwrap();
    let seen = visit
        .session
        .update("count", |count: &mut i64| {
            *count += 1;
            *count
        })
        .unwrap();
    assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(seen));
    visit.session.insert("count", seen + 1).unwrap();
    browser.does(|session| session.insert("count", 10)).await;
    assert_eq!(browser.receive(visit).await.status(), 200);
    assert_eq!(browser.sees::<i64>("count").await, Some(7));
}

#[tokio::test]
async fn a_replay_counts_the_size_of_what_it_ends_with() {
    let server = Server::new(Probe::default()).with(|sessions| sessions.max_data(1000));
    let mut browser = server.browser();
    browser.does(|session| session.insert("a", "x".repeat(600))).await;
    let visit = browser.visit().await;
    visit.session.remove("a").unwrap();
    visit.session.insert("b", "x".repeat(600)).unwrap();
    visit.session.insert("a", 1).unwrap();
    browser.does(|session| session.insert("c", 1)).await;
    assert_eq!(browser.receive(visit).await.status(), 200);
    assert_eq!(browser.sees::<i64>("a").await, Some(1));
}

/// A store in which no end is ever confirmed once it is told so.
#[derive(Debug, Default, Clone)]
struct NeverEnds(Arc<AtomicBool>);

impl Hook for NeverEnds {
    async fn around<T: Send>(
        &self,
        call: Call,
        made: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if call == Call::End && self.0.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        made.await
    }
}

/// A login is written, and then ends the subject's oldest session. A client that leaves in between drops the handler's save, and
/// the end of the request saves what the handler has left.
#[tokio::test]
async fn promise_2_a_save_that_is_dropped_behind_its_write_is_not_made_again() {
    let hook = NeverEnds::default();
    let server = Server::new(Hooked { store: MemoryStore::new(), hook: hook.clone() })
        .with(|sessions| sessions.sessions_per_subject(1, OnTooManySessions::EndOldest));
    assert!(server.browser().logs_in("alice").await.is_ok());
    let mut browser = server.browser();
    browser.does(|session| session.insert("count", 0)).await;

    let visit = browser.visit().await;
    visit.session.log_in("alice").unwrap();
    visit.session.update("count", |count: &mut u32| *count += 1).unwrap();
    hook.0.store(true, SeqCst);
    {
        let save = pin!(visit.session.save());
        assert!(save.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    hook.0.store(false, SeqCst);
    let response = finish(visit, 200).await;
    assert!(response.is_ok(), "{response:?}");
    browser.keep(&response);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(browser.sees::<u32>("count").await, Some(1));
}
