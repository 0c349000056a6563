//! Promise 8: errors are errors, and nothing is lost by them.

use std::time::Duration;

use cloakroom::{OnOutage, SessionErrorKind, StoreErrorKind};

use crate::{
    browser::{Browser, Server, finish},
    probe::Probe,
};

async fn logged_in(server: &Server) -> Browser {
    let mut browser = server.browser();
    browser.does(|session| session.log_in("alice")).await;
    browser
}

#[tokio::test]
async fn promise_8_an_outage_at_load_is_503_and_no_cookie_is_touched() {
    let probe = Probe::default();
    let mut browser = logged_in(&Server::new(probe.clone())).await;
    probe.set_down(true);
    let request = browser.request();
    let error = browser.try_visit(&request).await.err().unwrap();
    assert_eq!((error.kind(), error.status()), (SessionErrorKind::Store(StoreErrorKind::Unavailable), 503));
    probe.set_down(false);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_8_the_load_is_tried_once_per_request_even_when_it_fails() {
    let probe = Probe::default();
    let browser = logged_in(&Server::new(probe.clone())).await;
    probe.set_down(true);
    probe.calls();
    let exchange = browser.server.sessions.exchange("/");
    let request = browser.request();
    for _ in 0..3 {
        assert!(exchange.lazy().load(&request.head()).await.is_err());
        assert!(exchange.lazy().load_existing(&request.head()).await.is_err(), "an outage is never none");
    }
    assert_eq!(probe.calls(), 1);
}

#[tokio::test]
async fn promise_8_an_outage_at_save_is_an_error_and_the_stored_state_stays() {
    let probe = Probe::default();
    let mut browser = logged_in(&Server::new(probe.clone())).await;
    let visit = browser.visit().await;
    visit.session.insert("a", 1).unwrap();
    probe.set_down(true);
    let response = browser.receive(visit).await;
    assert_eq!((response.status(), response.cookie()), (503, None));
    probe.set_down(false);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(browser.sees::<i64>("a").await, None);
}

#[tokio::test]
async fn promise_8_a_log_out_that_the_store_cannot_confirm_says_so_and_removes_the_cookie() {
    let probe = Probe::default();
    let mut browser = logged_in(&Server::new(probe.clone())).await;
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    probe.set_down(true);
    let response = browser.receive(visit).await;
    assert_eq!((response.status(), response.cookie()), (503, Some("")));
}

#[tokio::test(start_paused = true)]
async fn promise_8_a_silent_store_is_given_up_at_the_deadline() {
    let probe = Probe::default();
    let server = Server::new(probe.clone()).with(|sessions| sessions.store_timeout(Duration::from_secs(1)));
    let browser = logged_in(&server).await;
    let visit = browser.visit().await;
    visit.session.insert("a", 1).unwrap();
    probe.set_silent(true);
    let request = browser.request();
    let error = browser.try_visit(&request).await.err().unwrap();
    assert_eq!(error.kind(), SessionErrorKind::Store(StoreErrorKind::Timeout));
    assert_eq!(finish(visit, 200).await.status(), 503);
}

#[tokio::test]
async fn promise_8_carrying_on_anonymous_writes_and_clears_nothing() {
    let probe = Probe::default();
    let server = Server::new(probe.clone()).with(|sessions| sessions.on_outage(OnOutage::ServeAnonymous));
    let mut browser = logged_in(&server).await;
    probe.set_down(true);
    let visit = browser.visit().await;
    assert_eq!(visit.session.subject(), None);
    assert_eq!(visit.session.get::<i64>("a").unwrap(), None);
    for refused in [visit.session.insert("a", 1), visit.session.log_in("bob"), visit.session.clear()] {
        assert_eq!(refused.unwrap_err().status(), 503);
    }
    probe.set_down(false);
    let response = browser.receive(visit).await;
    assert_eq!((response.status(), response.cookie()), (200, None));
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_8_a_log_out_during_an_outage_removes_the_cookie_and_is_no_success() {
    let probe = Probe::default();
    let server = Server::new(probe.clone()).with(|sessions| sessions.on_outage(OnOutage::ServeAnonymous));
    let mut browser = logged_in(&server).await;
    probe.set_down(true);
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    let response = browser.receive(visit).await;
    assert_eq!((response.status(), response.cookie()), (503, Some("")));
}

#[tokio::test]
async fn promise_8_a_record_that_cannot_be_read_is_an_error_and_never_overwritten() {
    for on_outage in [OnOutage::Refuse, OnOutage::ServeAnonymous] {
        let probe = Probe::default();
        let server = Server::new(probe.clone()).with(|sessions| sessions.on_outage(on_outage));
        let browser = logged_in(&server).await;
        probe.fail_with(Some(StoreErrorKind::Corrupt));
        let request = browser.request();
        let error = browser.try_visit(&request).await.err().unwrap();
        assert_eq!((error.kind(), error.status()), (SessionErrorKind::Store(StoreErrorKind::Corrupt), 500));
    }
}

#[tokio::test]
async fn promise_8_a_value_of_another_type_is_an_error_and_stays() {
    let mut browser = Server::new(Probe::default()).browser();
    browser.does(|session| session.insert("a", "text")).await;
    let visit = browser.visit().await;
    assert_eq!(visit.session.get::<i64>("a").unwrap_err().kind(), SessionErrorKind::Undecodable);
    let update = visit.session.update("a", |a: &mut i64| *a += 1);
    assert_eq!(update.unwrap_err().kind(), SessionErrorKind::Undecodable);
    browser.receive(visit).await;
    assert_eq!(browser.sees::<String>("a").await.as_deref(), Some("text"));
}

#[tokio::test]
async fn promise_8_a_failed_touch_fails_no_response() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    let mut browser = logged_in(&server).await;
    server.clock.advance(Duration::from_secs(600));
    let visit = browser.visit().await;
    probe.set_down(true);
    let response = browser.receive(visit).await;
    assert_eq!((response.status(), response.cookie()), (200, None));
}

#[tokio::test]
async fn a_write_whose_outcome_cannot_be_told_is_an_error() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 0)).await;
    let visit = browser.visit().await;
    visit.session.insert("b", 1).unwrap();
    for _ in 0..5 {
        browser.does(|session| session.update("a", |a: &mut i64| *a += 1)).await;
    }
    // The first attempt finds a conflict after five other writes, but its reply is lost.
    probe.lose_replies(1);
    let response = browser.receive(visit).await;
    let kind = response.error.map(|error| error.kind());
    assert_eq!(kind, Some(SessionErrorKind::Store(StoreErrorKind::OutcomeUnknown)));
}

