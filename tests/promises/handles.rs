//! Several handles of one session, and handles that outlive their request.

use cloakroom::{
    Session, SessionErrorKind,
    keyring::{KeyRing, SecretKey},
    manager::Finish,
    store::EncryptedCookieStore,
};

use crate::{
    browser::{Browser, Response, Server, Visit, finish},
    probe::Probe,
};

#[tokio::test]
async fn promise_7_a_long_lived_handle_never_steps_over_into_the_session_of_a_later_login() {
    let server = Server::new(Probe::default());
    let mut attacker = server.browser();
    attacker.does(|session| session.insert("a", 1)).await;
    attacker.does(|session| session.renew()).await;
    let mut victim = attacker.clone();
    // The new secret is seen for the first time, which asks for a write.
    let visit = attacker.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    victim.does(|session| session.log_in("alice")).await;
    victim.does(|session| session.insert("address", "home")).await;
    finish(visit, 200).await;

    assert_eq!(socket.subject(), None);
    assert_eq!(socket.get::<String>("address").unwrap(), None);
    socket.insert("address", "the attacker's").unwrap();
    assert!(socket.save().await.is_err());
    assert_eq!(victim.sees::<String>("address").await.as_deref(), Some("home"));
}

#[tokio::test]
async fn two_saves_at_once_begin_one_session() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    let visit = browser.visit().await;
    let (one, two) = (visit.session.clone(), visit.session.clone());
    probe.delay_next(3);
    let saved = tokio::join!(
        async {
            one.update("count", |count: &mut i64| *count += 1).unwrap();
            one.save().await
        },
        async {
            two.update("count", |count: &mut i64| *count += 1).unwrap();
            two.save().await
        }
    );
    assert!(matches!(saved, (Ok(()), Ok(()))), "{saved:?}");
    browser.receive(visit).await;
    assert_eq!(probe.store.usage().anonymous_sessions, 1);
    assert_eq!(browser.sees::<i64>("count").await, Some(2));
}

#[tokio::test]
async fn promise_2_two_saves_at_once_count_each_change_once() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("count", 0)).await;
    let visit = browser.visit().await;
    let (one, two) = (visit.session.clone(), visit.session.clone());
    probe.delay_next(3);
    let saved = tokio::join!(
        async {
            one.update("count", |count: &mut i64| *count += 1).unwrap();
            one.save().await
        },
        async {
            two.update("count", |count: &mut i64| *count += 1).unwrap();
            two.save().await
        }
    );
    assert!(matches!(saved, (Ok(()), Ok(()))), "{saved:?}");
    browser.receive(visit).await;
    assert_eq!(browser.sees::<i64>("count").await, Some(2));
}

#[tokio::test]
async fn a_response_waits_for_a_save_under_way_and_tells_its_token() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    let visit = browser.visit().await;
    let session = visit.session.clone();
    session.insert("a", 1).unwrap();
    probe.delay_next(3);
    let save = tokio::spawn(async move { session.save().await });
    tokio::task::yield_now().await;
    let response = browser.receive(visit).await;
    save.await.unwrap().unwrap();
    assert!(response.cookie().is_some());
    assert_eq!(browser.sees::<i64>("a").await, Some(1));
}

#[tokio::test]
async fn a_session_that_is_loaded_after_the_response_refuses_changes() {
    let browser = Server::new(Probe::default()).browser();
    let request = browser.request();
    let exchange = browser.server.sessions.exchange("/");
    let lazy = exchange.lazy();
    assert!(matches!(exchange.finish(200), Finish::Ready(_)));
    let late = lazy.load(&request.head()).await.unwrap();
    assert_eq!(late.insert("a", 1).unwrap_err().kind(), SessionErrorKind::Closed);
}

#[tokio::test]
async fn a_session_whose_request_was_dropped_refuses_changes() {
    let visit = Server::new(Probe::default()).browser().visit().await;
    let late = visit.session.clone();
    drop(visit);
    assert_eq!(late.insert("a", 1).unwrap_err().kind(), SessionErrorKind::Closed);
}

#[tokio::test]
async fn a_handler_that_outlives_a_dropped_request_keeps_what_it_logged() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("a", 1)).await;
    let visit = browser.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    socket.insert("a", 2).unwrap();
    drop(visit);
    socket.save().await.unwrap();
    assert_eq!(browser.sees::<i64>("a").await, Some(2));
    socket.renew().unwrap();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::TokenUndeliverable);
}

#[tokio::test]
async fn promise_8_what_the_response_says_was_not_saved_is_not_saved_later() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 1)).await;
    let visit = browser.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    socket.insert("a", 2).unwrap();
    probe.set_down(true);
    assert_eq!(browser.receive(visit).await.status(), 503);
    probe.set_down(false);
    assert_eq!(socket.get::<i64>("a").unwrap(), Some(1));
    socket.insert("b", 3).unwrap();
    socket.save().await.unwrap();
    assert_eq!(browser.sees::<i64>("a").await, Some(1));
    assert_eq!(browser.sees::<i64>("b").await, Some(3));
}

/// The session cookie that a browser without any holds after a response.
fn held(response: &Response) -> Option<&str> {
    response.cookie().filter(|value| !value.is_empty())
}

