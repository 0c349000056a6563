//! Promises 3, 4, 7 and 15: no resurrection, no adopted ID, login and logout, no late cookie.

use std::time::Duration;

use cloakroom::{Session, SessionError, SessionErrorKind, SessionId};

use crate::{
    browser::{Browser, HOUR, MINUTE, Server, finish},
    probe::Probe,
};

fn server() -> Server {
    Server::new(Probe::default())
}

/// A browser that is logged in as alice.
async fn alice(server: &Server) -> Browser {
    let mut browser = server.browser();
    browser.logs_in("alice").await;
    browser
}

#[tokio::test]
async fn promise_3_a_late_save_does_not_bring_a_session_back() {
    let server = server();
    let mut browser = alice(&server).await;
    let old = browser.clone();
    let late = browser.visit().await;
    late.session.insert("cart", 1).unwrap();
    assert_eq!(browser.does(|session| session.log_out()).await.cookie(), Some(""));

    let response = finish(late, 200).await;
    assert_eq!((response.status(), response.cookie()), (409, None));
    let mut thief = old;
    assert_eq!(thief.subject().await, None);
}

#[tokio::test]
async fn promise_3_a_late_touch_or_renewal_does_not_bring_a_session_back() {
    let server = server();
    let mut browser = alice(&server).await;
    let mut old = browser.clone();
    let (touch, renew) = (browser.visit().await, browser.visit().await);
    renew.session.renew().unwrap();
    browser.does(|session| session.log_out()).await;
    server.clock.advance(2 * MINUTE);
    assert_eq!(finish(touch, 200).await.cookie(), None);
    assert_eq!(finish(renew, 200).await.cookie(), None);
    assert_eq!(old.subject().await, None);
}