/// More than a call is repeated.
const ALL_REPLIES: usize = 3;

#[tokio::test]
async fn promise_2_a_save_whose_replies_were_lost_is_counted_once() {
    let add = |by: i64| move |count: &mut i64| *count += by;
    for begins in [true, false] {
        for others_write in [false, true] {
            let probe = Probe::default();
            let mut browser = Server::new(probe.clone()).browser();
            if !begins {
                browser.does(|session| session.insert("other", 0)).await;
            }
            let visit = browser.visit().await;
            visit.session.update("count", add(1)).unwrap();
            probe.lose_replies(ALL_REPLIES);
            assert!(visit.session.save().await.is_err());
            if others_write && !begins {
                browser.does(|session| session.update("count", add(10))).await;
            }
            visit.session.update("count", add(100)).unwrap();
            assert_eq!(visit.session.get::<i64>("count").unwrap(), Some(101));
            visit.session.save().await.unwrap();
            visit.session.update("count", add(1000)).unwrap();
            assert!(browser.receive(visit).await.is_ok());
            let expected = if others_write && !begins { 1111 } else { 1101 };
            assert_eq!(browser.sees::<i64>("count").await, Some(expected), "{begins} {others_write}");
            assert_eq!(probe.store.usage().anonymous_sessions, 1, "and no session is left behind");
        }
    }
}

