//! How many sessions one subject may have, when several things happen at once.

use std::time::Duration;

use cloakroom::{OnTooManySessions, store::MemoryStore};

use crate::{
    browser::{Browser, Server, finish},
    steps::{Bounds, Stepped, Task, alone, explore},
};

async fn logs_in(browser: &mut Browser) {
    let visit = browser.visit().await;
    browser.server.clock.advance(Duration::from_millis(1));
    visit.session.log_in("alice").unwrap();
    // Here, so that no task of its own does it.
    visit.session.save().await.unwrap();
    let response = finish(visit, 200).await;
    assert!(response.is_ok());
    browser.keep(&response);
}

/// Each makes room for itself. They must not both make it at the other's expense, or nobody is logged in.
#[test]
fn of_two_logins_at_the_same_moment_one_stands() {
    let played = explore(|order| {
        let server = Server::new(Stepped::new(MemoryStore::new())).with(|sessions| {
            sessions.sessions_per_subject(1, OnTooManySessions::EndOldest).store_timeout(Duration::MAX)
        });
        let (mut one, mut other) = (server.browser(), server.browser());
        let tasks: Vec<Task<'_>> = vec![Box::pin(logs_in(&mut one)), Box::pin(logs_in(&mut other))];
        order.run(tasks, Bounds { switches: 3, crashes: 0 });
        let mut left = 0;
        for browser in [one, other] {
            left += usize::from(alone(browser.visit()).session.subject().is_some());
        }
        assert!(left > 0, "both logins were ended");
        // Whatever the moment has left, the next login tidies up.
        let mut last = server.browser();
        alone(logs_in(&mut last));
        assert_eq!(alone(alone(last.visit()).session.sessions()).unwrap().len(), 1);
    });
    assert!(played > 4, "{played}");
}

/// Whoever logs out and in as somebody else is logged out, whatever becomes of the login.
#[tokio::test]
async fn a_log_out_is_carried_through_although_the_login_after_it_is_refused() {
    let server = Server::new(MemoryStore::new())
        .with(|sessions| sessions.sessions_per_subject(1, OnTooManySessions::Refuse));
    let (mut alice, mut bob) = (server.browser(), server.browser());
    assert!(alice.logs_in("alice").await.is_ok() && bob.logs_in("bob").await.is_ok());
    let mut copy = alice.clone();
    let response = alice.does(|session| session.log_out().and_then(|()| session.log_in("bob"))).await;
    assert_eq!(response.status(), 403);
    assert_eq!(alice.cookie, None);
    assert_eq!(copy.subject().await, None, "her session has ended");
}