#[tokio::test]
async fn promise_3_the_end_from_another_device_is_final() {
    let server = server();
    let (mut phone, mut laptop) = (alice(&server).await, alice(&server).await);
    let late = laptop.visit().await;
    late.session.insert("cart", 1).unwrap();
    let visit = phone.visit().await;
    assert_eq!(visit.session.sessions().await.unwrap().len(), 2);
    assert_eq!(visit.session.end_others().await.unwrap(), 1);
    assert!(phone.receive(visit).await.is_ok());

    assert_eq!(laptop.receive(late).await.status(), 409);
    assert_eq!(laptop.subject().await, None);
    assert_eq!(phone.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_4_an_unknown_token_never_becomes_an_id() {
    let server = server();
    for forged in ["0".repeat(64), "f".repeat(64), "anything".to_owned()] {
        let mut browser = server.browser();
        browser.cookie = Some(forged.clone());
        browser.does(|session| session.insert("a", 1)).await;
        let given = browser.cookie.unwrap();
        assert_ne!(given[..32], forged[..32.min(forged.len())]);
    }
}

#[tokio::test]
async fn promise_4_an_id_alone_opens_nothing() {
    let server = server();
    let mut browser = alice(&server).await;
    let id: SessionId = browser.visit().await.session.id().unwrap();
    let mut thief = server.browser();
    thief.cookie = Some(format!("{id}{}", "0".repeat(32)));
    assert_eq!(thief.subject().await, None);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_7_a_token_planted_before_the_login_is_worth_nothing_after_it() {
    let server = server();
    let mut attacker = server.browser();
    attacker.does(|session| session.insert("a", 1)).await;
    let mut victim = attacker.clone();
    victim.logs_in("alice").await;

    assert_ne!(victim.cookie, attacker.cookie);
    assert_eq!(attacker.subject().await, None);
    assert_eq!(attacker.sees::<i64>("a").await, None);
    assert_eq!(victim.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_7_an_anonymous_cart_survives_the_login_and_another_subjects_does_not() {
    let server = server();
    let mut browser = server.browser();
    browser.does(|session| session.insert("cart", 1)).await;
    browser.logs_in("alice").await;
    assert_eq!(browser.sees::<i64>("cart").await, Some(1));
    browser.logs_in("alice").await;
    assert_eq!(browser.sees::<i64>("cart").await, Some(1));
    browser.logs_in("bob").await;
    assert_eq!(browser.sees::<i64>("cart").await, None);
}

#[tokio::test]
async fn promise_7_what_a_stranger_did_before_a_login_never_lands_in_the_victims_session() {
    let server = server();
    let mut attacker = server.browser();
    attacker.does(|session| session.insert("a", 1)).await;
    let stale = attacker.visit().await;
    stale.session.insert("address", "the attacker's").unwrap();
    let mut victim = attacker.clone();
    victim.logs_in("alice").await;

    assert_eq!(attacker.receive(stale).await.status(), 409);
    assert_eq!(victim.sees::<String>("address").await, None);
}

#[tokio::test]
async fn promise_7_a_login_on_an_ended_session_starts_a_fresh_one() {
    let server = server();
    let mut browser = alice(&server).await;
    let late = browser.visit().await;
    late.session.insert("before", 1).unwrap();
    late.session.remember(10 * 24 * HOUR).unwrap();
    late.session.log_in("alice").unwrap();
    late.session.insert("after", 2).unwrap();
    browser.does(|session| session.log_out()).await;

    assert!(browser.receive(late).await.is_ok());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(browser.sees::<i64>("before").await, None);
    assert_eq!(browser.sees::<i64>("after").await, Some(2));
    assert_eq!(browser.visit().await.session.idle_timeout(), 10 * 24 * HOUR);
}

#[tokio::test]
async fn promise_7_a_double_clicked_login_ends_logged_in_with_the_cart_whichever_response_wins() {
    for loaded_before in [true, false] {
        for first_wins in [true, false] {
            let server = server();
            let mut browser = server.browser();
            browser.does(|session| session.insert("cart", 1)).await;

            let one = browser.visit().await;
            let early = if loaded_before { Some(browser.visit().await) } else { None };
            one.session.log_in("alice").unwrap();
            let first = finish(one, 200).await;
            let two = match early {
                Some(two) => two,
                None => browser.visit().await,
            };
            two.session.log_in("alice").unwrap();
            let second = finish(two, 200).await;
            assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");

            let order = if first_wins { [&second, &first] } else { [&first, &second] };
            order.into_iter().for_each(|response| browser.keep(response));
            assert_eq!(browser.subject().await.as_deref(), Some("alice"));
            assert_eq!(browser.sees::<i64>("cart").await, Some(1), "{loaded_before} {first_wins}");
        }
    }
}

#[tokio::test]
async fn promise_7_the_second_login_of_another_subject_takes_nothing_over() {
    let server = server();
    let mut browser = server.browser();
    browser.does(|session| session.insert("cart", 1)).await;
    let stale = browser.clone();
    browser.logs_in("alice").await;
    let mut other = stale;
    other.logs_in("bob").await;
    assert_eq!(other.subject().await.as_deref(), Some("bob"));
    assert_eq!(other.sees::<i64>("cart").await, None);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn promise_7_an_explicit_log_out_always_removes_the_cookie() {
    let server = server();
    let mut browser = server.browser();
    assert_eq!(browser.does(|session| session.log_out()).await.cookie(), None, "there is none to remove");
    browser.cookie = Some("whatever".into());
    assert_eq!(browser.does(|session| session.log_out()).await.cookie(), Some(""));
    let mut old = alice(&server).await;
    let mut new = old.clone();
    new.logs_in("alice").await;
    assert_eq!(old.does(|session| session.log_out()).await.cookie(), Some(""));
}

#[tokio::test]
async fn promise_7_a_log_out_ends_every_live_session_whose_token_came_with_it() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    let (mut one, mut two) = (alice(&server).await, alice(&server).await);
    let both = format!("{}; __Host-id={}", one.cookie.clone().unwrap(), two.cookie.clone().unwrap());
    let browser = Browser { cookie: Some(both), ..one.clone() };

    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    // The first of them cannot be confirmed, and the second is ended all the same.
    probe.lose_replies(3);
    let response = finish(visit, 200).await;
    assert_eq!((response.status(), response.cookie()), (503, Some("")));
    assert_eq!(one.subject().await, None);
    assert_eq!(two.subject().await, None);
}

#[tokio::test]
async fn a_farewell_after_the_log_out_begins_a_new_anonymous_session() {
    let server = server();
    let mut browser = alice(&server).await;
    let before = browser.visit().await.session.id();
    browser
        .does(|session| {
            session.log_out()?;
            session.insert("flash", "goodbye")
        })
        .await;
    let visit = browser.visit().await;
    assert_eq!(visit.session.subject(), None);
    assert_eq!(visit.session.take::<String>("flash").unwrap().as_deref(), Some("goodbye"));
    assert_ne!(visit.session.id(), before);
}

#[tokio::test]
async fn promise_7_a_login_or_log_out_is_carried_through_when_the_client_disconnects() {
    let server = server();
    let mut browser = server.browser();
    browser.does(|session| session.insert("a", 1)).await;
    let mut planted = browser.clone();
    let visit = browser.visit().await;
    visit.session.log_in("alice").unwrap();
    drop(visit);
    settle().await;
    assert_eq!(planted.sees::<i64>("a").await, None, "the secret was changed");

    let mut browser = alice(&server).await;
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    drop(visit);
    settle().await;
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn promise_7_a_log_out_goes_on_when_its_response_is_dropped_half_way() {
    let probe = Probe::default();
    let server = Server::new(probe.clone());
    let mut browser = alice(&server).await;
    let visit = browser.visit().await;
    visit.session.log_out().unwrap();
    drop(visit.exchange.finish(200));
    settle().await;
    assert_eq!(browser.subject().await, None);
}

/// Lets detached tasks run.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn promise_15_no_request_that_was_sent_before_a_login_sends_a_cookie_after_it() {
    let server = server();
    let mut browser = server.browser();
    browser.does(|session| session.insert("a", 1)).await;
    let stale = browser.clone();
    let loaded_before = browser.visit().await;
    loaded_before.session.insert("b", 1).unwrap();
    browser.logs_in("alice").await;

    assert_eq!(finish(loaded_before, 200).await.cookie(), None);
    let loaded_after = stale.visit().await;
    loaded_after.session.insert("b", 1).unwrap();
    let response = finish(loaded_after, 200).await;
    assert_eq!((response.status(), response.cookie()), (409, None));
    server.clock.advance(2 * MINUTE);
    let read_only = stale.visit().await;
    assert_eq!(finish(read_only, 200).await.cookie(), None, "an unknown token is ignored, not deleted");
}

#[tokio::test]
async fn promise_15_an_old_token_is_no_dead_end() {
    let server = server();
    let mut browser = alice(&server).await;
    let mut missed_it = browser.clone();
    browser.does(|session| session.log_out()).await;
    server.clock.advance(2 * MINUTE);
    assert!(missed_it.does(|session| session.insert("cart", 1)).await.cookie().is_some());
    assert_eq!(missed_it.sees::<i64>("cart").await, Some(1));
}

#[tokio::test]
async fn promise_15_ordinary_responses_carry_no_cookie() {
    let server = server();
    let mut browser = alice(&server).await;
    assert_eq!(browser.does(|session| session.insert("a", 1)).await.cookie(), None);
    server.clock.advance(10 * MINUTE);
    assert_eq!(browser.does(|_| Ok(())).await.cookie(), None, "a touch neither");
}

#[tokio::test]
async fn a_renewal_honours_the_old_secret_until_the_new_one_is_seen() {
    let server = server();
    let mut browser = alice(&server).await;
    let mut parallel_tab = browser.clone();
    assert!(browser.does(|session| session.renew()).await.cookie().is_some());
    assert_eq!(parallel_tab.subject().await.as_deref(), Some("alice"));
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
    assert_eq!(parallel_tab.subject().await, None, "the new secret was seen");
}

#[tokio::test]
async fn a_renewal_honours_the_old_secret_for_thirty_seconds_at_the_most() {
    let server = server().with(|sessions| sessions.renewal_grace(HOUR));
    let mut browser = alice(&server).await;
    let mut old = browser.clone();
    browser.does(|session| session.renew()).await;
    server.clock.advance(Duration::from_millis(29_999));
    assert_eq!(old.subject().await.as_deref(), Some("alice"));
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(old.subject().await, None);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_renewal_and_a_write_at_the_same_time_are_both_kept() {
    let server = server();
    let mut browser = alice(&server).await;
    let (renew, write) = (browser.visit().await, browser.visit().await);
    renew.session.renew().unwrap();
    write.session.insert("a", 1).unwrap();
    assert!(browser.receive(renew).await.cookie().is_some());
    let response = browser.receive(write).await;
    assert_eq!((response.status(), response.cookie()), (200, None));
    assert_eq!(browser.sees::<i64>("a").await, Some(1));
}

#[tokio::test]
async fn two_renewals_at_the_same_time_are_one() {
    let server = server();
    let mut browser = alice(&server).await;
    let (one, two) = (browser.visit().await, browser.visit().await);
    one.session.renew().unwrap();
    two.session.renew().unwrap();
    let (first, second) = (finish(one, 200).await, finish(two, 200).await);
    assert!(first.cookie().is_some() && second.is_ok() && second.cookie().is_none());
    browser.keep(&first);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

/// Whichever of two responses arrives last, the browser holds a secret that outlives the grace of the other.
#[tokio::test]
async fn two_renewals_of_which_one_comes_later_with_the_old_secret_are_one() {
    type Renewal = fn(&Session) -> Result<(), SessionError>;
    let renewals: [Renewal; 2] = [Session::renew, |session| session.remember(24 * HOUR)];
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for overtaken in [false, true] {
            let server = server();
            let mut browser = alice(&server).await;
            let sent_before = browser.clone();
            let first = {
                let visit = browser.visit().await;
                renewals[first](&visit.session).unwrap();
                finish(visit, 200).await
            };
            let visit = sent_before.visit().await;
            renewals[second](&visit.session).unwrap();
            visit.session.insert("a", 1).unwrap();
            let second = finish(visit, 200).await;
            assert!(first.is_ok() && second.is_ok());

            let order = if overtaken { [&second, &first] } else { [&first, &second] };
            order.into_iter().for_each(|response| browser.keep(response));
            server.clock.advance(MINUTE);
            assert_eq!(browser.subject().await.as_deref(), Some("alice"));
            assert_eq!(browser.sees::<i64>("a").await, Some(1));
        }
    }
}

#[tokio::test]
async fn remember_lengthens_a_session_that_was_renewed_meanwhile() {
    let server = server();
    let mut browser = alice(&server).await;
    let sent_before = browser.clone();
    browser.does(|session| session.renew()).await;
    let visit = sent_before.visit().await;
    visit.session.remember(24 * HOUR).unwrap();
    assert_eq!(finish(visit, 200).await.cookie(), None);
    server.clock.advance(13 * HOUR);
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_old_secret_buys_no_more_time_whatever_is_asked_with_it() {
    let server = server();
    let browser = alice(&server).await;
    let mut thief = browser.clone();
    // The response with the new secret is lost.
    let visit = browser.visit().await;
    visit.session.renew().unwrap();
    finish(visit, 200).await;
    for _ in 0..4 {
        server.clock.advance(Duration::from_secs(7));
        thief.does(|session| session.renew().and(session.remember(24 * HOUR))).await;
    }
    assert_eq!(thief.subject().await.as_deref(), Some("alice"), "served within the grace");
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(thief.subject().await, None);
}

#[tokio::test]
async fn ending_ones_own_session_from_the_list_logs_out() {
    let server = server();
    let mut browser = alice(&server).await;
    let visit = browser.visit().await;
    let own = visit.session.id().unwrap();
    assert!(visit.session.end(own).await.unwrap());
    assert_eq!(browser.receive(visit).await.cookie(), Some(""));
    assert_eq!(browser.subject().await, None);
}

#[tokio::test]
async fn nobody_ends_a_strangers_session() {
    let server = server();
    let (mut browser, mut stranger) = (alice(&server).await, server.browser());
    stranger.logs_in("mallory").await;
    let id = browser.visit().await.session.id().unwrap();
    assert!(!stranger.visit().await.session.end(id).await.unwrap());
    assert_eq!(browser.subject().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn ending_all_ends_this_one_too() {
    let server = server();
    let (mut phone, mut laptop) = (alice(&server).await, alice(&server).await);
    let visit = phone.visit().await;
    assert_eq!(visit.session.end_all().await.unwrap(), 2);
    assert_eq!(phone.receive(visit).await.cookie(), Some(""));
    assert_eq!(laptop.subject().await, None);
}

#[tokio::test]
async fn a_fresh_login_can_be_required() {
    let server = server();
    let browser = alice(&server).await;
    server.clock.advance(10 * MINUTE);
    let visit = browser.visit().await;
    visit.session.require_login_within(11 * MINUTE).unwrap();
    let error = visit.session.require_login_within(10 * MINUTE).unwrap_err();
    assert_eq!((error.kind(), error.status()), (SessionErrorKind::FreshLoginRequired, 401));
    assert_eq!(server.browser().visit().await.session.require_login_within(HOUR).unwrap_err().status(), 401);
}

#[tokio::test]
async fn a_subject_has_a_sane_length() {
    let visit = server().browser().visit().await;
    for bad in [String::new(), "x".repeat(256)] {
        assert_eq!(visit.session.log_in(bad).unwrap_err().kind(), SessionErrorKind::InvalidSubject);
    }
}