#[tokio::test]
async fn promise_2_a_save_that_never_arrived_is_made_up_for_by_the_next_one() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("count", 0)).await;
    let visit = browser.visit().await;
    visit.session.update("count", |count: &mut i64| *count += 1).unwrap();
    probe.set_down(true);
    assert!(visit.session.save().await.is_err());
    probe.set_down(false);
    browser.does(|session| session.update("count", |count: &mut i64| *count += 10)).await;
    assert!(browser.receive(visit).await.is_ok(), "the response saves what is left to save");
    assert_eq!(browser.sees::<i64>("count").await, Some(11));
}

#[tokio::test]
async fn promise_7_a_login_whose_replies_were_lost_is_told_with_the_response() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("cart", 1)).await;
    let visit = browser.visit().await;
    visit.session.log_in("alice").unwrap();
    probe.lose_replies(ALL_REPLIES);
    assert!(visit.session.save().await.is_err());
    assert!(browser.receive(visit).await.is_ok());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(browser.sees::<i64>("cart").await, Some(1));
    assert_eq!(probe.store.usage().logged_in_sessions, 1);
}

#[tokio::test]
async fn promise_7_a_log_out_ends_what_a_save_may_have_begun() {
    for logged_in_before in [false, true] {
        let probe = Probe::default();
        let server = Server::new(probe.clone());
        let mut browser = if logged_in_before { logged_in(&server).await } else { server.browser() };
        let visit = browser.visit().await;
        visit.session.log_out().unwrap();
        visit.session.log_in("bob").unwrap();
        // The end of the first session is confirmed, the beginning of the second is not.
        probe.lose_replies_after(usize::from(logged_in_before), ALL_REPLIES);
        assert!(visit.session.save().await.is_err());
        assert_eq!(probe.store.usage().logged_in_sessions, 1);
        visit.session.log_out().unwrap();
        let response = browser.receive(visit).await;
        assert!(response.is_ok());
        assert_eq!(response.cookie(), logged_in_before.then_some(""));
        assert_eq!(probe.store.usage().logged_in_sessions, 0);
    }
}

#[tokio::test]
async fn a_save_whose_outcome_can_never_be_told_is_reported_and_not_made_again() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 0)).await;
    let visit = browser.visit().await;
    let socket = visit.session.clone();
    socket.keep_open().unwrap();
    browser.receive(visit).await;

    socket.update("a", |a: &mut i64| *a += 1).unwrap();
    probe.lose_replies(ALL_REPLIES);
    assert!(socket.save().await.is_err());
    for _ in 0..5 {
        browser.does(|session| session.update("a", |a: &mut i64| *a += 10)).await;
    }
    socket.insert("b", 2).unwrap();
    let unknown = SessionErrorKind::Store(StoreErrorKind::OutcomeUnknown);
    assert_eq!(socket.save().await.unwrap_err().kind(), unknown);
    socket.save().await.unwrap();
    assert_eq!((socket.get::<i64>("a").unwrap(), socket.get::<i64>("b").unwrap()), (Some(51), Some(2)));
}

#[tokio::test]
async fn a_save_that_was_refused_for_sure_is_in_no_doubt() {
    let probe = Probe::default();
    let mut browser = Server::new(probe.clone()).browser();
    browser.does(|session| session.insert("a", 1)).await;
    let visit = browser.visit().await;
    visit.session.insert("a", 2).unwrap();
    probe.fail_with(Some(StoreErrorKind::Full));
    assert!(visit.session.save().await.is_err());
    probe.fail_with(None);
    probe.calls();
    visit.session.insert("a", 3).unwrap();
    visit.session.save().await.unwrap();
    assert_eq!(probe.calls(), 1, "nothing is sent again");
}

#[tokio::test]
async fn promise_8_a_store_that_panics_at_a_log_out_is_a_failure_of_unknown_outcome() {
    let probe = Probe::default();
    let mut browser = logged_in(&Server::new(probe.clone())).await;
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    probe.set_panicking(true);
    let response = browser.receive(visit).await;
    let kind = response.error.as_ref().map(cloakroom::SessionError::kind);
    assert_eq!(kind, Some(SessionErrorKind::Store(StoreErrorKind::OutcomeUnknown)));
    assert_eq!((response.status(), response.cookie()), (503, Some("")));
    assert_eq!(response.header("vary"), Some("Cookie"));
}