#[tokio::test]
async fn promise_7_a_log_out_takes_back_a_token_that_was_to_be_told_with_the_response() {
    let stateless = EncryptedCookieStore::new(&KeyRing::new(SecretKey::generate().unwrap()));
    for server in [Server::new(stateless), Server::new(Probe::default())] {
        let visit = server.browser().visit().await;
        visit.session.log_in("alice").unwrap();
        visit.session.save().await.unwrap();
        visit.session.log_out().unwrap();
        assert!(visit.session.token().is_none());
        let response = finish(visit, 200).await;
        assert!(response.is_ok());
        assert_eq!(held(&response), None);
    }
}

#[tokio::test]
async fn the_last_of_several_saves_is_the_one_that_is_told() {
    let mut browser = Server::new(Probe::default()).browser();
    let visit = browser.visit().await;
    for _ in 0..3 {
        visit.session.log_in("alice").unwrap();
        visit.session.save().await.unwrap();
    }
    let response = browser.receive(visit).await;
    assert_eq!(response.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 1);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_2_a_read_after_a_save_guards_the_write_that_follows_it() {
    let mut browser = Server::new(Probe::default()).browser();
    let visit = browser.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    socket.insert("count", 0).unwrap();
    browser.receive(visit).await;

    let read = socket.get::<i64>("count").unwrap().unwrap();
    browser.does(|session| session.insert("count", 10)).await;
    socket.insert("count", read + 1).unwrap();
    assert_eq!(socket.save().await.unwrap_err().kind(), SessionErrorKind::Conflict);
    assert_eq!(browser.sees::<i64>("count").await, Some(10));
}

#[tokio::test]
async fn promise_2_a_value_that_changed_with_a_save_is_not_overwritten_unread() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("count", 1)).await;
    let visit = browser.visit().await;
    let read = visit.session.get::<i64>("count").unwrap().unwrap();
    browser.does(|session| session.insert("count", 10)).await;
    visit.session.insert("other", 1).unwrap();
    visit.session.save().await.unwrap();
    assert_eq!(visit.session.insert("count", read + 1).unwrap_err().kind(), SessionErrorKind::Conflict);
    assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(10));
    visit.session.insert("count", 11).unwrap();
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn what_a_handle_wrote_and_saved_itself_is_no_surprise_to_it() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("count", 1)).await;
    let visit = browser.visit().await;
    for _ in 0..3 {
        let read = visit.session.get::<i64>("count").unwrap().unwrap();
        visit.session.insert("count", read + 1).unwrap();
        visit.session.insert("count", read + 2).unwrap();
        visit.session.save().await.unwrap();
        visit.session.insert("count", read + 3).unwrap();
    }
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.sees::<i64>("count").await, Some(10));
}

#[tokio::test]
async fn promise_2_a_write_during_a_save_minds_what_the_save_brings() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("count", 1)).await;
    let visit = browser.visit().await;
    browser.does(|session| session.insert("count", 10)).await;
    let (one, two) = (visit.session.clone(), visit.session.clone());
    probe.delay_next(3);
    let (saved, ()) = tokio::join!(
        async {
            one.insert("other", 1).unwrap();
            one.save().await
        },
        async {
            let read = two.get::<i64>("count").unwrap().unwrap();
            two.insert("count", read + 1).unwrap();
        }
    );
    assert_eq!(saved.unwrap_err().kind(), SessionErrorKind::Conflict);
    assert_eq!(browser.receive(visit).await.status(), 409);
    assert_eq!(browser.sees::<i64>("count").await, Some(10));
    assert_eq!(browser.sees::<i64>("other").await, Some(1));
}

/// Alice, with an address, and two handles of one of her requests.
async fn alice_twice(browser: &mut Browser) -> (Visit, Session, Session) {
    browser.logs_in("alice").await;
    browser.does(|session| session.insert("address", "home")).await;
    let visit = browser.visit().await;
    let (one, two) = (visit.session.clone(), visit.session.clone());
    (visit, one, two)
}

#[tokio::test]
async fn promise_7_a_log_out_during_a_save_leaves_nothing_of_the_session() {
    for lost in [0, 1] {
        let probe = Probe::default();
        let mut browser = Server::new(probe.clone()).browser();
        let (visit, one, two) = alice_twice(&mut browser).await;
        probe.delay_next(3);
        probe.lose_replies(lost);
        let (saved, ()) = tokio::join!(
            async {
                one.insert("other", 1).unwrap();
                one.save().await
            },
            async {
                two.log_out().unwrap();
                two.insert("flash", "bye").unwrap();
            }
        );
        saved.unwrap();
        assert_eq!(visit.session.subject(), None);
        assert_eq!(visit.session.get::<String>("address").unwrap(), None);
        assert!(visit.session.token().is_none());
        assert!(browser.receive(visit).await.is_ok());
        assert_eq!(browser.subject().await, None);
        assert_eq!(browser.sees::<String>("address").await, None);
        assert_eq!(browser.sees::<i64>("other").await, None);
        assert_eq!(browser.sees::<String>("flash").await.as_deref(), Some("bye"));
        assert_eq!(probe.store.usage().logged_in_sessions, 0);
    }
}

#[tokio::test]
async fn promise_7_a_log_out_during_a_save_in_doubt_is_carried_through() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    let (visit, one, two) = alice_twice(&mut browser).await;
    probe.delay_next(3);
    probe.lose_replies(3);
    let (saved, ()) = tokio::join!(
        async {
            one.insert("other", 1).unwrap();
            one.save().await
        },
        async { two.log_out().unwrap() }
    );
    saved.unwrap_err();
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(probe.store.usage().logged_in_sessions, 0);
    assert_eq!(browser.subject().await, None);
}
